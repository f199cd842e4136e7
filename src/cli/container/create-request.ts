/** What `create` and `run` ask of the engine alike, every value checked; nothing of the host is touched. */

import type { CreateRequest } from "../../engine/container/request.ts";
import { readConfig } from "../../engine/record/config.ts";
import type { Settings } from "../../engine/record/container.ts";
import { UsageError } from "../../errors.ts";
import type { RunOptions } from "../../plan/options.ts";
import { resourceArgs } from "../resource/args.ts";
import type { Values } from "../words/command.ts";
import { readOptionFile } from "./caller.ts";
import { defaultSettings } from "./defaults.ts";
import { usernsArgs } from "./process-args.ts";
import type { createArgs } from "./run-args.ts";
import { commonOptions, isAnyGiven, ownOptions, parsers, units } from "./run-options.ts";

/** What `create` and `run` ask for alike. */
export function createRequest(args: Values<typeof createArgs>, terminal: boolean): CreateRequest {
  // Docker's habit: a "--" after the image is the caller's, not the container's.
  const command = args.command[0] === "--" ? args.command.slice(1) : args.command;
  if (args.init && args["pids-limit"] === "1")
    throw new UsageError("--init needs two processes, and --pids-limit is 1");
  if (args.cidfile === "") throw new UsageError("option --cidfile needs a file");
  const pull = args.pull === undefined ? undefined : lifecycle().parsePull(args.pull);
  const given = readLifecycle(args);
  if (args.rm && given.restart && given.restart.name !== "no")
    throw new UsageError("--rm and --restart cannot be combined: a removed container cannot start again");
  const userns = readUserNamespace(args);
  const keptUser = userns?.kind === "keep-id" && !args.user ? userns : undefined;
  return {
    source: { image: args.image },
    ...(pull && { pull }),
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
      ...readRuntime(args.runtime),
      ...(args.attach.length > 0 && { attach: lifecycle().parseAttach(args.attach) }),
    },
    ...(args.name !== undefined && { name: units().parseName(args.name) }),
    ...(args.cidfile !== undefined && { cidfile: args.cidfile }),
    ...(args["volumes-from"].length > 0 && { volumesFrom: args["volumes-from"].map(parsers().parseVolumesFrom) }),
  };
}

/** Loaded for those who say something of it. */
export const lifecycle = () => require("./lifecycle.ts") as typeof import("./lifecycle.ts");

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

/** Loaded for who asks for one, and where config.json names one. */
function readRuntime(name: string | undefined): Pick<Settings, "runtime"> {
  if (!name && readConfig().defaultRuntime === undefined) return {};
  const { resolveRuntime } =
    require("../../engine/record/runtimes.ts") as typeof import("../../engine/record/runtimes.ts");
  const runtime = resolveRuntime(name);
  return runtime ? { runtime } : {};
}

/** Loaded for who asks only. */
function readHealth(args: Values<typeof createArgs>): Pick<Settings, "health"> {
  let given = false;
  for (const name in args) given ||= name.includes("health") && args[name as keyof typeof args] !== undefined;
  const health = given ? (require("./health.ts") as typeof import("./health.ts")).parseHealth(args) : undefined;
  return health ? { health } : {};
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

/** Loaded for those who ask for one, or where all have one. */
function readUserNamespace(args: Values<typeof createArgs>): CreateRequest["userns"] {
  const assumed = readConfig().userns;
  if (!assumed && !isAnyGiven(args, usernsArgs)) return undefined;
  const { parseUserNamespace } = require("./userns.ts") as typeof import("./userns.ts");
  const { uid, gid } = parsers().callerOf(process.env);
  return parseUserNamespace(args, assumed, { uid, gid });
}
