/** The monitor of one container: runs it, and starts it again as its restart policy says. */

import { close, flock, O_CREAT, O_RDWR, open, unlink } from "../linux/file.ts";
import { chdir } from "../linux/mount.ts";
import { poll } from "../linux/poll.ts";
import { identify } from "../linux/proc.ts";
import { dup2, execve, stringVector } from "../linux/process.ts";
import type { Paths } from "../paths.ts";
import { planHealth } from "../plan/health.ts";
import type { Birth } from "../runtime/birth.ts";
import { healthChecks } from "./health.ts";
import { type Attachment, environment, launcherFd } from "./launch.ts";
import { planStart } from "./plan.ts";
import { type ContainerRecord, type ContainerState, type Health, readContainer, tell, writeState } from "./record.ts";
import { runToEnd, wasStopped } from "./start.ts";

/**
 * Runs a container that was created, to its end.
 * @param launcher absent when this is a restart: then nobody waits for us. @returns the exit code.
 */
export function monitor(
  paths: Paths,
  id: string,
  birth: Birth,
  launcher: Attachment | undefined,
  warn: (text: string) => void,
): number {
  // No directory of the caller's is kept busy.
  chdir("/");
  const container = readContainer(paths, id);
  // Removed or stopped while we waited to start it again.
  if (!container || (!launcher && wasStopped(paths, id))) return 0;
  const { record, state } = container;
  const { plan } = planStart(
    paths,
    record,
    birth,
    { fresh: false, monitored: true, first: state.started === undefined },
    warn,
  );
  const io = {
    to: "monitor" as const,
    terminal: record.options.terminal,
    interactive: record.settings.interactive,
    stderrApart: launcher?.stderrApart ?? false,
    ...(launcher && { launcher: { socket: launcherFd, ...launcher } }),
  };
  const ended = runToEnd(paths, birth, {
    plan,
    record,
    state,
    io,
    onRecorded: () => {},
    onStarted: (note) => {
      leaveCaller();
      const health = planHealth(record.settings.health ?? {}, record.defaults);
      if (!health) return [];
      const of = {
        process: identify(birth.child.pid),
        ...(birth.cgroup !== undefined && { cgroup: birth.cgroup }),
        id,
      };
      return [healthChecks(paths, of, health, noteHealth(paths, record, note))];
    },
    warn,
  });
  // Read again: `update` may have changed the policy.
  const now = record.settings.remove ? undefined : readContainer(paths, id)?.record;
  if (now) restartIfWanted(paths, now, ended.state);
  return ended.code;
}

/** Writes down how it is and, when that is new, tells it. */
function noteHealth(paths: Paths, record: ContainerRecord, note: (change: { health: Health }) => void) {
  let told: Health["status"] = "starting";
  return (health: Health): void => {
    note({ health });
    if (health.status !== told) tell(paths, record, `health_status: ${health.status}`);
    told = health.status;
  };
}

/** Our stderr was the caller's until now, for what might go wrong. */
function leaveCaller(): void {
  const nowhere = open("/dev/null", O_RDWR);
  for (const fd of [0, 1, 2]) dup2(nowhere, fd);
  close(nowhere);
}

const firstDelayMs = 100;
const longestDelayMs = 60_000;
/** Who ran that long starts again with the first delay. */
const longEnoughMs = 10_000;
const lookMs = 100;

/** Waits as Docker does, twice as long each time, and becomes a new monitor: its parent's threads must not fork (birth.ts). */
function restartIfWanted(paths: Paths, record: ContainerRecord, state: ContainerState): void {
  if (!wantsRestart(paths, record, state)) return;
  const { id } = record;
  const claim = `${paths.running}/${id}`;
  const lock = open(claim, O_RDWR | O_CREAT, 0o600);
  if (!flock(lock, { wait: false }) || !readContainer(paths, id)) return;
  const tries = (state.usage?.wallMs ?? 0) >= longEnoughMs ? 0 : state.restartCount;
  const monitor = identify(process.pid);
  writeState(paths, id, { ...state, status: "restarting", restartCount: state.restartCount + 1, monitor });
  const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(tries, 10));
  for (let waitedMs = 0; waitedMs < delayMs && !wasStopped(paths, id); waitedMs += lookMs) poll([], lookMs);
  if (wasStopped(paths, id)) writeState(paths, id, { ...state, restartCount: state.restartCount + 1 });
  unlink(claim);
  close(lock);
  if (wasStopped(paths, id)) return;
  execve("/proc/self/exe", stringVector(["tinydocker", "monitor", "--again", id]), stringVector(environment(paths)));
}

function wantsRestart(paths: Paths, { id, settings: { restart } }: ContainerRecord, state: ContainerState): boolean {
  if (restart.name === "no" || wasStopped(paths, id)) return false;
  if (restart.name !== "on-failure") return true;
  const retriesLeft = restart.maximumRetries === 0 || state.restartCount < restart.maximumRetries;
  return state.exitCode !== 0 && retriesLeft;
}
