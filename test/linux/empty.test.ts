/** No bytes at all: the kernel takes and gives them, and so do our calls (rosenpass#41). */

import { afterEach, expect, test } from "bun:test";
import { receiveDatagram, sendDatagram } from "../../src/linux/datagram.ts";
import { close, type Fd, write } from "../../src/linux/file.ts";
import { memory, pointerTo } from "../../src/linux/libc.ts";
import { pipe, receiveMessage, sendMessage, socketpair } from "../../src/linux/poll.ts";
import {
  connect,
  encodeSockaddr,
  localAddress,
  openBound,
  receive,
  receiveFrom,
  send,
  sendTo,
  setOption,
} from "../../src/linux/socket.ts";

const opened: Fd[] = [];
afterEach(() => opened.splice(0).forEach(close));

/** A socket for datagrams at a loopback address, which tells where each was sent to. */
function bound(ip = "127.0.0.1"): Fd {
  const { socket } = openBound("udp", encodeSockaddr(ip, 0));
  setOption(socket!, ip.includes(":") ? "IPV6_RECVPKTINFO" : "IP_PKTINFO", 1);
  opened.push(socket!);
  return socket!;
}

const empties = {
  "a view of its own": memory(0),
  "the end of another": memory(8).subarray(8),
  "a copy": memory(8).slice(8),
};

for (const [what, nothing] of Object.entries(empties)) {
  test(`an empty datagram, ${what}, goes both ways`, () => {
    const [here, there] = [bound(), bound()];
    expect(sendDatagram(here, nothing, localAddress(there), memory(0))).toBe(0);
    const first = receiveDatagram(there, memory(100));
    if (typeof first === "number") throw new Error(`nothing came: ${first}`);
    expect(first.size).toBe(0);
    // From the address that it was sent to, as a relay answers.
    expect(sendDatagram(there, nothing, first.from, first.to)).toBe(0);
    expect(receiveFrom(here, memory(100))).toEqual({ size: 0, from: localAddress(there) });
  });
  test(`an empty datagram, ${what}, is sent by the other calls as well`, () => {
    const [here, there] = [bound(), bound()];
    expect(sendTo(here, nothing, localAddress(there))).toBe(0);
    expect(connect(here, localAddress(there))).toBe(0);
    expect(send(here, nothing)).toBe(0);
    for (let count = 0; count < 2; count++) expect(receive(there, memory(100))).toBe(0);
  });
  test(`an empty message, ${what}, is sent and written without an error`, () => {
    const [here, there] = socketpair();
    const ends = pipe();
    opened.push(here, there, ends.read, ends.write);
    expect(sendMessage(here, { data: nothing, fds: [] })).toBe(true);
    // It looks like the end: those who use these sockets never send it.
    expect(receiveMessage(there)).toBeUndefined();
    expect(write(ends.write, nothing)).toBe(0);
    expect(pointerTo(nothing)).toBe(0n);
  });
}

test("an empty datagram over IPv6 goes both ways", () => {
  const [here, there] = [bound("::1"), bound("::1")];
  expect(sendDatagram(here, memory(0), localAddress(there), memory(0))).toBe(0);
  const first = receiveDatagram(there, memory(100));
  if (typeof first === "number") throw new Error(`nothing came: ${first}`);
  expect([first.size, sendDatagram(there, memory(0), first.from, first.to)]).toEqual([0, 0]);
  expect(receive(here, memory(100))).toBe(0);
});
