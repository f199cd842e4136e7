/** What is known of a container: what was asked for (container.json) and what became of it (state.json). */

import { ConflictError, NotFoundError } from "../errors.ts";
import {
  close,
  flock,
  O_RDONLY,
  openIfAny,
  overwriteFile,
  readdir,
  readFileIfAny,
  readSmallFileIfAny,
  statIfAny,
  writeFileAtomic,
} from "../linux/file.ts";
import { poll } from "../linux/poll.ts";
import { openProcess, type ProcessId } from "../linux/proc.ts";
import type { Paths } from "../paths.ts";
import type { HealthOptions } from "../plan/health.ts";
import type { Connected } from "../plan/network.ts";
import { noOptions, type RunOptions } from "../plan/options.ts";
import type { ImageDefaults } from "../plan/spec.ts";
import { anonymousOption } from "../plan/volume.ts";
import type { Usage } from "../runtime/usage.ts";
import { recordEvent } from "./events.ts";

/** What a container is: written when it is created, and by `rename` and `update`. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** ISO 8601. */
  created: string;
  /** As the user named it. */
  image: string;
  imageId?: string;
  /** A directory of the host that is the root, in place. */
  rootfs?: string;
  /** Layers of the image from the bottom to the top; none where `rootfs` is given. */
  lower: string[];
  /** Permission bits of the image's root directory. */
  rootMode: number;
  defaults: ImageDefaults;
  options: RunOptions;
  settings: Settings;
}

/** How a container is looked after, beyond what its program sees. */
export interface Settings {
  /** Forget the container when it ends. */
  remove: boolean;
  /** A small init as process 1. */
  init: boolean;
  /** Its stdin stays open for those who attach. */
  interactive: boolean;
  restart: RestartPolicy;
  log: LogSettings;
  labels: Record<string, string>;
  /** A signal's name or number; the image's, or SIGTERM. */
  stopSignal?: string;
  stopTimeoutS?: number;
  /** What was said about health checks; the rest is the image's. */
  health?: HealthOptions;
  /** Its user wants to know what it took: look closer where this host does not count. */
  report?: boolean;
}

export interface RestartPolicy {
  name: "no" | "always" | "unless-stopped" | "on-failure";
  /** Of on-failure; 0 is without limit. */
  maximumRetries: number;
}

export interface LogSettings {
  driver: "local" | "json-file" | "none";
  maxBytes: number;
  maxFiles: number;
}

/** What became of a container: written by whoever looks after it. */
export interface ContainerState {
  status: "created" | "running" | "restarting" | "exited";
  /** Its first process, on the host; of the last start. */
  process?: ProcessId;
  /** Its cgroup v2 directory. */
  cgroup?: string;
  /** ISO 8601. */
  started?: string;
  finished?: string;
  exitCode?: number;
  oomKilled?: boolean;
  /** Why it could not be started. */
  error?: string;
  restartCount: number;
  /** Who waits to start it again. */
  monitor?: ProcessId;
  /** What it used, of the run that has ended. */
  usage?: Usage;
  /** Of a container with a health check, since its last start. */
  health?: Health;
  /** Of its last start. */
  network?: Connected;
}

/** Of a container that was never started. */
export const unstarted: ContainerState = { status: "created", restartCount: 0 };

/** What its health check said (engine/health.ts). */
export interface Health {
  status: "starting" | "healthy" | "unhealthy";
  /** Failures one after the other, until now. */
  failingStreak: number;
  /** The last results, the newest at the end. */
  log: HealthResult[];
}

export interface HealthResult {
  /** ISO 8601. */
  start: string;
  end: string;
  /** -1 for one that took too long. */
  exitCode: number;
  output: string;
}

/** As it is shown: what was written down, and what the kernel says now. */
export type Status =
  | ContainerState["status"]
  | "paused"
  /** It lives, and nobody looks after it. */
  | "unknown"
  /** Its files tell nothing. */
  | "damaged";

export interface Container {
  record: ContainerRecord;
  state: ContainerState;
  status: Status;
}

/** Tells those who watch (`events`) what happened to a container. */
export const tell = (
  paths: Paths,
  { id, name, image, settings }: ContainerRecord,
  action: string,
  more: Record<string, string> = {},
): void =>
  recordEvent(paths, { type: "container", action, id, attributes: { image, name, ...more, ...settings.labels } });

export const directoryOf = (paths: Paths, id: string): string => `${paths.containers}/${id}`;

const recordOf = (paths: Paths, id: string): string => `${directoryOf(paths, id)}/container.json`;

/** Whether a container is there for everybody: its record is written last. */
export const isRecorded = (paths: Paths, id: string): boolean => statIfAny(recordOf(paths, id)) !== undefined;

export const writeRecord = (paths: Paths, record: ContainerRecord): void =>
  writeFileAtomic(recordOf(paths, record.id), JSON.stringify(record));

export const writeState = (paths: Paths, id: string, state: ContainerState): void =>
  writeFileAtomic(`${directoryOf(paths, id)}/state.json`, JSON.stringify(state));

/** On a full disk: the file is there, and was as long. */
export const overwriteState = (paths: Paths, id: string, state: ContainerState): void =>
  overwriteFile(`${directoryOf(paths, id)}/state.json`, JSON.stringify(state));

/** A container by its full id; undefined where there is none (yet). A file that tells nothing makes one that says so. */
export function readContainer(paths: Paths, id: string): Container | undefined {
  const text = readSmallFileIfAny(recordOf(paths, id));
  if (text === undefined) return undefined;
  const record = parseObject<ContainerRecord>(text, isRecord);
  const state = parseObject<ContainerState>(
    readSmallFileIfAny(`${directoryOf(paths, id)}/state.json`) ?? JSON.stringify(unstarted),
    isState,
  );
  if (!record || !state)
    return { record: record ?? damagedRecord(id), state: state ?? damagedState, status: "damaged" };
  return { record, state, status: statusOf(paths, id, state) };
}

function parseObject<Type>(text: string, isWhole: (value: Partial<Type>) => boolean): Type | undefined {
  try {
    const value = JSON.parse(text) as Partial<Type> | null;
    return value && isWhole(value) ? (value as Type) : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = ({ id, name, image, created, options, settings }: Partial<ContainerRecord>): boolean =>
  [id, name, image, created].every((value) => typeof value === "string") &&
  Array.isArray(options?.command) &&
  typeof settings === "object";

const isState = ({ status }: Partial<ContainerState>): boolean =>
  status !== undefined && ["created", "running", "restarting", "exited"].includes(status);

const damagedState: ContainerState = { status: "exited", restartCount: 0 };

const damagedRecord = (id: string): ContainerRecord => ({
  id,
  name: id.slice(0, 12),
  created: "1970-01-01T00:00:00Z",
  image: "?",
  lower: [],
  rootMode: 0o755,
  defaults: {},
  options: noOptions,
  settings: {
    remove: false,
    init: false,
    interactive: false,
    restart: { name: "no", maximumRetries: 0 },
    log: { driver: "none", maxBytes: 0, maxFiles: 0 },
    labels: {},
  },
});

function statusOf(paths: Paths, id: string, state: ContainerState): Status {
  if (state.status === "restarting") return isWaitedFor(paths, id, state) ? "restarting" : "exited";
  if (state.status !== "running") return state.status;
  const lookedAfter = isLookedAfter(paths, id);
  if (!lookedAfter && !isAlive(state)) return "exited";
  const frozen = state.cgroup !== undefined && readFileIfAny(`${state.cgroup}/cgroup.freeze`)?.trim() === "1";
  return frozen ? "paused" : lookedAfter ? "running" : "unknown";
}

/** True while its monitor is there to start it again. Between two starts nobody holds the lock, for a moment. */
function isWaitedFor(paths: Paths, id: string, { monitor }: ContainerState): boolean {
  return isLookedAfter(paths, id) || isAlive({ process: monitor });
}

/** True while a process holds the lock that says so. */
export function isLookedAfter(paths: Paths, id: string): boolean {
  const lock = openIfAny(`${paths.running}/${id}`, O_RDONLY);
  if (lock === undefined) return false;
  const free = flock(lock, { shared: true, wait: false });
  close(lock);
  return !free;
}

/** Waits until nobody looks after it any more: then all that happened is written down. */
export function waitUntilLeft(paths: Paths, id: string): void {
  const lock = openIfAny(`${paths.running}/${id}`, O_RDONLY);
  if (lock === undefined) return;
  flock(lock, { shared: true, wait: true });
  close(lock);
}

/** True while its first process lives. */
export function isAlive({ process }: { process?: ProcessId | undefined }): boolean {
  const pidfd = process && openProcess(process);
  if (pidfd === undefined) return false;
  close(pidfd);
  return true;
}

/** True for a container that has a process: it can be signalled, entered, and not simply removed. */
export const isUp = ({ status }: Container): boolean =>
  status === "running" || status === "paused" || status === "unknown";

/** Names of the volumes that were made for a container, and go with it. */
export const anonymousVolumes = ({ options }: ContainerRecord): string[] =>
  options.mounts.filter((mount) => mount.options?.includes(anonymousOption)).map(({ source }) => source!);

/** Of what stands beside the claims of containers, `running/<id>.network` (network-note.ts). */
export const noteEnding = ".network";

/** All containers, the newest first; or only those that somebody looks after, which costs nothing for the others. */
export function listContainers(paths: Paths, which: "all" | "running" = "all"): Container[] {
  const containers: Container[] = [];
  for (const id of readdir(which === "all" ? paths.containers : paths.running) ?? []) {
    const container = id.endsWith(noteEnding) ? undefined : readContainer(paths, id);
    if (container) containers.push(container);
  }
  return containers.sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
}

/** The id of the one container with this name or id prefix. What is too long for a file's name is no name (NAME_MAX). */
export function resolveContainer(paths: Paths, reference: string): string {
  const named = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(reference)
    ? readFileIfAny(`${paths.names}/${reference.replace(/^\//, "")}`)
    : undefined;
  if (named) return named;
  const matches = /^[0-9a-f]+$/.test(reference)
    ? (readdir(paths.containers) ?? []).filter((id) => id.startsWith(reference))
    : [];
  if (matches.length > 1) throw new ConflictError(`${reference} is the beginning of ${matches.length} container ids`);
  if (matches[0] === undefined) throw new NotFoundError(`no such container: ${reference}`);
  return matches[0];
}

/** A container by its name or id prefix. */
export function findContainer(paths: Paths, reference: string): Container {
  const id = resolveContainer(paths, reference);
  waitUntilForgotten(paths, id, reference.replace(/^\//, ""));
  const found = readContainer(paths, id);
  if (!found) throw new NotFoundError(`no such container: ${reference}`);
  return found;
}

const forgetMs = 2000;
const forgetLookMs = 5;

/**
 * A container's name goes last (runtime/host.ts): who is told that it is gone can use the name at once. One that is there is
 * not waited for.
 */
export function waitUntilForgotten(paths: Paths, id: string, name: string): void {
  const until = performance.now() + forgetMs;
  const isLeft = () => !isRecorded(paths, id) && readFileIfAny(`${paths.names}/${name}`) === id;
  while (isLeft() && performance.now() < until) poll([], forgetLookMs);
}
