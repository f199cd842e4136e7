/** The door to libc: the only `dlopen`, errno, C strings, and `syscall` for what libc has no function for. */

import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { SyscallError } from "../errors.ts";
import { describeErrno, EINTR } from "./errno.ts";

export { EAGAIN } from "./errno.ts";

/** A pointer argument: memory of ours, or NULL. */
export type Pointer = NodeJS.TypedArray | null;

const ctypes = { int: FFIType.i32, long: FFIType.i64_fast, ptr: FFIType.ptr, void: FFIType.void };
type Arguments<Types> = { [I in keyof Types]: Types[I] extends "ptr" ? Pointer : number };
type Signature = readonly ["int" | "long" | "ptr" | "void", ...("int" | "long" | "ptr")[]];
type Functions<Table> = {
  [Name in keyof Table]: Table[Name] extends readonly [unknown, ...infer Types]
    ? (...args: Arguments<Types>) => number
    : never;
};

/**
 * Functions of libc by name, as `[what it returns, ...its arguments]`, each looked up when it is first called. Use `syscall`
 * for calls that an older libc lacks.
 */
export function bind<const Table extends Record<string, Signature>>(table: Table): Functions<Table> {
  // A function that is there already is found on the object itself; any other on its prototype, which makes it.
  const maker = new Proxy({}, { get: (_target, name: string) => lookUp(bound, name) });
  const bound: Bound = { table, functions: Object.create(maker) };
  known.push(bound);
  return bound.functions as Functions<Table>;
}

interface Bound {
  table: Record<string, Signature>;
  functions: Record<string, unknown>;
}
/** Whose functions of a run are still to be looked up. */
const known: Bound[] = [];

/** What a run calls. One look-up of several functions takes 10 µs for each of them, one of a single function 40. */
const ofRun = new Set(
  (
    "__errno_location bind chdir clock_gettime close dlsym fchdir fchmod fcntl flock fstatfs futimens getpagesize isatty listen mkdirat mmap mprotect " +
    "munmap openat pipe2 poll prlimit read recvmsg renameat sendmsg sigaction signalfd sigprocmask socket socketpair " +
    "syscall umask unlinkat waitid write"
  ).split(" "),
);

/** Loops without closures: this runs before anything else, and each new function costs it as much as looking up one of libc's. */
function lookUp(bound: Bound, name: string): unknown {
  // All of a run's that modules know by now; those that several know have one signature.
  const together = ofRun.has(name);
  const wanted = together ? known.splice(0) : [bound];
  const types: Record<string, ReturnType<typeof typesOf>> = {};
  for (const { table } of wanted)
    for (const key in table) if (together ? ofRun.has(key) : key === name) types[key] = typesOf(table[key]!);
  const made = open(types);
  for (const { table, functions } of wanted)
    for (const key in table) if (key in types) Object.defineProperty(functions, key, { value: made[key] });
  // Now, because later it would come between a call and its errno.
  errnoLocation ||= libc.__errno_location();
  return bound.functions[name];
}

function typesOf(signature: Signature) {
  const args: FFIType[] = [];
  for (let index = 1; index < signature.length; index++) args.push(ctypes[signature[index]!]);
  return { returns: ctypes[signature[0]], args };
}

/** Nothing is opened, also not inside a container: libc is loaded, and found by its name. musl answers to this one too. */
const open = (types: Record<string, ReturnType<typeof typesOf>>) =>
  dlopen("libc.so.6", types).symbols as Record<string, unknown>;

const libc = bind({
  __errno_location: ["ptr"],
  // Every argument a pointer: the FFI takes numbers, typed arrays and null alike for one.
  syscall: ["long", "long", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr"],
});
/** Of this thread; known from the first look-up on. */
let errnoLocation = 0;

/** The errno of the last failed libc call. Nothing may run between that call and this: any other call clobbers it. */
export const readErrno = (): number => read.i32(errnoLocation as never, 0);

/** Throws if a libc call returned -1. Pass the call last: nothing may run between it and the errno read. */
export function check(syscall: string, subject: string, result: number): number {
  if (result !== -1) return result;
  throw syscallError(syscall, subject, readErrno());
}

/**
 * As `check`, but -1 comes back for the errnos that the caller expects: the first exception of a process costs 0.5 ms.
 */
export function allow(expected: readonly number[], syscall: string, subject: string, result: number): number {
  if (result !== -1) return result;
  const errno = readErrno();
  if (expected.includes(errno)) return -1;
  throw syscallError(syscall, subject, errno);
}

/** The error for a call that failed with this errno. */
export function syscallError(syscall: string, subject: string, errno: number): SyscallError {
  const [code, meaning] = describeErrno(errno);
  return new SyscallError(syscall, subject, code, meaning);
}

/** Repeats a call that a signal interrupted; otherwise as `check`. */
export function checkRetry(syscall: string, subject: string, call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -1) return result;
    const errno = readErrno();
    if (errno !== EINTR) throw syscallError(syscall, subject, errno);
  }
}
const encoder = new TextEncoder();

/** A NUL-terminated copy of a string. C would cut a string at a NUL, so one inside is refused. */
export function cstr(text: string): Uint8Array {
  if (text.includes("\0")) throw new SyscallError("pass", JSON.stringify(text), "EINVAL", "a NUL byte inside a string");
  return encoder.encode(`${text}\0`);
}

/** Zeroed memory that never moves: a small `new Uint8Array(n)` lives in the garbage collector's heap and may. */
export const memory = (bytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(new ArrayBuffer(bytes));

/** Where memory is, for a structure that points to it; NULL for none at all, of which bun:ffi makes something that is no number. */
export const pointerTo = (data: NodeJS.TypedArray): bigint => (data.byteLength === 0 ? 0n : BigInt(ptr(data)));

/** Calls without a libc function in every supported libc. Numbers from 424 on are the same on every architecture. */
const numbers = {
  getdents64: { x64: 217, arm64: 61 },
  bpf: { x64: 321, arm64: 280 },
  mknodat: { x64: 259, arm64: 33 },
  statx: { x64: 332, arm64: 291 },
  memfd_create: { x64: 319, arm64: 279 },
  renameat2: { x64: 316, arm64: 276 },
  getrandom: { x64: 318, arm64: 278 },
  setpriority: { x64: 141, arm64: 140 },
  sched_setscheduler: { x64: 144, arm64: 119 },
  sched_setaffinity: { x64: 203, arm64: 122 },
  ioprio_set: { x64: 251, arm64: 30 },
  pidfd_send_signal: 424,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  pidfd_open: 434,
  openat2: 437,
  pidfd_getfd: 438,
  mount_setattr: 442,
  quotactl_fd: 443,
  landlock_create_ruleset: 444,
} as const;
const arch = process.arch === "arm64" ? "arm64" : "x64";

/** syscall(2): raw result, -1 with errno on failure. A negative fd such as AT_FDCWD is passed as its 32 bits. */
export function syscall(name: keyof typeof numbers, ...args: (number | Pointer)[]): number {
  const number = numbers[name];
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args as Pointer[];
  return libc.syscall(
    typeof number === "number" ? number : number[arch],
    a as Pointer,
    b as Pointer,
    c as Pointer,
    d as Pointer,
    e as Pointer,
    f as Pointer,
  );
}

/** AT_FDCWD as the 32 bits the kernel reads: paths are relative to the current directory. */
export const AT_FDCWD = -100 >>> 0;
