/**
 * Reading and writing without ever waiting, so that a loop can serve one side while another is full. O_NONBLOCK belongs to
 * the open file, not to the descriptor (fcntl(2)): set on what the caller gave us, it would be set for the caller too.
 */

import { hasCode } from "../errors.ts";
import { type Fd, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY, open, read, statIfAny, write } from "./file.ts";
import { bind, check, checkRetry } from "./libc.ts";
import { isatty } from "./tty.ts";

const libc = bind({
  fcntl: ["int", "int", "int", "long"],
  ioctl: ["int", "int", "long", "ptr"],
  send: ["long", "int", "ptr", "long", "int"],
  recv: ["long", "int", "ptr", "long", "int"],
});

/** Where bytes come from. */
export interface Input {
  /** What poll(2) waits for. */
  fd: Fd;
  /** As read(2). @throws SyscallError EAGAIN if there is nothing yet: somebody else may have read it. */
  read(into: Uint8Array): number;
}

/** Where bytes go to. */
export interface Output {
  /** What poll(2) waits for. */
  fd: Fd;
  /** As write(2): how many bytes were taken. @throws SyscallError EAGAIN if there is no room: somebody else may have filled it. */
  write(bytes: Uint8Array): number;
}

const F_GETFL = 3;
const F_SETFL = 4;

/** Sets O_NONBLOCK on a descriptor that nobody else has. */
export function setNonblocking(fd: Fd): void {
  const flags = check("fcntl", `fd ${fd}`, libc.fcntl(fd, F_GETFL, 0));
  check("fcntl", `fd ${fd}`, libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

const FIONREAD = 0x541b;

/** How many bytes of a pipe nobody has read yet (ioctl_pipe(2)). */
export function unreadBytes(pipe: Fd): number {
  const count = new Int32Array(new ArrayBuffer(4));
  check("ioctl", "FIONREAD", libc.ioctl(pipe, FIONREAD, count));
  return count[0]!;
}

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** A descriptor that others may have too, to be read from. */
export function openInput(fd: Fd): Input {
  const how = wayOf(fd);
  if (how === "socket") {
    return {
      fd,
      read: (into) => checkRetry("read", `fd ${fd}`, () => libc.recv(fd, into, into.length, MSG_DONTWAIT)),
    };
  }
  const own = how === "reopen" ? reopen(fd, O_RDONLY) : fd;
  return { fd: own, read: (into) => read(own, into) };
}

/** What a pipe takes without waiting after POLLOUT (PIPE_BUF), and a terminal that is not stopped. */
const pageBytes = 4096;

/** A descriptor that others may have too, to be written to. */
export function openOutput(fd: Fd): Output {
  const how = wayOf(fd);
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (how === "socket") {
    return {
      fd,
      write: (bytes) => checkRetry("write to", `fd ${fd}`, () => libc.send(fd, bytes, bytes.length, flags)),
    };
  }
  if (how === "asIs") return { fd, write: (bytes) => write(fd, bytes) };
  const own = reopen(fd, O_WRONLY);
  // What cannot be opened again is written to a page at a time, which waits only for those that we share it with.
  return { fd: own, write: (bytes) => write(own, own === fd ? bytes.subarray(0, pageBytes) : bytes) };
}

/** Files and devices such as /dev/null never make us wait for somebody; sockets have a flag for it with every call. */
function wayOf(fd: Fd): "asIs" | "socket" | "reopen" {
  const stat = statIfAny(`/proc/self/fd/${fd}`);
  if (stat?.type === "socket") return "socket";
  if (stat?.type === "fifo") return "reopen";
  if (stat?.type !== "char" || !isatty(fd)) return "asIs";
  return "reopen";
}

/** /dev/tty is whichever terminal is ours, and /dev/ptmx a new one with each open(2). */
const otherEachTime = ["5:0", "5:2"];

/** The same pipe or terminal once more, with O_NONBLOCK of our own; the descriptor that we have where that cannot be. */
function reopen(fd: Fd, access: number): Fd {
  const path = `/proc/self/fd/${fd}`;
  if (otherEachTime.includes(statIfAny(path)?.rdev ?? "")) return fd;
  try {
    return open(path, access | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    // A pipe that nobody reads (any more), a terminal that is gone, or one that belongs to another user.
    if (hasCode(error, "ENXIO", "EIO", "EACCES", "EPERM", "ENOENT", "EMFILE", "ENFILE")) return fd;
    throw error;
  }
}
