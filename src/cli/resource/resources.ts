/** Values of the options about memory, CPUs and disks that few use; loaded for those. */

import { UnsupportedError, UsageError } from "../../errors.ts";
import { readFileIfAny } from "../../linux/file.ts";
import type { DeviceFigure, ResourceOptions } from "../../plan/resource-options.ts";
import { cgroupBelow } from "../../plan/resources.ts";
import type { Values } from "../words/command.ts";
import { checkMemory, readMachine } from "../words/machine.ts";
import { parseSize } from "../words/units.ts";
import type { resourceArgs, updatableArgs } from "./args.ts";

type Given = Partial<Values<typeof resourceArgs>>;
type Updatable = Partial<Values<typeof updatableArgs>>;
/** What the other options say. */
interface Beside {
  cpus?: number | undefined;
  memoryBytes?: number | undefined;
}

/** @throws UsageError for a value that is wrong, or does not go with another; UnsupportedError for what cgroup v2 has not. */
export function parseResources(args: Given, beside: Beside): ResourceOptions {
  refuseOldWays(args);
  const figures = (name: DeviceOption, parse: (option: string, text: string) => number) => {
    const all = (args[name] ?? []).map((text) => parseFigure(`--${name}`, text, parse));
    return all.length > 0 ? all : undefined;
  };
  const parent = args["cgroup-parent"];
  if (parent !== undefined) cgroupBelow(parent, "id");
  return without({
    ...parseUpdatable(args, beside),
    blkioWeightDevices: figures("blkio-weight-device", parseWeight),
    deviceReadBps: figures("device-read-bps", parseRate),
    deviceWriteBps: figures("device-write-bps", parseRate),
    deviceReadIops: figures("device-read-iops", parseCount),
    deviceWriteIops: figures("device-write-iops", parseCount),
    storageBytes: parseStorage(args["storage-opt"]),
    cgroupParent: parent,
  });
}

/** What can be changed later, too. */
export function parseUpdatable(args: Updatable, beside: Beside): ResourceOptions {
  const options = without({
    memorySwapBytes: parseSwap(args["memory-swap"]),
    memoryReservationBytes: parseReservation(args["memory-reservation"]),
    cpuShares: parseWithin("--cpu-shares", args["cpu-shares"], 2, 262144),
    cpuPeriodUs: parseWithin("--cpu-period", args["cpu-period"], 1000, 1_000_000),
    cpuQuotaUs: parseQuota(args["cpu-quota"]),
    cpusetCpus: parseSet("--cpuset-cpus", args["cpuset-cpus"], "/sys/devices/system/cpu/online"),
    cpusetMems: parseSet("--cpuset-mems", args["cpuset-mems"], "/sys/devices/system/node/online"),
    blkioWeight: parseWithin("--blkio-weight", args["blkio-weight"], 10, 1000),
  });
  checkTogether(options, beside);
  return options;
}

function checkTogether({ cpuPeriodUs, cpuQuotaUs, memoryReservationBytes }: ResourceOptions, beside: Beside): void {
  const named = cpuPeriodUs !== undefined ? "--cpu-period" : cpuQuotaUs !== undefined ? "--cpu-quota" : undefined;
  if (beside.cpus && named)
    throw new UsageError(`--cpus and ${named} cannot be combined: they say the same in two ways`);
  const { memoryBytes } = beside;
  if (memoryBytes && (memoryReservationBytes ?? 0) > memoryBytes)
    throw new UsageError("--memory-reservation is larger than --memory");
}

/** As Docker has it. @throws UsageError where the two do not go together. */
export function checkSwap(memorySwapBytes: number | undefined, memoryBytes: number | undefined): void {
  if (memorySwapBytes === undefined || memorySwapBytes === -1) return;
  if (!memoryBytes) throw new UsageError("--memory-swap needs --memory: it counts memory and swap together");
  if (memorySwapBytes < memoryBytes)
    throw new UsageError(
      "--memory-swap is less than --memory: it counts memory and swap together",
      "the same figure for both is no swap, twice --memory is as much again",
    );
}

/** What cgroup v1 had; Docker drops it in silence, or nearly so. */
function refuseOldWays(args: Given): void {
  const swappiness = args["memory-swappiness"];
  if (swappiness !== undefined && swappiness !== "-1") {
    parseWithin("--memory-swappiness", swappiness, 0, 100);
    throw new UnsupportedError(
      "--memory-swappiness: cgroup v2 has no swappiness of its own for a container",
      "--memory-swap limits its swap; the same figure as --memory is no swap",
    );
  }
  if (args["oom-kill-disable"])
    throw new UnsupportedError(
      "--oom-kill-disable: cgroup v2 can't switch the OOM killer off for a container",
      "--memory 0 is no limit; --oom-score-adj makes others the first to be killed",
    );
}

type DeviceOption =
  | "blkio-weight-device"
  | "device-read-bps"
  | "device-write-bps"
  | "device-read-iops"
  | "device-write-iops";

function parseFigure(option: string, text: string, parse: (option: string, text: string) => number): DeviceFigure {
  const colon = text.lastIndexOf(":");
  const path = text.slice(0, colon);
  if (colon < 0 || !path.startsWith("/dev/"))
    throw new UsageError(`${option}: ${JSON.stringify(text)} does not name a disk`, "/dev/sda:VALUE");
  return { path, value: parse(option, text.slice(colon + 1)) };
}

const parseWeight = (option: string, text: string): number => parseWithin(option, text, 10, 1000)!;
const parseCount = (option: string, text: string): number => parseWithin(option, text, 1, 2 ** 32)!;

function parseRate(option: string, text: string): number {
  const rate = parseSize(option, text);
  if (rate > 0) return rate;
  throw new UsageError(`${option}: ${text} is not a usable limit`, "a number and b, k, m or g: 1mb");
}

const leastStorage = 1 << 20;

/** Whether the file system can bound it is found out when it is asked to. */
function parseStorage(options: string[] = []): number | undefined {
  let size: number | undefined;
  for (const option of options) {
    const equals = option.indexOf("=");
    if (option.slice(0, equals) !== "size")
      throw new UsageError(`--storage-opt: ${JSON.stringify(option)} is not supported`, "size=10g");
    const text = option.slice(equals + 1);
    size = parseSize("--storage-opt size", text);
    if (size < leastStorage) throw new UsageError(`--storage-opt size: ${text} is less than 1m`);
  }
  return size;
}

/** A whole number; 0, where a limit is not 0 anyway, is the kernel's own. */
function parseWithin(option: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if ((number >= least && number <= most) || (number === 0 && least > 1)) return number;
  throw new UsageError(`${option}: ${JSON.stringify(text)} is not a number from ${least} to ${most}`);
}

function parseQuota(text: string | undefined): number | undefined {
  if (text === "-1") return -1;
  return parseWithin("--cpu-quota", text, 1000, 2 ** 43);
}

function parseSwap(text: string | undefined): number | undefined {
  if (text === undefined || /^0[a-z]*$/i.test(text)) return undefined;
  if (text === "-1") return -1;
  return parseSize("--memory-swap", text, "m");
}

const leastReservation = 6 << 20;

function parseReservation(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const option = "--memory-reservation";
  const bytes = parseSize(option, text, "m");
  if (bytes > 0 && bytes < leastReservation)
    throw new UsageError(`${option}: ${text} is less than the 6 MB a container needs`);
  checkMemory(text, bytes, readMachine(), option);
  return bytes;
}

/** `0-2,4`: a list of what this machine has. */
function parseSet(option: string, text: string | undefined, onlineFile: string): string | undefined {
  if (text === undefined) return undefined;
  const online = readFileIfAny(onlineFile)?.trim() ?? "0";
  const asked = numbersOf(text);
  if (!asked) throw new UsageError(`${option}: ${JSON.stringify(text)} is not a list of numbers`, "0-2,4");
  const there = new Set(numbersOf(online));
  const missing = asked.find((number) => !there.has(number));
  if (missing !== undefined) throw new UsageError(`${option}: this machine has no ${missing}, only ${online}`);
  return text;
}

const maxNumbers = 1 << 16;

function numbersOf(list: string): number[] | undefined {
  const numbers: number[] = [];
  for (const range of list.split(",")) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(range);
    if (!match) return undefined;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first || last - first > maxNumbers) return undefined;
    for (let number = first; number <= last; number++) numbers.push(number);
  }
  return numbers;
}

/** What is said, alone. */
const without = (options: { [Name in keyof ResourceOptions]: ResourceOptions[Name] | undefined }): ResourceOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
