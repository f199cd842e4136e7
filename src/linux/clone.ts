/** Children: clone3(2), and by their pidfd waitid(2) and signals. Little else, because a fork has to come early (runtime/birth.ts). */

import { ptr } from "bun:ffi";
import { UnsupportedError } from "../errors.ts";
import { countLinks, readFile } from "./file.ts";
import { allow, bind, check, checkRetry, ESRCH, memory, syscall } from "./libc.ts";

const libc = bind({
  _exit: ["void", "int"],
  madvise: ["int", "long", "long", "int"],
  waitid: ["int", "int", "int", "ptr", "int"],
});

/** clone(2) flags by the names the man page gives them. */
export const CLONE = {
  PARENT: 0x8000,
  NEWTIME: 0x80,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
  PIDFD: 0x1000,
  INTO_CGROUP: 0x200000000,
} as const;
export type CloneFlag = keyof typeof CLONE;
const SIGCHLD = 17;

/**
 * fork(2) or clone3(2) without CLONE_VM: returns twice, in the child without `pid`.
 * The child may run synchronous JavaScript and system calls, then must execve or `exitNow`: never the event loop.
 * @param options.flags names of CLONE. @param options.cgroup an open cgroup v2 directory the child is born in.
 */
export function clone3(options: { flags?: CloneFlag[]; cgroup?: number } = {}): Child | undefined {
  shareJitPool();
  const pidfd = new Int32Array(new ArrayBuffer(4));
  const args = new BigUint64Array(new ArrayBuffer(88));
  let flags = BigInt(CLONE.PIDFD);
  for (const name of options.flags ?? []) flags |= BigInt(CLONE[name]);
  if (options.cgroup !== undefined) flags |= BigInt(CLONE.INTO_CGROUP);
  args[0] = flags;
  args[1] = BigInt(ptr(pidfd));
  // A sibling (CLONE_PARENT) ends with the signal that we would end with, and the kernel refuses another.
  args[4] = options.flags?.includes("PARENT") ? 0n : BigInt(SIGCHLD);
  args[10] = BigInt(options.cgroup ?? 0);
  // As late as possible: what comes before may have started one.
  mustHaveOneThread();
  const subject = (options.flags ?? []).join("|") || "a child";
  const pid = check("clone3", subject, syscall("clone3", args, args.byteLength));
  return pid === 0 ? undefined : { pid, pidfd: pidfd[0]! };
}

/** A child process, by number and by file descriptor; the descriptor can't come to mean another process. */
export interface Child {
  pid: number;
  pidfd: number;
}

const MADV_DOFORK = 11;

let shared = false;

/** Lets a child use the JIT pool: JavaScriptCore marks it MADV_DONTFORK, so that a child would fault on its first call. */
function shareJitPool(): void {
  // A child of a child has it already.
  if (shared) return;
  shared = true;
  const maps = readFile("/proc/self/maps");
  for (let at = maps.indexOf(" rwxp "); at >= 0; at = maps.indexOf(" rwxp ", at + 1)) {
    const [start, end] = maps.slice(maps.lastIndexOf("\n", at) + 1, at).split("-") as [string, string];
    const from = Number.parseInt(start, 16);
    check("madvise", "the JIT pool", libc.madvise(from, Number.parseInt(end, 16) - from, MADV_DOFORK));
  }
}

/** A fork copies one thread only: a lock that another holds at that moment stays locked in the child for ever. */
function mustHaveOneThread(): void {
  // A directory has a link from "..", "." and each of its entries: one thread makes 3.
  const threads = countLinks("/proc/self/task") - 2;
  if (threads !== 1) throw new UnsupportedError(`cannot fork: this process already has ${threads} threads`);
}

const P_PID = 1;
const P_PIDFD = 3;
const WNOHANG = 1;
const WEXITED = 4;
const CLD_EXITED = 1;

/** How a process ended: its exit code, or the signal that killed it. */
export type Exit = { code: number; signal?: undefined } | { signal: number; code?: undefined };

/** waitid(2) for one child; waits until it has ended, or answers undefined at once with `poll`. */
export function wait(child: { pidfd: number } | { pid: number } | "any", options: { poll?: boolean } = {}) {
  const info = new Int32Array(new ArrayBuffer(128));
  const [type, id] = child === "any" ? [0, 0] : "pidfd" in child ? [P_PIDFD, child.pidfd] : [P_PID, child.pid];
  const flags = WEXITED | (options.poll ? WNOHANG : 0);
  checkRetry("wait for", `child ${id}`, () => libc.waitid(type, id, info, flags));
  // siginfo_t: si_signo, si_errno, si_code, padding; then si_pid, si_uid, si_status.
  const [, , code, , pid, , status] = info as unknown as number[];
  if (pid === 0) return undefined;
  const exit: Exit = code === CLD_EXITED ? { code: status! } : { signal: status! };
  return { pid: pid!, exit };
}

/** pidfd_send_signal(2). @returns false for a process that has ended and been waited for. */
export const pidfdSendSignal = (pidfd: number, signal: number): boolean =>
  allow([ESRCH], "send", `signal ${signal}`, syscall("pidfd_send_signal", pidfd, signal, null, 0)) !== -1;

/** Random bytes of the kernel (getrandom(2)) as hexadecimal digits. */
export function randomHex(bytes: number): string {
  const buffer = memory(bytes);
  check("getrandom", `${bytes} bytes`, syscall("getrandom", buffer, bytes, 0));
  return buffer.toHex();
}

/** _exit(2): ends this process at once, without what Bun would do at its exit (1 ms; and in a forked child it is not ours to do). */
export function exitNow(code: number): never {
  libc._exit(code);
  throw new Error("_exit returned");
}
