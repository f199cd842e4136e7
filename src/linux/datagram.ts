/** Datagrams with both of their addresses, for sockets that are bound to all of the host's (ip(7), ipv6(7): IP_PKTINFO). */

import type { Fd } from "./file.ts";
import { bind, memory, pointerTo } from "./libc.ts";
import { counted, MSG_NOSIGNAL, type Sockaddr } from "./socket.ts";

const libc = bind({
  sendmsg: ["long", "int", "ptr", "int"],
  recvmsg: ["long", "int", "ptr", "int"],
});

/**
 * A message header around one buffer, an address and a control message with an address of ours (IP_PKTINFO): struct msghdr
 * is 56 bytes of pointers and lengths, so all that it points to is kept beside it.
 */
function envelope() {
  const header = memory(56);
  const iovec = new BigUint64Array(new ArrayBuffer(16));
  const name = memory(28);
  const control = memory(40);
  const view = new DataView(header.buffer);
  view.setBigUint64(0, pointerTo(name), true);
  view.setBigUint64(16, pointerTo(iovec), true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, pointerTo(control), true);
  return { header, view, iovec, name, control, controlView: new DataView(control.buffer) };
}
let kept: ReturnType<typeof envelope> | undefined;

/** struct cmsghdr: u64 length of header and data, i32 level, i32 type; then the data. */
const cmsgHeader = 16;

/** A datagram with both its addresses. `to` is the control message that says which of ours it was sent to. */
export interface Datagram {
  size: number;
  from: Sockaddr;
  to: Uint8Array;
}

/** recvmsg(2) for a socket with IP_PKTINFO or IPV6_RECVPKTINFO, or an errno below zero. */
export function receiveDatagram(socket: Fd, into: Uint8Array): Datagram | number {
  kept ??= envelope();
  const { header, view, iovec, name, control, controlView } = kept;
  iovec.set([pointerTo(into), BigInt(into.length)]);
  const size = counted(() => {
    view.setUint32(8, name.length, true);
    view.setBigUint64(40, BigInt(control.length), true);
    return libc.recvmsg(socket, header, 0);
  });
  if (size < 0) return size;
  const from = name.slice(0, view.getUint32(8, true));
  const hasControl = view.getBigUint64(40, true) > 0n;
  return { size, from, to: hasControl ? control.slice(0, Number(controlView.getBigUint64(0, true))) : memory(0) };
}

/** sendmsg(2) to `to`, from the address of ours that `from` says. @returns as `send`. */
export function sendDatagram(socket: Fd, data: Uint8Array, to: Sockaddr, from: Uint8Array): number {
  kept ??= envelope();
  const { header, view, iovec, name, control, controlView } = kept;
  iovec.set([pointerTo(data), BigInt(data.length)]);
  name.set(to);
  control.set(from);
  if (from.length > 0) forReply(controlView, from.length);
  view.setUint32(8, to.length, true);
  view.setBigUint64(40, BigInt((from.length + 7) & ~7), true);
  return counted(() => libc.sendmsg(socket, header, MSG_NOSIGNAL));
}

/**
 * What the kernel told is what it wants to be told, but for the device: a reply may leave by another. struct in_pktinfo is
 * device, our address, the address in the packet; struct in6_pktinfo is our address, device.
 */
function forReply(control: DataView, length: number): void {
  if (length === cmsgHeader + 12) control.setUint32(cmsgHeader, 0, true);
  // The device of a link-local address must stay: it is part of the address.
  else if (control.getUint16(cmsgHeader) >> 6 !== 0xfe80 >> 6) control.setUint32(cmsgHeader + 16, 0, true);
}
