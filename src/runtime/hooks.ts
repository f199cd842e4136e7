/**
 * Hooks of the runtime specification: programs of the host that are told, on their stdin, the state of a container at a moment of
 * its life. Those that run inside of it are in hooks-inside.ts.
 *
 *     create   namespaces, mounts -> prestart, createRuntime, createContainer -> pivot_root -> created
 *     start    startContainer -> the program runs -> poststart
 *     delete   the container is gone -> poststop
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md#posix-platform-hooks
 */

import { explain, Failure, SyscallError } from "../errors.ts";
import { pidfdSendSignal, wait } from "../linux/clone.ts";
import { type Fd, O_DIRECTORY, O_PATH, open, owned, read, seekToStart } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { chdir, fchdir } from "../linux/mount.ts";
import { closeAll, POLLIN, poll } from "../linux/poll.ts";
import { pidfdOpen } from "../linux/proc.ts";
import { kill, memfd, stringVector } from "../linux/process.ts";
import { signals } from "../linux/signal.ts";
import { posixSpawn } from "../linux/spawn.ts";
import type { Hook, HookKind } from "../oci/rare.ts";

/** The state of a container, as the specification has it. */
export interface HookState {
  ociVersion: string;
  id: string;
  status: string;
  /** As the hook sees it. */
  pid?: number;
  bundle: string;
  annotations?: Record<string, string>;
}

/** How a hook ended. */
export interface HookEnd {
  code?: number | undefined;
  signal?: number | undefined;
  timedOut?: boolean;
  /** What it has written. */
  output: string;
}

/** Runs hooks in the namespaces of the runtime, in their order. @throws Failure for the first that fails: none runs after it */
export function runHooks(kind: HookKind, hooks: readonly Hook[], state: HookState): void {
  for (const hook of hooks) mustSucceed(kind, hook, runHook(hook, state));
}

/** Runs all of them, whatever one of them does. @returns warnings. */
export function runAllHooks(kind: HookKind, hooks: readonly Hook[], state: HookState): string[] {
  return hooks.flatMap((hook) => {
    try {
      runHooks(kind, [hook], state);
      return [];
    } catch (error) {
      return [explain(error).text];
    }
  });
}

/** @throws Failure unless a hook has ended with 0. */
export function mustSucceed(
  kind: HookKind,
  { path, timeout }: Hook,
  { code, signal, timedOut, output }: HookEnd,
): void {
  if (code === 0 && !timedOut) return;
  const end = timedOut
    ? `did not end within ${timeout} s`
    : signal
      ? `was killed by signal ${signal}`
      : `ended with ${code}`;
  const said = output.trim().replace(/[\x00-\x1f\x7f]+/g, " ");
  throw new Failure(`the ${kind} hook ${path} ${end}${said === "" ? "" : `: ${said}`}`);
}

/** Files in memory: a hook that reads nothing, or leaves somebody behind who has them open, keeps nobody waiting. */
export const hookFiles = (state: HookState): [stdin: Fd, output: Fd] => [
  memfd("state", JSON.stringify(state)),
  memfd("output", ""),
];

export const argvOf = ({ path, args }: Hook): string[] => (args?.length ? args : [path]);

function runHook(hook: Hook, state: HookState): HookEnd {
  const { path, env } = hook;
  const files = hookFiles(state);
  try {
    const [stdin, output] = files;
    const pid = inDirectory(state.bundle, () =>
      posixSpawn(path, stringVector(argvOf(hook)), stringVector(env ?? ownEnvironment()), {
        fds: [stdin, output, output],
      }),
    );
    using pidfd = owned(pidfdOpen(pid));
    // It has a process group of its own.
    const end = awaitHook(pidfd.fd, hook, () => kill(-pid, signals.SIGKILL));
    return { ...end, output: textOf(output) };
  } finally {
    closeAll(files);
  }
}

/** Ours, as of other runtimes: a hook that says nothing of its environment expects one. */
export const ownEnvironment = (): string[] => Object.entries(process.env).map(([name, value]) => `${name}=${value}`);

/** @param end ends it, and who it has started. */
export function awaitHook(pidfd: Fd, { timeout }: Hook, end: () => void): Omit<HookEnd, "output"> {
  const ended = { fd: pidfd, events: POLLIN, happened: 0 };
  poll([ended], timeout === undefined ? -1 : Math.min(timeout * 1000, 2 ** 31 - 1));
  const timedOut = !ended.happened;
  if (timedOut) {
    end();
    pidfdSendSignal(pidfd, signals.SIGKILL);
  }
  const exit = wait({ pidfd })?.exit;
  return { code: exit?.code, signal: exit?.signal, ...(timedOut && { timedOut }) };
}

const shownBytes = 4096;

/** The beginning of what it has written. */
export function textOf(output: Fd): string {
  seekToStart(output);
  const buffer = memory(shownBytes);
  return new TextDecoder().decode(buffer.subarray(0, read(output, buffer)));
}

/** Hooks run in the bundle's directory, if it is still there. */
function inDirectory<Result>(path: string, use: () => Result): Result {
  using here = owned(open(".", O_PATH | O_DIRECTORY));
  try {
    chdir(path);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
  try {
    return use();
  } finally {
    fchdir(here.fd);
  }
}
