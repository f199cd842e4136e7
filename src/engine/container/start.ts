/** One start of a container, by its monitor: the plan, the run, and what is written down of it. */

import { explain, isFull, StartError } from "../../errors.ts";
import { unlink } from "../../linux/names.ts";
import type { EventSource } from "../../linux/poll.ts";
import { identify } from "../../linux/proc.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import type { Plan } from "../../plan/step.ts";
import type { LogOptions } from "../../runtime/log.ts";
import { type Io, type Outcome, runContainer } from "../../runtime/run.ts";
import type { KeptNetwork } from "../network/keep.ts";
import {
  anonymousVolumes,
  type ContainerRecord,
  type ContainerState,
  directoryOf,
  emitContainerEvent,
  isRecorded,
  overwriteState,
  writeRecord,
  writeState,
} from "../record/container.ts";
import { readName } from "../record/container-name.ts";
import { cleaningUpFor, removeAnonymousVolumes, removeMadeVolumes } from "./delete.ts";

export interface Run {
  plan: Plan;
  record: ContainerRecord;
  /** As it was before. */
  state: ContainerState;
  io: Io;
  /** Called when the container is written down: from here on nobody removes its image. */
  onRecorded(): void;
  /** Gives back the store's lock, which is held until the container is recorded. */
  releaseStore?(): void;
  /** Its networks, if it is in any. */
  network?: KeptNetwork;
  /** @returns what is to go on beside it. @param note writes down what is new of its state, which is `started`. */
  onStarted?(update: (change: Partial<ContainerState>) => void, started: ContainerState): EventSource[];
  /** @returns what is to be written down beside its end, in the same moment: nobody sees it ended that is to start again. */
  onEnded?(state: ContainerState): Partial<ContainerState>;
  warn(text: string): void;
}

/** Runs a container to its end and writes down how it went. @returns the exit code, and how it came to it. */
export function runToEnd(
  paths: Paths,
  { plan, record, state, io, network, ...on }: Run,
): { code: number; outcome: Outcome; state: ContainerState } {
  const directory = directoryOf(paths, record.id);
  const { settings } = record;
  const report = settings.report ?? false;
  let current: ContainerState = { ...state, status: "running", started: new Date().toISOString() };
  for (const key of ["finished", "exitCode", "error", "usage", "health", "monitor", "network"] as const)
    delete current[key];
  if (network) current.network = network.connected();
  const update = (change: Partial<ContainerState>) => {
    current = { ...current, ...change };
    keepState(paths, record.id, current, "what is new of the container", on.warn);
  };
  /** Loaded for those who have some. */
  const volumeEvents = () => require("../volume/events.ts") as typeof import("../volume/events.ts");
  const hasVolumes = record.options.mounts.some(({ type }) => type === "volume");
  /** A start that failed: otherwise it would be one that runs, without a process. */
  const recordFailure = (failure: unknown) =>
    update({
      status: "exited",
      exitCode: failure instanceof StartError ? failure.exitCode : 125,
      finished: new Date().toISOString(),
      error: explain(failure).text,
    });
  const outcome = runContainer(
    plan,
    io,
    { directory, log: logOptions(record), usage: { wanted: report || !settings.remove, look: report } },
    {
      cleanUpDead: cleaningUpFor(paths, record.id),
      madeVolume: (name) => volumeEvents().emitVolumeCreated(paths, name),
      starting: (pid) => {
        plan.warnings.forEach(on.warn);
        current = {
          ...current,
          process: identify(pid),
          ...(plan.clone.cgroup !== undefined && { cgroup: plan.clone.cgroup }),
        };
        writeState(paths, record.id, current);
        if (!isRecorded(paths, record.id)) {
          writeRecord(paths, record);
          emitContainerEvent(paths, record, "create");
        }
        on.onRecorded();
      },
      ...(network && {
        connect: network.connect,
        change: (control, fds) => {
          network.change(control, fds);
          update({ network: network.connected() });
        },
      }),
      warn: (texts) => texts.forEach(on.warn),
      exec: (execId, process) => {
        const { watchExec } = require("./unseen-end.ts") as typeof import("./unseen-end.ts");
        return watchExec(paths, record, execId, process);
      },
      started: () => {
        emitContainerEvent(paths, record, "start");
        if (hasVolumes) {
          volumeEvents().keepVolumes(paths, record);
          volumeEvents().emitVolumeEvents(paths, record, "mount");
        }
        return [...(on.onStarted?.(update, current) ?? []), ...timeoutOf(paths, record, current)];
      },
      ended: ({ exit, oomKilled, usage }) => {
        current = {
          ...current,
          status: "exited",
          exitCode: exit.code ?? 128 + exit.signal!,
          finished: new Date().toISOString(),
          oomKilled,
          usage,
        };
        current = { ...current, ...on.onEnded?.(current) };
        const now = underItsName(paths, record);
        if (oomKilled) emitContainerEvent(paths, now, "oom");
        if (hasVolumes) volumeEvents().emitVolumeEvents(paths, record, "unmount");
        emitContainerEvent(paths, now, "die", { exitCode: String(current.exitCode) });
        if (record.settings.remove) emitContainerEvent(paths, now, "destroy");
        // One that is being removed is read for its published ports alone (withdrawEnded, engine/network/firewall.ts).
        if (!record.settings.remove || network?.connected().publications.length)
          keepState(paths, record.id, current, "the end of the container", on.warn);
      },
      // With --rm the anonymous volumes go too, however it ends.
      takenBack: (failure) => {
        if (current.status === "running" && isRecorded(paths, record.id)) recordFailure(failure);
        network?.release();
        if (settings.remove) removeAnonymousVolumes(paths, anonymousVolumes(record));
        if (failure !== undefined && !isRecorded(paths, record.id)) removeMadeVolumes(paths, record, on.releaseStore);
      },
    },
    plan.external && external().spawnExternal(plan.external),
  );
  return { code: current.exitCode!, outcome, state: current };
}

/** Loaded where another runtime makes it. */
const external = () =>
  require("../../runtime/external/container.ts") as typeof import("../../runtime/external/container.ts");

/** The end of one that may only run for some time. Loaded for those. */
function timeoutOf(paths: Paths, record: ContainerRecord, state: ContainerState): EventSource[] {
  if (!record.settings.timeoutS) return [];
  const { killAfter } = require("./timeout.ts") as typeof import("./timeout.ts");
  return [killAfter(paths, record, state, record.settings.timeoutS)];
}

/** Loaded for those who want more of it than the usual. */
const logOptions = (record: ContainerRecord): LogOptions =>
  record.settings.log.fields || ["journald", "syslog"].includes(record.settings.log.driver)
    ? (require("./log-fields.ts") as typeof import("./log-fields.ts")).logOptionsOf(record)
    : record.settings.log;

/** Loaded for one that was renamed. */
const nameOwner = () => require("../../runtime/name-owner.ts") as typeof import("../../runtime/name-owner.ts");

/** It may have another name by now. */
const underItsName = (paths: Paths, record: ContainerRecord): ContainerRecord =>
  readName(paths, record.name) === record.id
    ? record
    : { ...record, name: nameOwner().recordedName(paths.containers, record.id) ?? record.name };

/** A full disk must not end the program, nor hide how it ended. */
function keepState(paths: Paths, id: string, state: ContainerState, what: string, warn: Run["warn"]): void {
  try {
    try {
      writeState(paths, id, state);
    } catch (error) {
      if (!isFull(error)) throw error;
      overwriteState(paths, id, state);
    }
  } catch (error) {
    warn(`${what} is not recorded: ${explain(error).text}`);
  }
}

export const stopFile = (paths: Paths, id: string): string => `${directoryOf(paths, id)}/stopped`;

/** True if a user has said that this container is to stop: then no restart policy starts it again. */
export const wasStopped = (paths: Paths, id: string): boolean => statIfAny(stopFile(paths, id)) !== undefined;

/** Clears that it was to stop: it is started by hand. */
export const clearStopped = (paths: Paths, id: string): void => unlink(stopFile(paths, id));
