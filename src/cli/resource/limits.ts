/** The limits and the log of a container where more is said than most say: by rarely used options, or by the administrator. */

import type { Config } from "../../engine/record/config-file.ts";
import type { LogSettings } from "../../engine/record/container.ts";
import { InvalidError, UsageError } from "../../errors.ts";
import { configFile } from "../../paths.ts";
import type { RunOptions } from "../../plan/options.ts";
import type { Values } from "../words/command.ts";
import { parseCpus, parseMemory, parsePidsLimit } from "../words/units.ts";
import type { resourceArgs } from "./args.ts";
import { parseDevices } from "./device.ts";
import { checkSwap, parseResources } from "./resources.ts";

type Given = Values<typeof resourceArgs> & { "pids-limit": string | undefined };

/** @param options with what was said of memory, CPUs and processes. @param defaults of the configuration. */
export function completeLimits(args: Given, options: RunOptions, defaults: Config["limits"] = {}): RunOptions {
  const resources = parseResources(args, options);
  const counted = resources.cpuPeriodUs === undefined && resources.cpuQuotaUs === undefined;
  const limits = {
    ...(defaults.cpus !== undefined && counted && { cpus: inFile("limits.cpus", parseCpus, defaults.cpus) }),
    ...(defaults.memory !== undefined && { memoryBytes: inFile("limits.memory", parseMemory, defaults.memory) }),
    ...(defaults.pids !== undefined && { pidsLimit: inFile("limits.pids", parsePidsLimit, defaults.pids) }),
  };
  const complete = { ...limits, ...options };
  checkSwap(resources.memorySwapBytes, complete.memoryBytes);
  const devices = parseDevices(args);
  return {
    ...complete,
    ...(Object.keys(resources).length > 0 && { resources }),
    ...(Object.keys(devices).length > 0 && { devices }),
  };
}

/** The log as the administrator wants it where nothing is said; his options are for his driver. */
export function configuredLog(
  args: { "log-driver": string | undefined; "log-opt": string[] },
  { logDriver, logOptions = [] }: Config,
  parseLog: (driver: string | undefined, options: string[]) => LogSettings,
): LogSettings {
  const configured = inFile("log-driver or log-opts", () => parseLog(logDriver, logOptions), "");
  const driver = args["log-driver"] ?? configured.driver;
  const options = driver === configured.driver ? logOptions : [];
  return parseLog(driver, [...options, ...args["log-opt"]]);
}

/** A value of the file, by the option's parser. */
function inFile<Value>(key: string, parse: (text: string) => Value, text: string): Value {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new InvalidError(`${configFile().path}: ${key}: ${error.message}`, error.hint);
  }
}
