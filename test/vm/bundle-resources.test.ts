/** `linux.resources` of a bundle as the kernel has it: in a virtual machine with cgroup v2 (helpers/test.ts). */

import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Json, namespaces, plainConfig, testOurs as test, withBundle } from "../support/bundle.ts";

const controllers = existsSync("/sys/fs/cgroup/cgroup.controllers")
  ? readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim().split(" ")
  : [];
const hasAll = (...names: string[]) => names.every((name) => controllers.includes(name));

/** The container sees its own cgroup as the root, and its limits in it. */
const withCgroup: Json = {
  mounts: [
    ...(plainConfig.mounts as Json[]),
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev"] },
  ],
};

const show = (...files: string[]) => `cd /sys/fs/cgroup; for f in ${files.join(" ")}; do echo "$f=$(cat $f)"; done`;

describe("linux.resources", () => {
  test("memory, cpu and pids are lines of the container's cgroup", async () => {
    if (!hasAll("memory", "cpu", "pids", "cpuset")) return;
    await withBundle(async (machine) => {
      const resources = {
        memory: { limit: 64 << 20, swap: 96 << 20, reservation: 32 << 20 },
        cpu: { shares: 512, quota: 25_000, period: 50_000, burst: 10_000, cpus: "0", mems: "0" },
        pids: { limit: 77 },
      };
      const files = ["memory.max", "memory.low", "cpu.max", "cpu.max.burst", "cpu.weight", "cpuset.cpus", "pids.max"];
      expect((await machine.sh(show(...files), withCgroup, { linux: { resources } })).split("\n")).toEqual([
        `memory.max=${64 << 20}`,
        `memory.low=${32 << 20}`,
        "cpu.max=25000 50000",
        "cpu.max.burst=10000",
        "cpu.weight=59",
        "cpuset.cpus=0",
        "pids.max=77",
      ]);
      const idle = { linux: { resources: { cpu: { idle: 1 } } } };
      expect(await machine.sh(show("cpu.idle"), withCgroup, idle)).toBe("cpu.idle=1");
    });
  });

  test("unified: 'allows cgroup v2 parameters to be to be set', unknown ones too, and an absent controller is an error", async () => {
    if (!hasAll("memory", "pids")) return;
    await withBundle(async (machine) => {
      const unified = { "memory.high": "33554432", "pids.max": "55", "cgroup.max.depth": "3" };
      const said = await machine.sh(show(...Object.keys(unified)), withCgroup, { linux: { resources: { unified } } });
      expect(said.split("\n")).toEqual(["memory.high=33554432", "pids.max=55", "cgroup.max.depth=3"]);
      const absent = { linux: { resources: { unified: { "colour.max": "1" } } } };
      expect(await machine.refusal(absent)).toContain("colour");
      const unknown = { linux: { resources: { unified: { "memory.colour": "1" } } } };
      expect(await machine.refusal(unknown)).toContain("memory.colour");
    });
  });

  test("hugepageLimits are limits of use and of reservation", async () => {
    if (!hasAll("hugetlb")) return;
    await withBundle(async (machine) => {
      const resources = { hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }] };
      const said = await machine.sh(show("hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"), withCgroup, {
        linux: { resources },
      });
      expect(said.split("\n")).toEqual(["hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304"]);
      const odd = { linux: { resources: { hugepageLimits: [{ pageSize: "3MB", limit: 1 }] } } };
      expect(await machine.refusal(odd)).toContain("hugetlb.3MB");
    });
  });

  test("blockIO: rates of a disk, and weights", async () => {
    if (!hasAll("io")) return;
    await withBundle(async (machine) => {
      const number = readFileSync("/sys/block/vda/dev", "utf8").trim();
      const [major, minor] = number.split(":").map(Number);
      const resources = { blockIO: { throttleReadBpsDevice: [{ major, minor, rate: 1 << 20 }] } };
      const said = await machine.sh(show("io.max"), withCgroup, { linux: { resources } });
      expect(said).toContain(`${number} rbps=1048576`);
    });
  });

  test("a limit that the memory of a program does not keep ends it", async () => {
    if (!hasAll("memory")) return;
    await withBundle(async (machine) => {
      const change = { process: { args: ["probe", "oom", "256"] } };
      const { code } = await machine.runBundle(change, { linux: { resources: { memory: { limit: 32 << 20 } } } });
      expect(code).toBe(137);
    });
  });

  test("without a cgroup namespace the container's own cgroup is bound where it looks for it", async () => {
    await withBundle(async (machine) => {
      const linux = { namespaces: namespaces("pid", "network", "mount", "ipc", "uts") };
      const said = await machine.sh("cat /sys/fs/cgroup/cgroup.procs", withCgroup, { linux });
      expect(said.split("\n")).toContain("1");
    });
  });
});
