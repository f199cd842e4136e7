/** Waiting for descriptors: poll(2), pipes and socket pairs that carry messages and descriptors (unix(7)). */

import { ptr } from "bun:ffi";
import { close } from "./file.ts";
import { bind, check, checkRetry, memory } from "./libc.ts";

const libc = bind({
  poll: ["int", "ptr", "long", "int"],
  pipe2: ["int", "ptr", "int"],
  socketpair: ["int", "int", "int", "int", "ptr"],
  sendmsg: ["long", "int", "ptr", "int"],
  recvmsg: ["long", "int", "ptr", "int"],
  fcntl: ["int", "int", "int", "long"],
});

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;

/** What to wait for on a descriptor, and after `poll` what happened to it. */
export interface Interest {
  fd: number;
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

const O_CLOEXEC = 0o2000000;

/** pipe2(2), close-on-exec. */
export function pipe(): { read: number; write: number } {
  const fds = new Int32Array(new ArrayBuffer(8));
  check("pipe", "", libc.pipe2(fds, O_CLOEXEC));
  return { read: fds[0]!, write: fds[1]! };
}

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** fcntl(2): reads and writes that would wait answer EAGAIN instead. For descriptors of our own: others share the flag. */
export function setNonblocking(fd: number): void {
  const flags = check("fcntl", `fd ${fd}`, libc.fcntl(fd, F_GETFL, 0));
  check("fcntl", `fd ${fd}`, libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;

/** socketpair(2) that keeps messages apart, close-on-exec. */
export function socketpair(): [number, number] {
  const fds = new Int32Array(new ArrayBuffer(8));
  check("socketpair", "", libc.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
  return [fds[0]!, fds[1]!];
}

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** One message with at most one descriptor beside it. */
export interface Message {
  data: Uint8Array;
  fd?: number;
}

/** struct msghdr (56 bytes) around one buffer and room for one descriptor; they stay alive with the object. */
function msghdr(data: Uint8Array) {
  const header = memory(56);
  const iovec = new BigUint64Array(new ArrayBuffer(16));
  const control = memory(24);
  iovec[0] = BigInt(ptr(data));
  iovec[1] = BigInt(data.length);
  const view = new DataView(header.buffer);
  view.setBigUint64(16, BigInt(ptr(iovec)), true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, BigInt(ptr(control)), true);
  view.setBigUint64(40, BigInt(control.length), true);
  return { header, view, iovec, control: new DataView(control.buffer), data };
}

/** sendmsg(2). @param message at least one byte of data. */
export function sendMessage(socket: number, message: Message): void {
  const data = memory(message.data.length);
  data.set(message.data);
  const parts = msghdr(data);
  if (message.fd === undefined) {
    parts.view.setBigUint64(32, 0n, true);
    parts.view.setBigUint64(40, 0n, true);
  } else {
    // struct cmsghdr: u64 length of header and data, i32 level, i32 type; then the descriptor.
    parts.control.setBigUint64(0, 20n, true);
    parts.control.setInt32(8, SOL_SOCKET, true);
    parts.control.setInt32(12, SCM_RIGHTS, true);
    parts.control.setInt32(16, message.fd, true);
  }
  checkRetry("send", "a message", () => libc.sendmsg(socket, parts.header, MSG_NOSIGNAL));
}

/** recvmsg(2): waits for a message; undefined when the other end is closed. Reads up to 64 KiB. */
export function receiveMessage(socket: number): Message | undefined {
  const parts = msghdr(memory(65536));
  const length = checkRetry("receive", "a message", () => libc.recvmsg(socket, parts.header, MSG_CMSG_CLOEXEC));
  if (length === 0) return undefined;
  const data = parts.data.subarray(0, length);
  const hasFd = parts.view.getBigUint64(40, true) >= 20n && parts.control.getInt32(12, true) === SCM_RIGHTS;
  return hasFd ? { data, fd: parts.control.getInt32(16, true) } : { data };
}

/** Closes each descriptor once. */
export const closeAll = (fds: Iterable<number>): void => new Set(fds).forEach(close);
