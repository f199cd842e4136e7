/** What a process does to itself: execve(2), prctl(2), credentials(7), limits; and kill(2). */

import { ptr } from "bun:ffi";
import { hasCode } from "../errors.ts";
import { seekToStart, writeAll } from "./file.ts";
import { allow, bind, check, cstr, EINVAL, memory, type Pointer, syscall } from "./libc.ts";

const libc = bind({
  execve: ["int", "ptr", "ptr", "ptr"],
  kill: ["int", "int", "int"],
  prctl: ["int", "int", "long", "long", "long", "long"],
  setsid: ["int"],
  tcsetpgrp: ["int", "int", "int"],
  prlimit: ["int", "int", "int", "ptr", "ptr"],
  umask: ["int", "int"],
  dup2: ["int", "int", "int"],
});

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

/** kill(2); a process that has ended already is fine. */
export function kill(pid: number, signal: number): void {
  try {
    check("kill", `process ${pid}`, libc.kill(pid, signal));
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
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

/** prctl(2) PR_CAPBSET_DROP. @returns false if this kernel has no such capability. */
export const dropFromBoundingSet = (capability: number): boolean =>
  allow([EINVAL], "prctl", "CAPBSET_DROP", libc.prctl(PR.CAPBSET_DROP, capability, 0, 0, 0)) !== -1;

/** setsid(2): leaves the session of the caller, and with it its controlling terminal. */
export const setsid = (): void => void check("setsid", "", libc.setsid());

/** tcsetpgrp(3): the terminal's keys signal that process group. Without a terminal there is nothing to do. */
export const setForeground = (fd: number, group: number): void => void libc.tcsetpgrp(fd, group);

/**
 * setgroups(2), setresgid(2), setresuid(2), in the only order that works. By number, because libc's own functions would
 * first bring all threads to a halt; those we may have end at execve.
 */
export function setIds(uid: number, gid: number, groups: number[]): void {
  const list = Uint32Array.of(...groups, 0);
  check("setgroups", `${groups.length} groups`, syscall("setgroups", groups.length, list));
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

/** umask(2): the old mask. */
export const umask = (mask: number): number => libc.umask(mask);

/** dup2(2): makes `to` a copy of `from`, open across execve. */
export const dup2 = (from: number, to: number): void => void check("dup2", `${from} to ${to}`, libc.dup2(from, to));

const CLOSE_RANGE_CLOEXEC = 4;

/** close_range(2) of every descriptor from 3 on, at execve: nothing but stdio reaches the program (CVE-2024-21626). */
export const closeOnExecFrom3 = (): void =>
  void check("close_range", "3 and up", syscall("close_range", 3, 0xffffffff, CLOSE_RANGE_CLOEXEC));
