/** From argv to one command: global options, the command's name, its options, help, and what a failure prints. */

import { endIfInterrupted } from "../engine/image/interrupt.ts";
import { requireRoot } from "../engine/record/root.ts";
import { hasCode, ourFailure, UsageError } from "../errors.ts";
import { onLockWait } from "../linux/flock.ts";
import { unblockSignals } from "../linux/signal.ts";
import { statIfAny } from "../linux/stat.ts";
import { absolutePath, chooseConfig, configFile, defaultRoot, isDoubtful, pathsOf } from "../paths.ts";
import { forwarded } from "../runtime/forwarded.ts";
import { commands } from "./commands.ts";
import type { Given } from "./given.ts";
import { parseArgv, parseCommand, withHelp } from "./words/argv.ts";
import type { Command, Global } from "./words/command.ts";

const otherFailure = 1;

/** Runs what the words ask for. @returns the exit code. */
export async function main(argv: string[]): Promise<number> {
  let failureCode = ourFailure;
  try {
    const { rest, want, firewall, config, ...before }: Given = argv[0]?.startsWith("-")
      ? given().takeGlobal(argv)
      : { rest: argv };
    // Whoever is still typing gets no error.
    if (argv.some(isDoubtful) && rest[0] !== "__complete") utf8().checkWords(argv);
    const root = stateRoot(before.root);
    if (config !== undefined) chooseConfig(configPath(config));
    const global: Global = { root, commands };
    const name = rest[0];
    if (want !== undefined || name === undefined || name === "help") failureCode = otherFailure;
    if (want === "version") return await runCommand((await import("./system/version.ts")).shortVersion, [], global);
    if (want === "help" || name === undefined) return await printHelp();
    if (firewall !== undefined) chooseFirewall(root, firewall);
    if (name.startsWith("-"))
      return await runCommand((await import("./container/rootfs-mode.ts")).rootfsMode, rest, global);
    if (name === "help") return await printHelp(...rest.slice(1));
    const grouped = !Object.hasOwn(commands, name);
    if (name !== "run" && !(grouped && rest[1] === "run")) failureCode = otherFailure;
    if (!grouped) return await runCommand(await load(name), rest.slice(1), global);
    const word = rest[1];
    if (word === undefined || word === "--help" || word === "-h") return await printHelp(name);
    return await runCommand(await load(name, word), rest.slice(2), global);
  } catch (error) {
    return saying().complain(error, failureCode);
  }
}

const utf8 = () => require("./words/utf8.ts") as typeof import("./words/utf8.ts");

/** Loaded when there is something to say. */
const saying = () => require("./complain.ts") as typeof import("./complain.ts");

/** Loaded for who has something before the command's name. */
const given = () => require("./given.ts") as typeof import("./given.ts");

/** The state root, without slashes at its end. @param given by an option */
function stateRoot(given: string | undefined): string {
  for (const name of ["TINYDOCKER_ROOT", "TINYDOCKER_CONFIG"])
    if (isDoubtful(process.env[name] ?? "")) utf8().checkVariable("the environment", name);
  return withoutSlashes(absolutePath(given ?? (process.env.TINYDOCKER_ROOT || defaultRoot), process.cwd()));
}

/** A directory's path without those at its end. */
function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}

/** Docker's option of this name is a directory. */
function configPath(text: string): string {
  const path = absolutePath(text, process.cwd());
  const found = statIfAny(path);
  if (!found) throw new UsageError(`option --config: there is no file ${text}`);
  if (found.type === "directory")
    throw new UsageError(`option --config: ${text} is a directory`, "a file as /etc/tinydocker/config.json");
  return path;
}

/** Loaded for those who name one: it stays chosen for the state root. */
function chooseFirewall(root: string, driver: string): void {
  if (driver !== "nft" && driver !== "iptables")
    throw new UsageError(
      `option --firewall: ${driver} is not a firewall driver`,
      "--firewall nft, or --firewall iptables",
    );
  requireRoot("setting up networks");
  const { readConfig } = require("../engine/record/config.ts") as typeof import("../engine/record/config.ts");
  const { useFirewall } = require("../engine/network/firewall.ts") as typeof import("../engine/network/firewall.ts");
  const configured = readConfig().firewall;
  if (configured !== undefined && configured !== driver)
    throw new UsageError(`option --firewall: ${configFile().path} says ${configured}, for all networks of this host`);
  useFirewall(pathsOf(root), driver);
}

/** A command by its name, or by its group's and the word after it; the groups are not loaded for others. */
async function load(name: string, word?: string): Promise<Command> {
  if (Object.hasOwn(commands, name)) return (await commands[name]!()).default;
  const { findCommand } = await import("./groups.ts");
  return await findCommand(commands, name, word);
}

async function runCommand(command: Command, argv: string[], global: Global): Promise<number> {
  if (asksForHelp(command, argv)) return await printHelp(...command.meta.name.split(" "));
  // Whoever is still typing gets no error.
  if (command.meta.name !== "__complete") checkRoot(global.root);
  // It has the options of the command that it explains.
  if (command.meta.name === "explain" && argv[0] === "run" && asksForHelp(await load("run"), argv.slice(1)))
    return await printHelp("run");
  // They have been blocked since before there were threads, which would take them (main.ts).
  if (command.takesSignals) onLockWait(endIfInterrupted);
  else unblockSignals(forwarded);
  try {
    return (await command.run(parseCommand(command, argv) as never, global)) ?? 0;
  } catch (error) {
    throw withHelp(error, command.meta.name);
  }
}

/** A file would look like a state root with nothing in it. */
function checkRoot(root: string): void {
  try {
    const type = statIfAny(root)?.type ?? "directory";
    if (type !== "directory") throw new UsageError(`the state root ${root} is not a directory`, "--root DIR");
  } catch (error) {
    // Without root others may have it, and there is nothing to see.
    if (!hasCode(error, "EACCES")) throw error;
  }
}

/** `--help` anywhere among our own options; after an image it belongs to the container. `-h` alone: with a name it is a host's. */
function asksForHelp(command: Command, argv: string[]): boolean {
  if (argv.length === 1 && argv[0] === "-h") return true;
  const end = argv.indexOf("--");
  const words = end < 0 ? argv : argv.slice(0, end);
  if (!command.optionsFirst) return words.includes("--help");
  if (!words.includes("--help")) return false;
  const { globalArgs } = require("./words/global.ts") as typeof import("./words/global.ts");
  const help = { ...command.args, help: globalArgs.help };
  // With the operands optional: `run --help` has no image.
  const optional = Object.entries(help).map(([name, argument]) => [name, { ...argument, required: false }]);
  return parseArgv(Object.fromEntries(optional), argv, { optionsFirst: true }).help === true;
}

async function printHelp(...words: string[]): Promise<number> {
  const { showHelp } = await import("./help.ts");
  return await showHelp(...words);
}
