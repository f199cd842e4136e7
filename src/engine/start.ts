/** One start of a container, by the process that looks after it: the plan, the run, and what is written down of it. */

import { explain } from "../errors.ts";
import { readFileIfAny, statIfAny, unlink } from "../linux/file.ts";
import { identify } from "../linux/proc.ts";
import type { Paths } from "../paths.ts";
import type { Plan } from "../plan/step.ts";
import type { Birth } from "../runtime/birth.ts";
import { type Io, type Outcome, runContainer } from "../runtime/run.ts";
import {
  type ContainerRecord,
  type ContainerState,
  directoryOf,
  tell,
  type Usage,
  writeRecord,
  writeState,
} from "./record.ts";
import { recover } from "./recover.ts";

export interface Run {
  plan: Plan;
  record: ContainerRecord;
  /** As it was before. */
  state: ContainerState;
  io: Io;
  /** Called when the container is written down: from here on nobody removes its image. */
  onRecorded(): void;
  onStarted?(): void;
  warn(text: string): void;
}

/** Runs a container to its end and writes down how it went. @returns the exit code, and how it came to it. */
export function runToEnd(
  paths: Paths,
  birth: Birth,
  { plan, record, state, io, ...on }: Run,
): { code: number; outcome: Outcome; state: ContainerState } {
  const directory = directoryOf(paths, record.id);
  const startedMs = Date.now();
  let current: ContainerState = { ...state, status: "running", started: new Date(startedMs).toISOString() };
  delete current.finished;
  delete current.exitCode;
  delete current.error;
  const outcome = runContainer(
    plan,
    birth,
    io,
    { directory, log: record.settings.log },
    {
      starting: (pid) => {
        // A name that is asked for was looked at before (run.ts); other traces of the dead could wait until now.
        recover(paths);
        plan.warnings.forEach(on.warn);
        current = { ...current, process: identify(pid), ...(birth.cgroup !== undefined && { cgroup: birth.cgroup }) };
        if (!statIfAny(`${directory}/container.json`)) {
          writeRecord(paths, record);
          tell(paths, record, "create");
        }
        writeState(paths, record.id, current);
        on.onRecorded();
      },
      started: () => {
        tell(paths, record, "start");
        on.onStarted?.();
      },
      ended: ({ exit, oomKilled }) => {
        const finishedMs = Date.now();
        current = {
          ...current,
          status: "exited",
          exitCode: exit.code ?? 128 + exit.signal!,
          finished: new Date(finishedMs).toISOString(),
          oomKilled,
          usage: { wallMs: finishedMs - startedMs, ...readUsage(birth.cgroup) },
        };
        if (oomKilled) tell(paths, record, "oom");
        tell(paths, record, "die", { exitCode: String(current.exitCode) });
        if (record.settings.remove) tell(paths, record, "destroy");
        else writeEnd(paths, record.id, current, on.warn);
      },
    },
  );
  return { code: current.exitCode!, outcome, state: current };
}

/** A full disk must not hide how the program ended. */
function writeEnd(paths: Paths, id: string, state: ContainerState, warn: Run["warn"]): void {
  try {
    writeState(paths, id, state);
  } catch (error) {
    warn(`the end of the container is not recorded: ${explain(error).text}`);
  }
}

/** What the kernel counted for a cgroup, as far as this host's controllers count. */
function readUsage(cgroup: string | undefined): Omit<Usage, "wallMs"> {
  if (cgroup === undefined) return {};
  const cpu = /^usage_usec (\d+)/m.exec(readFileIfAny(`${cgroup}/cpu.stat`) ?? "")?.[1];
  const peak = readFileIfAny(`${cgroup}/memory.peak`);
  const io = readFileIfAny(`${cgroup}/io.stat`);
  const sum = (key: string) =>
    [...(io ?? "").matchAll(new RegExp(`\\b${key}=(\\d+)`, "g"))].reduce(
      (total, [, bytes]) => total + Number(bytes),
      0,
    );
  return {
    ...(cpu !== undefined && { cpuMs: Number(cpu) / 1000 }),
    ...(peak !== undefined && { memoryPeakBytes: Number(peak) }),
    ...(io !== undefined && { readBytes: sum("rbytes"), writtenBytes: sum("wbytes") }),
  };
}

export const stopFile = (paths: Paths, id: string): string => `${directoryOf(paths, id)}/stopped`;

/** True if a user has said that this container is to stop: then no restart policy starts it again. */
export const wasStopped = (paths: Paths, id: string): boolean => statIfAny(stopFile(paths, id)) !== undefined;

/** Forgets that it was to stop: it is started by hand. */
export const clearStopped = (paths: Paths, id: string): void => unlink(stopFile(paths, id));
