/** A start that fails, or is killed: what was not there before it is gone after it, and what was there has stayed (V6). */

import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { killAt } from "../support/kill-at.ts";
import { ok, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("gcc"), tool("flock"));

const volumes = async (machine: Machine) =>
  ok(await machine.run(["volume", "ls", "-q"]))
    .split("\n")
    .filter(Boolean);

const pathIn = (machine: Machine, ...parts: string[]) => join(machine.root, "volumes", ...parts);

/** What was told of volumes so far. */
const told = async (machine: Machine) =>
  ok(
    await machine.run([
      ...["events", "--since", "1h", "--until", "0s", "--filter", "type=volume"],
      ...["--format", "{{.Action}} {{.Actor.ID}}"],
    ]),
  )
    .split("\n")
    .filter(Boolean);

/** In turn: a program that is not there, a file on a directory, a working directory that is a file. */
const failures: [string[], string[]][] = [
  [[], ["/nothing"]],
  [["-v", "/etc/hostname:/bin"], ["true"]],
  [["-w", "/bin/busybox"], ["true"]],
];

describe("a run that fails", () => {
  for (const how of [["--rm"], [], ["-d"], ["-d", "--rm"], ["-t"]])
    test(`leaves no volume that it has made (run ${how.join(" ")})`, async () => {
      await withMachine(["busybox"], async (machine) => {
        ok(await machine.run(["volume", "create", "old"]));
        writeFileSync(pathIn(machine, "old", "_data", "mine"), "mine");
        const before = machine.snapshot();
        for (const [options, command] of failures) {
          const mounts = ["-v", "new:/new", "-v", "old:/old", "-v", "/anonymous"];
          const result = await machine.run(["run", ...how, ...mounts, ...options, "busybox", ...command]);
          expect(result.code).toBeGreaterThan(124);
          expect(await volumes(machine)).toEqual(["old"]);
          expect(readFileSync(pathIn(machine, "old", "_data", "mine"), "utf8")).toBe("mine");
          await machine.expectNothingLeft(before);
        }
        ok(await machine.run(["volume", "rm", "old"]));
      });
    });

  test("tells of the volumes that it has made and removed, as a run tells that goes well", async () => {
    await withMachine(["busybox"], async (machine) => {
      await machine.run(["run", "--rm", "-v", "new:/new", "busybox", "/nothing"]);
      expect(await told(machine)).toEqual(["create new", "destroy new"]);
      for (const how of [["--rm"], ["-d", "--rm", "--name", "box"]]) {
        ok(await machine.run(["run", ...how, "-v", `of${how.length}:/new`, "busybox", "true"]));
        if (how.length > 1) await until(async () => ok(await machine.run(["ps", "-q"])) === "", "it is over");
      }
      expect((await told(machine)).slice(2)).toEqual(
        ["of1", "of4"].flatMap((name) => [`create ${name}`, `mount ${name}`, `unmount ${name}`]),
      );
      ok(await machine.run(["volume", "rm", "of1", "of4"]));
    });
  });

  test("leaves a volume to whoever uses it by then, also to one who ended before", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["volume", "create", "slow"]));
      // Whoever wants to fill it waits as long as somebody else does that: with its other volumes made.
      const fail = async (meanwhile: () => Promise<unknown>) => {
        const filling = ["flock", "--no-fork", pathIn(machine, "slow"), "sh", "-c", "echo held; exec sleep 60"];
        const holder = Bun.spawn(filling, { stdio: ["ignore", "pipe", "inherit"] });
        await holder.stdout.getReader().read();
        const result = machine.run(["run", "--rm", "-v", "new:/new", "-v", "slow:/slow", "busybox", "/nothing"]);
        await until(() => existsSync(pathIn(machine, "new", "maker")), "its other volume is made");
        await meanwhile();
        holder.kill("SIGKILL");
        expect((await result).code).toBe(127);
      };
      await fail(async () => {});
      expect(await volumes(machine)).toEqual(["slow"]);
      for (const use of [
        ["run", "--rm", "-v", "new:/new", "busybox", "true"],
        ["create", "--name", "box", "-v", "new:/new", "busybox", "true"],
        ["volume", "create", "new"],
      ]) {
        await fail(async () => ok(await machine.run(use)));
        expect([use, await volumes(machine)]).toEqual([use, ["new", "slow"]]);
        await machine.run(["rm", "-f", "box"]);
        ok(await machine.run(["volume", "rm", "new"]));
      }
      ok(await machine.run(["volume", "rm", "slow"]));
    });
  });

  test("leaves no directory that it has made on the host, and those of others and what is in them", async () => {
    await withMachine(["busybox"], async (machine) => {
      const there = machine.file("tmp/there/");
      mkdirSync(join(machine.tmp, "full"));
      writeFileSync(join(machine.tmp, "full/mine"), "mine");
      const before = machine.snapshot();
      for (const how of [["--rm"], ["-d"]]) {
        const mounts = ["-v", `${machine.tmp}/a/b/c:/c`, "-v", `${there}:/there`, "-v", `${machine.tmp}/full/new:/new`];
        const result = await machine.run(["run", ...how, ...mounts, "busybox", "/nothing"]);
        expect([result.code, said(result)]).toEqual([127, expect.stringContaining("/a/b/c does not exist")]);
        await machine.expectNothingLeft(before);
      }
      ok(await machine.container(["-v", `${machine.tmp}/a/b/c:/c`, "busybox", "true"]));
      expect(existsSync(`${machine.tmp}/a/b/c`)).toBe(true);
      await machine.exec(["rm", "-r", `${machine.tmp}/a`, `${machine.tmp}/full`, there]);
    });
  });

  test("leaves no cgroup above its own that it has made, and the one of somebody else", async () => {
    await withMachine(["busybox"], async (machine) => {
      const groups = machine.snapshot().cgroups;
      for (const how of [["--rm"], ["-d"]]) {
        const result = await machine.run(["run", ...how, "--cgroup-parent", "/of/the/user", "busybox", "/nothing"]);
        expect([how, result.code]).toEqual([how, 127]);
        expect(machine.snapshot().cgroups).toEqual(groups);
      }
      ok(await machine.container(["--cgroup-parent", "/of/the/user", "busybox", "true"]));
      const lasting = machine.snapshot().cgroups;
      expect(lasting.filter((path) => path.endsWith("/of/the/user"))).toHaveLength(1);
      const result = await machine.container(["--cgroup-parent", "/of/the/user", "busybox", "/nothing"]);
      expect(result.code).toBe(127);
      expect(machine.snapshot().cgroups).toEqual(lasting);
      for (const path of lasting.filter((path) => !groups.includes(path)).reverse()) rmdirSync(path);
    });
  });
});

describe("where cgroups are read-only, as inside of a container", () => {
  test("a run says so, and not what could not be taken back", async () => {
    await withMachine(["busybox"], async (machine) => {
      const readOnly = `for d in /sys/fs/cgroup/unified /sys/fs/cgroup; do
        if [ -e $d/cgroup.controllers ]; then mount --bind $d $d && mount -o remount,bind,ro $d; break; fi
      done; exec "$@"`;
      const run = [binary(), "run", "--rm", "--network", "none", "busybox", "true"];
      const result = await machine.exec(["unshare", "--mount", "sh", "-c", readOnly, "sh", ...run]);
      expect(result.code).toBe(125);
      expect(said(result)).toMatch(
        /^tinydocker: cgroup: cannot mkdir .*: EROFS .*\ntinydocker: hint: cgroups are read-only here: .*--privileged\n$/,
      );
    });
  });
});

describe("a container that is only created", () => {
  test("keeps the volumes that it was created with, however it fails to start, and leaves them when it goes", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "box", "-v", "new:/new", "busybox", "/nothing"]));
      expect((await machine.run(["start", "box"])).code).toBeGreaterThan(0);
      expect(await volumes(machine)).toEqual(["new"]);
      ok(await machine.run(["rm", "box"]));
      expect(await volumes(machine)).toEqual(["new"]);
      // A run that fails takes nothing that was there.
      expect((await machine.container(["-v", "new:/new", "busybox", "/nothing"])).code).toBe(127);
      ok(await machine.run(["volume", "rm", "new"]));
    });
  });
});

describe("kill -9 before any step", () => {
  for (const [how, role, stride] of [
    [["--rm"], "cli", 7],
    [["--rm"], "init", 31],
    [["-d", "--rm"], "cli", 9],
    [["-d", "--rm"], "monitor", 7],
    [["-d", "--rm"], "init", 41],
  ] as const)
    test(`of the ${role} in \`run ${how.join(" ")}\` leaves a volume only if the program has run`, async () => {
      await withMachine(["busybox"], async (machine) => {
        const before = machine.snapshot();
        ok(await machine.run(["run", "--rm", "busybox", "true"]));
        for (let step = Math.ceil(stride / 2); ; step += stride) {
          const words = ["run", ...how, "--name", "box", "-v", "new:/new", "busybox", "sh", "-c", "echo 1 >/new/ran"];
          const killed = await killAt(machine, role, step, words);
          // Whoever goes on without the one that was killed has ended, or is ended.
          await machine.run(["rm", "-f", "box"]);
          ok(await machine.run(["ps"]));
          const ran = existsSync(pathIn(machine, "new", "_data", "ran"));
          const left = (await volumes(machine)).length > 0;
          if (left) {
            expect([step, killed.before, readdirSync(pathIn(machine, "new")).sort()]).toEqual([
              step,
              killed.before,
              ["_data", "volume.json"],
            ]);
            ok(await machine.run(["volume", "rm", "new"]));
          }
          if (ran) expect([step, killed.before, left]).toEqual([step, killed.before, true]);
          try {
            await machine.expectNothingLeft(before);
          } catch (error) {
            throw new Error(`after kill -9 before step ${step}, ${killed.before}: ${(error as Error).message}`);
          }
          if (killed.before === undefined) break;
        }
      });
    }, 300_000);
});
