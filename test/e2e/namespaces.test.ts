/** Containers that share namespaces with the host or with each other: what they see, and that each still ends whole. */

import { describe, expect } from "bun:test";
import { readlinkSync } from "node:fs";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { forever, monitorOf, ok, stateOf, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);
const none = ["--network", "none"];

const start = async (machine: Machine, name: string, script: string, options: string[] = []): Promise<string> =>
  ok(await machine.run(["run", "-d", "--name", name, ...none, ...options, "busybox", "sh", "-c", script]));
const inside = (machine: Machine, name: string, script: string) => machine.run(["exec", name, "sh", "-c", script]);
const remove = async (machine: Machine, ...names: string[]) => ok(await machine.run(["rm", "-f", ...names]));
const field = async (machine: Machine, name: string, template: string) =>
  ok(await machine.run(["inspect", "-f", template, name]));

/** The namespaces of a container's process that are the host's own. */
async function hosts(machine: Machine, options: string[]): Promise<string[]> {
  const names = ["pid", "ipc", "uts", "cgroup", "mnt", "net"];
  const script = names.map((name) => `readlink /proc/self/ns/${name}`).join("; ");
  const found = ok(await machine.sh(script, [...none, ...options])).split("\n");
  const own = ok(await machine.exec(["sh", "-c", script])).split("\n");
  return names.filter((_, index) => found[index] === own[index]);
}

describe("the host's namespaces", () => {
  test("are shared one by one, as asked, and are told by inspect in Docker's words", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(await hosts(machine, [])).toEqual([]);
      expect(await hosts(machine, ["--pid", "host"])).toEqual(["pid"]);
      expect(await hosts(machine, ["--ipc", "host", "--uts", "host"])).toEqual(["ipc", "uts"]);
      expect(await hosts(machine, ["--cgroupns", "host", "--privileged"])).toEqual(["cgroup"]);
      const options = ["--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host"];
      ok(await machine.run(["create", "--name", "box", ...none, ...options, "busybox"]));
      const template = "{{with .HostConfig}}{{.PidMode}} {{.IpcMode}} {{.UTSMode}} {{.CgroupnsMode}}{{end}}";
      expect(await field(machine, "box", template)).toBe("host host host host");
      ok(await machine.run(["create", "--name", "own", ...none, "busybox"]));
      expect(await field(machine, "own", template)).toBe("private  private");
      await remove(machine, "box", "own");
    });
  });
  test("--uts host has the host's name, in its environment and /etc too", async () => {
    await withMachine(["busybox"], async (machine) => {
      const name = ok(await machine.exec(["hostname"]));
      const script = "hostname; echo $HOSTNAME; cat /etc/hostname";
      expect(ok(await machine.sh(script, [...none, "--uts", "host"])).split("\n")).toEqual([name, name, name]);
      expect((await machine.sh("hostname other", [...none, "--uts", "host"])).code).toBe(1);
    });
  });
  test("--cgroupns host shows where the container's cgroup is", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "grep ^0:: /proc/self/cgroup";
      expect(ok(await machine.sh(script, none))).toBe("0::/");
      expect(ok(await machine.sh(script, [...none, "--cgroupns", "host"]))).toMatch(
        /^0::\/.*tinydocker\/[0-9a-f]{64}$/,
      );
    });
  });
  test("--ipc none has no /dev/shm, and an ipc namespace of its own", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(await hosts(machine, ["--ipc", "none"])).toEqual([]);
      expect((await machine.sh("ls -d /dev/shm", [...none, "--ipc", "none"])).code).toBe(1);
    });
  });
});

/** A program that starts others, which outlive it unless somebody ends them. */
const parent = (marker: number) =>
  `sleep ${marker} & sleep ${marker} & setsid sleep ${marker} & echo ready; ${forever}`;

describe("a container with --pid host", () => {
  test("sees all processes, and everything that it has started ends with it: at its own end, stopped, and killed", async () => {
    await withMachine(["busybox"], async (machine) => {
      const left = () => machine.snapshot().processIds.length;
      const before = left();
      const own = await machine.sh("sleep 4711 & setsid sleep 4711 & ls -d /proc/[0-9]* | wc -l", [
        ...none,
        "--pid",
        "host",
      ]);
      expect(Number(ok(own))).toBeGreaterThan(20);
      expect(left()).toBe(before);
      for (const end of [["stop"], ["kill"], ["rm", "-f"], ["stop", "-t", "0"]]) {
        const id = await start(machine, "box", parent(4712), ["--pid", "host"]);
        await until(async () => (await machine.run(["logs", "box"])).stdout.includes("ready"), "it is ready");
        expect(
          ok(await machine.run(["top", "box"]))
            .split("\n")
            .filter((line) => line.endsWith("sleep 4712")),
        ).toHaveLength(3);
        expect(ok(await inside(machine, "box", "readlink /proc/self/ns/pid"))).toBe(readlinkSync("/proc/self/ns/pid"));
        const { stderr } = await machine.run([...end, "box"]);
        expect(stderr).toBe("");
        // It is not process 1, so the kernel drops no signal: its own handler has ended it.
        if (end.length === 1) expect(stateOf(machine, id).exitCode).toBe(end[0] === "stop" ? 7 : 137);
        expect(left()).toBe(before);
        await remove(machine, "box");
      }
    });
  });
  test("is ended by a signal that it has no handler for, and waited for, as any program", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["run", "-d", "--name", "box", ...none, "--pid", "host", "busybox", "sleep", "4713"]));
      const stopped = await machine.run(["stop", "box"]);
      expect([stopped.code, said(stopped)]).toEqual([0, ""]);
      expect(ok(await machine.run(["wait", "box"]))).toBe("143");
      await remove(machine, "box");
      const child = machine.spawn([
        "run",
        "--rm",
        ...none,
        "--pid",
        "host",
        "busybox",
        "sh",
        "-c",
        "echo ready; sleep 4714",
      ]);
      await until(() => machine.snapshot().processIds.length > 0, "it runs");
      await Bun.sleep(300);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(143);
    });
  });
  test("whose monitor was killed is stopped whole all the same", async () => {
    await withMachine(["busybox"], async (machine) => {
      const before = machine.snapshot().processIds.length;
      const id = await start(machine, "box", parent(4715), ["--pid", "host"]);
      await until(async () => (await machine.run(["logs", "box"])).stdout.includes("ready"), "it is ready");
      process.kill(monitorOf(machine, id), "SIGKILL");
      await until(async () => /Up .*no monitor|unknown|Up/.test(await status(machine, "box")), "it lives on");
      ok(await machine.run(["stop", "box"]));
      expect(machine.snapshot().processIds).toHaveLength(before);
      await remove(machine, "box");
    });
  });
  test("--init collects its orphans although it is not process 1", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "(sleep 0.1 & echo $! >/pid); sleep 0.3; ls -d /proc/$(cat /pid) 2>&1; exit 3";
      const { code, stdout } = await machine.sh(script, [...none, "--pid", "host", "--init"]);
      expect([code, stdout]).toEqual([3, expect.stringContaining("No such file")]);
    });
  });
});

describe("a container with the namespaces of another", () => {
  test("sees its processes and its shared memory, and ends without it", async () => {
    await withMachine(["busybox"], async (machine) => {
      const first = await start(machine, "first", `echo hello >/dev/shm/f; exec sleep 4716`, [
        "--ipc",
        "shareable",
        "--shm-size",
        "3m",
      ]);
      await until(async () => (await inside(machine, "first", "cat /dev/shm/f")).code === 0, "the file is there");
      const shared = ["--pid", "container:first", "--ipc", "container:first"];
      const second = await start(machine, "second", parent(4717), shared);
      await until(async () => (await machine.run(["logs", "second"])).stdout.includes("ready"), "it is ready");
      const seen = ok(await inside(machine, "second", "ps -o args; cat /dev/shm/f; df -k /dev/shm | tail -1"));
      expect(seen).toMatch(/^sleep 4716$/m);
      expect(seen).toMatch(/^hello$/m);
      expect(seen).toMatch(/ 3072 /);
      expect(ok(await machine.run(["top", "second"]))).not.toContain("4716");
      expect(ok(await inside(machine, "first", "ps -o args"))).toContain("sleep 4717");
      for (const namespace of ["pid", "ipc"]) {
        const of = (id: string) => readlinkSync(`/proc/${stateOf(machine, id).process.pid}/ns/${namespace}`);
        expect(of(second)).toBe(of(first));
      }
      ok(await machine.run(["stop", "second"]));
      expect(stateOf(machine, second).exitCode).toBe(7);
      expect(ok(await inside(machine, "first", "ps -o stat,args"))).not.toMatch(/^[^Z]*sleep 4717/m);
      const mode = `container:${first}`;
      expect(await field(machine, "second", "{{.HostConfig.PidMode}} {{.HostConfig.IpcMode}}")).toBe(`${mode} ${mode}`);
      // Found by its id: it may have another name by then.
      ok(await machine.run(["rename", "first", "renamed"]));
      ok(await machine.run(["start", "second"]));
      // The kernel ends all of a pid namespace with its process 1.
      ok(await machine.run(["kill", "renamed"]));
      expect(ok(await machine.run(["wait", "second"]))).toBe("137");
      const late = await machine.run(["start", "second"]);
      expect([late.code, said(late)]).toEqual([
        1,
        expect.stringContaining("namespace of container renamed (--pid), which is not running"),
      ]);
      await remove(machine, "second", "renamed");
    });
  });
  test("is refused where there is none, it is not running, or keeps its shared memory to itself", async () => {
    await withMachine(["busybox"], async (machine) => {
      const refused = async (options: string[], message: string) => {
        for (const verb of [["run", "--rm"], ["create"]]) {
          const result = await machine.run([...verb, "--name", "box", ...none, ...options, "busybox", "true"]);
          expect([options, result.code === 0, said(result)]).toEqual([
            options,
            false,
            expect.stringContaining(message),
          ]);
        }
        expect(await status(machine, "box")).toBe("");
      };
      await refused(["--pid", "container:ghost"], "no such container: ghost");
      await start(machine, "quiet", "exec sleep 60");
      await refused(["--ipc", "container:quiet"], "the ipc namespace of container quiet is its own");
      ok(await machine.run(["stop", "-t", "0", "quiet"]));
      const ended = await machine.run(["run", "--rm", ...none, "--pid", "container:quiet", "busybox", "true"]);
      expect([ended.code, said(ended)]).toEqual([125, expect.stringContaining("quiet (--pid), which is not running")]);
      await remove(machine, "quiet");
    });
  });
  test("has a restart policy that finds them again", async () => {
    await withMachine(["busybox"], async (machine) => {
      await start(machine, "first", "exec sleep 60", ["--ipc", "shareable"]);
      const script = "readlink /proc/self/ns/pid; readlink /proc/1/ns/pid; exit 1";
      await start(machine, "again", script, [
        "--pid",
        "container:first",
        "--ipc",
        "container:first",
        "--restart",
        "on-failure:1",
      ]);
      await until(async () => /Exited/.test(await status(machine, "again")), "it has ended twice");
      const [one, ...others] = ok(await machine.run(["logs", "again"])).split("\n");
      expect(others).toEqual([one!, one!, one!]);
      // Where the other one has ended there is nothing to come back to, and inspect says so.
      await start(machine, "later", "exec sleep 60", ["--pid", "container:first", "--restart", "always"]);
      ok(await machine.run(["stop", "-t", "0", "first"]));
      const why = () => field(machine, "later", "{{.State.Error}}");
      await until(async () => (await why()).includes("which is not running"), "it says why it did not start again");
      expect(await status(machine, "later")).toContain("Exited (137)");
      await remove(machine, "again", "later", "first");
    });
  });
});
