/** `--help`: citty renders what the definitions say; we add the commands' table and the examples. */

import { isatty } from "../linux/tty.ts";
import { commands } from "./commands.ts";
import { rootfsMode } from "./container/run.ts";
import { findCommand, groups, isGroup } from "./groups.ts";
import { asCitty, type Command } from "./words/command.ts";
import { globalArgs } from "./words/global.ts";
import { printLine } from "./words/print.ts";

/** citty decides about colours when it is loaded, and does not ask whether anybody sees them. */
async function loadRenderer() {
  if (!isatty(1)) process.env.NO_COLOR = "1";
  return (await import("citty")).renderUsage;
}

/** Prints the help of a command, of a group, of a command in a group, or of tinydocker itself. */
export async function showHelp(name?: string, word?: string): Promise<number> {
  if (name === undefined || name === rootfsMode.meta.name) return await showOverview();
  if (isGroup(name) && word === undefined) return await showGroup(name);
  const command = await findCommand(commands, name, word);
  const renderUsage = await loadRenderer();
  printLine(await renderUsage(asCitty(withHelp(command)), { meta: { name: "tinydocker" } }));
  printExamples(command.examples);
  return 0;
}

async function showOverview(): Promise<number> {
  const renderUsage = await loadRenderer();
  const subCommands: Record<string, ReturnType<typeof asCitty>> = {};
  for (const [name, loader] of Object.entries(commands)) {
    const command = (await loader()).default;
    if (!command.meta.hidden) subCommands[name] = asCitty(command);
  }
  for (const [name, { description }] of Object.entries(groups)) subCommands[name] = { meta: { name, description } };
  const args = { ...rootfsMode.args, ...globalArgs };
  const meta = { name: "tinydocker", description: "Containers in one file" };
  printLine(await renderUsage({ meta, args: args as never, subCommands }));
  printExamples(["tinydocker run busybox.tar -- sh", ...rootfsMode.examples]);
  return 0;
}

async function showGroup(name: string): Promise<number> {
  const renderUsage = await loadRenderer();
  const subCommands: Record<string, ReturnType<typeof asCitty>> = {};
  const { description, commands: members } = groups[name]!;
  for (const word of Object.keys(members)) subCommands[word] = asCitty(await findCommand(commands, name, word));
  printLine(await renderUsage({ meta: { name, description }, subCommands }, { meta: { name: "tinydocker" } }));
  return 0;
}

const withHelp = (command: Command): Command => ({ ...command, args: { ...command.args, help: globalArgs.help } });

function printExamples(examples: string[]): void {
  printLine("\nEXAMPLES\n");
  for (const example of examples) printLine(`  ${example}`);
}
