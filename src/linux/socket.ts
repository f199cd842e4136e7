/**
 * Sockets of the internet: ip(7), ipv6(7), tcp(7), udp(7). None makes its caller wait. What the other side or the network
 * does (EAGAIN, ECONNRESET, ...) is an answer here, never an exception: numbers below zero are errnos.
 *
 *     struct sockaddr_in:  u16 family | be16 port | 4 bytes of address | 8 bytes of nothing
 *     struct sockaddr_in6: u16 family | be16 port | be32 flow | 16 bytes of address | u32 scope
 */

import { InvalidError } from "../errors.ts";
import { EAFNOSUPPORT, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTONOSUPPORT, ESOCKTNOSUPPORT } from "./errno.ts";
import { close, type Fd } from "./file.ts";
import { allow, bind, check, cstr, memory, readErrno } from "./libc.ts";

export { EINPROGRESS } from "./errno.ts";

const libc = bind({
  socket: ["int", "int", "int", "int"],
  bind: ["int", "int", "ptr", "int"],
  listen: ["int", "int", "int"],
  accept4: ["int", "int", "ptr", "ptr", "int"],
  connect: ["int", "int", "ptr", "int"],
  setsockopt: ["int", "int", "int", "int", "ptr", "int"],
  getsockopt: ["int", "int", "int", "int", "ptr", "ptr"],
  getsockname: ["int", "int", "ptr", "ptr"],
  shutdown: ["int", "int", "int"],
  send: ["long", "int", "ptr", "long", "int"],
  recv: ["long", "int", "ptr", "long", "int"],
  sendto: ["long", "int", "ptr", "long", "int", "ptr", "int"],
  recvfrom: ["long", "int", "ptr", "long", "int", "ptr", "ptr"],
  inet_pton: ["int", "int", "ptr", "ptr"],
  inet_ntop: ["ptr", "int", "ptr", "ptr", "int"],
  if_nametoindex: ["int", "ptr"],
});

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_SCTP = 132;
const SOL_SOCKET = 1;
export const MSG_NOSIGNAL = 0x4000;

/** An address with a port, as the kernel has it. */
export type Sockaddr = Uint8Array<ArrayBuffer>;

export type SocketKind = "tcp" | "udp" | "sctp";
const kinds: Record<SocketKind, [type: number, protocol: number]> = {
  tcp: [SOCK_STREAM, 0],
  udp: [SOCK_DGRAM, 0],
  sctp: [SOCK_STREAM, IPPROTO_SCTP],
};

/** @param ip an address; a link-local one may name its device: `fe80::1%eth0`. @throws InvalidError for anything else. */
export function encodeSockaddr(ip: string, port: number): Sockaddr {
  const [address = "", device] = ip.split("%");
  const family = address.includes(":") ? AF_INET6 : AF_INET;
  const sockaddr = memory(family === AF_INET ? 16 : 28);
  const view = new DataView(sockaddr.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  if (libc.inet_pton(family, cstr(address), sockaddr.subarray(family === AF_INET ? 4 : 8)) !== 1)
    throw new InvalidError(`${JSON.stringify(ip)} is not a valid address`);
  if (device && family === AF_INET6) view.setUint32(24, libc.if_nametoindex(cstr(device)), true);
  return sockaddr;
}

export function decodeSockaddr(sockaddr: Uint8Array): { ip: string; port: number } {
  const view = new DataView(sockaddr.buffer, sockaddr.byteOffset);
  const family = view.getUint16(0, true);
  const text = memory(46);
  libc.inet_ntop(family, sockaddr.subarray(family === AF_INET ? 4 : 8), text, text.length);
  return { ip: new TextDecoder().decode(text.subarray(0, text.indexOf(0))), port: view.getUint16(2) };
}

/** True for sockaddrs of IPv6. */
export const isIpv6 = (sockaddr: Uint8Array): boolean => sockaddr[0] === AF_INET6;

/** socket(2) of the address's family; undefined where the kernel has not this family or protocol, or no room for more. */
export function openSocket(kind: SocketKind, sockaddr: Sockaddr): Fd | undefined {
  const [type, protocol] = kinds[kind];
  const family = isIpv6(sockaddr) ? AF_INET6 : AF_INET;
  const expected = [EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, ...fullErrnos];
  const socket = allow(expected, "socket", kind, libc.socket(family, type | SOCK_NONBLOCK_CLOEXEC, protocol));
  return socket === -1 ? undefined : (socket as Fd);
}

/** There is no room for another socket. */
const fullErrnos = [ENFILE, EMFILE, ENOMEM, ENOBUFS];

const options = {
  SO_REUSEADDR: [SOL_SOCKET, 2],
  SO_KEEPALIVE: [SOL_SOCKET, 9],
  /** Bytes that may wait, more than an ordinary process may ask for. */
  SO_RCVBUFFORCE: [SOL_SOCKET, 33],
  SO_SNDBUFFORCE: [SOL_SOCKET, 32],
  TCP_NODELAY: [6, 1],
  IPV6_V6ONLY: [41, 26],
  /** Each datagram tells which address it was sent to. */
  IP_PKTINFO: [0, 8],
  IPV6_RECVPKTINFO: [41, 49],
} as const;

/** setsockopt(2) of a number. What cannot be set is left: none of these is needed for things to work. */
export function setOption(socket: Fd, option: keyof typeof options, value: number): void {
  const [level, name] = options[option];
  const number = new Int32Array(new ArrayBuffer(4));
  number[0] = value;
  libc.setsockopt(socket, level, name, number, 4);
}

const SO_ERROR = 4;
const SO_LINGER = 13;

/** What went wrong with a socket since somebody last asked: an errno, or 0. */
export function socketError(socket: Fd): number {
  const value = new Int32Array(new ArrayBuffer(8));
  value[1] = 4;
  libc.getsockopt(socket, SOL_SOCKET, SO_ERROR, value, value.subarray(1));
  return value[0]!;
}

/** close(2) that tells the other side that something went wrong: by a reset instead of an end. */
export function closeWithReset(socket: Fd): void {
  const linger = new Int32Array(new ArrayBuffer(8));
  linger[0] = 1;
  libc.setsockopt(socket, SOL_SOCKET, SO_LINGER, linger, 8);
  close(socket);
}

/** bind(2). @returns 0, or the errno. */
export const bindTo = (socket: Fd, sockaddr: Sockaddr): number => answer(libc.bind(socket, sockaddr, sockaddr.length));

/** listen(2). @returns 0, or the errno: EADDRINUSE for a port that somebody else listens on. */
export const listen = (socket: Fd, backlog = 4096): number => answer(libc.listen(socket, backlog));

/** connect(2). @returns 0, EINPROGRESS, or what went wrong. */
export const connect = (socket: Fd, sockaddr: Sockaddr): number =>
  answer(libc.connect(socket, sockaddr, sockaddr.length));

/** Nothing may come between a call and this. */
const answer = (result: number): number => (result === -1 ? readErrno() : 0);

/** accept4(2): a connection, or an errno below zero. */
export function accept(socket: Fd): number {
  const result = libc.accept4(socket, null, null, SOCK_NONBLOCK_CLOEXEC);
  return result === -1 ? -readErrno() : result;
}

const lengthBox = new Uint32Array(new ArrayBuffer(4));

/** getsockname(2). */
export function localAddress(socket: Fd): Sockaddr {
  const sockaddr = memory(28);
  lengthBox[0] = sockaddr.length;
  check("getsockname", `fd ${socket}`, libc.getsockname(socket, sockaddr, lengthBox));
  return sockaddr.slice(0, lengthBox[0]);
}

const SHUT_WR = 1;

/** shutdown(2): nothing more will be sent; what comes in still does. */
export const shutdownWriting = (socket: Fd): void => void libc.shutdown(socket, SHUT_WR);

/** send(2): how many bytes were taken, or an errno below zero. */
export const send = (socket: Fd, data: Uint8Array): number =>
  counted(() => libc.send(socket, data, data.length, MSG_NOSIGNAL));

/** recv(2): how many bytes came, 0 at the end of a stream, or an errno below zero. */
export const receive = (socket: Fd, into: Uint8Array): number => counted(() => libc.recv(socket, into, into.length, 0));

/** sendto(2): as `send`. */
export const sendTo = (socket: Fd, data: Uint8Array, to: Sockaddr): number =>
  counted(() => libc.sendto(socket, data, data.length, MSG_NOSIGNAL, to, to.length));

/** Where senders' addresses come in. */
const sender = memory(28);

/** recvfrom(2). @returns the size of the datagram and who sent it, or an errno below zero. */
export function receiveFrom(socket: Fd, into: Uint8Array): { size: number; from: Sockaddr } | number {
  const size = counted(() => {
    lengthBox[0] = sender.length;
    return libc.recvfrom(socket, into, into.length, 0, sender, lengthBox);
  });
  return size < 0 ? size : { size, from: sender.slice(0, lengthBox[0]) };
}

/** Repeats a call that a signal interrupted. @returns what it counted, or an errno below zero. */
export function counted(call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -1) return result;
    const errno = readErrno();
    if (errno !== EINTR) return -errno;
  }
}

/** A socket that is bound, or the errno why not. */
export type Bound = { socket: Fd; errno?: undefined } | { errno: number; socket?: undefined };

/** Opens a socket at an address; of tcp and sctp it listens. EAFNOSUPPORT where the kernel has no such family or protocol. */
export function openBound(kind: SocketKind, sockaddr: Sockaddr): Bound {
  const socket = openSocket(kind, sockaddr);
  if (socket === undefined) return { errno: fullErrnos.find((errno) => errno === readErrno()) ?? EAFNOSUPPORT };
  // Connections of before, that the kernel still remembers, do not keep the port. For udp it would let others in.
  if (kind !== "udp") setOption(socket, "SO_REUSEADDR", 1);
  if (isIpv6(sockaddr)) setOption(socket, "IPV6_V6ONLY", 1);
  const errno = bindTo(socket, sockaddr) || (kind === "udp" ? 0 : listen(socket));
  if (errno === 0) return { socket };
  close(socket);
  return { errno };
}
