/** Containers on a real terminal, driven as a person would: keys, sizes, job control, and the terminal given back. */

import { describe, expect } from "bun:test";
import { binary } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";

const test = needing(root);

const prompt = "ready> ";

/** tinydocker as the terminal's first program. */
const onTerminal = (machine: Machine, args: string[], size: { columns?: number; rows?: number } = {}) =>
  new Pty(machine.command([binary(), ...args]), { ...size, env: machine.environment(), cwd: machine.directory });

/** A shell on the terminal, outside of any container, with tinydocker as $T: what a person has. */
async function shellOutside(machine: Machine): Promise<Pty> {
  const env = machine.environment({ PS1: "outside> ", T: `${binary()} run --rm -m 0 -c 0 --pids-limit 0` });
  const pty = new Pty(machine.command(["sh", "-i"]), { env, cwd: machine.directory });
  await pty.waitFor("outside> ");
  return pty;
}

/** One line of the shell outside: what it printed until the next prompt. */
async function outside(pty: Pty, line: string): Promise<string> {
  pty.line(line);
  await pty.waitFor("\r\n");
  const [text] = await pty.waitFor(/[\s\S]*?(?=outside> )/);
  await pty.waitFor("outside> ");
  return text.replaceAll("\r", "");
}

const shell = ["run", "--rm", "-e", `PS1=${prompt}`, "busybox", "sh"];

describe("a shell on a terminal, without -i or -t", () => {
  test("has a terminal of its own, which it controls, and ends with its exit code", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = onTerminal(machine, shell);
      await pty.waitFor(prompt);
      pty.line("tty; echo $((6*7)) $TERM");
      await pty.waitFor(/^\/dev\/(console|pts\/0)\r$/m);
      await pty.waitFor("42 xterm");
      pty.line("exit 5");
      expect(await pty.exit()).toBe(5);
    });
  });
  test("is not the caller's terminal: that is nowhere inside (R13)", async () => {
    await withMachine(["probe"], async (machine) => {
      await using pty = onTerminal(machine, ["run", "--rm", "probe", "/bin/probe", "tty"]);
      const [text] = await pty.waitFor(/\{.*\}/);
      expect(JSON.parse(text)).toMatchObject({
        0: "/dev/pts/0",
        1: "/dev/pts/0",
        2: "/dev/pts/0",
        controlling: true,
        foreground: true,
      });
      expect(await pty.exit()).toBe(0);
      await using fds = onTerminal(machine, ["run", "--rm", "-t=false", "probe", "/bin/probe", "fds"]);
      const inherited = JSON.parse((await fds.waitFor(/\{.*\}/))[0]) as Record<string, string>;
      for (const target of Object.values(inherited)) expect(target).toMatch(/^pipe:/);
      expect(await fds.exit()).toBe(0);
    });
  });
  test("ends with Ctrl-D", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = onTerminal(machine, shell);
      await pty.waitFor(prompt);
      pty.press("ctrl-d");
      expect(await pty.exit()).toBe(0);
    });
  });
  test("is the same with -it, and with --init", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const option of ["-it", "--init"]) {
        await using pty = onTerminal(machine, ["run", option, ...shell.slice(1)]);
        await pty.waitFor(prompt);
        pty.line("sleep 60; echo interrupted with $?");
        await Bun.sleep(150);
        pty.press("ctrl-c");
        await pty.waitFor(prompt);
        pty.line("exit 6");
        expect([option, await pty.exit()]).toEqual([option, 6]);
      }
    });
  });
  test("starts each time under --init: the terminal is the program's before it looks", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (let turn = 0; turn < 25; turn++) {
        await using pty = onTerminal(machine, ["run", "--init", ...shell.slice(1)]);
        await pty.waitFor(prompt);
        pty.line("exit 3");
        expect([turn, await pty.exit()]).toEqual([turn, 3]);
      }
    });
  });
  test("has no complaint about job control", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const option of [[], ["--init"]]) {
        await using pty = onTerminal(machine, ["run", ...option, ...shell.slice(1)]);
        await pty.waitFor(prompt);
        expect(pty.output).not.toMatch(/can't access tty|job control/);
        pty.line("exit");
        await pty.exit();
      }
    });
  });
});

describe("size", () => {
  test("is the caller's from the first line on, and follows it", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = onTerminal(machine, shell, { columns: 101, rows: 37 });
      await pty.waitFor(prompt);
      pty.line("stty size");
      await pty.waitFor("37 101");
      pty.resize(66, 20);
      pty.line("stty size");
      await pty.waitFor("20 66");
      pty.line("exit");
      await pty.exit();
    });
  });
  test("is told to a program that waits for it (SIGWINCH)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "trap 'stty size' WINCH; trap 'exit 130' INT; echo waiting; while :; do sleep 0.05; done";
      await using pty = onTerminal(machine, ["run", "--rm", "busybox", "sh", "-c", script]);
      await pty.waitFor("waiting");
      pty.resize(90, 30);
      await pty.waitFor("30 90");
      pty.resize(91, 31);
      await pty.waitFor("31 91");
      pty.press("ctrl-c");
      expect(await pty.exit()).toBe(130);
    });
  });
});

describe("keys", () => {
  test("Ctrl-C interrupts the program in the foreground and leaves the shell", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = onTerminal(machine, shell);
      await pty.waitFor(prompt);
      pty.line("sleep 60");
      await Bun.sleep(150);
      pty.press("ctrl-c");
      await pty.waitFor(prompt);
      pty.line("echo still $?");
      await pty.waitFor("still 130");
      pty.line("exit");
      expect(await pty.exit()).toBe(0);
    });
  });
  test.each([
    ["Ctrl-C", "ctrl-c", 130],
    ["Ctrl-\\", "ctrl-\\", 131],
  ] as const)(
    "%s ends a container whose only program does not handle it, as it does outside",
    async (_name, key, code) => {
      await withMachine(["busybox"], async (machine) => {
        await using pty = await shellOutside(machine);
        pty.line("$T busybox sh -c 'echo running; exec sleep 60'");
        await pty.waitFor("\nrunning");
        // The shell has a handler, the program that takes its place has none.
        const sleeps = () => machine.snapshot().processes.some((title) => title.startsWith("sleep 60"));
        for (let waited = 0; !sleeps() && waited < 4000; waited += 20) await Bun.sleep(20);
        pty.press(key);
        await pty.waitFor("outside> ");
        expect(await outside(pty, "echo code $?")).toBe(`code ${code}\n`);
      });
    },
  );
  test("Ctrl-Z stops a job, fg takes it up again, jobs knows it", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = onTerminal(machine, shell);
      await pty.waitFor(prompt);
      pty.line("cat");
      await Bun.sleep(150);
      pty.press("ctrl-z");
      await pty.waitFor(/Stopped/);
      await pty.waitFor(prompt);
      pty.line("jobs");
      await pty.waitFor(/Stopped.*cat/);
      pty.line("fg");
      await pty.waitFor("cat");
      pty.line("through");
      await pty.waitFor("through\r\nthrough");
      pty.press("ctrl-d");
      await pty.waitFor(prompt);
      pty.line("exit 3");
      expect(await pty.exit()).toBe(3);
    });
  });
  test("every byte a person can type arrives as it is", async () => {
    await withMachine(["busybox"], async (machine) => {
      // Without detach keys: two of the bytes are those.
      const options = ["run", "--rm", "--detach-keys", ""];
      await using pty = onTerminal(machine, [
        ...options,
        "busybox",
        "sh",
        "-c",
        "stty raw -echo; echo go; head -c 255 | md5sum",
      ]);
      await pty.waitFor("go");
      const bytes = Buffer.from(Array.from({ length: 127 }, (_, index) => index + 1));
      const text = bytes.toString("latin1") + "é".repeat(64);
      pty.type(text);
      await pty.waitFor(new Bun.CryptoHasher("md5").update(Buffer.from(text)).digest("hex"));
      expect(await pty.exit()).toBe(0);
    });
  });
});

describe("output", () => {
  test("of a megabyte comes through complete, up to the last word", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = onTerminal(machine, ["run", "--rm", "busybox", "sh", "-c", "seq 150000; echo the end"]);
      await pty.waitFor("the end");
      expect(await pty.exit()).toBe(0);
      const numbers = pty.output.match(/^\d+(?=\r$)/gm)!;
      expect(numbers.length).toBe(150000);
      expect(Number(numbers.at(-1))).toBe(150000);
    });
  });
  test("into a pipe or a file is not a terminal's: no carriage returns, and 2>file gets its own", async () => {
    await withMachine(["busybox"], async (machine) => {
      await using pty = await shellOutside(machine);
      expect(await outside(pty, "$T busybox sh -c 'echo one; echo two' | od -c | head -n 1")).toContain(
        "o   n   e  \\n   t   w   o  \\n",
      );
      expect(
        await outside(pty, "$T busybox sh -c 'echo out; echo err >&2' 2>tmp/err; cat tmp/err | tr a-z A-Z; rm tmp/err"),
      ).toBe("out\nERR\n");
      expect(await outside(pty, "echo piped | $T busybox cat")).toBe("piped\n");
    });
  });
});

describe("the terminal is given back as it was", () => {
  const endings: [title: string, command: string, code: number][] = [
    ["after a program that left it raw", "$T busybox sh -c 'stty raw -echo; exit 4'", 4],
    ["after a signal", "$T busybox sh -c 'sh -c \"kill -9 \\$\\$\"; exit 137'", 137],
    ["after an error of ours", "$T -u ghost busybox true", 125],
    ["after a program that is not there", "$T busybox nonsense", 127],
    ["after a mistake on the command line", "$T --memry 5 busybox", 125],
    ["after a mount that fails", "$T --mount type=bind,src=/no/such,dst=/x busybox true", 125],
  ];
  for (const [title, command, code] of endings) {
    test(title, async () => {
      await withMachine(["busybox"], async (machine) => {
        await using pty = await shellOutside(machine);
        const before = await outside(pty, "stty -g");
        await outside(pty, `${command}; echo code $? >tmp/code`);
        expect(await outside(pty, "stty -g")).toBe(before);
        expect(await outside(pty, "cat tmp/code; rm tmp/code")).toBe(`code ${code}\n`);
      });
    });
  }
  for (const signal of ["KILL", "TERM"] as const) {
    test(`after the container is ended by SIG${signal} from outside`, async () => {
      await withMachine(["busybox"], async (machine) => {
        await using pty = await shellOutside(machine);
        const before = await outside(pty, "stty -g");
        pty.line("$T busybox sh -c 'stty raw; echo running; exec sleep 60'");
        await pty.waitFor("\nrunning");
        const titled = (title: string) => machine.snapshot().processes.find((one) => one.startsWith(title));
        await until(() => titled("sleep 60") !== undefined, "the container sleeps");
        const pid = (title: string) => Number(/pid (\d+)/.exec(titled(title)!)![1]);
        process.kill(pid(signal === "KILL" ? "sleep 60" : binary()), `SIG${signal}`);
        await pty.waitFor("outside> ");
        expect(await outside(pty, "echo code $?; stty -g")).toBe(`code ${signal === "KILL" ? 137 : 143}\n${before}`);
      });
    });
  }
  test("when it goes away the container does too", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const script of ["sh", "exec sleep 60", "trap '' HUP; cat"]) {
        await using pty = onTerminal(machine, [
          "run",
          "--rm",
          "-e",
          `PS1=${prompt}`,
          "busybox",
          "sh",
          "-c",
          `echo here; ${script}`,
        ]);
        await pty.waitFor("here");
        pty.hangUp();
        expect([script, await pty.exit().catch(() => "still running")]).toEqual([script, expect.any(Number)]);
      }
    });
  });
});

test("several containers on one terminal, one after the other, as in a script", async () => {
  await withMachine(["busybox"], async (machine) => {
    await using pty = await shellOutside(machine);
    expect(await outside(pty, "for i in 1 2 3; do $T busybox echo $i; done")).toBe("1\n2\n3\n");
  });
});
