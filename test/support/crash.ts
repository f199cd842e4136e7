/** tinydocker with two commands that have a bug: `man` throws at once, `info` when nobody listens any more. Compiled by crash.test.ts. */

import { commands } from "../../src/cli/commands.ts";
import type { Command } from "../../src/cli/words/command.ts";

function bug(): never {
  throw new TypeError("this is a bug");
}

const command = (name: string, run: Command["run"]): Command => ({
  meta: { name, description: "Crash" },
  args: {},
  examples: [],
  run,
});

commands.man = () => ({ default: command("man", bug) });
commands.info = () => ({
  default: command("info", () => {
    setTimeout(bug, 1);
    return new Promise(() => {});
  }),
});
await import("../../src/main.ts");
