/** Being attached: one's own container, somebody else's, leaving and coming back. */

import { describe, expect } from "bun:test";
import { close } from "../../src/linux/file.ts";
import { pipe } from "../../src/linux/poll.ts";
import { binary } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { detached, forever, ok, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";

const test = needing(root);

const onTerminal = (machine: Machine, words: string[], size: { columns?: number; rows?: number } = {}) =>
  new Pty(machine.command([binary(), ...words]), { ...size, env: machine.environment(), cwd: machine.directory });

const prompt = "in> ";
const shell = ["-e", `PS1=${prompt}`, "busybox", "sh"];

describe("on a terminal", () => {
  test("Ctrl-P Ctrl-Q leaves a shell running, attach comes back to it, and its exit code is ours", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using first = onTerminal(machine, ["run", "-it", "--name", "sh", ...shell]);
      await first.waitFor(prompt);
      first.line("left=behind");
      await first.waitFor(prompt);
      first.press("ctrl-p");
      first.press("ctrl-q");
      expect(await first.exit()).toBe(0);
      expect(await status(machine, "sh")).toContain("Up");
      await using second = onTerminal(machine, ["attach", "sh"], { columns: 77, rows: 22 });
      await Bun.sleep(200);
      second.line("");
      await second.waitFor(prompt);
      second.line("echo $left $(stty size)");
      await second.waitFor("behind 22 77");
      second.line("exit 6");
      expect(await second.exit()).toBe(6);
      expect(await status(machine, "sh")).toContain("Exited (6)");
      ok(await machine.run(["rm", "sh"]));
    });
  });
  test("--detach-keys are others, and none with an empty word", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = onTerminal(machine, ["run", "-it", "--name", "sh", "--detach-keys", "ctrl-a,x", ...shell]);
      await pty.waitFor(prompt);
      pty.press("ctrl-a");
      pty.type("x");
      expect(await pty.exit()).toBe(0);
      expect((await machine.run(["attach", "--detach-keys", "ctrl-", "sh"])).code).toBe(125);
      ok(await machine.run(["rm", "-f", "sh"]));
    });
  });
  test("exec leaves its command running with the same keys, and its terminal lives as long as the command", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      const keys = ["--detach-keys", "ctrl-a,x"];
      await using pty = onTerminal(machine, ["exec", "-it", ...keys, "-e", `PS1=${prompt}`, "box", "sh"]);
      await pty.waitFor(prompt);
      // More than a terminal holds: somebody reads it.
      pty.line("(until [ -e /go ]; do sleep 0.05; done; seq 20000; echo $? >/done; exec sleep 600) &");
      await pty.waitFor(prompt);
      pty.press("ctrl-a");
      pty.type("x");
      expect(await pty.exit()).toBe(0);
      ok(await machine.run(["exec", "box", "touch", "/go"]));
      const done = async () => (await machine.run(["exec", "box", "cat", "/done"])).stdout === "0\n";
      await until(done, "it has gone on");
      const events = ["events", "--since", "0", "--until", "0s", "--filter", "event=exec_detach", "--format"];
      expect(ok(await machine.run([...events, "{{.Action}}"]))).toBe("exec_detach");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("two who are attached see the same, and either may type", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using one = onTerminal(machine, ["run", "-it", "--name", "sh", ...shell]);
      await one.waitFor(prompt);
      await using two = onTerminal(machine, ["attach", "sh"]);
      await Bun.sleep(200);
      two.line("echo $((40+2))");
      await one.waitFor("42");
      await two.waitFor("42");
      one.line("exit");
      expect(await one.exit()).toBe(0);
      expect(await two.exit()).toBe(0);
      ok(await machine.run(["rm", "sh"]));
    });
  });
  test("a window that changes its size tells the container", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = onTerminal(machine, ["run", "-it", "--rm", ...shell], { columns: 80, rows: 24 });
      await pty.waitFor(prompt);
      pty.resize(100, 40);
      await Bun.sleep(200);
      pty.line("stty size");
      await pty.waitFor("40 100");
      pty.line("exit");
      expect(await pty.exit()).toBe(0);
    });
  });
  test("killing the one who started it leaves the container running, to be attached to again", async () => {
    await withMachine(["busybox"], async (machine) => {
      const pty = onTerminal(machine, ["run", "-it", "--name", "sh", ...shell]);
      await pty.waitFor(prompt);
      await pty[Symbol.asyncDispose]();
      expect(await status(machine, "sh")).toContain("Up");
      await using again = onTerminal(machine, ["attach", "sh"]);
      await Bun.sleep(200);
      again.line("exit 3");
      expect(await again.exit()).toBe(3);
      ok(await machine.run(["rm", "sh"]));
    });
  });
});

describe("without a terminal", () => {
  test("attach shows what is written from now on, to each stream its own, and ends with the exit code", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", "echo before; sleep 0.5; echo out; echo err >&2; exit 3");
      const { code, stdout, stderr } = await machine.run(["attach", "box"]);
      expect([code, stdout, stderr]).toEqual([3, "out\n", "err\n"]);
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("a foreground container can be watched from elsewhere", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "echo ready; sleep 0.5; echo more; exit 2";
      const { child } = await machine.start(["run", "--rm", "--name", "fore", "busybox", "sh", "-c", script]);
      const watching = await machine.run(["attach", "--no-stdin", "fore"]);
      expect([watching.code, watching.stdout]).toEqual([2, "more\n"]);
      expect(await child.exited).toBe(2);
    });
  });
  test("-i keeps stdin open for whoever attaches; what is started without it reads nothing", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "open", "read line; echo got $line", ["-i"]);
      await detached(machine, "closed", "read line; echo got nothing: $line");
      const attach = machine.spawn(["attach", "open"]);
      attach.stdin.write("hello\n");
      await attach.stdin.flush();
      expect(await attach.exited).toBe(0);
      expect(ok(await machine.run(["logs", "open"]))).toBe("got hello");
      expect(ok(await machine.run(["logs", "closed"]))).toBe("got nothing:");
      ok(await machine.run(["rm", "open", "closed"]));
    });
  });
  test("start -ai is its stdin, to the end of it", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "-i", "--name", "cat", "busybox", "cat"]));
      const text = "0123456789abcdef\n".repeat(20_000);
      expect((await machine.run(["start", "-ai", "cat"], { stdin: text })).stdout).toBe(text);
      ok(await machine.run(["rm", "cat"]));
    });
  });
  test("signals to the one who is attached are the container's, or not with --sig-proxy=false", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      const away = machine.spawn(["attach", "--sig-proxy=false", "box"]);
      await Bun.sleep(200);
      away.kill("SIGTERM");
      expect(await away.exited).toBe(143);
      expect(await status(machine, "box")).toContain("Up");
      const proxy = machine.spawn(["attach", "box"]);
      await Bun.sleep(200);
      proxy.kill("SIGTERM");
      expect(await proxy.exited).toBe(7);
      await until(async () => (await status(machine, "box")).includes("Exited (7)"), "it ended");
      ok(await machine.run(["rm", "box"]));
    });
  });
});

/** A shell script outside, with pipes of its own between the commands. */
const outside = async (machine: Machine, script: string): Promise<string> =>
  ok(await machine.exec(["sh", "-c", script], { env: { T: binary() } }));

describe("nobody waits on one side while he owes the other", () => {
  test("more than all the pipes hold goes into a container and comes out of it at once", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "-i", "--name", "cat", "--network", "none", "busybox", "cat"]));
      expect(await outside(machine, "head -c 400000 /dev/urandom | $T start -a -i cat | wc -c")).toBe("400000");
      const run = "$T run --rm -i --network none";
      for (const options of ["--health-cmd true", ""])
        expect(await outside(machine, `head -c 20000000 /dev/zero | ${run} ${options} busybox cat | wc -c`)).toBe(
          "20000000",
        );
      ok(await machine.run(["rm", "cat"]));
    });
  });
  test("a signal reaches a container that reads nothing and whose output nobody reads", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "trap 'exit 7' TERM; yes & while :; do sleep 0.05; done";
      for (const options of [["--health-cmd", "true"], []]) {
        const stdout = pipe();
        const words = ["run", "-i", "--name", "box", ...options, "busybox", "sh", "-c", script];
        const child = Bun.spawn(machine.command([binary(), ...words]), {
          stdio: ["pipe", stdout.write, "ignore"],
          env: machine.environment(),
        });
        close(stdout.write);
        // What it has not taken when it ends is an error of this pipe's.
        void Promise.resolve(child.stdin.write(Buffer.alloc(1 << 20))).catch(() => {});
        const last = async () => (await machine.run(["logs", "-n", "1", "box"])).stdout;
        await until(async () => (await last()).endsWith("y\n"), "it writes");
        child.kill("SIGTERM");
        await until(async () => (await status(machine, "box")).includes("Exited (7)"), "it has ended");
        ok(await machine.run(["rm", "box"]));
        close(stdout.read);
        expect(await child.exited).toBe(7);
      }
    });
  });
  test("who attaches later and reads slowly gets all of it", async () => {
    await withMachine(["busybox"], async (machine) => {
      // It says something until it is heard: then somebody is attached.
      await detached(machine, "box", "until [ -e /go ]; do echo; sleep 0.05; done; head -c 20000000 /dev/zero");
      const zeros = "tr -cd '\\000' | wc -c";
      const slowly = `head -c 1 >/dev/null; $T exec box touch /go; head -c 100000 | ${zeros}; sleep 1; ${zeros}`;
      const counts = await outside(machine, `$T attach box | { ${slowly}; }`);
      expect(counts.split("\n").reduce((sum, count) => sum + Number(count), 0)).toBe(20_000_000);
      ok(await machine.run(["rm", "box"]));
    });
  });
});
