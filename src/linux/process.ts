/** Processes: clone3(2), execve(2), waitid(2), prctl(2), credentials and limits. */

import { ptr } from "bun:ffi";
import { hasCode, UnsupportedError } from "../errors.ts";
import { readFile, seekToStart, stat, writeAll } from "./file.ts";
import { bind, check, checkRetry, cstr, memory, type Pointer, syscall, syscallError } from "./libc.ts";

const libc = bind({
  madvise: ["int", "long", "long", "int"],
  _exit: ["void", "int"],
  execve: ["int", "ptr", "ptr", "ptr"],
  waitid: ["int", "int", "int", "ptr", "int"],
  kill: ["int", "int", "int"],
  prctl: ["int", "int", "long", "long", "long", "long"],
  setsid: ["int"],
  tcsetpgrp: ["int", "int", "int"],
  prlimit: ["int", "int", "int", "ptr", "ptr"],
  umask: ["int", "int"],
  dup2: ["int", "int", "int"],
});

const spawn = bind({
  posix_spawn: ["int", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr"],
  posix_spawnattr_init: ["int", "ptr"],
  posix_spawnattr_setflags: ["int", "ptr", "int"],
  posix_spawnattr_setsigdefault: ["int", "ptr", "ptr"],
  posix_spawnattr_setsigmask: ["int", "ptr", "ptr"],
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

/** Lets a child use the JIT pool: JavaScriptCore marks it MADV_DONTFORK, so that a child would fault on its first call. */
function shareJitPool(): void {
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
  const threads = stat("/proc/self/task").nlink - 2;
  if (threads !== 1) throw new UnsupportedError(`cannot fork: this process already has ${threads} threads`);
}

/** _exit(2): ends a forked child without running anything that belongs to its parent. */
export function exitNow(code: number): never {
  libc._exit(code);
  throw new Error("_exit returned");
}

/** A NULL-terminated array of C strings, as execve(2) wants argv and envp. Keep it: it owns the strings. */
export interface StringVector {
  pointers: BigUint64Array;
  strings: Uint8Array;
}

/** Builds argv or envp for `execve`. */
export function stringVector(strings: string[]): StringVector {
  const parts = strings.map(cstr);
  // One block that never moves, and pointers into it.
  const block = memory(parts.reduce((sum, part) => sum + part.length, 1));
  const pointers = new BigUint64Array(new ArrayBuffer(8 * (strings.length + 1)));
  const base = BigInt(ptr(block));
  let at = 0;
  parts.forEach((part, index) => {
    block.set(part, at);
    pointers[index] = base + BigInt(at);
    at += part.length;
  });
  return { pointers, strings: block };
}

/** execve(2): returns only by throwing. */
export function execve(path: string, argv: StringVector, envp: StringVector): never {
  check("execute", path, libc.execve(cstr(path), argv.pointers, envp.pointers));
  throw new Error("execve returned");
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

/** pidfd_open(2), or undefined where there is no such process. */
export function pidfdOpen(pid: number): number | undefined {
  try {
    return check("pidfd_open", `process ${pid}`, syscall("pidfd_open", pid, 0));
  } catch (error) {
    if (hasCode(error, "ESRCH", "EINVAL")) return undefined;
    throw error;
  }
}

/** pidfd_send_signal(2); a process that has ended already is fine. */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  try {
    check("send", `signal ${signal}`, syscall("pidfd_send_signal", pidfd, signal, null, 0));
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/** kill(2); a process that has ended already is fine. */
export function kill(pid: number, signal: number): void {
  try {
    check("kill", `process ${pid}`, libc.kill(pid, signal));
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;

/**
 * posix_spawn(3): a program as our child, with default signals, none blocked, and a process group of its own.
 * libc does it without running anything of ours in the child, so threads we may have do not matter. @returns its pid.
 */
export function posixSpawn(path: string, argv: StringVector, envp: StringVector): number {
  // posix_spawnattr_t has 336 bytes in glibc and musl; a sigset_t has 128.
  const attributes = memory(512);
  const pid = new Int32Array(new ArrayBuffer(4));
  spawn.posix_spawnattr_init(attributes);
  spawn.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  spawn.posix_spawnattr_setsigdefault(attributes, memory(128).fill(0xff));
  spawn.posix_spawnattr_setsigmask(attributes, memory(128));
  const errno = spawn.posix_spawn(pid, cstr(path), null, attributes, argv.pointers, envp.pointers);
  if (errno !== 0) throw syscallError("execute", path, errno);
  return pid[0]!;
}

/** prctl(2) operations we use, by name. */
const PR = {
  SET_PDEATHSIG: 1,
  SET_DUMPABLE: 4,
  SET_KEEPCAPS: 8,
  SET_NAME: 15,
  CAPBSET_DROP: 24,
  SET_CHILD_SUBREAPER: 36,
  SET_NO_NEW_PRIVS: 38,
  CAP_AMBIENT: 47,
} as const;

/** prctl(2) by operation name. */
export const prctl = (operation: keyof typeof PR, argument = 0, second = 0): number =>
  check("prctl", operation, libc.prctl(PR[operation], argument, second, 0, 0));

/** setsid(2): leaves the session of the caller, and with it its controlling terminal. */
export const setsid = (): void => void check("setsid", "", libc.setsid());

/** tcsetpgrp(3): the terminal's keys signal that process group. Without a terminal there is nothing to do. */
export const setForeground = (fd: number, group: number): void => void libc.tcsetpgrp(fd, group);

/**
 * setgroups(2), setresgid(2), setresuid(2), in the only order that works. By number, because libc's own functions would
 * first bring all threads to a halt; those we may have end at execve.
 */
export function setIds(uid: number, gid: number, groups: number[]): void {
  const list = Uint32Array.from(groups.length ? groups : [0]);
  check("setgroups", groups.join(","), syscall("setgroups", groups.length, list));
  check("setresgid", `${gid}`, syscall("setresgid", gid, gid, gid));
  check("setresuid", `${uid}`, syscall("setresuid", uid, uid, uid));
}

const rlimits = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};

/** A resource limit of this process. */
export function getrlimit(type: string): { soft: number; hard: number } {
  const old = prlimit(type, null);
  return { soft: Number(old[0]), hard: Number(old[1]) };
}

/** Sets a resource limit of this process; its programs inherit it. */
export const setrlimit = (type: string, soft: number, hard: number): void =>
  void prlimit(type, BigUint64Array.of(BigInt(soft), BigInt(hard)));

function prlimit(type: string, limits: Pointer): BigUint64Array {
  const old = new BigUint64Array(new ArrayBuffer(16));
  check("set limit", type, libc.prlimit(0, rlimits[type as keyof typeof rlimits], limits, old));
  return old;
}

/** An anonymous file that holds this text, to be handed to another process (memfd_create(2)). */
export function memfd(name: string, text: string): number {
  const MFD_CLOEXEC = 1;
  const fd = check("memfd_create", name, syscall("memfd_create", cstr(name), MFD_CLOEXEC));
  writeAll(fd, new TextEncoder().encode(text), name);
  seekToStart(fd);
  return fd;
}

/** Random bytes of the kernel (getrandom(2)) as hexadecimal digits. */
export function randomHex(bytes: number): string {
  const buffer = memory(bytes);
  check("getrandom", `${bytes} bytes`, syscall("getrandom", buffer, bytes, 0));
  return Array.from(buffer, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** umask(2): the old mask. */
export const umask = (mask: number): number => libc.umask(mask);

/** dup2(2): makes `to` a copy of `from`, open across execve. */
export const dup2 = (from: number, to: number): void => void check("dup2", `${from} to ${to}`, libc.dup2(from, to));

const CLOSE_RANGE_CLOEXEC = 4;

/** close_range(2) of every descriptor from 3 on, at execve: nothing but stdio reaches the program (CVE-2024-21626). */
export const closeOnExecFrom3 = (): void =>
  void check("close_range", "3 and up", syscall("close_range", 3, 0xffffffff, CLOSE_RANGE_CLOEXEC));
