/** tmux as the terminal of a container: leaving it, coming back from another window, and windows that change their size. */

import { expect } from "bun:test";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { detached, ok, status, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("tmux"));

/** A tmux server of the test's own; it ends by itself with its last window. */
class Tmux {
  private readonly socket: string;
  constructor(private readonly machine: Machine) {
    this.socket = join(machine.tmp, "tmux");
  }

  async command(...words: string[]): Promise<string> {
    return ok(await this.machine.exec(["tmux", "-f", "/dev/null", "-S", this.socket, ...words]));
  }

  /** A server with one window, which has a shell that waits for commands. */
  async start(columns: number, rows: number): Promise<void> {
    const size = ["-x", String(columns), "-y", String(rows)];
    await this.command("new-session", "-d", "-s", "test", ...size, "-n", "first", "env", "PS1=out> ", "sh");
    await this.sees("first", /^out>/m);
  }

  async window(name: string): Promise<void> {
    await this.command("new-window", "-d", "-t", "test", "-n", name, "env", "PS1=out> ", "sh");
    await this.sees(name, /^out>/m);
  }

  resize = (window: string, columns: number, rows: number) =>
    this.command("resize-window", "-t", `test:${window}`, "-x", String(columns), "-y", String(rows));

  /** Keys by tmux's names, or text. */
  press = (window: string, ...keys: string[]) => this.command("send-keys", "-t", `test:${window}`, ...keys);

  line = (window: string, text: string) => this.press(window, text, "Enter");

  /** All that a window shows now and has shown. */
  screen = (window: string) => this.command("capture-pane", "-p", "-J", "-S", "-", "-t", `test:${window}`);

  async sees(window: string, wanted: RegExp): Promise<void> {
    let screen = "";
    const found = async () => {
      screen = await this.screen(window);
      return wanted.test(screen);
    };
    await until(found, `${window} shows ${wanted}`).catch((error: Error) => {
      throw new Error(`${error.message}; it shows:\n${screen}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine.exec(["tmux", "-S", this.socket, "kill-server"]);
    await this.machine.exec(["rm", "-f", this.socket]);
  }
}

/** A shell in a window comes to see the window's new size, which tmux may pass on a quarter of a second later. */
async function resized(tmux: Tmux, window: string, columns: number, rows: number): Promise<void> {
  await tmux.resize(window, columns, rows);
  await tmux.line(
    window,
    `until [ "$(stty size)" = "${rows} ${columns}" ]; do sleep 0.05; done; echo size $(stty size)`,
  );
  await tmux.sees(window, new RegExp(`^size ${rows} ${columns}$`, "m"));
}

test("a container in one window is left with its keys, taken up in another, follows its size, and ends with its code", async () => {
  await withMachine(["busybox"], async (machine) => {
    await using tmux = new Tmux(machine);
    await tmux.start(90, 30);
    await tmux.line("first", `${binary()} run -it --name sh -e PS1='in> ' busybox sh; echo code $?`);
    await tmux.sees("first", /^in>/m);
    await tmux.line("first", "left=behind; stty size");
    await tmux.sees("first", /^30 90$/m);
    await resized(tmux, "first", 70, 20);
    await tmux.press("first", "C-p", "C-q");
    await tmux.sees("first", /code 0$/m);
    expect(await status(machine, "sh")).toContain("Up");

    await tmux.window("second");
    await tmux.resize("second", 101, 41);
    await tmux.line("second", `${binary()} attach sh; echo code $?`);
    // The new size makes the shell's next line; nothing is shown of what was before.
    await tmux.line("second", "echo $left $(stty size)");
    await tmux.sees("second", /^behind 41 101$/m);
    await resized(tmux, "second", 60, 15);

    await tmux.line("first", `${binary()} attach sh; echo code $?`);
    await tmux.line("first", "echo both $((40+2))");
    await tmux.sees("second", /^both 42$/m);
    await tmux.line("second", "exit 9");
    await tmux.sees("second", /code 9$/m);
    await tmux.sees("first", /code 9$/m);
    // Both windows are terminals as they were: what is typed is seen and run.
    for (const window of ["first", "second"]) {
      await tmux.line(window, "echo again $((1+1))");
      await tmux.sees(window, /^again 2$/m);
    }
    ok(await machine.run(["rm", "sh"]));
  });
});

test("a program that draws the whole screen is told of a window's new size, in a container and by exec in it", async () => {
  await withMachine(["busybox"], async (machine) => {
    await using tmux = new Tmux(machine);
    await tmux.start(80, 24);
    await detached(machine, "box", "exec sleep 1000");
    const script = "trap 'echo now $(stty size)' WINCH; echo ready; while :; do sleep 0.05; done";
    await tmux.line("first", `${binary()} run -it --rm busybox sh -c "${script.replaceAll("$", "\\$")}"; echo code $?`);
    await tmux.window("second");
    await tmux.line("second", `${binary()} exec -it box sh -c "${script.replaceAll("$", "\\$")}"; echo code $?`);
    for (const window of ["first", "second"]) {
      await tmux.sees(window, /^ready$/m);
      await tmux.resize(window, 66, 33);
      await tmux.sees(window, /^now 33 66$/m);
      await tmux.press(window, "C-c");
      await tmux.sees(window, /code 130$/m);
    }
    ok(await machine.run(["rm", "-f", "box"]));
  });
});

test("a window that is closed leaves its container running, whoever opened it; one with --rm ends", async () => {
  await withMachine(["busybox"], async (machine) => {
    const inWindows = async (...lines: string[]) => {
      await using tmux = new Tmux(machine);
      await tmux.start(80, 24);
      for (const [index, line] of lines.entries()) {
        if (index > 0) await tmux.window(`w${index}`);
        const window = index === 0 ? "first" : `w${index}`;
        await tmux.line(window, `${binary()} ${line}`);
        await Bun.sleep(300);
        await tmux.line(window, "echo $((40+2))");
        await tmux.sees(window, /^42$/m);
      }
    };
    await inWindows("run -it --name sh busybox sh", "attach sh");
    expect(await status(machine, "sh")).toContain("Up");
    await inWindows("attach sh");
    expect(await status(machine, "sh")).toContain("Up");
    ok(await machine.run(["kill", "sh"]));
    await inWindows("start -ai sh");
    expect(await status(machine, "sh")).toContain("Up");
    ok(await machine.run(["rm", "-f", "sh"]));
    await inWindows("run -it --rm --name sh busybox sh");
    await until(async () => (await status(machine, "sh")) === "", "it is gone");
  });
});
