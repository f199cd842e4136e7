/** One container, and people at several terminals who do different things to it. */

import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, ok, stateOf, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

const names = (machine: Machine) => readdirSync(join(machine.root, "names"));

describe("a container in the foreground of one terminal", () => {
  test("is seen, read, entered, looked into and stopped from another, and its exit code is the first one's", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child } = await machine.start(["run", "--name", "fore", "busybox", "sh", "-c", forever]);
      expect(ok(await machine.run(["ps", "--format", "{{.Names}} {{.State}}"]))).toBe("fore running");
      const following = machine.run(["logs", "-f", "fore"]);
      const waiting = machine.run(["wait", "fore"]);
      expect(
        ok(await machine.run(["exec", "fore", "sh", "-c", "echo $PPID; cat /proc/1/cmdline | tr '\\0' ' '"])),
      ).toMatch(/^0\nsh -c trap/);
      expect(ok(await machine.run(["top", "fore"]))).toContain("sh -c trap");
      expect(ok(await machine.run(["stop", "fore"]))).toBe("fore");
      expect([await child.exited, ok(await waiting), ok(await following)]).toEqual([7, "7", "ready"]);
      expect(ok(await machine.run(["start", "fore"]))).toBe("fore");
      expect(await status(machine, "fore")).toContain("Up");
      ok(await machine.run(["rm", "-f", "fore"]));
    });
  });
  test("is restarted from another: the first one's command ends, the container goes on", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child } = await machine.start(["run", "--name", "fore", "busybox", "sh", "-c", forever]);
      ok(await machine.run(["restart", "fore"]));
      expect(await child.exited).toBe(7);
      expect(await status(machine, "fore")).toContain("Up");
      ok(await machine.run(["rm", "-f", "fore"]));
    });
  });
  test("is removed from another with force, also one with --rm", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const options of [[], ["--rm"]]) {
        const { child } = await machine.start(["run", ...options, "--name", "fore", "busybox", "sh", "-c", forever]);
        expect(ok(await machine.run(["rm", "-f", "fore"]))).toBe("fore");
        expect(await child.exited).toBe(137);
        expect(await status(machine, "fore")).toBe("");
      }
    });
  });
});

describe("rename of what runs", () => {
  test("gives every command the new name, frees the old one for others, and is kept when it ends", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "old", forever);
      ok(await machine.run(["rename", "old", "new"]));
      expect(ok(await machine.run(["exec", "new", "echo", "here"]))).toBe("here");
      expect(said(await machine.run(["exec", "old", "true"]))).toContain("no such container: old");
      const other = await detached(machine, "old", forever);
      expect(other).not.toBe(id);
      expect(ok(await machine.run(["stop", "new"]))).toBe("new");
      expect(await status(machine, "new")).toContain("Exited (7)");
      expect(await status(machine, "old")).toContain("Up");
      ok(await machine.run(["start", "new"]));
      ok(await machine.run(["rm", "-f", "new"]));
      expect(ok(await machine.run(["exec", "old", "echo", "here"]))).toBe("here");
      ok(await machine.run(["rm", "-f", "old"]));
      expect(names(machine)).toEqual([]);
    });
  });
  test("with --rm takes the new name with it in the end, and not the old one, which another has by then", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "old", forever, ["--rm"]);
      const { child } = await machine.start(["run", "--rm", "--name", "fore", "busybox", "sh", "-c", forever]);
      for (const [from, to] of [
        ["old", "new"],
        ["fore", "aft"],
      ])
        ok(await machine.run(["rename", from!, to!]));
      for (const name of ["old", "fore"]) ok(await machine.run(["create", "--name", name, "busybox"]));
      ok(await machine.run(["stop", "new", "aft"]));
      expect(await child.exited).toBe(7);
      expect(names(machine).sort()).toEqual(["fore", "old"]);
      ok(await machine.run(["rm", "old", "fore"]));
    });
  });
});

test("of two who stop one container, and of two who remove it, each is told what became of it", async () => {
  await withMachine(["busybox"], async (machine) => {
    await detached(machine, "box", forever);
    const stops = await Promise.all([1, 2, 3].map(() => machine.run(["stop", "box"])));
    expect(stops.map(({ code, stdout }) => [code, stdout])).toEqual([1, 2, 3].map(() => [0, "box\n"]));
    const removals = await Promise.all([1, 2, 3].map(() => machine.run(["rm", "-f", "box"])));
    expect(removals.filter(({ code }) => code === 0).length).toBeGreaterThan(0);
    for (const { code, stderr } of removals) if (code !== 0) expect(stderr).toContain("no such container");
    expect(await status(machine, "box")).toBe("");
  });
});

test("several who wait for one container are all told its exit code, also of one with --rm", async () => {
  await withMachine(["busybox"], async (machine) => {
    for (const options of [[], ["--rm"]]) {
      await detached(machine, "box", forever, options);
      const waiting = [1, 2, 3].map(() => machine.run(["wait", "box"]));
      await Bun.sleep(200);
      ok(await machine.run(["stop", "box"]));
      expect((await Promise.all(waiting)).map(ok)).toEqual(["7", "7", "7"]);
      if (options.length === 0) ok(await machine.run(["rm", "box"]));
    }
  });
});

test("--replace takes a name from what runs, and only with it", async () => {
  await withMachine(["busybox"], async (machine) => {
    const { child } = await machine.start(["run", "--name", "web", "busybox", "sh", "-c", forever]);
    const refused = await machine.run(["run", "-d", "--name", "web", "busybox", "sh", "-c", forever]);
    expect([refused.code, said(refused)]).toEqual([125, expect.stringContaining('the name "web" is taken')]);
    const id = ok(await machine.run(["run", "-d", "--replace", "--name", "web", "busybox", "sh", "-c", forever]));
    expect(await child.exited).toBe(137);
    expect(ok(await machine.run(["ps", "-a", "-q", "--no-trunc"]))).toBe(id);
    ok(await machine.run(["rm", "-f", "web"]));
  });
});

test("a policy that update gives to what runs counts from then on; stop ends it whatever it is", async () => {
  await withMachine(["busybox"], async (machine) => {
    const id = await detached(
      machine,
      "box",
      "trap 'exit 3' USR1; trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done",
    );
    ok(await machine.run(["update", "--restart", "always", "box"]));
    ok(await machine.run(["kill", "-s", "USR1", "box"]));
    await until(
      () => stateOf(machine, id).restartCount === 1 && stateOf(machine, id).status === "running",
      "it is back",
    );
    await until(async () => ok(await machine.run(["logs", "box"])) === "ready\nready", "it is ready again");
    ok(await machine.run(["stop", "box"]));
    expect(await status(machine, "box")).toContain("Exited (7)");
    ok(await machine.run(["rm", "box"]));
  });
});

test("two hundred that are started at once all run, under names of their own, and all go (F11)", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script = 'for i in $(seq 200); do "$0" run -d busybox sleep 1000 2>/dev/null & done; wait';
    const { stdout } = await machine.exec(["sh", "-c", script, binary()], { timeoutMs: 60_000 });
    const ids = stdout.trim().split("\n").sort();
    expect(ids).toHaveLength(200);
    expect(
      ok(await machine.run(["ps", "-q", "--no-trunc"]))
        .split("\n")
        .sort(),
    ).toEqual(ids);
    expect(new Set(ok(await machine.run(["ps", "--format", "{{.Names}}"])).split("\n")).size).toBe(200);
    ok(await machine.run(["rm", "-f", ...ids], { timeoutMs: 60_000 }));
  });
});
