/** From argv to one command of the OCI runtime: what stands before its name, its options, and what a failure prints. */

import { InterruptedError, UnsupportedError, UsageError } from "../../errors.ts";
import { unblockSignals } from "../../linux/signal.ts";
import { watchTrees } from "../../linux/tree/watch.ts";
import { absolutePath } from "../../paths.ts";
import { forwarded } from "../../runtime/forwarded.ts";
import { nearest, parseArgv } from "../words/argv.ts";
import type { Values } from "../words/command.ts";
import type { RuntimeCommand, RuntimeGlobal } from "./command.ts";
import { runtimeCommands } from "./commands.ts";
import { globalArgs } from "./global.ts";
import type { LogOptions } from "./log.ts";

const failed = 1;

/** Runs what the words ask for. @returns the exit code. */
export async function main(argv: string[]): Promise<number> {
  let log: LogOptions = { format: "text" };
  let code = failed;
  try {
    const global = parseArgv(globalArgs, argv, { optionsFirst: true }) as Values<typeof globalArgs>;
    log = logOptions(global);
    const [name, ...words] = global.command;
    if (global.version) return (await import("./version.ts")).printVersion();
    if (name === undefined || global.help || name === "help")
      return await (await import("./help.ts")).printHelp(words[0]);
    const command = await load(name);
    if (words.includes("--help") && !command.optionsFirst) return await (await import("./help.ts")).printHelp(name);
    code = command.failureCode ?? failed;
    if (command.takesSignals) watchTrees((done) => done?.work === "copying" && stop());
    else unblockSignals(forwarded);
    const args = parseArgv(command.args, words, { optionsFirst: command.optionsFirst ?? false });
    return (await command.run(args as never, environment(global, log))) ?? 0;
  } catch (error) {
    return logging().complain(error, log, error instanceof InterruptedError ? 128 + error.signal : code);
  }
}

/** Ends a long copy (tmpcopyup) if a signal waits. */
const stop = (): void =>
  (require("../../engine/image/interrupt.ts") as typeof import("../../engine/image/interrupt.ts")).endIfInterrupted();

/** Loaded for those who have something to say. */
const logging = () => require("./log.ts") as typeof import("./log.ts");

function logOptions({ log, "log-format": format }: Values<typeof globalArgs>): LogOptions {
  if (format !== "text" && format !== "json")
    throw new UsageError(`option --log-format is text or json, not ${JSON.stringify(format)}`);
  return { format, ...(log !== undefined && { path: log }) };
}

function environment(global: Values<typeof globalArgs>, log: LogOptions): RuntimeGlobal {
  const { root, rootless = "auto", "cgroup-manager": given, "systemd-cgroup": systemd } = global;
  const manager = given ?? (systemd ? "systemd" : "cgroupfs");
  if (manager !== "cgroupfs" && manager !== "systemd" && manager !== "disabled")
    throw new UsageError(`option --cgroup-manager is cgroupfs, systemd or disabled, not ${JSON.stringify(manager)}`);
  if (systemd && manager !== "systemd")
    throw new UsageError(`options --systemd-cgroup and --cgroup-manager ${manager}: only one of them can be given`);
  if (!["auto", "false", "0"].includes(rootless))
    throw new UnsupportedError(`option --rootless ${rootless} is not supported: it needs root`);
  const report = (level: "warning" | "debug") => (text: string) => logging().report(level, text, log);
  return {
    root: absolutePath(root, process.cwd()),
    cgroups: manager,
    warn: report("warning"),
    debug: global.debug ? report("debug") : () => {},
  };
}

async function load(name: string): Promise<RuntimeCommand> {
  const loader = Object.hasOwn(runtimeCommands, name) ? runtimeCommands[name] : undefined;
  if (loader) return (await loader()).default;
  if (name === "checkpoint" || name === "restore")
    throw new UnsupportedError(`${name} is not supported: containers are not saved while they run`);
  throw new UsageError(`unknown command ${JSON.stringify(name)}`, nearest(name, Object.keys(runtimeCommands)));
}
