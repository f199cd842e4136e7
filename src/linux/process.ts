/** What a process does to itself: execve(2), prctl(2), credentials(7), limits; and kill(2). */

import { ptr } from "bun:ffi";
import { hasCode } from "../errors.ts";
import { type Fd, owned, seekToStart, writeAll } from "./file.ts";
import { bind, check, cstr, memory, syscall } from "./libc.ts";

const libc = bind({
  execve: ["int", "ptr", "ptr", "ptr"],
  kill: ["int", "int", "int"],
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

/** The hard limit of each of this process's resources by its name (getrlimit(2)). */
export function hardLimits(): Record<string, number> {
  const limit = new BigUint64Array(new ArrayBuffer(16));
  const hard: Record<string, number> = {};
  for (const [name, number] of Object.entries(rlimits)) {
    check("get limit", name, libc.prlimit(0, number, null, limit));
    hard[name] = Number(limit[1]);
  }
  return hard;
}

/** Soft limits as high as the hard ones allow, but for the stack, which is as large as usual, and core files. */
export function resetSoftLimits(): void {
  const limit = new BigUint64Array(new ArrayBuffer(16));
  const usualStack = BigInt(8 << 20);
  for (const [name, number] of Object.entries(rlimits)) {
    if (name === "RLIMIT_CORE") continue;
    check("get limit", name, libc.prlimit(0, number, null, limit));
    const [, hard = 0n] = limit;
    limit[0] = name === "RLIMIT_STACK" && usualStack < hard ? usualStack : hard;
    check("set limit", name, libc.prlimit(0, number, limit, null));
  }
}

/** An anonymous file that holds this text, to be handed to another process (memfd_create(2)). */
export function memfd(name: string, text: string): Fd {
  const MFD_CLOEXEC = 1;
  using file = owned(check("memfd_create", name, syscall("memfd_create", cstr(name), MFD_CLOEXEC)) as Fd);
  writeAll(file.fd, new TextEncoder().encode(text), name);
  seekToStart(file.fd);
  return file.handOff();
}

/** umask(2): the old mask. */
export const umask = (mask: number): number => libc.umask(mask);

/** dup2(2): makes `to` a copy of `from`, open across execve. */
export const dup2 = (from: number, to: number): void => void check("dup2", `${from} to ${to}`, libc.dup2(from, to));
