/** Drives a program on a real terminal, as a person would: types, waits for what appears, presses keys, resizes. */

import { binary } from "./cli.ts";
import { patienceMs } from "./patience.ts";
import type { Sandbox } from "./sandbox.ts";

const keys = {
  enter: "\r",
  tab: "\t",
  escape: "\x1b",
  up: "\x1b[A",
  "ctrl-a": "\x01",
  "ctrl-c": "\x03",
  "ctrl-d": "\x04",
  "ctrl-p": "\x10",
  "ctrl-q": "\x11",
  "ctrl-z": "\x1a",
  "ctrl-\\": "\x1c",
};

export class Pty {
  /** All that appeared so far, escape sequences included. */
  output = "";
  /** Up to where waitFor() has looked. */
  private seen = 0;
  private readonly child: Bun.Subprocess;
  private readonly terminal: Bun.Terminal;

  constructor(argv: string[], options: { env: Record<string, string>; cwd: string; columns?: number; rows?: number }) {
    const decoder = new TextDecoder();
    // Only a terminal made by spawn becomes the controlling terminal of the program.
    this.child = Bun.spawn(argv, {
      env: options.env,
      cwd: options.cwd,
      terminal: {
        cols: options.columns ?? 80,
        rows: options.rows ?? 24,
        data: (_, data) => {
          this.output += decoder.decode(data, { stream: true });
        },
      },
    });
    this.terminal = this.child.terminal as Bun.Terminal;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** The terminal's settings, to see whether a program gave them back. */
  get modes() {
    const { inputFlags, outputFlags, localFlags, controlFlags } = this.terminal;
    return { inputFlags, outputFlags, localFlags, controlFlags };
  }

  type(text: string): void {
    this.terminal.write(text);
  }

  /** Types a line and Enter. */
  line(text: string): void {
    this.type(`${text}\r`);
  }

  press(key: keyof typeof keys): void {
    this.type(keys[key]);
  }

  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows);
  }

  /** Takes the terminal away, as closing a window or losing a connection does. */
  hangUp(): void {
    this.terminal.close();
  }

  /** Waits until a text appears after what was waited for before. @returns the match. @throws Error that shows the screen. */
  async waitFor(wanted: string | RegExp, withinMs = patienceMs): Promise<RegExpExecArray> {
    const pattern = typeof wanted === "string" ? new RegExp(RegExp.escape(wanted)) : wanted;
    const deadline = Date.now() + withinMs;
    for (;;) {
      const match = pattern.exec(this.output.slice(this.seen));
      if (match) {
        this.seen += match.index + match[0].length;
        return match;
      }
      if (Date.now() > deadline) throw new Error(`${pattern} did not appear within ${withinMs} ms in:\n${this.output}`);
      await Bun.sleep(5);
    }
  }

  /** Waits for the program to end. @returns its exit code, 128 + n after signal n. */
  async exit(withinMs = patienceMs): Promise<number> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`still running after ${withinMs} ms:\n${this.output}`)),
      withinMs,
    );
    return Promise.race([this.child.exited, late.promise]).finally(() => clearTimeout(timer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
    if (!this.terminal.closed) this.terminal.close();
  }
}

/** The compiled binary on a terminal, inside a sandbox. */
export function ptyIn(sandbox: Sandbox, args: string[], options: { columns?: number; rows?: number } = {}): Pty {
  return new Pty(sandbox.command([binary(), ...args]), {
    ...options,
    env: sandbox.environment(),
    cwd: sandbox.directory,
  });
}
