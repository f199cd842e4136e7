/** Other limits and another restart policy for a container, also while it runs. */

import { ConflictError, UnsupportedError, UsageError } from "../../errors.ts";
import { findCgroup2 } from "../../linux/cgroup.ts";
import { delegateControllers } from "../../linux/delegation.ts";
import { O_DIRECTORY, O_RDONLY, open, owned, readFile } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { lackOf, limitStep } from "../../plan/cgroup.ts";
import type { RunOptions } from "../../plan/options.ts";
import { planUpdate } from "../../plan/rare-limits.ts";
import type { ResourceOptions } from "../../plan/resource-options.ts";
import { addResources } from "../../plan/resources.ts";
import { limitsOf, planResources } from "../../plan/spec.ts";
import { readableBytes } from "../../readable-bytes.ts";
import { rememberLimits, writeLimit } from "../../runtime/limit.ts";
import {
  type Container,
  directoryOf,
  emitContainerEvent,
  findContainer,
  isUp,
  type RestartPolicy,
  writeRecord,
} from "../record/container.ts";
import { readLockFile } from "../record/lock-file.ts";
import { askedLimits } from "./plan.ts";

/** What is to change; what is absent stays. A limit of 0 is none. */
export interface Update {
  limits: Pick<RunOptions, "cpus" | "memoryBytes" | "pidsLimit">;
  resources: Updatable;
  /** Beside those that it has. */
  deviceRules?: string[];
  restart?: RestartPolicy;
}

/** What the kernel lets change at any time. */
export type Updatable = Pick<
  ResourceOptions,
  | "memorySwapBytes"
  | "memoryReservationBytes"
  | "cpuShares"
  | "cpuPeriodUs"
  | "cpuQuotaUs"
  | "cpusetCpus"
  | "cpusetMems"
  | "blkioWeight"
>;

/** All of it or nothing: what the kernel refuses is not written down, and what came before it is taken back. */
export function updateContainer(paths: Paths, { record: { id } }: Container, update: Update): void {
  using directory = owned(open(directoryOf(paths, id), O_RDONLY | O_DIRECTORY));
  // Of two updates at once the second finds what the first has written down.
  flock(directory.fd, { wait: true });
  updateLocked(paths, findContainer(paths, id), update);
}

function updateLocked(paths: Paths, container: Container, update: Update): void {
  const { record } = container;
  const { restart, deviceRules } = update;
  if (deviceRules && record.settings.runtime)
    throw new UnsupportedError(
      `--device-cgroup-rule is not supported under --runtime ${record.settings.runtime.name}: the filter is not ours`,
    );
  const limited = updateOptions(record.options, update);
  const options = deviceRules ? deviceModule().addDeviceRules(limited, deviceRules) : limited;
  checkControllers(update);
  if (restart) checkRestart(paths, container, restart);
  const settings = { ...record.settings, ...(restart && { restart }) };
  const undo = applyAll(paths, container, options, update);
  try {
    writeRecord(paths, { ...record, options, settings });
    emitContainerEvent(paths, record, "update");
  } catch (error) {
    undo();
    throw error;
  }
}

/** What a container has that runs. @returns what takes all of it back. */
function applyAll(paths: Paths, container: Container, options: RunOptions, update: Update): () => void {
  const undoLimits = applyLimits(container, options, update);
  if (!update.deviceRules) return undoLimits;
  try {
    const undoRules = deviceModule().applyDeviceRules(paths, container, options);
    return () => {
      undoRules();
      undoLimits();
    };
  } catch (error) {
    undoLimits();
    throw error;
  }
}

/** Loaded for those who have some. */
const deviceModule = () => require("./update-devices.ts") as typeof import("./update-devices.ts");

/** As for `run`: what this host cannot enforce is not promised. */
function checkControllers({ limits, resources }: Update): void {
  const cgroup2 = findCgroup2();
  const asked = [...askedLimits({ ...limits, resources })];
  const lacking = asked.filter((controller) => !cgroup2?.controllers.includes(controller));
  if (lacking.length > 0) throw new UnsupportedError(...lackOf(lacking, { ...(cgroup2 && { cgroup2 }) }));
}

/** What was said now, in place of what was said before of the same. @throws UsageError for what does not go together. */
export function updateOptions(before: RunOptions, update: Pick<Update, "limits" | "resources">): RunOptions {
  const { limits, resources } = update;
  const merged: ResourceOptions = { ...before.resources, ...resources };
  const byPeriod = resources.cpuPeriodUs !== undefined || resources.cpuQuotaUs !== undefined;
  if (limits.cpus !== undefined) {
    delete merged.cpuPeriodUs;
    delete merged.cpuQuotaUs;
  }
  const options = { ...before, ...(byPeriod && { cpus: 0 }), ...limits };
  const swap = swapBeside(limitsOf(options).memoryBytes, before, resources.memorySwapBytes);
  if (swap === undefined) delete merged.memorySwapBytes;
  else merged.memorySwapBytes = swap;
  const { resources: _resources, ...rest } = options;
  const updated = Object.keys(merged).length > 0 ? { ...rest, resources: merged } : rest;
  checkReservation(updated);
  return updated;
}

/** Memory and swap go together: a container without swap stays so, whatever its memory. */
function swapBeside(memoryBytes: number, before: RunOptions, said: number | undefined): number | undefined {
  const swap = said ?? before.resources?.memorySwapBytes;
  if (swap === undefined || swap === -1) return swap;
  if (said === undefined && memoryBytes === 0) return undefined;
  if (said === undefined && swap === before.memoryBytes) return memoryBytes;
  if (memoryBytes > 0 && swap >= memoryBytes) return swap;
  throw new UsageError(
    memoryBytes === 0
      ? "--memory-swap needs a limit of memory: it counts memory and swap together"
      : `memory would be ${readableBytes(memoryBytes)}, and memory and swap together ${readableBytes(swap)}, which is less`,
    "--memory-swap counts both: the same figure as --memory is no swap, twice as much is as much again",
  );
}

function checkReservation(options: RunOptions): void {
  const { memoryBytes } = limitsOf(options);
  if (memoryBytes > 0 && (options.resources?.memoryReservationBytes ?? 0) > memoryBytes)
    throw new UsageError("--memory-reservation would be larger than --memory");
}

function checkRestart(paths: Paths, container: Container, { name }: RestartPolicy): void {
  if (name === "no") return;
  const { id, name: containerName } = container.record;
  if (container.record.settings.remove)
    throw new ConflictError(`container ${containerName} was started with --rm: a removed container cannot start again`);
  if (isUp(container) && readLockFile(paths, id)?.outlives === false)
    throw new ConflictError(
      `container ${containerName} runs in the foreground: it has no monitor that could start it again`,
      "stop it, then update and start it",
    );
}

/** Writes the limits of a container that runs. @returns what takes them back. */
function applyLimits(container: Container, options: RunOptions, update: Update): () => void {
  const { state, record } = container;
  const cgroup = isUp(container) ? state.cgroup : undefined;
  if (cgroup === undefined) return () => {};
  const plain = planResources(options);
  // Limits of single disks stay as they are, also of one that is gone.
  const resources = options.resources ? addResources(plain, options.resources, () => ({ major: 0, minor: 0 })) : plain;
  delegate(cgroup, update);
  const isThere = (file: string | undefined) => file !== undefined && statIfAny(file) !== undefined;
  const limits = planUpdate(resources, changedBy(update))
    .map((setting) => limitStep(cgroup, setting))
    .filter(({ file, or, value }) => !unlimitedValues.has(value) || isThere(file) || isThere(or?.file));
  if (update.limits.memoryBytes) checkMemory(record.name, cgroup, update.limits.memoryBytes);
  const undo = rememberLimits(limits);
  try {
    for (const limit of limits) writeLimit(limit);
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

/** Controllers that no container has unless it is asked for. */
function delegate(cgroup: string, { limits, resources }: Update): void {
  const cgroup2 = findCgroup2();
  const asked = [...askedLimits({ ...limits, resources })];
  if (cgroup2 && asked.length > 0) delegateControllers(cgroup2, cgroup.slice(cgroup2.mountPoint.length), asked);
}

/** No limit where there is no controller is how it is already. */
const unlimitedValues = new Set(["max", "0", "100"]);

/** The files of the cgroup that each option is written to. */
const files: Record<keyof (Update["limits"] & Updatable), string[]> = {
  cpus: ["cpu.max"],
  memoryBytes: ["memory.max", "memory.swap.max"],
  pidsLimit: ["pids.max"],
  memorySwapBytes: ["memory.swap.max"],
  memoryReservationBytes: ["memory.low"],
  cpuShares: ["cpu.weight"],
  cpuPeriodUs: ["cpu.max"],
  cpuQuotaUs: ["cpu.max"],
  cpusetCpus: ["cpuset.cpus"],
  cpusetMems: ["cpuset.mems"],
  blkioWeight: ["io.bfq.weight"],
};

const changedBy = ({ limits, resources }: Update): Set<string> =>
  new Set(Object.keys({ ...limits, ...resources }).flatMap((name) => files[name as keyof typeof files]));

/** With less than what it holds on to the kernel would kill its processes, and nobody asked for that. */
function checkMemory(name: string, cgroup: string, limit: number): void {
  const stat = readFile(`${cgroup}/memory.stat`);
  const count = (key: string) => Number(new RegExp(`^${key} (\\d+)`, "m").exec(stat)?.[1] ?? 0);
  // The files it has read can be read again.
  const kept =
    Number(readFile(`${cgroup}/memory.current`)) -
    count("inactive_file") -
    count("active_file") -
    count("slab_reclaimable");
  if (kept <= limit) return;
  throw new ConflictError(
    `container ${name} uses ${Math.ceil(kept / 2 ** 20)} MB that can't be taken from it: with less the kernel would kill it`,
    "a higher --memory, or stop it first",
  );
}
