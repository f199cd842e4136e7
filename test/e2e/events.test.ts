/** What is told of what happens, beyond a container's start and end (format.test.ts has the form). */

import { describe, expect } from "bun:test";
import { release } from "node:os";
import { imageTar, Machine, withMachine } from "../support/containers.ts";
import { detached, forever, ok, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

interface Event {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
}

/** Since Linux 6.15 the kernel tells how a process ended that is no child of ours. */
const [major = 0, minor = 0] = release().split(".").map(Number);
const tellsExits = major > 6 || (major === 6 && minor >= 15);

/** All that were told until now. */
async function events(machine: Machine, ...filters: string[]): Promise<Event[]> {
  const words = filters.flatMap((filter) => ["--filter", filter]);
  const text = ok(await machine.run(["events", "--since", "0", "--until", "0s", "--format", "json", ...words]));
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line));
}

describe("events", () => {
  test("tell of commands in a container, of what is copied out of it and looked up, and of its volumes", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", "exec sleep 600", ["-v", "data:/data", "-v", "more:/more:ro"]);
      expect((await machine.run(["exec", "web", "sh", "-c", "exit 3"])).code).toBe(3);
      expect((await machine.run(["exec", "web", "nothing"])).code).toBe(127);
      ok(await machine.run(["exec", "-d", "web", "true"]));
      await until(async () => (await events(machine, "event=exec_die")).length === 3, "the end of that is told");
      ok(await machine.run(["top", "web"]));
      ok(await machine.run(["cp", "web:/etc/hostname", machine.tmp]));
      ok(await machine.run(["export", "-o", `${machine.tmp}/web.tar`, "web"]));
      ok(await machine.run(["rm", "-f", "web"]));
      const own = (await events(machine, "container=web")).map(({ Action }) => Action);
      expect(own).toEqual([
        ...["create", "start"],
        ...["exec_create: sh -c exit 3", "exec_start: sh -c exit 3", "exec_die"],
        ...["exec_create: nothing", "exec_die"],
        ...["exec_create: true", "exec_start: true", "exec_die"],
        ...["top", "copy", "export"],
        ...["kill", "die", "destroy"],
      ]);
      const [created, started, died] = await events(
        machine,
        "container=web",
        "event=exec_create",
        "event=exec_start",
        "event=exec_die",
      );
      expect(died!.Actor.Attributes).toMatchObject({ exitCode: "3", name: "web", image: "busybox" });
      const ids = [created, started, died].map((event) => event!.Actor.Attributes.execID);
      expect(new Set(ids)).toEqual(new Set([expect.stringMatching(/^[0-9a-f]{64}$/)]));
      const mounts = await events(machine, "type=volume", "event=mount");
      expect(
        mounts.map(({ Actor }) => [Actor.ID, Actor.Attributes.destination, Actor.Attributes["read/write"]]),
      ).toEqual([
        ["data", "/data", "true"],
        ["more", "/more", "false"],
      ]);
      const unmounts = await events(machine, "event=unmount");
      expect(unmounts.map(({ Actor }) => [Actor.ID, Actor.Attributes.container])).toEqual([
        ["data", id],
        ["more", id],
      ]);
      ok(await machine.run(["volume", "rm", "data", "more"]));
      await machine.exec(["rm", `${machine.tmp}/hostname`, `${machine.tmp}/web.tar`]);
    });
  });
  test("tell how a command ended that nobody waited for, by itself, by a signal, or with its container", async () => {
    await withMachine(["busybox"], async (machine) => {
      const ended = async () =>
        (await events(machine, "event=exec_die")).map(({ Actor }) => [
          Actor.Attributes.execID,
          Actor.Attributes.exitCode,
        ]);
      const starts = async () =>
        (await events(machine, "event=exec_start")).map(({ Actor }) => Actor.Attributes.execID);
      for (const how of ["with a monitor", "in the foreground"]) {
        const id = how === "with a monitor" ? await detached(machine, "web", forever) : undefined;
        const foreground = id ? undefined : machine.spawn(["run", "--name", "web", "busybox", "sh", "-c", forever]);
        await until(async () => (await status(machine, "web")).includes("Up"), "it runs");
        const before = (await ended()).length;
        ok(await machine.run(["exec", "-d", "web", "sh", "-c", "sleep 0.1; exit 3"]));
        ok(await machine.run(["exec", "-d", "web", "sh", "-c", "kill -9 $$"]));
        ok(await machine.run(["exec", "-d", "web", "sleep", "1000"]));
        await until(async () => (await ended()).length === before + 2, "the first two have ended");
        ok(await machine.run(["kill", "web"]));
        await foreground?.exited;
        const ends = (await ended()).slice(before);
        const ids = (await starts()).slice(before);
        const known = tellsExits ? ["3", "137"] : ["255", "255"];
        const codes = new Map(ends as [string, string][]);
        expect(ids.map((execId) => codes.get(execId!))).toEqual([...known, "137"]);
        ok(await machine.run(["rm", "web"]));
      }
    });
  });
  test("tell of every health check what was executed, and how it ended", async () => {
    await withMachine(["busybox"], async (machine) => {
      const check = ["--health-cmd", "test -e /well", "--health-interval", "100ms"];
      ok(await machine.run(["run", "-d", "--name", "web", ...check, "busybox", "sh", "-c", forever]));
      const told = () => events(machine, "container=web");
      const isCheck = ({ Action }: { Action: string }) => Action.startsWith("exec_");
      await until(async () => (await told()).filter(isCheck).length >= 3, "it was checked");
      ok(await machine.run(["exec", "web", "touch", "/well"]));
      await until(
        async () => (await told()).some(({ Action }) => Action === "health_status: healthy"),
        "it is healthy",
      );
      expect((await machine.run(["healthcheck", "run", "web"])).code).toBe(0);
      ok(await machine.run(["rm", "-f", "web"]));
      const all = await told();
      const [created, started, died] = all.filter(isCheck);
      const command = "/bin/sh -c test -e /well";
      expect([created, started, died].map((event) => event!.Action)).toEqual([
        ...[`exec_create: ${command}`, `exec_start: ${command}`, "exec_die"],
      ]);
      expect(died!.Actor.Attributes.exitCode).toBe("1");
      expect(new Set([created, started, died].map((event) => event!.Actor.Attributes.execID)).size).toBe(1);
      // Each that was begun has ended, whatever became of its container.
      const count = (word: string) => all.filter(({ Action }) => Action.startsWith(word)).length;
      expect(count("exec_die")).toBe(count("exec_create"));
      const codes = all.filter(({ Action }) => Action === "exec_die").map(({ Actor }) => Actor.Attributes.exitCode);
      expect(codes).toContain("0");
    });
  });
  test("tell who attaches, and of every prune how much room it made", async () => {
    // One that is thrown away: a prune takes the default network down.
    await using machine = await new Machine().open();
    await machine.loadFile(imageTar("busybox"), "busybox");
    ok(await machine.run(["create", "--name", "box", "busybox", "echo", "hello"]));
    expect(ok(await machine.run(["start", "-a", "box"]))).toBe("hello");
    ok(await machine.run(["volume", "create", "unused"]));
    ok(await machine.run(["system", "prune", "-f", "--volumes"]));
    ok(await machine.run(["volume", "prune", "-a", "-f"]));
    const told = await events(machine, "event=attach", "event=prune");
    expect(told.map(({ Type, Action }) => `${Type} ${Action}`).sort()).toEqual([
      "container attach",
      "container prune",
      "image prune",
      "network prune",
      "volume prune",
      "volume prune",
    ]);
    for (const { Action, Actor } of told)
      if (Action === "prune") expect(Actor.Attributes).toEqual({ reclaimed: expect.stringMatching(/^\d+$/) });
  });
  test("come while one follows them", async () => {
    await withMachine(["busybox"], async (machine) => {
      const following = machine.spawn(["events", "--filter", "event=exec_die", "--format", "{{.Action}}"]);
      const id = await detached(machine, "web", "exec sleep 600");
      const reader = following.stdout.getReader();
      let seen = "";
      const reading = (async () => {
        for (let part = await reader.read(); !part.done; part = await reader.read())
          seen += new TextDecoder().decode(part.value);
      })();
      await until(async () => {
        ok(await machine.run(["exec", id, "true"]));
        return seen !== "";
      }, "it is told");
      following.kill();
      await Promise.all([following.exited, reading]);
      expect(new Set(seen.trim().split("\n"))).toEqual(new Set(["exec_die"]));
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
});
