/** `update`: what can be changed without a cgroup controller; the limits themselves are in test/vm. */

import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, ok, stateOf, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

const hostConfig = async (machine: Machine, name: string) =>
  JSON.parse(ok(await machine.run(["inspect", "-f", "{{json .HostConfig}}", name])));

describe("the restart policy", () => {
  test("of a running container counts at its next end", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(
        machine,
        "web",
        "test -e /again && exec sleep 60; touch /again; echo ready; sleep 1; exit 1",
      );
      expect(ok(await machine.run(["update", "--restart", "on-failure:3", "web"]))).toBe("web");
      await until(() => stateOf(machine, id).restartCount === 1, "it was started again");
      await until(async () => (await status(machine, "web")).includes("Up"), "it is up again");
      expect((await hostConfig(machine, "web")).RestartPolicy).toEqual({ Name: "on-failure", MaximumRetryCount: 3 });
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
  test("is refused where nobody could start it again", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "once", forever, ["--rm"]);
      const once = await machine.run(["update", "--restart", "always", "once"]);
      expect([once.code, said(once)]).toEqual([1, expect.stringContaining("--rm")]);
      const { child } = await machine.start(["run", "--name", "front", "busybox", "sh", "-c", forever]);
      const front = await machine.run(["update", "--restart", "always", "front"]);
      expect([front.code, said(front)]).toEqual([1, expect.stringContaining("in the foreground")]);
      expect((await hostConfig(machine, "front")).RestartPolicy.Name).toBe("no");
      ok(await machine.run(["rm", "-f", "once"]));
      ok(await machine.run(["stop", "front"]));
      expect(await child.exited).toBe(7);
      ok(await machine.run(["rm", "front"]));
    });
  });
});

describe("limits", () => {
  test("can be taken away everywhere, and are written down for the next start", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "web", forever);
      ok(await machine.run(["update", "--cpus", "0", "-m", "0", "--pids-limit", "-1", "web"]));
      expect(await hostConfig(machine, "web")).toMatchObject({ NanoCpus: 0, Memory: 0, PidsLimit: 0 });
      ok(await machine.run(["restart", "-t", "0", "web"]));
      expect(await hostConfig(machine, "web")).toMatchObject({ NanoCpus: 0, Memory: 0, PidsLimit: 0 });
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
  test("that nobody can enforce here are refused as run refuses them, and nothing else of that update is done", async () => {
    const file = ["/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/unified/cgroup.controllers"].find(existsSync);
    if (file && readFileSync(file, "utf8").includes("memory")) return;
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "web", forever);
      const result = await machine.run(["update", "-m", "64", "--cpus", "0", "--restart", "always", "web"]);
      expect([result.code, said(result)]).toEqual([
        1,
        expect.stringContaining("cannot limit memory: this host has no"),
      ]);
      expect(await hostConfig(machine, "web")).toMatchObject({ Memory: 0, NanoCpus: 0, RestartPolicy: { Name: "no" } });
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
  test("have to be there, and to be right", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "web", "busybox"]));
      for (const wrong of [
        [],
        ["-m", "1"],
        ["--cpus", "x"],
        ["--restart", "sometimes"],
        ["--memory-swap", "1x"],
        ["-m", "536870912"],
        ["-c", "512"],
      ])
        expect((await machine.run(["update", ...wrong, "web"])).code).toBe(125);
      // What is wrong for this container, and not for each.
      const alone = await machine.run(["update", "--memory-swap", "1g", "web"]);
      expect([alone.code, said(alone)]).toEqual([1, expect.stringContaining("needs a limit of memory")]);
      const both = await machine.run(["update", "--cpus", "0", "nobody", "web"]);
      expect(both).toMatchObject({ code: 1, stdout: "web\n" });
      ok(await machine.run(["rm", "web"]));
    });
  });
});
