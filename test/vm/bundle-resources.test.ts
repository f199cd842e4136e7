/** `linux.resources` of a bundle as the kernel has it, by ours, runc and crun: in a virtual machine with cgroup v2 (helpers/test.ts). */

import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Json, namespaces, plainConfig, test, testOurs, withBundle } from "../support/bundle.ts";
import { installedRuntimes } from "../support/runtimes.ts";

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

/** The whole of it, as far as this machine has the controllers. */
const everything = (disk: number[]): Json => ({
  memory: { limit: 64 << 20, swap: 96 << 20, reservation: 32 << 20 },
  cpu: { shares: 512, quota: 25_000, period: 50_000, burst: 10_000, cpus: "0", mems: "0" },
  pids: { limit: 77 },
  hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }],
  blockIO: { throttleReadBpsDevice: [{ major: disk[0], minor: disk[1], rate: 1 << 20 }] },
  unified: { "memory.high": "50331648", "cgroup.max.depth": "3" },
});
const written = {
  "memory.max": `${64 << 20}`,
  "memory.swap.max": `${32 << 20}`,
  "memory.low": `${32 << 20}`,
  "memory.high": "50331648",
  "cpu.max": "25000 50000",
  "cpu.max.burst": "10000",
  "cpu.weight": "59",
  "cpuset.cpus": "0",
  "cpuset.mems": "0",
  "pids.max": "77",
  "hugetlb.2MB.max": `${4 << 20}`,
  "hugetlb.2MB.rsvd.max": `${4 << 20}`,
  "cgroup.max.depth": "3",
};
/** Of runc 1.1 and crun 1.8, Debian 12's: another formula until runc 1.3.2 and crun 1.23, and neither burst nor rsvd. */
const older = ["cpu.weight=20", "cpu.max.burst=0", "hugetlb.2MB.rsvd.max=max"];

/** What the kernel or the host does not have, and the word for it. */
const absent: [resources: Json, word: string][] = [
  [{ unified: { "colour.max": "1" } }, "colour"],
  [{ unified: { "memory.colour": "1" } }, "memory.colour"],
  [{ hugepageLimits: [{ pageSize: "3MB", limit: 1 }] }, "hugetlb.3MB"],
];

for (const name of installedRuntimes())
  test(`${name}: memory, cpu, pids, hugetlb, io and unified ('allows cgroup v2 parameters to be to be set') are lines of the container's cgroup, and what there is not is an error (M128, M129, M130)`, async () => {
    if (!hasAll("memory", "cpu", "pids", "cpuset", "hugetlb", "io")) return;
    const disk = readFileSync("/sys/block/vda/dev", "utf8").trim();
    const resources = everything(disk.split(":").map(Number));
    await withBundle(async (machine) => {
      const said = await machine.sh(show(...Object.keys(written), "io.max"), withCgroup, { linux: { resources } });
      const lines = Object.entries(written).map(([file, value]) => `${file}=${value}`);
      const may = (line: string) => name !== "tinydocker" && older.includes(line);
      expect(said.split("\n").map((line, at) => (may(line) ? lines[at] : line))).toEqual([
        ...lines,
        `io.max=${disk} rbps=1048576 wbps=max riops=max wiops=max`,
      ]);
      for (const [resources, word] of absent)
        expect(await machine.refusal({ linux: { resources } })).toContain(name === "tinydocker" ? word : "");
    }, name);
  });

describe("linux.resources", () => {
  // Debian 12's runc has none.
  testOurs("cpu.idle: a cgroup that has the CPU when nobody else wants it", async () => {
    if (!hasAll("cpu")) return;
    await withBundle(async (machine) => {
      const idle = { linux: { resources: { cpu: { idle: 1 } } } };
      expect(await machine.sh(show("cpu.idle"), withCgroup, idle)).toBe("cpu.idle=1");
    });
  });

  testOurs("a limit that the memory of a program does not keep ends it", async () => {
    if (!hasAll("memory")) return;
    await withBundle(async (machine) => {
      const change = { process: { args: ["probe", "oom", "256"] } };
      const { code } = await machine.runBundle(change, { linux: { resources: { memory: { limit: 32 << 20 } } } });
      expect(code).toBe(137);
    });
  });

  testOurs("without a cgroup namespace the container's own cgroup is bound where it looks for it", async () => {
    await withBundle(async (machine) => {
      const linux = { namespaces: namespaces("pid", "network", "mount", "ipc", "uts") };
      const said = await machine.sh("cat /sys/fs/cgroup/cgroup.procs", withCgroup, { linux });
      expect(said.split("\n")).toContain("1");
    });
  });
});
