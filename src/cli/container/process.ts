/** What the options of `run` and `create` say of a container's process. Loaded for those that say something. */

import { UsageError } from "../../errors.ts";
import type { NetworkOptions } from "../../plan/network/options.ts";
import type { IpcMode, ProcessOptions, SharedNamespace } from "../../plan/process-options.ts";
import { checkSysctls, parseSysctl } from "../../plan/sysctl-option.ts";
import { parseUlimit } from "../../plan/ulimit.ts";
import type { Values } from "../words/command.ts";
import { parseSize } from "../words/units.ts";
import type { processArgs } from "./process-args.ts";

export type ProcessValues = Values<typeof processArgs> & { hostname?: string | undefined };

/** Every option's value is checked; whether such containers, groups and zones exist is the engine's to find out. */
export function parseProcessOptions(args: ProcessValues, network: NetworkOptions): ProcessOptions {
  const options: ProcessOptions = {
    ...ofLimits(args),
    ...ofNamespaces(args),
    ...ofProgram(args),
    ...(args.annotation.length > 0 && { annotations: Object.fromEntries(args.annotation.map(parseAnnotation)) }),
  };
  checkSysctls(options, network);
  return options;
}

function ofLimits(args: ProcessValues): ProcessOptions {
  const { ulimit, sysctl } = args;
  const ulimits = new Map(ulimit.map(parseUlimit).map((one) => [one.name, one]));
  return {
    ...(args["shm-size"] !== undefined && { shmBytes: parseSize("--shm-size", args["shm-size"]) }),
    ...(ulimit.length > 0 && { ulimits: [...ulimits.values()] }),
    ...(sysctl.length > 0 && { sysctls: Object.fromEntries(sysctl.map(parseSysctl)) }),
    ...(args["oom-score-adj"] !== undefined && { oomScoreAdj: parseOomScoreAdj(args["oom-score-adj"]) }),
  };
}

function ofProgram(args: ProcessValues): ProcessOptions {
  const { umask, tz, unsetenv } = args;
  const groups = args["group-add"];
  return {
    ...(groups.length > 0 && { groups: groups.map(parseGroup) }),
    ...(umask !== undefined && { umask: parseUmask(umask) }),
    ...(tz !== undefined && tz !== "" && { timezone: parseTimezone(tz) }),
    ...(unsetenv.length > 0 && { unsetEnv: unsetenv.map(parseVariable) }),
    ...(args["unsetenv-all"] && { unsetEnvAll: true }),
  };
}

function ofNamespaces({
  pid,
  ipc,
  uts,
  cgroupns,
  domainname,
  hostname,
  "shm-size": shm,
}: ProcessValues): ProcessOptions {
  const options: ProcessOptions = {
    ...(pid && pid !== "private" && { pid: parseShared("--pid", pid, ["private"]) }),
    ...(ipc && { ipc: parseIpc(ipc) }),
    ...(parseWord("--uts", uts, ["", "private", "host"]) === "host" && { uts: "host" }),
    ...(parseWord("--cgroupns", cgroupns, ["", "private", "host"]) === "host" && { cgroupns: "host" }),
    ...(domainname && { domainname: parseDomainname(domainname) }),
  };
  const named = hostname !== undefined ? "--hostname" : options.domainname ? "--domainname" : undefined;
  if (options.uts && named)
    throw new UsageError(`${named} and --uts host cannot be combined: the name would be the host's`);
  const others = options.ipc && !["private", "shareable"].includes(options.ipc);
  if (others && shm !== undefined)
    throw new UsageError(`--shm-size and --ipc ${options.ipc} cannot be combined: /dev/shm is not the container's own`);
  return options;
}

function parseShared(option: string, text: string, others: string[] = []): SharedNamespace {
  if (text === "host" || /^container:[^:]+$/.test(text)) return text as SharedNamespace;
  const known = [...others, "host", "container:NAME"];
  throw new UsageError(`${option}: ${JSON.stringify(text)} is not a valid namespace`, `one of ${known.join(", ")}`);
}

const ownIpc: string[] = ["private", "shareable", "none"] satisfies IpcMode[];

const parseIpc = (text: string): IpcMode =>
  ownIpc.includes(text) ? (text as IpcMode) : parseShared("--ipc", text, ownIpc);

function parseWord(option: string, text: string | undefined, known: string[]): string | undefined {
  if (text === undefined || known.includes(text)) return text;
  const hint = `one of ${known.filter(Boolean).join(", ")}`;
  throw new UsageError(`${option}: ${JSON.stringify(text)} is not a valid namespace`, hint);
}

function parseDomainname(text: string): string {
  if (text.length <= 64 && /^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/.test(text)) return text;
  throw new UsageError(
    `--domainname: ${JSON.stringify(text)} is not a valid domain name`,
    "as in example.com, at most 64",
  );
}

function parseOomScoreAdj(text: string): number {
  const value = /^[+-]?\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= -1000 && value <= 1000) return value;
  throw new UsageError(`--oom-score-adj: ${JSON.stringify(text)} is not a number from -1000 to 1000`);
}

/** Permission bits in octal, as umask(1) takes them. */
function parseUmask(text: string): number {
  if (/^0?[0-7]{1,3}$/.test(text)) return Number.parseInt(text, 8);
  throw new UsageError(`--umask: ${JSON.stringify(text)} is not a valid umask`, "octal digits, as in 0027");
}

function parseGroup(text: string): string {
  if (text === "keep-groups")
    throw new UsageError("--group-add keep-groups is not supported", "name the groups: --group-add 4711");
  if (/^[^:,\0\n]+$/.test(text)) return text;
  throw new UsageError(
    `--group-add: ${JSON.stringify(text)} is not a group`,
    "a name of the image's /etc/group, or a number",
  );
}

/** It becomes a path below /usr/share/zoneinfo. */
function parseTimezone(text: string): string {
  if (/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/.test(text)) return text;
  throw new UsageError(`--tz: ${JSON.stringify(text)} is not a time zone`, "local, UTC, or as in Europe/Berlin");
}

function parseVariable(text: string): string {
  if (text === "HOME") throw new UsageError("--unsetenv: HOME is always set", "--env HOME=/ sets another");
  if (text !== "" && !/[=\0]/.test(text)) return text;
  throw new UsageError(`--unsetenv: ${JSON.stringify(text)} is not the name of a variable`);
}

function parseAnnotation(text: string): [key: string, value: string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new UsageError(`--annotation: ${JSON.stringify(text)} is not key=value`);
}
