/** Other limits and another restart policy for a container, also while it runs. */

import { ConflictError, UnsupportedError } from "../../errors.ts";
import { findCgroup2 } from "../../linux/cgroup.ts";
import { flock, O_DIRECTORY, O_RDONLY, open, owned, readFile, statIfAny, writeSetting } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { planUpdate, type Setting } from "../../plan/cgroup.ts";
import { lackOf } from "../../plan/container.ts";
import type { RunOptions } from "../../plan/options.ts";
import { planResources } from "../../plan/spec.ts";
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
  restart?: RestartPolicy;
}

/** All of it or nothing: what the kernel refuses is not written down, and what came before it is taken back. */
export function updateContainer(paths: Paths, { record: { id } }: Container, update: Update): void {
  using directory = owned(open(directoryOf(paths, id), O_RDONLY | O_DIRECTORY));
  // Of two updates at once the second finds what the first has written down.
  flock(directory.fd, { wait: true });
  updateLocked(paths, findContainer(paths, id), update);
}

function updateLocked(paths: Paths, container: Container, { limits, restart }: Update): void {
  const { record } = container;
  checkControllers(limits);
  if (restart) checkRestart(paths, container, restart);
  const options = { ...record.options, ...limits };
  const settings = { ...record.settings, ...(restart && { restart }) };
  const undo = applyLimits(container, options, limits);
  try {
    writeRecord(paths, { ...record, options, settings });
    emitContainerEvent(paths, record, "update");
  } catch (error) {
    undo();
    throw error;
  }
}

/** As for `run`: what this host cannot enforce is not promised. */
function checkControllers(limits: Update["limits"]): void {
  const cgroup2 = findCgroup2();
  const lacking = [...askedLimits(limits)].filter((controller) => !cgroup2?.controllers.includes(controller));
  if (lacking.length > 0) throw new UnsupportedError(...lackOf(lacking, { ...(cgroup2 && { cgroup2 }) }));
}

function checkRestart(paths: Paths, container: Container, { name }: RestartPolicy): void {
  if (name === "no") return;
  const { id, name: containerName } = container.record;
  if (container.record.settings.remove)
    throw new ConflictError(`container ${containerName} was started with --rm: what is removed can't start again`);
  if (isUp(container) && readLockFile(paths, id)?.outlives === false)
    throw new ConflictError(
      `container ${containerName} runs in the foreground: it has no monitor that could start it again`,
      "stop it, then update and start it",
    );
}

/** Writes the limits of a container that runs. @returns what takes them back. */
function applyLimits(container: Container, options: RunOptions, limits: Update["limits"]): () => void {
  const { state, record } = container;
  const cgroup = isUp(container) ? state.cgroup : undefined;
  if (cgroup === undefined) return () => {};
  const settings = planUpdate(planResources(options), changedBy(limits))
    // No limit where there is no controller is how it is already.
    .filter(({ file, value }) => value !== "max" || statIfAny(`${cgroup}/${file}`));
  if (limits.memoryBytes) checkMemory(record.name, cgroup, limits.memoryBytes);
  const before = settings.map(({ file }) => ({ file, value: readFile(`${cgroup}/${file}`).trim() }));
  const undo = () => {
    for (const { file, value } of before) writeSetting(`${cgroup}/${file}`, value);
  };
  try {
    for (const { file, value } of settings) writeSetting(`${cgroup}/${file}`, value);
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

function changedBy({ cpus, memoryBytes, pidsLimit }: Update["limits"]): Set<Setting["controller"]> {
  const changed: [Setting["controller"], number | undefined][] = [
    ["cpu", cpus],
    ["memory", memoryBytes],
    ["pids", pidsLimit],
  ];
  return new Set(changed.filter(([, value]) => value !== undefined).map(([controller]) => controller));
}

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
