/** `tinydocker run`: options and operands to one call of the engine. */

import type { RunRequest } from "../engine/run.ts";
import { run } from "../engine/run.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import { isSocket, readFile, statIfAny } from "../linux/file.ts";
import { getSize, isatty } from "../linux/tty.ts";
import { absolutePath, pathsOf } from "../paths.ts";
import { defaults } from "../plan/spec.ts";
import type { Stdio } from "../runtime/stdio.ts";
import { type Arguments, defineCommand, type Values } from "./command.ts";
import { warn } from "./print.ts";
import { showProgress } from "./progress.ts";
import {
  distinctTargets,
  parseCpus,
  parseEnv,
  parseEnvFile,
  parseHostname,
  parseMemory,
  parseMount,
  parseName,
  parsePidsLimit,
  parseTmpfs,
  parseUser,
  parseVolume,
  parseWorkdir,
} from "./units.ts";

/** The limits and the name that `run` and the original form share. */
export const commonArgs = {
  hostname: {
    type: "string",
    alias: "h",
    valueHint: "name",
    description: `Host name inside (${defaults.hostname})`,
  },
  cpus: {
    type: "string",
    alias: "c",
    valueHint: "n",
    description: `CPUs it may use, fractions too; 0 is unlimited (${defaults.cpus})`,
  },
  memory: {
    type: "string",
    alias: "m",
    valueHint: "size",
    description: "Memory it may use: MB, or with b, k, m, g; 0 is unlimited (512)",
  },
} as const satisfies Arguments;

/** The options of `run`, which `explain run` has too. */
export const runArgs = {
  image: {
    type: "positional",
    required: true,
    description: "A tar, an OCI layout, a root directory, or a name from `tinydocker images`",
  },
  command: { type: "positional", multiple: true, description: "What to run instead of the image's own command" },
  ...commonArgs,
  volume: {
    type: "string",
    alias: "v",
    multiple: true,
    valueHint: "host:container[:ro]",
    description: "Show a directory or file of the host inside; options ro, rw or a propagation (rslave)",
  },
  mount: {
    type: "string",
    multiple: true,
    valueHint: "type=bind,...",
    description: "The same in words; also type=tmpfs",
  },
  tmpfs: { type: "string", multiple: true, valueHint: "path[:options]", description: "A directory in memory" },
  env: {
    type: "string",
    alias: "e",
    multiple: true,
    valueHint: "name=value",
    description: "Set a variable, or pass the caller's",
  },
  "env-file": { type: "string", multiple: true, valueHint: "file", description: "Read variables from a file" },
  workdir: { type: "string", alias: "w", valueHint: "dir", description: "Directory to start in" },
  user: { type: "string", alias: "u", valueHint: "user[:group]", description: "Who to run as, by name or number" },
  interactive: { type: "boolean", alias: "i", description: "Keep stdin open (the default; =false gives /dev/null)" },
  tty: { type: "boolean", alias: "t", description: "Give it a terminal (the default on a terminal)" },
  name: { type: "string", valueHint: "name", description: "Name of the container" },
  rm: { type: "boolean", description: "Forget the container when it ends" },
  entrypoint: { type: "string", valueHint: "program", description: "Run this instead of the image's entrypoint" },
  "read-only": { type: "boolean", description: "Nothing below / can be changed" },
  "pids-limit": {
    type: "string",
    valueHint: "n",
    description: `Processes it may have; 0 is unlimited (${defaults.pidsLimit})`,
  },
  network: { type: "string", valueHint: "none|host", description: "Its network: none (the default), or the host's" },
  init: { type: "boolean", description: "A small init as process 1 forwards signals and reaps" },
  cidfile: { type: "string", valueHint: "file", description: "Write the container's id to a file" },
  privileged: { type: "boolean", description: "All capabilities and devices, nothing masked: no protection" },
  "cap-add": { type: "string", multiple: true, valueHint: "capability", description: "Give it a capability, or ALL" },
  "cap-drop": {
    type: "string",
    multiple: true,
    valueHint: "capability",
    description: "Take a capability away, or ALL",
  },
} as const satisfies Arguments;

export default defineCommand({
  meta: { name: "run", description: "Run a command in a new container" },
  args: runArgs,
  optionsFirst: true,
  examples: [
    "tinydocker run busybox.tar -- sh",
    "tinydocker run --rm -m 64 -c 0.5 -v ./data:/data:ro busybox ls /data",
  ],
  run: (args, { root, birth, loaded }) =>
    run(pathsOf(root), { ...runRequest(args), ...(loaded !== undefined && { loaded }) }, birth, reporter),
});

/** The original form: `tinydocker [OPTIONS] -- COMMAND [ARGS...]` runs in a root directory, in place. */
export const original = defineCommand({
  meta: { name: "tinydocker", description: "Run a command with a directory as its root" },
  args: {
    command: { type: "positional", multiple: true, description: "What to run (/bin/sh)" },
    ...commonArgs,
    rootfs: { type: "string", alias: "r", valueHint: "path", default: "./rootfs", description: "The root directory" },
  },
  optionsFirst: true,
  examples: ["tinydocker -r ./rootfs -m 256 -- sh -c 'echo hello'"],
  run: (args, { root, birth }) => {
    const request = baseRequest(args, args.command);
    const source = { rootfs: rootDirectory(args.rootfs) };
    return run(pathsOf(root), { ...request, source, remove: true }, birth, reporter);
  },
});

/** The root of the original form, which must be there. */
function rootDirectory(path: string): string {
  if (path === "") throw new UsageError("option --rootfs needs a directory", "-r ./rootfs");
  const rootfs = absolutePath(path, process.cwd());
  if (statIfAny(rootfs)?.type === "directory") return rootfs;
  throw new NotFoundError(
    `there is no root directory ${path}`,
    `make one (mkdir ${path} && tar -xf busybox.tar -C ${path}), or run an image: tinydocker run busybox.tar`,
  );
}

const reporter = { warn, loading: showProgress };

/** Checks every option's value and makes the request; nothing of the host is touched. */
export function runRequest(args: Values<typeof runArgs>): RunRequest {
  const cwd = process.cwd();
  // Docker's habit: a "--" after the image is the caller's, not the container's.
  const command = args.command[0] === "--" ? args.command.slice(1) : args.command;
  const base = baseRequest(args, command, args);
  if (args.init && args["pids-limit"] === "1")
    throw new UsageError("--init needs two processes, and --pids-limit is 1");
  if (args.cidfile === "") throw new UsageError("option --cidfile needs a file");
  return {
    ...base,
    source: { image: args.image },
    options: {
      ...base.options,
      ...(args.entrypoint !== undefined && { entrypoint: args.entrypoint === "" ? [] : [args.entrypoint] }),
      ...(args["pids-limit"] !== undefined && { pidsLimit: parsePidsLimit(args["pids-limit"]) }),
      ...(args.workdir !== undefined && { workdir: parseWorkdir(args.workdir) }),
      ...(args.user !== undefined && { user: parseUser(args.user) }),
      mounts: distinctTargets([
        ...args.volume.map((text) => parseVolume(text, cwd)),
        ...args.mount.map((text) => parseMount(text, cwd)),
        ...args.tmpfs.map(parseTmpfs),
      ]),
      env: readEnv(args),
      network: parseNetwork(args.network),
      readOnly: args["read-only"] ?? false,
      privileged: args.privileged ?? false,
      capAdd: args["cap-add"],
      capDrop: args["cap-drop"],
    },
    ...(args.name !== undefined && { name: parseName(args.name) }),
    ...(args.cidfile !== undefined && { cidfile: args.cidfile }),
    remove: args.rm ?? false,
    init: args.init ?? false,
  };
}

function readEnv(args: Values<typeof runArgs>): string[] {
  const env: string[] = [];
  for (const file of args["env-file"]) env.push(...parseEnvFile(file, readFile(file), process.env));
  for (const text of args.env) env.push(...parseEnv("--env", text, process.env));
  return env;
}

type CommonValues = Values<typeof commonArgs>;

function baseRequest(
  args: CommonValues,
  command: string[],
  io: { interactive?: boolean | undefined; tty?: boolean | undefined } = {},
): Omit<RunRequest, "source" | "remove"> & { remove: false } {
  const terminal = wantsTerminal(io.tty);
  const callerIsTerminal = isatty(0);
  return {
    options: {
      command,
      ...(args.hostname !== undefined && { hostname: parseHostname(args.hostname) }),
      ...(args.cpus !== undefined && { cpus: parseCpus(args.cpus) }),
      ...(args.memory !== undefined && { memoryBytes: parseMemory(args.memory) }),
      mounts: [],
      env: [],
      network: "none",
      terminal,
      ...(terminal && callerIsTerminal && { terminalSize: getSize(0) }),
      readOnly: false,
      privileged: false,
      capAdd: [],
      capDrop: [],
    },
    remove: false,
    init: false,
    stdio: planStdio(terminal, io),
    callerIsTerminal,
  };
}

/** With nothing said: a person at a terminal gets one, a script or a pipe does not. */
const wantsTerminal = (asked: boolean | undefined): boolean => asked ?? (isatty(0) && isatty(1));

function planStdio(
  terminal: boolean,
  { interactive, tty }: { interactive?: boolean | undefined; tty?: boolean | undefined },
): Stdio {
  const stdin = interactive === false ? "null" : terminal ? "terminal" : handOn(0);
  if (!terminal) return [stdin, handOn(1), handOn(2)];
  // Asked for by name, a terminal takes all three (as Docker's); on our own account we leave `2>file` to the file.
  return [stdin, "terminal", tty || isatty(2) ? "terminal" : handOn(2)];
}

/** A terminal is not to be handed over (SECURITY R13); and a program can't open a socket again by /dev/stdout. */
const handOn = (fd: number): "relay" | "inherit" => (isatty(fd) || isSocket(fd) ? "relay" : "inherit");

function parseNetwork(text = "none"): "none" | "host" {
  if (text === "none" || text === "host") return text;
  throw new UsageError(`--network: ${JSON.stringify(text)} is not supported yet`, "none or host");
}
