/** Datagrams that are passed on: each sender has a socket of its own towards the container, so that answers find back. */

import { type Datagram, receiveDatagram, sendDatagram } from "../../linux/datagram.ts";
import { EAGAIN } from "../../linux/errno.ts";
import { close, type Fd } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";
import { POLLIN, type Timer } from "../../linux/poll.ts";
import {
  connect,
  isIpv6,
  localAddress,
  openSocket,
  receive,
  type Sockaddr,
  type SocketKind,
  send,
  setOption,
} from "../../linux/socket.ts";
import type { EpollLoop } from "../epoll-loop.ts";

/** Senders of one port; the one that was there first makes room for another. */
const maxSenders = 1024;
/** So long without a datagram of either side a sender is dropped. */
const idleMs = 90_000;
const checkMs = 30_000;
/** Datagrams that are moved before others have their turn. */
const turn = 64;
/** What may wait while others have theirs. */
const receiveBufferBytes = 2 << 20;

interface Sender {
  socket: Fd;
  usedMs: number;
}

const buffer = memory(65536);

/**
 * @param listener is waited for by the loop. @param targetOf where it leads at this moment; undefined for nowhere.
 * @returns the timers that it needs, and what is to be called when it leads elsewhere.
 */
export function relayDatagrams(
  loop: EpollLoop,
  listener: Fd,
  kind: SocketKind,
  targetOf: () => Sockaddr | undefined,
): { timers: () => Timer[]; retarget: () => void } {
  /** By their address and the one of ours that they sent to: an answer comes from the same. */
  const senders = new Map<string, Sender>();
  let checkAtMs = 0;
  setOption(listener, isIpv6(localAddress(listener)) ? "IPV6_RECVPKTINFO" : "IP_PKTINFO", 1);
  setOption(listener, "SO_RCVBUFFORCE", receiveBufferBytes);

  const remove = (key: string, { socket }: Sender) => {
    senders.delete(key);
    loop.drop(socket);
  };

  const open = (key: string, { from, to }: Datagram): Sender | undefined => {
    const target = targetOf();
    const socket = target && openSocket(kind, target);
    if (!target || socket === undefined) return undefined;
    if (connect(socket, target) !== 0) {
      close(socket);
      return undefined;
    }
    const [oldest] = senders;
    if (oldest && senders.size >= maxSenders) remove(...oldest);
    if (senders.size === 0) checkAtMs = performance.now() + checkMs;
    const sender: Sender = { socket, usedMs: 0 };
    senders.set(key, sender);
    const answer = () => {
      sender.usedMs = performance.now();
      for (let count = 0; count < turn; count++) {
        const size = receive(socket, buffer);
        if (size === -EAGAIN) return;
        // Nobody listens yet, or no longer: to be told of once is enough.
        if (size < 0) continue;
        sendDatagram(listener, buffer.subarray(0, size), from, to);
      }
    };
    loop.set(socket, POLLIN, () => attempt(answer) || remove(key, sender));
    return sender;
  };

  const pass = (datagram: Datagram) => {
    const key = `${datagram.from.toHex()} ${datagram.to.toHex()}`;
    const sender = senders.get(key) ?? open(key, datagram);
    if (!sender) return;
    sender.usedMs = performance.now();
    send(sender.socket, buffer.subarray(0, datagram.size));
  };
  loop.set(listener, POLLIN, () => {
    for (let count = 0; count < turn; count++) {
      const datagram = receiveDatagram(listener, buffer);
      if (typeof datagram === "number") return;
      attempt(() => pass(datagram));
    }
  });

  const check = () => {
    const now = performance.now();
    for (const [key, sender] of senders) if (sender.usedMs + idleMs <= now) remove(key, sender);
    checkAtMs = now + checkMs;
  };
  return {
    timers: () => (senders.size > 0 ? [{ atMs: checkAtMs, onTime: check }] : []),
    retarget: () => {
      for (const sender of senders) remove(...sender);
    },
  };
}

/** What cannot be passed on is lost, as datagrams are: it must not keep others. @returns false then. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
