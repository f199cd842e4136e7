/** `doctor`: nothing is found where nothing is wrong; what is left behind is found and taken away, and what is another's is not. */

import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCgroup2 } from "../../src/linux/cgroup.ts";
import type { Result } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { detached, monitorOf, ok, stateOf, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const cgroup2 = () => (findCgroup2() ? undefined : "cgroup v2");
const test = needing(root, cgroup2);

interface Found {
  check: string;
  status: string;
  text: string;
  repaired?: true | string;
}

const parsed = ({ stdout }: Result): { healthy: boolean; host: Found[]; state: Found[]; isolation: Found[] } =>
  JSON.parse(stdout);

/** What is wrong with the state: `CHECK: TEXT`. */
const wrong = (result: Result): string[] =>
  parsed(result)
    .state.filter(({ status }) => status === "fail")
    .map(({ check, text }) => `${check}: ${text}`);

const doctor = (machine: Machine, ...options: string[]) =>
  machine.run(["doctor", "--no-run", "--format", "json", ...options]);

/** Gone, or waited for by nobody yet: that one has no program any more. */
const hasEnded = (pid: number): boolean => !existsSync(`/proc/${pid}/exe`);

/** Looks, repairs, and looks again. @returns what was found. */
async function repaired(machine: Machine): Promise<string[]> {
  const before = await doctor(machine);
  expect([before.code, parsed(before).healthy]).toEqual([1, false]);
  const during = await doctor(machine, "--repair");
  expect([during.code, parsed(during).state.filter(({ repaired }) => typeof repaired === "string")]).toEqual([0, []]);
  const after = await doctor(machine);
  expect([after.code, wrong(after)]).toEqual([0, []]);
  return wrong(before);
}

const alone = ["--network", "none"];
const minutesAgo = (path: string) => utimesSync(path, new Date(Date.now() - 600_000), new Date(Date.now() - 600_000));
const nobody = "f".repeat(64);

describe("a healthy machine", () => {
  test("has no problem, in text and in JSON, with containers and networks that are there; a container tells of its isolation", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "web", "exec sleep 600");
      await detached(machine, "gone", "true");
      const text = await machine.run(["doctor"]);
      expect([text.code, text.stderr]).toEqual([0, ""]);
      expect(text.stdout).not.toMatch(/^ {2}fail/m);
      expect(text.stdout).toMatch(/^ {2}ok +capabilities inside +those of the default profile$/m);
      const { healthy, state, isolation } = parsed(await machine.run(["doctor", "--format", "json"]));
      expect(healthy).toBe(true);
      expect(state.map(({ status }) => status)).toEqual(state.map(() => "ok"));
      const attempts = isolation.find(({ check }) => check === "attempts inside")!;
      expect(attempts.text).toContain("refused: mount a file system");
      expect(attempts.text).toContain("open the host's memory");
      expect(isolation.filter(({ status }) => status === "fail")).toEqual([]);
      ok(await machine.run(["rm", "-f", "web", "gone"]));
    });
  });
  test("makes nothing where there is no state root, and says so to who is not root", async () => {
    await withMachine([], async (machine) => {
      const none = join(machine.directory, "none");
      const result = await machine.run(["--root", none, "doctor"]);
      expect([result.code, existsSync(none)]).toEqual([0, false]);
      expect(readdirSync(machine.directory).filter((name) => name.startsWith("none"))).toEqual([]);
      expect((await machine.run(["doctor", "--format", "yaml"])).code).toBe(125);
    });
  });
});

describe("what is left behind is found and taken away:", () => {
  test("of a command that was killed, its container", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child } = await machine.start([
        "run",
        "--rm",
        ...alone,
        "busybox",
        "sh",
        "-c",
        "echo ready; exec sleep 600",
      ]);
      child.kill("SIGKILL");
      await child.exited;
      expect(await repaired(machine)).toEqual([
        expect.stringMatching(/^monitors: the monitor of container \w+ was killed/),
      ]);
    });
  });
  test("names of no container, dead staging directories, the trash", async () => {
    await withMachine(["busybox"], async (machine) => {
      const path = (name: string) => join(machine.root, name);
      writeFileSync(path("names/ghost"), nobody);
      mkdirSync(path("staging/half"));
      mkdirSync(path("trash/old"));
      minutesAgo(path("trash/old"));
      expect(await repaired(machine)).toEqual([
        "names: the name ghost is of no container",
        "staging: staging/half was being made by somebody who was killed",
        "trash: 1 removed trees still take room",
      ]);
    });
  });
  test("cgroups of containers that have ended, with what is in them; others' are left alone", async () => {
    await withMachine(["busybox"], async (machine) => {
      const common = join(findCgroup2()!.mountPoint, "tinydocker");
      const id = await detached(machine, "gone", "true", alone);
      ok(await machine.run(["wait", "gone"]));
      const cgroup = stateOf(machine, id).cgroup as string;
      await until(() => !existsSync(cgroup), "its cgroup is gone");
      const other = join(common, nobody);
      const lodger = (path: string) => `mkdir -p ${path}; sh -c 'echo $$ >${path}/cgroup.procs; exec sleep 600' &`;
      await machine.exec(["sh", "-c", `exec >/dev/null 2>&1; ${lodger(cgroup)} ${lodger(other)} sleep 0.3`]);
      expect(await repaired(machine)).toEqual([
        "cgroups: container gone has ended, and its cgroup has processes still there",
      ]);
      const theirs = `wc -l <${other}/cgroup.procs; echo 1 >${other}/cgroup.kill; while ! rmdir ${other}; do :; done; rmdir ${common}`;
      expect((await machine.exec(["sh", "-c", `${theirs}; ls -d ${cgroup}`])).stdout).toBe("1\n");
      ok(await machine.run(["rm", "gone"]));
    });
  });
  test("mounts of volumes that nobody uses", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["volume", "create", "data"]));
      const point = join(machine.root, "volumes/data/_data");
      await machine.exec(["mount", "-t", "tmpfs", "none", point]);
      expect(await repaired(machine)).toEqual([`mounts: ${point} is mounted for nobody`]);
      ok(await machine.run(["volume", "rm", "data"]));
    });
  });
  test("addresses and devices of networks; those of containers that run stay", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["network", "create", "--subnet", "10.77.0.0/24", "shop"]));
      await detached(machine, "web", "exec sleep 600", ["--network", "shop"]);
      const bridge = JSON.parse(ok(await machine.run(["network", "inspect", "shop"])))[0].Options[
        "com.docker.network.bridge.name"
      ];
      writeFileSync(join(machine.root, "networks/shop/leases/10.77.0.9"), `${nobody}\n`);
      if (bridge !== undefined)
        await machine.exec([
          "ip",
          "link",
          "add",
          "veth0a4d0008",
          "master",
          bridge,
          "type",
          "veth",
          "peer",
          "name",
          "x0",
        ]);
      const found = await repaired(machine);
      expect(found).toContain("networks: 10.77.0.9 of network shop is kept for a container that has ended");
      if (bridge !== undefined)
        expect(found).toContain("networks: the device veth0a4d0008 of network shop leads to no container");
      expect(ok(await machine.run(["exec", "web", "ip", "-4", "-o", "addr", "show", "eth0"]))).toContain("10.77.0.2");
      ok(await machine.run(["rm", "-f", "web"]));
      ok(await machine.run(["network", "rm", "shop"]));
    });
  });
  test("published ports of containers that have ended; those of others stay", async () => {
    await withMachine(["busybox"], async (machine) => {
      const ports = async () => (await machine.exec(["nft", "list", "ruleset"])).stdout.match(/1808\d/g) ?? [];
      await detached(machine, "other", "exec sleep 600", ["-p", "18081:80"]);
      const id = await detached(machine, "web", "exec sleep 600", ["-p", "18080:80"]);
      // The monitor first: nobody is left to take the ports away.
      for (const pid of [monitorOf(machine, id), stateOf(machine, id).process.pid as number]) {
        await machine.exec(["kill", "-KILL", String(pid)]);
        await until(() => hasEnded(pid), `process ${pid} has ended`);
      }
      expect(await ports()).toContain("18080");
      const found = await repaired(machine);
      expect(found.filter((line) => line.includes("18080"))).toHaveLength(1);
      expect(await ports()).not.toContain("18080");
      expect(await ports()).toContain("18081");
      ok(await machine.run(["rm", "-f", "web", "other"]));
    });
  });
});

describe("what is damaged (M2, V5)", () => {
  test("is found; a lost state is that of an end, a lost image is removed, and what only its owner can know is left", async () => {
    await withMachine(["busybox"], async (machine) => {
      const one = await detached(machine, "one", "true", alone);
      const two = await detached(machine, "two", "true", alone);
      ok(await machine.run(["wait", "one", "two"]));
      ok(await machine.run(["tag", "busybox", "other"]));
      writeFileSync(join(machine.root, "containers", one, "state.json"), "");
      expect(await repaired(machine)).toEqual([
        expect.stringContaining("records: container one is damaged: state.json is empty"),
      ]);
      expect(ok(await machine.run(["ps", "-a", "--format", "{{.Names}} {{.Status}}"]))).toContain("one Exited (255)");
      writeFileSync(join(machine.root, "containers", two, "container.json"), "");
      const left = await doctor(machine, "--repair");
      expect([left.code, wrong(left)]).toEqual([1, [expect.stringContaining("container.json is empty")]]);
      ok(await machine.run(["rm", "-f", "one", "two"]));
      ok(await machine.run(["rmi", "other"]));
      expect((await doctor(machine)).code).toBe(0);
    });
  });
  test("is a network, which its owner removes: it is named, with the way out, and the others go on", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const name of ["shop", "other"]) ok(await machine.run(["network", "create", name]));
      writeFileSync(join(machine.root, "networks/shop/network.json"), "{");
      const left = await doctor(machine, "--repair");
      expect([left.code, wrong(left)]).toEqual([1, [expect.stringContaining("records: network shop is damaged")]]);
      ok(await machine.run(["run", "--rm", "--network", "other", "busybox", "true"]));
      ok(await machine.run(["network", "rm", "shop", "other"]));
      expect((await doctor(machine)).code).toBe(0);
    });
  });
  test("a state root that became read-only is said to be so", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { root } = machine;
      await machine.exec(["sh", "-c", `mount --bind ${root} ${root} && mount -o remount,bind,ro ${root}`]);
      const result = await machine.run(["doctor"]);
      expect([result.code, result.stdout]).toEqual([1, expect.stringContaining("cannot be written: EROFS")]);
      await machine.exec(["umount", root]);
    });
  });
});
