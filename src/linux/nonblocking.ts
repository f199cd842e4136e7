/**
 * Reading and writing without ever waiting, so that a loop can serve one side while another is full. O_NONBLOCK belongs to
 * the open file, not to the descriptor (fcntl(2)): set on what the caller gave us, it would be set for the caller too.
 */

import { hasCode } from "../errors.ts";
import { close, type Fd, nameOf, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY, open, read, write } from "./file.ts";
import { askWhileWaiting } from "./flock.ts";
import { bind, check, checkRetry } from "./libc.ts";
import { dupCloexec, POLLHUP, POLLIN, POLLOUT, poll } from "./poll.ts";
import { statIfAny } from "./stat.ts";
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
  const own = how === "reopen" ? reopenInput(fd) : fd;
  return { fd: own, read: (into) => read(own, into) };
}

/** A FIFO that is opened when its writers are gone already would wait for the next one: ours has seen them go. */
function reopenInput(fd: Fd): Fd {
  const own = reopen(fd, O_RDONLY);
  const interest = { fd, events: 0, happened: 0 };
  poll([interest], 0);
  if (own === fd || (interest.happened & POLLHUP) === 0) return own;
  close(own);
  return fd;
}

/** What a pipe takes without waiting after POLLOUT (PIPE_BUF), and a terminal that is not stopped. */
const pageBytes = 4096;

/** A descriptor that others may have too, to be written to. */
export function openOutput(fd: Fd, subject = nameOf(fd)): Output {
  const how = wayOf(fd);
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (how === "socket") {
    return {
      fd,
      write: (bytes) => checkRetry("write to", subject, () => libc.send(fd, bytes, bytes.length, flags)),
    };
  }
  if (how === "asIs") return { fd, write: (bytes) => write(fd, bytes, subject) };
  const own = reopen(fd, O_WRONLY);
  // What cannot be opened again is written to a page at a time, which waits only for those that we share it with.
  return { fd: own, write: (bytes) => write(own, own === fd ? bytes.subarray(0, pageBytes) : bytes, subject) };
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

// For who has nothing else to do: the other side may keep us waiting for ever, and `askWhileWaiting` is asked all the while.

const betweenAsksMs = 50;

/** Until something can be read or written, or the other side is gone; `fd` -1 only lets time pass. @returns false: not yet. */
function wait(fd: Fd | -1, events: number): boolean {
  askWhileWaiting();
  const interest = { fd, events, happened: 0 };
  poll([interest], betweenAsksMs);
  return interest.happened !== 0;
}

/** Does something as soon as it has not to wait: whoever shares the descriptor with us may have been faster. */
function whenReady(fd: Fd, events: number, act: () => number): number {
  for (;;) {
    if (!wait(fd, events)) continue;
    try {
      return act();
    } catch (error) {
      if (!hasCode(error, "EAGAIN")) throw error;
    }
  }
}

/** Opens a pipe to read from, also before there is somebody who writes to it. */
export function openSource(path: string): Fd {
  // A FIFO whose writers are gone would, opened once more, wait for the next one.
  if (path === "/dev/stdin") return dupCloexec(0);
  return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

/** As read(2). */
export const readWhenReady = (fd: Fd, into: Uint8Array): number => whenReady(fd, POLLIN, () => read(fd, into));

/** Opens a FIFO to write to, once there is somebody who reads it. */
export function openSink(path: string): Fd {
  for (;;) {
    try {
      return open(path, O_WRONLY | O_NONBLOCK);
    } catch (error) {
      if (!hasCode(error, "ENXIO")) throw error;
    }
    wait(-1, 0);
  }
}

/** Writes all of it. */
export function writeAllWhenReady(output: Output, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0; )
    rest = rest.subarray(whenReady(output.fd, POLLOUT, () => output.write(rest)));
}
