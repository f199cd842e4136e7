/** Other commands in a container that runs. */

import { describe, expect } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, monitorOf, ok, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";

const test = needing(root);

const inside = (machine: Machine, ...words: string[]) => machine.run(["exec", "box", ...words]);

describe("exec", () => {
  test("runs beside the container's program, in all of its namespaces and its cgroup", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      expect(ok(await inside(machine, "ps", "-o", "pid,args"))).toMatch(/^ +1 sh -c trap/m);
      expect(ok(await inside(machine, "hostname"))).toMatch(/^[0-9a-f]{12}$/);
      expect(ok(await inside(machine, "cat", "/proc/self/cgroup"))).toMatch(/^0::\/$/m);
      const spaces = "for n in mnt net ipc uts pid cgroup; do readlink /proc/$1/ns/$n; done";
      const ours = ok(await inside(machine, "sh", "-c", spaces, "sh", "self"));
      expect(ours.split("\n")).toHaveLength(6);
      expect(ok(await inside(machine, "sh", "-c", spaces, "sh", "1"))).toBe(ours);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("gets in where the container has no null device any more, by one of its own", async () => {
    await withMachine(["busybox"], async (machine) => {
      const check = ["--health-cmd", "test -c /proc/self/fd/0", "--health-interval", "1s", "--health-retries", "1"];
      await detached(machine, "box", forever, check);
      for (const replace of [
        ":",
        "echo text >/dev/null",
        "mkdir /dev/null",
        "mkfifo /dev/null",
        "ln -s null /dev/null",
      ]) {
        const script = `rm -rf /dev/null; ${replace}`;
        expect([replace, await inside(machine, "sh", "-c", script)]).toMatchObject([replace, { code: 0, stderr: "" }]);
        const stdin = ["sh", "-c", "cat && chmod 640 /proc/self/fd/0 && stat -L -c '%t:%T %a' /proc/self/fd/0"];
        expect([replace, ok(await inside(machine, ...stdin))]).toEqual([replace, "1:3 640"]);
      }
      // Each has had one for itself: the host's is as it was.
      expect((await machine.exec(["stat", "-c", "%a", "/dev/null"])).stdout.trim()).toBe("666");
      await until(
        async () => ok(await machine.run(["inspect", "-f", "{{.State.Health.Status}}", "box"])) === "healthy",
        "its health checks get in, too",
      );
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("has the same capabilities, descriptors, signals and groups as run gives (R11)", async () => {
    await withMachine(["probe"], async (machine) => {
      const options = ["--cap-drop", "MKNOD", "--cap-add", "SYS_TIME", "-u", "5:6"];
      for (const option of [[], options]) {
        ok(await machine.run(["run", "-d", "--name", "box", ...option, "probe", "/bin/probe", "sleep", "60"]));
        for (const question of ["caps", "fds", "signals", "ids", "limits"]) {
          const answer = JSON.parse((await inside(machine, "/bin/probe", question)).stdout);
          const first = await machine.ask<unknown>(option, question);
          expect([question, withoutNumbers(answer)]).toEqual([question, withoutNumbers(first)]);
        }
        ok(await machine.run(["rm", "-f", "box"]));
      }
    });
  });
  test("--privileged has every capability that we have ourselves", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      const script = "grep CapEff /proc/self/status";
      const all = ok(await machine.run(["run", "--rm", "--privileged", "busybox", "sh", "-c", script]));
      expect(ok(await machine.run(["exec", "--privileged", "box", "sh", "-c", script]))).toBe(all);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("-w names a directory that is there: none is made in a container that runs", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever, ["-w", "/made/by/run"]);
      expect(ok(await inside(machine, "pwd"))).toBe("/made/by/run");
      const nowhere = await machine.run(["exec", "-w", "/nowhere", "box", "pwd"]);
      expect(nowhere.code).toBe(125);
      expect(said(nowhere)).toContain("/nowhere: ENOENT");
      expect((await inside(machine, "ls", "/nowhere")).code).toBe(1);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("ends with the program's code, 128 and the signal, 126 and 127", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      expect((await inside(machine, "sh", "-c", "exit 9")).code).toBe(9);
      expect((await inside(machine, "sh", "-c", "kill -TERM $$")).code).toBe(143);
      expect((await inside(machine, "/etc")).code).toBe(126);
      const none = await inside(machine, "nothing");
      expect(none.code).toBe(127);
      expect(said(none)).toContain("cannot execute nothing: ENOENT");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("takes -e, --env-file, -u and -w, beside what the container has", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever, ["-e", "A=run", "-e", "B=run", "-w", "/etc"]);
      const env = machine.file("tmp/env", "C=file\n");
      const options = ["-e", "B=exec", "--env-file", env, "-u", "1:2", "-w", "/tmp"];
      const script = "echo $A $B $C $(id -u):$(id -g) $PWD";
      expect(ok(await machine.run(["exec", ...options, "box", "sh", "-c", script]))).toBe("run exec file 1:2 /tmp");
      expect(ok(await inside(machine, "sh", "-c", script))).toBe("run run 0:0 /etc");
      const nobody = await machine.run(["exec", "-u", "nobody-knows", "box", "true"]);
      expect([nobody.code, said(nobody)]).toEqual([125, expect.stringContaining("no user")]);
      await Bun.file(env).delete();
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("reads our stdin only with -i, so that a loop over a file keeps its lines", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      const read = (options: string[]) => machine.run(["exec", ...options, "box", "cat"], { stdin: "hello" });
      expect(ok(await read(["-i"]))).toBe("hello");
      expect(ok(await read([]))).toBe("");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("-d leaves it running, also when the command is gone, until the container ends", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      expect(ok(await machine.run(["exec", "-d", "box", "sh", "-c", "echo $$ >/pid; exec sleep 60"]))).toBe("");
      await until(async () => (await inside(machine, "sh", "-c", "kill -0 $(cat /pid)")).code === 0, "it runs");
      expect(ok(await inside(machine, "ps"))).toContain("sleep 60");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("ends with the command that was killed, and with the container", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      const killed = await machine.start(["exec", "box", "sh", "-c", "echo ready; exec sleep 60"]);
      killed.child.kill("SIGKILL");
      await until(async () => !ok(await inside(machine, "ps")).includes("sleep 60"), "it is gone too");
      const other = await machine.start(["exec", "box", "sh", "-c", "echo ready; exec sleep 61"]);
      ok(await machine.run(["rm", "-f", "box"]));
      expect(await other.child.exited).toBe(137);
    });
  });
  test("is refused where nothing runs", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "box", "busybox"]));
      const refused = await inside(machine, "true");
      expect(refused.code).toBe(1);
      expect(said(refused)).toContain("container box is not running");
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("a thousand in a row leave the monitor's descriptors as they were, and no process and no cgroup", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "box", "echo ready; exec sleep 1000");
      const monitor = monitorOf(machine, id);
      const descriptors = () =>
        readdirSync(`/proc/${monitor}/fd`).map((fd) => readlinkSync(`/proc/${monitor}/fd/${fd}`));
      ok(await inside(machine, "true"));
      const before = { descriptors: descriptors(), machine: machine.snapshot() };
      const script = 'for i in $(seq 1000); do "$0" exec box true || exit 1; done';
      ok(await machine.exec(["sh", "-c", script, binary()], { timeoutMs: 280_000 }));
      expect(descriptors()).toEqual(before.descriptors);
      await machine.expectNothingLeft(before.machine);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  }, 300_000);
  test("on a terminal it has one of the container's, with the caller's size, and Ctrl-C", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      const words = machine.command([binary(), "exec", "-e", "PS1=in> ", "box", "sh"]);
      await using pty = new Pty(words, { env: machine.environment(), cwd: machine.directory, columns: 91, rows: 33 });
      await pty.waitFor("in> ");
      pty.line("tty; stty size");
      await pty.waitFor(/\/dev\/pts\/\d+\r\n33 91/);
      pty.line("sleep 60; echo then $?");
      await Bun.sleep(200);
      pty.press("ctrl-c");
      await pty.waitFor("in> ");
      pty.line("exit 4");
      expect(await pty.exit()).toBe(4);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

/** Answers without what differs from one process or pipe to the next. */
const withoutNumbers = (answer: unknown): unknown =>
  JSON.parse(
    JSON.stringify(answer)
      .replace(/(pipe|socket):\[\d+\]|\/dev\/null/g, "a pipe")
      .replace(/"(pid|pgid|sid)":\d+/g, '"$1":0')
      // Signals that wait for anybody of this user, on the whole machine.
      .replace(/"SigQ":"\d+/, '"SigQ":"0'),
  );
