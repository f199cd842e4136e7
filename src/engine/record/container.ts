/** What is known of a container: what was asked for (container.json) and what became of it (state.json). */

import { ConflictError, NotFoundError } from "../../errors.ts";
import { readCgroupFile } from "../../linux/cgroup.ts";
import { readdir } from "../../linux/directory.ts";
import { overwriteFile, owned, writeFileAtomic } from "../../linux/file.ts";
import { openProcess, type ProcessId } from "../../linux/proc.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { anonymousOption } from "../../plan/volume.ts";
import { readRecordFile } from "../../record-file.ts";
import { finish, type Task } from "../../runtime/task.ts";
import { damaged, formatRecord, type Parsed, parseRecord } from "../../schema.ts";
import { readName } from "./container-name.ts";
import type { ContainerRecord, ContainerState } from "./container-record.ts";
import { containerUpgrades, stateUpgrades } from "./container-upgrades.ts";
import { recordEvent } from "./events.ts";
import { hasMonitor, isLockFile } from "./monitor-lock.ts";

export type {
  ContainerRecord,
  ContainerState,
  Health,
  HealthResult,
  LogFields,
  LogSettings,
  RestartPolicy,
  Settings,
  Stream,
} from "./container-record.ts";

/** Of a container that was never started. */
export const unstarted: ContainerState = { status: "created", restartCount: 0 };

/** As it is shown: what was written down, and what the kernel says now. */
export type Status =
  | ContainerState["status"]
  | "paused"
  /** It lives, and has no monitor. */
  | "unknown"
  /** One of its files cannot be read: nobody knows all of it, and it may run or not. */
  | "damaged";

export interface Container {
  record: ContainerRecord;
  state: ContainerState;
  status: Status;
  /** Of one that is damaged, what is wrong: `is damaged: state.json is empty`. The rest is what could be read. */
  damage?: string;
}

/** Tells those who watch (`events`) what happened to a container. */
export const emitContainerEvent = (
  paths: Paths,
  { id, name, image, settings }: ContainerRecord,
  action: string,
  more: Record<string, string> = {},
): void =>
  recordEvent(paths, { type: "container", action, id, attributes: { image, name, ...more, ...settings.labels } });

export const directoryOf = (paths: Paths, id: string): string => `${paths.containers}/${id}`;

const recordOf = (paths: Paths, id: string): string => `${directoryOf(paths, id)}/container.json`;

/** Whether a container is there for everybody: its record is written last. */
export const isRecorded = (paths: Paths, id: string): boolean =>
  statIfAny(recordOf(paths, id), { follow: false }) !== undefined;

export const writeRecord = (paths: Paths, record: ContainerRecord): void =>
  writeFileAtomic(recordOf(paths, record.id), formatRecord(containerUpgrades, record));

const stateOf = (paths: Paths, id: string): string => `${directoryOf(paths, id)}/state.json`;

export const writeState = (paths: Paths, id: string, state: ContainerState): void =>
  writeFileAtomic(stateOf(paths, id), formatRecord(stateUpgrades, state));

/** On a full disk: the file is there, and was as long. */
export const overwriteState = (paths: Paths, id: string, state: ContainerState): void =>
  overwriteFile(stateOf(paths, id), formatRecord(stateUpgrades, state));

/** Loaded where a file is damaged. */
const damage = () => require("./damaged-container.ts") as typeof import("./damaged-container.ts");

/** Loaded for those who read: a run writes down what it knows. */
const kinds = () => require("./container-kind.ts") as typeof import("./container-kind.ts");

/** A container by its full id; undefined where there is none (yet). One that is damaged says so. */
export function readContainer(paths: Paths, id: string): Container | undefined {
  const text = readRecordFile(recordOf(paths, id));
  if (text === undefined && !lacksRecord(paths, id)) return undefined;
  const record = ofDirectory(id, parseRecord(kinds().containerKind, text, "container.json"));
  const stateText = readRecordFile(stateOf(paths, id));
  // Removed between the two.
  if (stateText === undefined && !isRecorded(paths, id) && !lacksRecord(paths, id)) return undefined;
  const state = parseRecord(kinds().stateKind, stateText, "state.json");
  if (!record.value || !state.value) return damage().damagedContainer(paths, id, record, state);
  return { record: record.value, state: state.value, status: statusOf(paths, id, state.value) };
}

/** All its paths are made of its id. */
const ofDirectory = (id: string, record: Parsed<ContainerRecord>): Parsed<ContainerRecord> =>
  record.value === undefined || record.value.id === id
    ? record
    : { damage: "is damaged: container.json: id is not that of its directory", rest: record.value };

/** True for a container whose record is lost, not for one that somebody makes or removes. */
const lacksRecord = (paths: Paths, id: string): boolean =>
  (hasMonitor(paths, id) ? damage().isLost(paths, id) : statIfAny(directoryOf(paths, id)) !== undefined) &&
  !isRecorded(paths, id);

/** Refuses what needs all that there is to know of a container. @throws DamagedError */
export function refuseDamaged(paths: Paths, { record: { id, name }, damage }: Container): void {
  if (damage === undefined) return;
  const files = `what it wrote is in ${directoryOf(paths, id)}/upper`;
  throw damaged(`container ${name}`, damage, `tinydocker rm -f ${name} removes it; ${files}`);
}

function statusOf(paths: Paths, id: string, state: ContainerState): Status {
  if (state.status === "restarting") return isWaitedFor(paths, id, state) ? "restarting" : "exited";
  if (state.status !== "running") return state.status;
  const monitored = hasMonitor(paths, id);
  if (!monitored && !isAlive(state)) return "exited";
  const frozen = readCgroupFile(state.cgroup, "cgroup.freeze")?.trim() === "1";
  return frozen ? "paused" : monitored ? "running" : "unknown";
}

/** True while its monitor is there to start it again. Between two starts nobody holds the lock, for a moment. */
function isWaitedFor(paths: Paths, id: string, { monitor }: ContainerState): boolean {
  return hasMonitor(paths, id) || isAlive({ process: monitor });
}

/** True while its first process lives. */
export function isAlive({ process }: { process?: ProcessId | undefined }): boolean {
  using pidfd = owned(process && openProcess(process));
  return pidfd !== undefined;
}

/** True for a container that has a process: it can be signalled, entered, and not simply removed. */
export const isUp = ({ status }: Container): boolean =>
  status === "running" || status === "paused" || status === "unknown";

/** Names of the volumes that were made for a container, and go with it. */
export const anonymousVolumes = ({ options }: ContainerRecord): string[] =>
  options.mounts.filter((mount) => mount.options?.includes(anonymousOption)).map(({ source }) => source!);

const idsIn = (directory: string): string[] => (readdir(directory) ?? []).filter(isLockFile);

/** One that runs and has lost its directory is there by its lock file. */
const allIds = ({ containers, running }: Paths): Set<string> => new Set([...idsIn(containers), ...idsIn(running)]);

/** All containers, the newest first; or only those that have a monitor, which costs nothing for the others. */
export function listContainers(paths: Paths, which: "all" | "running" = "all"): Container[] {
  const containers: Container[] = [];
  for (const id of which === "all" ? allIds(paths) : idsIn(paths.running)) {
    const container = readContainer(paths, id);
    if (container) containers.push(container);
  }
  return containers.sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
}

/** The id of the one container with this name or id prefix. What is too long for a file's name is no name (NAME_MAX). */
export function resolveContainer(paths: Paths, reference: string): string {
  const named = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(reference)
    ? readName(paths, reference.replace(/^\//, ""))
    : undefined;
  if (named) return named;
  const matches = /^[0-9a-f]+$/.test(reference) ? [...allIds(paths)].filter((id) => id.startsWith(reference)) : [];
  if (matches.length > 1) throw new ConflictError(`${reference} is the beginning of ${matches.length} container ids`);
  const found = matches[0] ?? recordedId(paths, reference);
  if (found === undefined) throw new NotFoundError(`no such container: ${reference || '""'}`);
  return found;
}

/** Loaded where a name leads nowhere. */
const names = () => require("../../runtime/name-owner.ts") as typeof import("../../runtime/name-owner.ts");

/** The id of the container whose own record says that it is called so: the name that should lead to it does not. */
const recordedId = (paths: Paths, reference: string): string | undefined =>
  names().recordedOwner(paths.containers, reference.replace(/^\//, ""));

/** A container by its name or id prefix. @throws DamagedError for one that is damaged. */
export function findContainer(paths: Paths, reference: string): Container {
  const found = findAnyContainer(paths, reference);
  refuseDamaged(paths, found);
  return found;
}

/** The same for who can do with what is left of a damaged one. */
export function findAnyContainer(paths: Paths, reference: string): Container {
  const id = resolveContainer(paths, reference);
  waitUntilRemoved(paths, id, reference.replace(/^\//, ""));
  const found = readContainer(paths, id) ?? readContainer(paths, recordedId(paths, reference) ?? id);
  if (!found) throw new NotFoundError(`no such container: ${reference || '""'}`);
  return found;
}

const removalMs = 2000;
const removalPollMs = 5;

/**
 * A container's name goes last (runtime/clean-up.ts): who is told that it is gone can use the name at once. One that is there is
 * not waited for.
 */
export const waitUntilRemoved = (paths: Paths, id: string, name: string): void =>
  finish(waitingUntilRemoved(paths, id, name));

/** The same, for who waits for several. */
export function* waitingUntilRemoved(paths: Paths, id: string, name: string): Task<void> {
  const until = performance.now() + removalMs;
  const isLeft = () => !isRecorded(paths, id) && readName(paths, name) === id && !lacksRecord(paths, id);
  while (isLeft() && performance.now() < until) yield { forMs: removalPollMs };
}
