/** `--help`: citty renders what the definitions say; we add the commands' table and the examples. */

import { UsageError } from "../errors.ts";
import { isatty } from "../linux/tty.ts";
import { nearest } from "./argv.ts";
import { asCitty, type Command } from "./command.ts";
import { commands } from "./commands.ts";
import { globalArgs } from "./global.ts";
import { printLine } from "./print.ts";
import { original } from "./run.ts";

/** citty decides about colours when it is loaded, and does not ask whether anybody sees them. */
async function loadRenderer() {
  if (!isatty(1)) process.env.NO_COLOR = "1";
  return (await import("citty")).renderUsage;
}

/** Prints the help of one command, or of tinydocker itself. */
export async function showHelp(name?: string): Promise<number> {
  if (name === undefined || name === original.meta.name) return await showOverview();
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) throw new UsageError(`unknown command ${JSON.stringify(name)}`, nearest(name, Object.keys(commands)));
  const { default: command } = await load();
  const renderUsage = await loadRenderer();
  printLine(await renderUsage(asCitty(withHelp(command)), { meta: { name: "tinydocker" } }));
  printExamples(command.examples);
  return 0;
}

async function showOverview(): Promise<number> {
  const renderUsage = await loadRenderer();
  const subCommands: Record<string, ReturnType<typeof asCitty>> = {};
  for (const [name, load] of Object.entries(commands)) subCommands[name] = asCitty((await load()).default);
  const args = { ...original.args, ...globalArgs };
  printLine(
    await renderUsage({
      meta: { name: "tinydocker", description: "Containers in one file" },
      args: args as never,
      subCommands,
    }),
  );
  printExamples(["tinydocker run busybox.tar -- sh", ...original.examples]);
  return 0;
}

const withHelp = (command: Command): Command => ({ ...command, args: { ...command.args, help: globalArgs.help } });

function printExamples(examples: string[]): void {
  printLine("\nEXAMPLES\n");
  for (const example of examples) printLine(`  ${example}`);
}
