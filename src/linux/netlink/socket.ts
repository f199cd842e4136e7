/**
 * Netlink sockets (netlink(7)): requests in batches, each acknowledged, and lists ("dumps").
 *
 *     u32 length | u16 type | u16 flags | u32 sequence | u32 port | a header that the type has | attributes | padding
 */

import { InvalidError, type SyscallError } from "../../errors.ts";
import { type Fd, owned } from "../file.ts";
import { bind, check, checkRetry, memory, syscallError } from "../libc.ts";
import { align, parseAttributes, parseText } from "./attribute.ts";

const libc = bind({
  socket: ["int", "int", "int", "int"],
  bind: ["int", "int", "ptr", "int"],
  setsockopt: ["int", "int", "int", "int", "ptr", "int"],
  send: ["long", "int", "ptr", "long", "int"],
  recv: ["long", "int", "ptr", "long", "int"],
});

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
/** Say in words what was wrong; do not send the request back; check what a dump is asked for. */
const NETLINK_EXT_ACK = 11;
const NETLINK_CAP_ACK = 10;
const NETLINK_GET_STRICT_CHK = 12;
const protocols = { ROUTE: 0, NETFILTER: 12 } as const;

export const NLM_F = {
  REQUEST: 1,
  ACK: 4,
  DUMP_INTR: 0x10,
  /** What is there already is an error. */
  EXCL: 0x200,
  REPLACE: 0x100,
  CREATE: 0x400,
  APPEND: 0x800,
  DUMP: 0x300,
} as const;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSG_NOOP = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSGERR_ATTR_MSG = 1;
export const headerBytes = 16;

/** A socket to the kernel's side of one protocol, in the network namespace we are in; it stays in it wherever we go. */
export function openNetlink(protocol: keyof typeof protocols): Fd {
  const fd = check(
    "socket",
    `netlink ${protocol}`,
    libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocols[protocol]),
  ) as Fd;
  using socket = owned(fd);
  const on = new Int32Array(new ArrayBuffer(4));
  on[0] = 1;
  // What an old kernel does not know makes its errors less clear, and nothing else.
  for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK])
    libc.setsockopt(fd, SOL_NETLINK, option, on, 4);
  const address = memory(12);
  new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
  check("bind", `netlink ${protocol}`, libc.bind(fd, address, address.length));
  return socket.handOff();
}

const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const largeBytes = 16 << 20;

/** Room for a request, and for its answers, of many thousand parts: a socket begins with 200 KB. */
export function growBuffers(socket: Fd): void {
  const size = new Int32Array(new ArrayBuffer(4));
  size[0] = largeBytes;
  for (const option of [SO_SNDBUFFORCE, SO_RCVBUFFORCE])
    check("setsockopt", "netlink", libc.setsockopt(socket, SOL_SOCKET, option, size, 4));
}

/** Runs something with a socket of its own. */
export function withNetlink<Result>(protocol: keyof typeof protocols, use: (socket: Fd) => Result): Result {
  using socket = owned(openNetlink(protocol));
  return use(socket.fd);
}

/** One request that is acknowledged. */
export interface Request {
  type: number;
  /** Of NLM_F, beside REQUEST and ACK. */
  flags?: number;
  body: Uint8Array;
  /** What is done to what, for the error: `["add", "address 10.0.0.1/24 to eth0"]`. */
  what: [call: string, subject: string];
  /** Errnos that are an answer, not a failure. */
  expected?: readonly number[];
  /** Not acknowledged by itself: the begin and end of a batch. */
  silent?: boolean;
}

/** A message of the kernel's. */
export interface Message {
  type: number;
  flags: number;
  sequence: number;
  body: Uint8Array;
}

let lastSequence = 0;

/**
 * Sends requests in one go and waits for all answers. The kernel does not stop at one that fails.
 * @returns for each request 0, or the errno that it expected. @throws SyscallError of the first that failed otherwise.
 */
export function transact(socket: Fd, requests: readonly Request[]): number[] {
  if (requests.length === 0) return [];
  const first = lastSequence + 1;
  lastSequence += requests.length;
  const packed = requests.map(({ type, flags = 0, body, silent }, index) =>
    pack(type, flags | NLM_F.REQUEST | (silent ? 0 : NLM_F.ACK), first + index, body),
  );
  const subject = requests[0]?.what.join(" ") ?? "";
  sendAll(socket, packed, subject);
  const results: number[] = new Array(requests.length).fill(0);
  let failure: SyscallError | undefined;
  const waiting = new Set(requests.flatMap(({ silent }, index) => (silent ? [] : [first + index])));
  while (waiting.size > 0) {
    for (const { type, flags, sequence, body } of receive(socket, subject)) {
      // An answer to something that was given up before.
      if (type !== NLMSG_ERROR || sequence < first || sequence > lastSequence) continue;
      const request = requests[sequence - first]!;
      const errno = -new DataView(body.buffer, body.byteOffset).getInt32(0, true);
      waiting.delete(sequence);
      results[sequence - first] = errno;
      if (errno !== 0 && !request.expected?.includes(errno)) failure ??= failureOf(request, errno, flags, body);
      // A batch that is refused as a whole is answered once, for its first message.
      if (errno !== 0 && request.silent) waiting.clear();
    }
  }
  if (failure) throw failure;
  return results;
}

function failureOf({ what: [call, subject] }: Request, errno: number, flags: number, body: Uint8Array): SyscallError {
  const error = syscallError(call, subject, errno);
  const words = flags & NLM_F_ACK_TLVS ? extackMessage(flags, body) : undefined;
  return words === undefined ? error : error.withHint(`the kernel says: ${words}`);
}

/** The words beside an error: after the errno and the header of the request, or all of the request. */
function extackMessage(flags: number, body: Uint8Array): string | undefined {
  const requestBytes = new DataView(body.buffer, body.byteOffset).getUint32(4, true);
  const at = 4 + (flags & NLM_F_CAPPED ? headerBytes : requestBytes);
  const words = parseAttributes(body.subarray(Math.min(align(at), body.length))).get(NLMSGERR_ATTR_MSG);
  return words && parseText(words);
}

const maxDumps = 10;

/** All messages that answer a request for a list; again when the list has changed meanwhile. */
export function dump(socket: Fd, type: number, body: Uint8Array, subject: string): Message[] {
  for (let tries = 1; ; tries++) {
    const { messages, interrupted } = dumpOnce(socket, type, body, subject);
    if (!interrupted || tries === maxDumps) return messages;
  }
}

function dumpOnce(socket: Fd, type: number, body: Uint8Array, subject: string) {
  const sequence = ++lastSequence;
  sendAll(socket, [pack(type, NLM_F.REQUEST | NLM_F.DUMP, sequence, body)], subject);
  const messages: Message[] = [];
  let interrupted = false;
  for (;;) {
    for (const message of receive(socket, subject)) {
      if (message.sequence !== sequence) continue;
      interrupted ||= (message.flags & NLM_F.DUMP_INTR) !== 0;
      if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
        // NLMSG_DONE has an errno too, in kernels that are not ancient.
        const errno =
          message.body.length < 4 ? 0 : -new DataView(message.body.buffer, message.body.byteOffset).getInt32(0, true);
        if (errno > 0) throw syscallError("list", subject, errno);
        return { messages, interrupted };
      }
      if (message.type !== NLMSG_NOOP) messages.push(message);
    }
  }
}

/** The one message that answers a request. @returns undefined for the errnos that are expected. */
export function ask(socket: Fd, { type, flags = 0, body, what, expected }: Request): Message | undefined {
  const sequence = ++lastSequence;
  sendAll(socket, [pack(type, flags | NLM_F.REQUEST, sequence, body)], what[1]);
  for (;;) {
    for (const message of receive(socket, what[1])) {
      if (message.sequence !== sequence) continue;
      if (message.type !== NLMSG_ERROR) return message;
      const errno = -new DataView(message.body.buffer, message.body.byteOffset).getInt32(0, true);
      if (expected?.includes(errno)) return undefined;
      throw failureOf({ type, body, what }, errno, message.flags, message.body);
    }
  }
}

function pack(type: number, flags: number, sequence: number, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(align(headerBytes + body.length));
  const view = new DataView(message.buffer);
  view.setUint32(0, headerBytes + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  message.set(body, headerBytes);
  return message;
}

function sendAll(socket: Fd, messages: Uint8Array[], subject: string): void {
  const all = memory(messages.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const message of messages) {
    all.set(message, at);
    at += message.length;
  }
  checkRetry("send", subject, () => libc.send(socket, all, all.length, 0));
}

/** Where answers come in; made once, and kept. The kernel makes none that is longer. */
let incoming: Uint8Array<ArrayBuffer> | undefined;

function receive(socket: Fd, subject: string): Message[] {
  incoming ??= memory(65536);
  const buffer = incoming;
  const length = checkRetry("receive", subject, () => libc.recv(socket, buffer, buffer.length, 0));
  return parseMessages(buffer.slice(0, length));
}

/** The messages in what was received. @throws InvalidError for what is cut off. */
export function parseMessages(bytes: Uint8Array): Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + headerBytes <= bytes.length ? view.getUint32(at, true) : 0;
    if (length < headerBytes || at + length > bytes.length) throw new InvalidError("netlink: a message is cut off");
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: bytes.subarray(at + headerBytes, at + length),
    });
    at += align(length);
  }
  return messages;
}
