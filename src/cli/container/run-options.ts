/** What a container is given: arguments as options of a run. What checks values is loaded for those who give some. */

import { getSize, isatty } from "../../linux/tty.ts";
import type { MountRequest } from "../../plan/mounts.ts";
import { noNetworkOptions } from "../../plan/network/options.ts";
import { noOptions, type RunOptions } from "../../plan/options.ts";
import type { Arguments, Values } from "../words/command.ts";
import { readEnv } from "./caller.ts";
import { networkArgs } from "./network-args.ts";
import { processArgs } from "./process-args.ts";
import type { commonArgs, createArgs } from "./run-args.ts";

/** What checks values is loaded for those who give some: each function that is there costs a start, called or not. */
export const units = () => require("../words/units.ts") as typeof import("../words/units.ts");

/** Whether a value was given to any of these options. */
export function isAnyGiven(args: Record<string, unknown>, options: Arguments): boolean {
  for (const name in options) {
    const value = args[name];
    if (Array.isArray(value) ? value.length > 0 : value !== undefined) return true;
  }
  return false;
}

export function ownOptions(args: Values<typeof createArgs>): Partial<RunOptions> {
  const mounts = readMounts(args);
  const network = readNetwork(args);
  return {
    ...(args.entrypoint !== undefined && { entrypoint: args.entrypoint === "" ? [] : [args.entrypoint] }),
    ...(args["pids-limit"] !== undefined && { pidsLimit: units().parsePidsLimit(args["pids-limit"]) }),
    ...(args.workdir && { workdir: units().parseWorkdir(args.workdir) }),
    ...(args.user && { user: units().parseUser(args.user) }),
    mounts,
    env: readEnv(args),
    network,
    ...readProcess(args, network),
    ...readSecurity(args["security-opt"]),
    readOnly: args["read-only"] ?? false,
    privileged: args.privileged ?? false,
    capAdd: args["cap-add"],
    capDrop: args["cap-drop"],
    ...(args.secret.length > 0 && { secrets: readSecrets(args.secret, mounts) }),
  };
}

/** Loaded for those who have some. */
const readSecrets = (words: string[], mounts: MountRequest[]) =>
  (require("../words/secret.ts") as typeof import("../words/secret.ts")).parseSecrets(words, mounts);

/** Loaded for those who have mounts. */
export const parsers = () => require("./mounts.ts") as typeof import("./mounts.ts");

function readMounts(args: Values<typeof createArgs>): MountRequest[] {
  const mounts = readGivenMounts(args);
  if (!args["read-only-tmpfs"]) return mounts;
  const { withTmpfs } = require("./tmpfs.ts") as typeof import("./tmpfs.ts");
  return withTmpfs(mounts, args["read-only"] ?? false);
}

function readGivenMounts(args: Values<typeof createArgs>): MountRequest[] {
  if (args["volume-driver"] !== undefined) parsers().checkVolumeDriver("--volume-driver", args["volume-driver"]);
  if (args.volume.length + args.mount.length + args.tmpfs.length === 0) return [];
  const { callerOf, parseMounts } = parsers();
  return parseMounts(args, callerOf(process.env));
}

type CommonValues = Values<typeof commonArgs>;

/** The options of rootfs mode. */
export function commonOptions(args: CommonValues, command: string[], terminal: boolean): RunOptions {
  return {
    ...noOptions,
    command,
    ...(args.hostname !== undefined && { hostname: units().parseHostname(args.hostname) }),
    ...readLimits(args),
    terminal,
    ...(terminal && isatty(0) && { terminalSize: getSize(0) }),
  };
}

/** What was said of CPUs and memory; what the machine has is looked at for those alone. */
export function readLimits({ cpus, memory }: Pick<CommonValues, "cpus" | "memory">): Pick<RunOptions, Limit> {
  if (cpus === undefined && memory === undefined) return {};
  const limits = {
    ...(cpus !== undefined && { cpus: units().parseCpus(cpus) }),
    ...(memory !== undefined && { memoryBytes: units().parseMemory(memory) }),
  };
  const { checkCpus, checkMemory, readMachine } =
    require("../words/machine.ts") as typeof import("../words/machine.ts");
  const machine = readMachine();
  if (limits.cpus !== undefined) {
    const isShort = !process.argv.some((word) => word.startsWith("--cpus"));
    checkCpus(cpus!, limits.cpus, machine, isShort);
  }
  if (limits.memoryBytes !== undefined) checkMemory(memory!, limits.memoryBytes, machine);
  return limits;
}

type Limit = "cpus" | "memoryBytes";

/** Loaded for those who ask for more than everybody has. */
function readProcess(args: Values<typeof createArgs>, network: RunOptions["network"]): Pick<RunOptions, "process"> {
  if (!isAnyGiven(args, processArgs)) return {};
  const { parseProcessOptions } = require("./process.ts") as typeof import("./process.ts");
  return { process: parseProcessOptions(args, network) };
}

/** Loaded for those who ask for more, or less, than everybody has. */
function readSecurity(words: string[]): Pick<RunOptions, "security"> {
  if (words.length === 0) return {};
  return { security: (require("./security.ts") as typeof import("./security.ts")).parseSecurity(words) };
}

/** Loaded for those who ask for more than everybody has. */
function readNetwork(args: Values<typeof createArgs>): RunOptions["network"] {
  const { network, ...more } = networkArgs;
  const [first, ...others] = args.network;
  if (others.length === 0 && !isAnyGiven(args, more)) {
    if (first === undefined) return noNetworkOptions;
    if (first === "none" || first === "host") return { ...noNetworkOptions, mode: first, networks: [] };
  }
  return (require("./network.ts") as typeof import("./network.ts")).parseNetworkOptions(args);
}
