/** DNS queries that other servers answer: each from a socket of its own, one server after the other until one knows. */

import { randomHex } from "../../linux/clone.ts";
import { close, type Fd } from "../../linux/file.ts";
import { EAGAIN, memory } from "../../linux/libc.ts";
import { POLLIN, type Timer } from "../../linux/poll.ts";
import { connect, EINPROGRESS, encodeSockaddr, openSocket, receive, type Sockaddr, send } from "../../linux/socket.ts";
import type { EpollLoop } from "../epoll-loop.ts";
import { idOf, isResponseTo, RCODE, rcodeOf, refuse, setId, truncate } from "./message.ts";
import { openStream, type Stream } from "./tcp.ts";

export interface ForwardRequest {
  query: Uint8Array;
  /** Asked over tcp, as the asker did. */
  stream: boolean;
  /** What the asker takes. */
  maxBytes: number;
  /** Of the asker: a query that is repeated while we ask is asked once. */
  key: string;
  reply(message: Uint8Array): void;
}

export interface Forwarder {
  forward(request: ForwardRequest): void;
  timers(): Timer[];
}

const timeoutMs = 2000;
/** A server that does not answer is asked last for so long. */
const avoidMs = 10_000;
/** Asked at the same time; others wait. */
const maxInFlight = 256;
const maxWaiting = 2048;
/** After so long no server is asked any more: the C library gives up after five seconds, and asks again. */
const patienceMs = 3000;
/** With one server, it is asked again: a packet may get lost. */
const leastTries = 2;

/** What other servers say when they cannot or do not want to, but another may. */
const askAnother: readonly number[] = [RCODE.SERVFAIL, RCODE.NOTIMP, RCODE.REFUSED];

interface Server {
  address: Sockaddr;
  /** By performance.now(). */
  avoidedUntilMs: number;
}

/** A query on its way. */
interface Pending extends ForwardRequest {
  /** With an id of our own. */
  query: Uint8Array;
  id: number;
  servers: Server[];
  tries: number;
  server?: Server;
  giveUpMs: number;
  atMs: number;
  socket?: Fd;
  upstream?: Stream;
  /** What a server that could not help has said. */
  refusal?: Uint8Array;
}

const buffer = memory(65536);

/** @param upstreams addresses of servers, reached from the network namespace that we are in. */
export function openForwarder(loop: EpollLoop, upstreams: string[]): Forwarder {
  const servers = upstreams.map((ip): Server => ({ address: encodeSockaddr(ip, 53), avoidedUntilMs: 0 }));
  const queries: Queries = { loop, servers, inFlight: new Set(), waiting: [], keys: new Set(), filling: false };
  return {
    forward: (request) => forward(queries, request),
    timers: () => timersOf(queries),
  };
}

interface Queries {
  loop: EpollLoop;
  servers: Server[];
  /** In the order of their deadlines, as all wait equally long. */
  inFlight: Set<Pending>;
  waiting: Pending[];
  /** Of those in flight and those that wait. */
  keys: Set<string>;
  /** Those that wait are being sent: one of them that fails at once must not begin this again. */
  filling: boolean;
}

function forward(queries: Queries, request: ForwardRequest): void {
  const { servers, inFlight, waiting, keys } = queries;
  if (keys.has(request.key)) return;
  const now = performance.now();
  const id = idOf(request.query);
  const query = request.query.slice();
  if (servers.length === 0 || waiting.length >= maxWaiting) {
    request.reply(refuse(query, RCODE.SERVFAIL));
    return;
  }
  setId(query, Number.parseInt(randomHex(2), 16));
  const avoided = ({ avoidedUntilMs }: Server) => Number(avoidedUntilMs > now);
  const ordered = servers.toSorted((a, b) => avoided(a) - avoided(b));
  const pending = { ...request, query, id, servers: ordered, tries: 0, giveUpMs: now + patienceMs, atMs: 0 };
  keys.add(request.key);
  if (inFlight.size < maxInFlight) ask(queries, pending);
  else waiting.push(pending);
}

/** The next server, or the end of it. */
function ask(queries: Queries, pending: Pending): void {
  for (;;) {
    leave(queries, pending);
    const now = performance.now();
    if (pending.tries >= Math.max(leastTries, pending.servers.length) || now >= pending.giveUpMs) break;
    pending.server = pending.servers[pending.tries++ % pending.servers.length]!;
    pending.atMs = now + timeoutMs;
    queries.inFlight.add(pending);
    if (pending.stream ? askByStream(queries, pending) : askByDatagram(queries, pending)) return;
  }
  finish(queries, pending, pending.refusal ?? refuse(pending.query, RCODE.SERVFAIL));
}

function askByDatagram(queries: Queries, pending: Pending): boolean {
  const { address } = pending.server!;
  const socket = openSocket("udp", address);
  if (socket === undefined) return false;
  // The kernel gives it a port that nobody knows, and lets in what comes from the server alone.
  if (connect(socket, address) !== 0 || send(socket, pending.query) < 0) {
    close(socket);
    return false;
  }
  pending.socket = socket;
  queries.loop.set(socket, POLLIN, () => {
    const size = receive(socket, buffer);
    if (size === -EAGAIN) return;
    // Nobody is there, or the way there is closed.
    if (size < 0) return ask(queries, pending);
    heard(queries, pending, buffer.subarray(0, size));
  });
  return true;
}

function askByStream(queries: Queries, pending: Pending): boolean {
  const { loop } = queries;
  const { address } = pending.server!;
  const socket = openSocket("tcp", address);
  if (socket === undefined) return false;
  const errno = connect(socket, address);
  if (errno !== 0 && errno !== EINPROGRESS) {
    close(socket);
    return false;
  }
  pending.upstream = openStream(loop, socket, {
    maxBytes: 65535,
    connecting: errno === EINPROGRESS,
    onMessage: (message) => heard(queries, pending, message),
    onEnd: () => ask(queries, pending),
  });
  pending.upstream.send(pending.query);
  return true;
}

function heard(queries: Queries, pending: Pending, message: Uint8Array): void {
  // A lie, or an answer to somebody else: the right one may still come.
  if (!isResponseTo(message, pending.query)) return;
  if (askAnother.includes(rcodeOf(message))) {
    pending.refusal = message.slice();
    ask(queries, pending);
  } else finish(queries, pending, message);
}

function finish(queries: Queries, pending: Pending, message: Uint8Array): void {
  const { inFlight, waiting, keys } = queries;
  leave(queries, pending);
  keys.delete(pending.key);
  const fits = message.length <= pending.maxBytes ? message.slice() : truncate(message);
  setId(fits, pending.id);
  pending.reply(fits);
  if (queries.filling) return;
  queries.filling = true;
  while (inFlight.size < maxInFlight && waiting.length > 0) ask(queries, waiting.shift()!);
  queries.filling = false;
}

function leave({ loop, inFlight }: Queries, pending: Pending): void {
  if (pending.socket !== undefined) loop.drop(pending.socket);
  pending.upstream?.close();
  delete pending.socket;
  delete pending.upstream;
  inFlight.delete(pending);
}

function timersOf(queries: Queries): Timer[] {
  const { inFlight, waiting } = queries;
  const [first] = inFlight;
  if (!first) return [];
  return [{ atMs: Math.min(first.atMs, waiting[0]?.giveUpMs ?? first.atMs), onTime: () => giveUpLate(queries) }];
}

/** Of a server that has not answered in time the next one is asked; what has waited for too long is refused. */
function giveUpLate(queries: Queries): void {
  const { inFlight, waiting } = queries;
  const now = performance.now();
  for (const pending of inFlight) {
    if (pending.atMs > now) break;
    pending.server!.avoidedUntilMs = now + avoidMs;
    ask(queries, pending);
  }
  while (waiting.length > 0 && waiting[0]!.giveUpMs <= now) ask(queries, waiting.shift()!);
}
