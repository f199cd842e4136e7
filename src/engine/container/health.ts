/**
 * Health checks of a running container: every now and then another process in it, whose exit code says how it is. The
 * monitor starts them and never waits for one: they are watched beside everything else (runtime/relay.ts).
 */

import { explain, StartError } from "../../errors.ts";
import { byteName } from "../../linux/byte-name.ts";
import { readCgroupFile } from "../../linux/cgroup.ts";
import { type Child, type Exit, pidfdSendSignal, wait } from "../../linux/clone.ts";
import { close, type Fd, read } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";
import { type EventSource, type Interest, POLLIN, pipe, poll } from "../../linux/poll.ts";
import { openProcess } from "../../linux/proc.ts";
import { kill } from "../../linux/process.ts";
import { readStat } from "../../linux/procfs.ts";
import { signals } from "../../linux/signal.ts";
import { fchown } from "../../linux/tree/metadata.ts";
import type { ExecPlan } from "../../plan/exec.ts";
import type { HealthPlan } from "../../plan/health.ts";
import { identityIn, ownerOf, spawnExec } from "../../runtime/exec.ts";
import { follow, leave, type Starting } from "../../runtime/follow.ts";
import { processesOf } from "../../runtime/oci/processes.ts";
import type { ExternalCheck } from "../external/container.ts";
import type { ContainerState, Health, HealthResult } from "../record/container.ts";
import type { tellExec } from "./exec-events.ts";

/** Results that are remembered, and bytes of output of each; Docker's. */
const remembered = 5;
const outputBytes = 4096;
/** What a check is that took too long, or could not be started. */
const failed = -1;

/** What one check changes. @param sinceStartMs of the container. */
export function judge(before: Health, plan: HealthPlan, result: HealthResult, sinceStartMs: number): Health {
  const log = [...before.log, result].slice(-remembered);
  if (result.exitCode === 0) return { status: "healthy", failingStreak: 0, log };
  // It may take its time to come up; once it was healthy, every failure counts.
  if (before.status === "starting" && sinceStartMs < plan.startPeriodMs) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  return { status: failingStreak >= plan.retries ? "unhealthy" : before.status, failingStreak, log };
}

/** How long to wait for the next check. */
export const pauseMs = ({ status }: Health, plan: HealthPlan, sinceStartMs: number): number =>
  status === "starting" && sinceStartMs < plan.startPeriodMs ? plan.startIntervalMs : plan.intervalMs;

/** A check that runs: another process in the container, our child. */
interface Check {
  child: Child;
  /** Until it has become its program. */
  starting?: Starting;
  telling: Telling;
  /** Why it could not. */
  failure?: StartError;
  /** Where its output comes; undefined when that has ended. */
  output: Fd | undefined;
  bytes: Uint8Array[];
  started: Date;
  deadlineMs: number;
  late: boolean;
}

type Plan = HealthPlan & { exec: ExecPlan | ExternalCheck };

/** Told of each check, which is a command in the container as others are. */
type Telling = Pick<ReturnType<typeof tellExec>, "started" | "died" | "failed">;

/** @param of the container that runs. @param update writes down how it is. @param telling is asked for each check. */
export function healthChecks(
  of: ContainerState,
  plan: Plan,
  update: (health: Health) => void,
  telling: () => Telling,
): EventSource {
  const startedMs = performance.now();
  const sinceStartMs = () => performance.now() - startedMs;
  let health: Health = { status: "starting", failingStreak: 0, log: [] };
  let check: Check | undefined;
  let nextMs = startedMs + pauseMs(health, plan, 0);
  update(health);

  const schedule = () => {
    nextMs = performance.now() + pauseMs(health, plan, sinceStartMs());
  };
  const begin = () => {
    // Nobody in a frozen container can answer.
    if (isFrozen(of)) return schedule();
    const started = startCheck(of, plan, telling());
    if (!("exitCode" in started)) check = started;
    else report(new Date(), started.exitCode, started.output);
  };
  const report = (start: Date, exitCode: number, output: string) => {
    const times = { start: start.toISOString(), end: new Date().toISOString() };
    health = judge(health, plan, { ...times, exitCode, output }, sinceStartMs());
    update(health);
    schedule();
  };
  const finish = (ended: Check) => {
    check = undefined;
    // Its last word may still be on the way.
    while (ended.starting) followCheck(ended);
    const { exit } = wait(ended.child)!;
    tellEnd(ended, exit);
    const exitCode = ended.late ? failed : (ended.failure?.exitCode ?? exit.code ?? 128 + exit.signal!);
    const output = takeOutput(ended) + (ended.failure?.message ?? "");
    if (ended.late && isFrozen(of)) return schedule();
    const late = `Health check exceeded timeout (${plan.timeoutMs / 1000}s)${output && `: ${output}`}`;
    report(ended.started, exitCode, ended.late ? late : output);
  };
  return {
    watches: () => {
      const now = check;
      if (!now) return [];
      const { output, starting, child } = now;
      return [
        ...(starting ? [{ fd: starting.socket, onReady: () => now.starting && followCheck(now) }] : []),
        ...(output === undefined ? [] : [{ fd: output, onReady: () => readOutput(now) }]),
        { fd: child.pidfd, onReady: () => finish(now) },
      ];
    },
    timers: () => {
      const now = check;
      if (!now) return [{ atMs: nextMs, onTime: begin }];
      // When it is killed its end is seen by the watch.
      return now.late ? [] : [{ atMs: now.deadlineMs, onTime: () => cutShort(now, of) }];
    },
    end: () => {
      if (!check) return;
      pidfdSendSignal(check.child.pidfd, signals.SIGKILL);
      if (check.starting) leave(check.starting);
      tellEnd(check, wait(check.child)!.exit);
      takeOutput(check);
    },
  };
}

/** One check, now, by whoever wants to know; what the monitor has found is not changed by it. */
export function checkNow(of: ContainerState, plan: Plan, telling: () => Telling): HealthResult {
  let result: HealthResult | undefined;
  const update = ({ log }: Health) => {
    result = log.at(-1);
  };
  const checks = healthChecks(of, { ...plan, intervalMs: 0, startPeriodMs: 0 }, update, telling);
  while (!result) {
    const watches = checks.watches();
    const timers = checks.timers();
    const interests = watches.map(({ fd, events = POLLIN }): Interest => ({ fd, events }));
    const untilMs = Math.min(...timers.map(({ atMs }) => atMs));
    poll(interests, Math.min(longestWaitMs, Math.max(0, Math.ceil(untilMs - performance.now()))));
    for (const { atMs, onTime } of timers) if (atMs <= performance.now()) onTime();
    watches.forEach(({ onReady }, index) => {
      if (interests[index]!.happened) onReady();
    });
  }
  checks.end();
  return result;
}

const longestWaitMs = 1000;

const isFrozen = ({ cgroup }: Pick<ContainerState, "cgroup">): boolean =>
  readCgroupFile(cgroup, "cgroup.freeze")?.trim() === "1";

/** @returns the check; or how it went if there is nothing to wait for. */
function startCheck(
  { process, cgroup }: Pick<ContainerState, "process" | "cgroup">,
  { exec, timeoutMs }: Plan,
  telling: Telling,
): Check | Pick<HealthResult, "exitCode" | "output"> {
  const pidfd = process && openProcess(process);
  if (!process || pidfd === undefined) return { exitCode: 1, output: "the container has ended" };
  const joined = { pid: process.pid, pidfd, cgroup };
  const output = pipe();
  try {
    const deadlineMs = performance.now() + timeoutMs;
    const check = { telling, output: output.read, bytes: [], started: new Date(), deadlineMs, late: false };
    if ("runtime" in exec) {
      const child = external().startCheckBy(joined, exec, output.write);
      telling.started(child.pid);
      return { ...check, child };
    }
    const identity = identityIn(joined, exec);
    const owner = ownerOf(exec, identity);
    fchown(output.write, owner.uid, owner.gid, byteName`a pipe`);
    const starting = spawnExec(joined, exec, identity, [undefined, output.write, output.write]);
    return { ...check, child: starting.child, starting };
  } catch (error) {
    // That is how the container is: it says nothing against its monitor.
    close(output.read);
    if (error instanceof StartError) telling.failed(error.exitCode);
    return { exitCode: error instanceof StartError ? error.exitCode : 125, output: explain(error).text };
  } finally {
    close(output.write);
    close(pidfd);
  }
}

/** Loaded where another runtime makes its processes. */
const external = () => require("../external/container.ts") as typeof import("../external/container.ts");

/** What never became its program is told as a whole. */
function tellEnd({ starting, failure, telling }: Check, exit: Exit): void {
  const exitCode = exit.code ?? 128 + exit.signal!;
  if (starting || failure) telling.failed(failure?.exitCode ?? exitCode);
  else telling.died(exitCode);
}

/** Hears the next word of a check on its way to its program. */
function followCheck(check: Check): void {
  const starting = check.starting!;
  try {
    if (!follow(starting, { terminal: close })) return;
    check.telling.started(check.child.pid);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    check.failure = error;
  }
  leave(starting);
  delete check.starting;
}

/** Reads once. What is too much is read all the same, so that nobody waits for us, and dropped. */
function readOutput(check: Check): void {
  const block = memory(outputBytes);
  const count = read(check.output!, block);
  const room = outputBytes - check.bytes.reduce((sum, { length }) => sum + length, 0);
  if (room > 0) check.bytes.push(block.subarray(0, Math.min(count, room)));
  if (count > 0) return;
  close(check.output!);
  check.output = undefined;
}

/** What is in the pipe now: something that it left in the background may hold the pipe open for ever. */
function takeOutput(check: Check): string {
  for (let reads = 0; check.output !== undefined && reads < 16; reads++) {
    const interest: Interest = { fd: check.output, events: POLLIN };
    poll([interest], 0);
    if (!interest.happened) break;
    readOutput(check);
  }
  if (check.output !== undefined) close(check.output);
  close(check.child.pidfd);
  return Buffer.concat(check.bytes).toString();
}

const rounds = 3;

/** Kills a check that takes too long, with what it has started: it leads a session of its own. */
function cutShort(check: Check, of: Pick<ContainerState, "process" | "cgroup">): void {
  check.late = true;
  const { pid, pidfd } = check.child;
  for (let round = 0; round < rounds; round++)
    // It stays there, killed, until we have waited for it: so the session can be told also the next time.
    for (const other of processesOf(of)) if (readStat(other)?.session === pid) kill(other, signals.SIGKILL);
  pidfdSendSignal(pidfd, signals.SIGKILL);
}
