/** `tinydocker run`: options and operands to one call of the engine. */

import type { CreateRequest, Reporter, RunEnd, RunRequest } from "../../engine/container/request.ts";
import { run } from "../../engine/container/run.ts";
import { readConfig } from "../../engine/record/config.ts";
import type { Settings } from "../../engine/record/container.ts";
import { Failure, NotFoundError, SyscallError, UsageError } from "../../errors.ts";
import { statIfAny } from "../../linux/file.ts";
import { getSize, isatty } from "../../linux/tty.ts";
import { absolutePath, type Paths, pathsOf } from "../../paths.ts";
import type { MountRequest } from "../../plan/mounts.ts";
import { noNetworkOptions } from "../../plan/network-options.ts";
import { noOptions, type RunOptions, rootfsDefaults } from "../../plan/options.ts";
import type { Stdio } from "../../runtime/stdio.ts";
import { resourceArgs } from "../resource/args.ts";
import { type Arguments, defineCommand, type Values } from "../words/command.ts";
import { readEnv, readOptionFile, wantsTerminal } from "./caller.ts";
import { defaultDetachKeys, defaultSettings } from "./defaults.ts";
import { networkArgs } from "./network-args.ts";
import { processArgs, usernsArgs } from "./process-args.ts";
import { commonArgs, type createArgs, runArgs } from "./run-args.ts";

export default defineCommand({
  meta: { name: "run", group: "Run", description: "Run a command in a new container" },
  args: runArgs,
  optionsFirst: true,
  examples: [
    "tinydocker run busybox.tar -- sh",
    "tinydocker run --rm -m 64 -c 0.5 -v ./data:/data:ro busybox ls /data",
  ],
  takesSignals: true,
  run: async (args, { root }) => {
    const request = runRequest(args);
    const paths = pathsOf(root);
    if (args.rmi) (await import("./rmi.ts")).checkRmi(paths, args);
    if (args.replace) await replace(paths, request.name);
    const alone = request.unseen?.length === 2;
    // Whoever sees nothing of it gets its id, as of one that is detached.
    const report = reporterFor(args);
    const end = await run(paths, request, alone ? { ...report, started: print().printLine } : report);
    const format = parseReport(args);
    if (format && "code" in end) (await import("./report.ts")).printReport(end, format);
    if (args.rmi && "code" in end) (await import("./rmi.ts")).removeRunImage(paths, args.image);
    return reportEnd(end, request);
  },
});

/** Rootfs mode: `tinydocker [OPTIONS] -- COMMAND [ARGS...]` runs in a root directory, in place. */
export const rootfsMode = defineCommand({
  meta: { name: "tinydocker", description: "Run a command with a directory as its root" },
  args: {
    command: { type: "positional", multiple: true, description: "Command to run (/bin/sh)" },
    hostname: { ...commonArgs.hostname, description: `Host name of the container (${rootfsDefaults.hostname})` },
    cpus: {
      ...commonArgs.cpus,
      description: `Number of CPUs, fractions allowed; 0 is unlimited (${rootfsDefaults.limits.cpus})`,
    },
    memory: {
      ...commonArgs.memory,
      description: "Memory limit in MB, or with a unit b, k, m, g; 0 is unlimited (512)",
    },
    rootfs: {
      type: "string",
      alias: "r",
      valueHint: "path",
      default: "./rootfs",
      description: "Root directory of the container (./rootfs)",
    },
  },
  optionsFirst: true,
  examples: ["tinydocker -r ./rootfs -m 256 -- sh -c 'echo hello'"],
  takesSignals: true,
  run: (args, { root }) => {
    const terminal = wantsTerminal({});
    const request: RunRequest = {
      source: { rootfs: rootDirectory(args.rootfs) },
      options: commonOptions(args, args.command, terminal),
      settings: { ...defaultSettings, remove: true },
      detach: false,
      stdio: planStdio(terminal, {}),
      callerIsTerminal: isatty(0),
      detachKeys: defaultDetachKeys,
      sigProxy: true,
    };
    return run(pathsOf(root), request, reporter).then((end) => reportEnd(end, request));
  },
});

/** How to report; undefined if nobody asked. */
function parseReport({ report, detach, ...args }: Values<typeof runArgs>): "text" | "json" | undefined {
  const format = args["report-format"] ?? "text";
  if (!report && args["report-format"] !== undefined) throw new UsageError("--report-format needs --report");
  if (format !== "text" && format !== "json")
    throw new UsageError(`--report-format: ${JSON.stringify(format)} is not supported`, "text or json");
  if (report && detach)
    throw new UsageError("--report waits for the end, and --detach does not", "tinydocker inspect shows it, too");
  return report ? format : undefined;
}

/** The exit code; or the id of what goes on without us. */
function reportEnd(end: RunEnd, { detach }: RunRequest | { detach: boolean }): number {
  if ("code" in end) return end.code;
  if (detach) printRunning(end.running);
  else print().sayDetached(`container ${end.running.slice(0, 12)}`);
  return 0;
}

/** It runs, whoever can be told of that. */
function printRunning(id: string): void {
  try {
    print().printLine(id);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new Failure(`container ${id.slice(0, 12)} is running, but ${error.message}`, "tinydocker ps");
  }
}

/** `--replace`: the container that has the name makes room. */
export async function replace(paths: Paths, name: string | undefined): Promise<void> {
  if (name === undefined) throw new UsageError("--replace needs a --name to replace");
  const { removeContainer } = await import("../../engine/container/remove.ts");
  const { findAnyContainer } = await import("../../engine/record/container.ts");
  try {
    removeContainer(paths, findAnyContainer(paths, name), { force: true });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}

/** The root of rootfs mode, which must be there. */
function rootDirectory(path: string): string {
  if (path === "") throw new UsageError("option --rootfs needs a directory", "-r ./rootfs");
  const rootfs = absolutePath(path, process.cwd());
  if (statIfAny(rootfs)?.type === "directory") return rootfs;
  throw new NotFoundError(
    `there is no root directory ${path}`,
    `make one (mkdir ${path} && tar -xf busybox.tar -C ${path}), or run an image: tinydocker run busybox.tar`,
  );
}

/** Loaded for those who have something to say, or load an image. */
const print = () => require("../words/print.ts") as typeof import("../words/print.ts");
const progress = () => require("../words/progress.ts") as typeof import("../words/progress.ts");
const reporter: Reporter = {
  warn: (text) => print().warn(text),
  loading: (file) => progress().showProgress(file, "loading", true),
};

/** With `--quiet` nothing is said of what is loaded. */
export const reporterFor = ({ quiet }: { quiet?: boolean | undefined }): Reporter =>
  quiet ? { ...reporter, loading: () => ({ update: () => {}, done: () => {} }) } : reporter;

/** Checks every option's value and makes the request; nothing of the host is touched. */
export function runRequest(given: Values<typeof runArgs>): RunRequest {
  const attached = given.attach.length > 0 ? lifecycle().attached(given) : undefined;
  const args = { ...given, ...attached };
  const terminal = wantsTerminal(args);
  const callerIsTerminal = isatty(0);
  const request = createRequest(args.rmi ? { ...args, rm: true } : args, terminal);
  return {
    ...request,
    settings: {
      ...request.settings,
      interactive: args.interactive ?? !args.detach,
      ...(parseReport(args) && { report: true }),
    },
    detach: args.detach ?? false,
    callerIsTerminal,
    stdio: planStdio(terminal, args).map((how, fd) => (attached?.unseen.includes(fd as 1) ? "unseen" : how)),
    ...(attached && { unseen: attached.unseen }),
    detachKeys:
      args["detach-keys"] === undefined ? defaultDetachKeys : lifecycle().parseDetachKeys(args["detach-keys"]),
    sigProxy: args["sig-proxy"] ?? true,
  };
}

/** What `create` and `run` ask for alike. */
export function createRequest(args: Values<typeof createArgs>, terminal: boolean): CreateRequest {
  // Docker's habit: a "--" after the image is the caller's, not the container's.
  const command = args.command[0] === "--" ? args.command.slice(1) : args.command;
  if (args.init && args["pids-limit"] === "1")
    throw new UsageError("--init needs two processes, and --pids-limit is 1");
  if (args.cidfile === "") throw new UsageError("option --cidfile needs a file");
  if (args.pull !== undefined) lifecycle().parsePull(args.pull);
  const given = readLifecycle(args);
  if (args.rm && given.restart && given.restart.name !== "no")
    throw new UsageError("--rm and --restart cannot be combined: a removed container cannot start again");
  const userns = readUserNamespace(args);
  const keptUser = userns?.kind === "keep-id" && !args.user ? userns : undefined;
  return {
    source: { image: args.image },
    ...(args.platform !== undefined && { platform: lifecycle().parsePlatformOption(args.platform) }),
    options: withResources(args, {
      ...commonOptions(args, command, terminal),
      ...ownOptions(args),
      ...(keptUser && { user: `${keptUser.uid ?? keptUser.caller.uid}:${keptUser.gid ?? keptUser.caller.gid}` }),
    }),
    ...(userns && { userns }),
    settings: {
      ...defaultSettings,
      remove: args.rm ?? false,
      init: args.init ?? false,
      interactive: args.interactive ?? false,
      labels: readLabels(args),
      ...given,
      ...readHealth(args),
      ...(args.attach.length > 0 && { attach: lifecycle().parseAttach(args.attach) }),
    },
    ...(args.name !== undefined && { name: units().parseName(args.name) }),
    ...(args.cidfile !== undefined && { cidfile: args.cidfile }),
    ...(args["volumes-from"].length > 0 && { volumesFrom: args["volumes-from"].map(parsers().parseVolumesFrom) }),
  };
}

/** What checks values is loaded for those who give some: each function that is there costs a start, called or not. */
const units = () => require("../words/units.ts") as typeof import("../words/units.ts");
const lifecycle = () => require("./lifecycle.ts") as typeof import("./lifecycle.ts");

/** What was said of its life: when it starts again, how it is stopped, what is kept of its output. */
function readLifecycle(args: Values<typeof createArgs>): Partial<Settings> {
  const logs = args["log-driver"] !== undefined || args["log-opt"].length > 0;
  const config = readConfig();
  return {
    ...(args.restart !== undefined && { restart: lifecycle().parseRestart(args.restart) }),
    ...(config.logDriver !== undefined || config.logOptions !== undefined
      ? { log: limits().configuredLog(args, config, lifecycle().parseLog) }
      : logs && { log: lifecycle().parseLog(args["log-driver"], args["log-opt"]) }),
    ...(args["stop-signal"] !== undefined && { stopSignal: lifecycle().parseStopSignal(args["stop-signal"]) }),
    ...(args.timeout !== undefined && { timeoutS: lifecycle().parseTimeout(args.timeout) }),
    ...(args["stop-timeout"] !== undefined && {
      stopTimeoutS: lifecycle().parseSeconds("--stop-timeout", args["stop-timeout"]),
    }),
  };
}

/** Options that few give, and what the administrator has set for those who say nothing: loaded where there is any of it. */
function withResources(args: Values<typeof createArgs>, options: RunOptions): RunOptions {
  const defaults = readConfig().limits;
  return defaults || isAnyGiven(args, resourceArgs) ? limits().completeLimits(args, options, defaults) : options;
}

const limits = () => require("../resource/limits.ts") as typeof import("../resource/limits.ts");

/** Whether a value was given to any of these options. */
function isAnyGiven(args: Record<string, unknown>, options: Arguments): boolean {
  for (const name in options) {
    const value = args[name];
    if (Array.isArray(value) ? value.length > 0 : value !== undefined) return true;
  }
  return false;
}

/** Loaded for who asks only. */
function readHealth(args: Values<typeof createArgs>): Pick<Settings, "health"> {
  let given = false;
  for (const name in args) given ||= name.includes("health") && args[name as keyof typeof args] !== undefined;
  const health = given ? (require("./health.ts") as typeof import("./health.ts")).parseHealth(args) : undefined;
  return health ? { health } : {};
}

function ownOptions(args: Values<typeof createArgs>): Partial<RunOptions> {
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
const parsers = () => require("./mounts.ts") as typeof import("./mounts.ts");

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

/** As Docker's: labels of files first, a later one wins. */
function readLabels(args: Values<typeof createArgs>): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const file of args["label-file"])
    for (const line of readOptionFile("--label-file", file).split("\n"))
      if (line.trim() && !line.startsWith("#")) addLabel(labels, line.trim());
  for (const text of args.label) addLabel(labels, text);
  return labels;
}

function addLabel(labels: Record<string, string>, text: string): void {
  const equals = text.indexOf("=");
  const key = equals < 0 ? text : text.slice(0, equals);
  if (key === "") throw new UsageError(`--label: ${JSON.stringify(text)} has no key`, "key=value or key");
  labels[key] = equals < 0 ? "" : text.slice(equals + 1);
}

type CommonValues = Values<typeof commonArgs>;

/** The options of rootfs mode. */
function commonOptions(args: CommonValues, command: string[], terminal: boolean): RunOptions {
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

function planStdio(
  terminal: boolean,
  { interactive, tty }: { interactive?: boolean | undefined; tty?: boolean | undefined },
): Stdio {
  const stdin = interactive === false ? "null" : terminal ? "terminal" : "relay";
  if (!terminal) return [stdin, "relay", "relay"];
  // Asked for by name, a terminal takes all three (as Docker's); on our own account we leave `2>file` to the file.
  return [stdin, "terminal", tty || isatty(2) ? "terminal" : "relay"];
}

/** Loaded for those who ask for more than everybody has. */
function readProcess(args: Values<typeof createArgs>, network: RunOptions["network"]): Pick<RunOptions, "process"> {
  if (!isAnyGiven(args, processArgs)) return {};
  const { parseProcessOptions } = require("./process.ts") as typeof import("./process.ts");
  return { process: parseProcessOptions(args, network) };
}

/** Loaded for those who ask for one, or where all have one. */
function readUserNamespace(args: Values<typeof createArgs>): CreateRequest["userns"] {
  const assumed = readConfig().userns;
  if (!assumed && !isAnyGiven(args, usernsArgs)) return undefined;
  const { parseUserNamespace } = require("./userns.ts") as typeof import("./userns.ts");
  const { uid, gid } = parsers().callerOf(process.env);
  return parseUserNamespace(args, assumed, { uid, gid });
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
