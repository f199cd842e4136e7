/** Waiting for descriptors: poll(2), pipes and socket pairs that carry messages and descriptors (unix(7)). */

import { EAGAIN, EINTR } from "./errno.ts";
import { close, type Fd, O_CLOEXEC } from "./file.ts";
import { allow, bind, check, checkRetry, memory, pointerTo, readErrno } from "./libc.ts";

const libc = bind({
  poll: ["int", "ptr", "long", "int"],
  usleep: ["int", "int"],
  pipe2: ["int", "ptr", "int"],
  socketpair: ["int", "int", "int", "int", "ptr"],
  sendmsg: ["long", "int", "ptr", "int"],
  recvmsg: ["long", "int", "ptr", "int"],
  fcntl: ["int", "int", "int", "long"],
});

export const POLLIN = 1;
export const POLLOUT = 4;
/** Reported without being asked for, by epoll(7) as well. */
export const POLLERR = 8;
export const POLLHUP = 16;

/** What to wait for on a descriptor, and after `poll` what happened to it. */
export interface Interest {
  /** poll(2) passes over -1. */
  fd: Fd | -1;
  events: number;
  /** POLLIN and the like, as poll(2) answered. */
  happened?: number;
}

/** poll(2): waits until something happened; sets `happened` of each. @param timeoutMs -1 waits for ever. */
export function poll(interests: Interest[], timeoutMs = -1): void {
  const buffer = memory(8 * interests.length);
  const view = new DataView(buffer.buffer);
  interests.forEach(({ fd, events }, index) => {
    view.setInt32(index * 8, fd, true);
    view.setInt16(index * 8 + 4, events, true);
  });
  checkRetry("poll", `${interests.length} descriptors`, () => libc.poll(buffer, interests.length, timeoutMs));
  interests.forEach((interest, index) => {
    interest.happened = view.getInt16(index * 8 + 6, true);
  });
}

/** Waits less than poll(2) can; a signal ends it early. */
export const sleepMicroseconds = (us: number): void => void libc.usleep(us);

/** What a loop waits for. */
export interface Watch {
  fd: Fd | -1;
  /** POLLIN if not given. */
  events?: number;
  onReady: () => void;
}

/** What it does at a time. */
export interface Timer {
  /** By performance.now(). */
  atMs: number;
  onTime: () => void;
}

/** What goes on beside a container while it runs. */
export interface EventSource {
  watches(): Watch[];
  timers(): Timer[];
  /** The container's first process has ended, and nobody has waited for it yet. */
  end(): void;
}

/** The two ends of a pipe. */
export interface Pipe {
  read: Fd;
  write: Fd;
}

/** pipe2(2), close-on-exec. */
export function pipe(): Pipe {
  const fds = new Int32Array(new ArrayBuffer(8));
  check("pipe", "", libc.pipe2(fds, O_CLOEXEC));
  return { read: fds[0] as Fd, write: fds[1] as Fd };
}

const F_DUPFD_CLOEXEC = 1030;
/** Above those that a child may be given by number. */
const firstCopy = 10;

/** A copy of a descriptor (fcntl(2)), close-on-exec. */
export const dupCloexec = (fd: Fd): Fd => check("fcntl", `fd ${fd}`, libc.fcntl(fd, F_DUPFD_CLOEXEC, firstCopy)) as Fd;

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;

/** socketpair(2) that keeps messages apart, close-on-exec. */
export function socketpair(): [Fd, Fd] {
  const fds = new Int32Array(new ArrayBuffer(8));
  check("socketpair", "", libc.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
  return [fds[0] as Fd, fds[1] as Fd];
}

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** One message with the descriptors beside it. */
export interface Message {
  data: Uint8Array;
  fds: Fd[];
}

const maxFds = 64;
/** struct cmsghdr: u64 length of header and data, i32 level, i32 type; then the descriptors. */
const cmsgHeader = 16;

/**
 * struct msghdr (56 bytes) around one buffer and room for descriptors. It holds only their addresses: whoever calls keeps
 * `parts` until the kernel is done, or the garbage collector takes them away under it.
 */
function msghdr(data: Uint8Array, control: Uint8Array) {
  const header = memory(56);
  const iovec = new BigUint64Array(new ArrayBuffer(16));
  iovec.set([pointerTo(data), BigInt(data.length)]);
  const view = new DataView(header.buffer);
  view.setBigUint64(16, pointerTo(iovec), true);
  view.setBigUint64(24, 1n, true);
  if (control.length > 0) view.setBigUint64(32, pointerTo(control), true);
  view.setBigUint64(40, BigInt(control.length), true);
  return { header, view, parts: [iovec, data, control] };
}

/** What is being sent: it must stay where it is until then. */
const outgoing = new Set<unknown>();

/**
 * sendmsg(2). @param message at least one byte of data, at most 64 descriptors.
 * @returns false if it would have to wait, and `wait` is false.
 */
export function sendMessage(socket: Fd, message: Message, { wait = true } = {}): boolean {
  const data = memory(message.data.length);
  data.set(message.data);
  // Padded to eight bytes, as CMSG_SPACE does; the length in the header is without the padding.
  const length = cmsgHeader + 4 * message.fds.length;
  const control = memory(message.fds.length === 0 ? 0 : (length + 7) & ~7);
  if (message.fds.length > 0) {
    const view = new DataView(control.buffer);
    view.setBigUint64(0, BigInt(length), true);
    view.setInt32(8, SOL_SOCKET, true);
    view.setInt32(12, SCM_RIGHTS, true);
    message.fds.forEach((fd, index) => {
      view.setInt32(cmsgHeader + 4 * index, fd, true);
    });
  }
  const { header, parts } = msghdr(data, control);
  const flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);
  const expected = wait ? [EINTR] : [EAGAIN, EINTR];
  outgoing.add(parts);
  try {
    for (;;) {
      if (allow(expected, "send", "a message", libc.sendmsg(socket, header, flags)) !== -1) return true;
      if (readErrno() === EAGAIN) return false;
    }
  } finally {
    outgoing.delete(parts);
  }
}

/** Where messages of a size come in; made once, and kept. */
const incoming: Record<number, ReturnType<typeof roomForMessage>> = {};

function roomForMessage(bytes: number) {
  const data = memory(bytes);
  const control = memory(cmsgHeader + 4 * maxFds);
  return { ...msghdr(data, control), data, control };
}

/** recvmsg(2): waits for a message; undefined when the other end is closed. @param maxBytes of its data; what is beyond is lost. */
export function receiveMessage(socket: Fd, maxBytes = 65536): Message | undefined {
  incoming[maxBytes] ??= roomForMessage(maxBytes);
  const { header, view, data, control } = incoming[maxBytes];
  // The kernel wrote here how much came the last time.
  view.setBigUint64(40, BigInt(control.length), true);
  const length = checkRetry("receive", "a message", () => libc.recvmsg(socket, header, MSG_CMSG_CLOEXEC));
  if (length === 0) return undefined;
  const fds: Fd[] = [];
  const cmsg = new DataView(control.buffer);
  const received = view.getBigUint64(40, true) > 0n ? Number(cmsg.getBigUint64(0, true)) : 0;
  for (let at = cmsgHeader; at < received; at += 4) fds.push(cmsg.getInt32(at, true) as Fd);
  return { data: data.slice(0, length), fds };
}

/** Closes each descriptor once. */
export const closeAll = (fds: Iterable<Fd>): void => new Set(fds).forEach(close);
