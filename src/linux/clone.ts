/** Children: by their pidfd waitid(2) and signals. How they are made is in program/ and spawn.ts. */

import { ESRCH } from "./errno.ts";
import type { Fd } from "./file.ts";
import { allow, bind, check, checkRetry, memory, syscall } from "./libc.ts";

const libc = bind({
  _exit: ["void", "int"],
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

/** A child process, by number and by file descriptor; the descriptor can't come to mean another process. */
export interface Child {
  pid: number;
  pidfd: Fd;
}

const P_PID = 1;
const P_PIDFD = 3;
const WNOHANG = 1;
const WEXITED = 4;
const CLD_EXITED = 1;

/** How a process ended: its exit code, or the signal that killed it. */
export type Exit = { code: number; signal?: undefined } | { signal: number; code?: undefined };

/** waitid(2) for one child; waits until it has ended, or answers undefined at once with `poll`. */
export function wait(child: { pidfd: Fd } | { pid: number } | "any", options: { poll?: boolean } = {}) {
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
export const pidfdSendSignal = (pidfd: Fd, signal: number): boolean =>
  allow([ESRCH], "send", `signal ${signal}`, syscall("pidfd_send_signal", pidfd, signal, null, 0)) !== -1;

/** Random bytes of the kernel (getrandom(2)) as hexadecimal digits. */
export function randomHex(bytes: number): string {
  const buffer = memory(bytes);
  check("getrandom", `${bytes} bytes`, syscall("getrandom", buffer, bytes, 0));
  return buffer.toHex();
}

/** _exit(2): ends this process at once, without what Bun would do at its exit (1 ms). */
export function exitNow(code: number): never {
  libc._exit(code);
  throw new Error("_exit returned");
}
