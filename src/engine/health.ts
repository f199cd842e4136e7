/**
 * Health checks of a running container: every now and then another process in it, whose exit code says how it is. The
 * monitor starts them and never waits for one: they are watched beside everything else (runtime/relay.ts).
 */

import { explain } from "../errors.ts";
import { readCgroupFile } from "../linux/cgroup.ts";
import { wait } from "../linux/clone.ts";
import { close, O_RDWR, read, withFile } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import type { Companion } from "../linux/poll.ts";
import { type Interest, POLLIN, pipe, poll } from "../linux/poll.ts";
import { pidfdOpen } from "../linux/proc.ts";
import { kill, stringVector } from "../linux/process.ts";
import { readStat } from "../linux/procfs.ts";
import { signals } from "../linux/signal.ts";
import { posixSpawn } from "../linux/spawn.ts";
import type { Paths } from "../paths.ts";
import type { HealthPlan } from "../plan/health.ts";
import { environment } from "./order.ts";
import { processesOf } from "./processes.ts";
import type { ContainerState, Health, HealthResult } from "./record.ts";

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

/** A check that runs: `tinydocker exec`, our child. */
interface Check {
  pid: number;
  pidfd: number;
  /** Where its output comes; undefined when that has ended. */
  output: number | undefined;
  bytes: Uint8Array[];
  started: Date;
  deadlineMs: number;
  late: boolean;
}

/** @param of the container that runs. @param note writes down how it is. */
export function healthChecks(
  paths: Paths,
  of: Pick<ContainerState, "process" | "cgroup"> & { id: string },
  plan: HealthPlan,
  note: (health: Health) => void,
): Companion {
  const startedMs = performance.now();
  const sinceStartMs = () => performance.now() - startedMs;
  let health: Health = { status: "starting", failingStreak: 0, log: [] };
  let check: Check | undefined;
  let nextMs = startedMs + pauseMs(health, plan, 0);
  note(health);

  const schedule = () => {
    nextMs = performance.now() + pauseMs(health, plan, sinceStartMs());
  };
  const begin = () => {
    // Nobody in a frozen container can answer.
    if (isFrozen(of)) return schedule();
    const started = new Date();
    try {
      check = startCheck(paths, of.id, plan);
    } catch (error) {
      // There are no processes or descriptors left: a check that failed, as with Docker.
      add({
        start: started.toISOString(),
        end: new Date().toISOString(),
        exitCode: failed,
        output: explain(error).text,
      });
      schedule();
    }
  };
  const add = (result: HealthResult) => {
    health = judge(health, plan, result, sinceStartMs());
    note(health);
  };
  const finish = (ended: Check) => {
    check = undefined;
    const { exit } = wait(ended)!;
    const exitCode = ended.late ? failed : (exit.code ?? 128 + exit.signal!);
    const output = takeOutput(ended);
    if (!(ended.late && isFrozen(of))) {
      const late = `Health check exceeded timeout (${plan.timeoutMs / 1000}s)${output && `: ${output}`}`;
      const times = { start: ended.started.toISOString(), end: new Date().toISOString() };
      add({ ...times, exitCode, output: ended.late ? late : output });
    }
    schedule();
  };
  return {
    watches: () => {
      const now = check;
      if (!now) return [];
      const { output, pidfd } = now;
      const ending = { fd: pidfd, onReady: () => finish(now) };
      return output === undefined ? [ending] : [{ fd: output, onReady: () => readOutput(now) }, ending];
    },
    timers: () => {
      const now = check;
      if (!now) return [{ atMs: nextMs, onTime: begin }];
      // When it is killed its end is seen by the watch.
      return now.late ? [] : [{ atMs: now.deadlineMs, onTime: () => cutShort(now, of) }];
    },
    end: () => {
      if (!check) return;
      kill(check.pid, signals.SIGKILL);
      wait(check);
      takeOutput(check);
    },
  };
}

const isFrozen = ({ cgroup }: Pick<ContainerState, "cgroup">): boolean =>
  readCgroupFile(cgroup, "cgroup.freeze")?.trim() === "1";

function startCheck(paths: Paths, id: string, { command, timeoutMs }: HealthPlan): Check {
  const output = pipe();
  const words = ["tinydocker", "exec", "--interactive=false", "--tty=false", id, ...command];
  let pid: number;
  try {
    pid = withFile("/dev/null", O_RDWR, (nowhere) => {
      const fds = [nowhere, output.write, output.write];
      return posixSpawn("/proc/self/exe", stringVector(words), stringVector(environment(paths)), { fds });
    });
  } catch (error) {
    close(output.read);
    throw error;
  } finally {
    close(output.write);
  }
  const deadlineMs = performance.now() + timeoutMs;
  return { pid, pidfd: pidfdOpen(pid), output: output.read, bytes: [], started: new Date(), deadlineMs, late: false };
}

/** Reads once. What is too much is read all the same, so that nobody waits for us, and forgotten. */
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
  close(check.pidfd);
  return Buffer.concat(check.bytes).toString();
}

const rounds = 3;

/** Kills a check that takes too long, with what it has started: its process in the container leads a session of its own. */
function cutShort(check: Check, of: Pick<ContainerState, "process" | "cgroup">): void {
  check.late = true;
  for (let round = 0; round < rounds; round++) {
    const inside = processesOf(of).map((pid) => ({ pid, stat: readStat(pid) }));
    const leader = inside.find(({ stat }) => stat?.parent === check.pid)?.pid;
    if (leader === undefined) break;
    // It stays there, killed, until its parent has waited for it: so the session can be told also the next time.
    for (const { pid, stat } of inside) if (pid === leader || stat?.session === leader) kill(pid, signals.SIGKILL);
  }
  kill(check.pid, signals.SIGKILL);
}
