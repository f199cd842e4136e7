/**
 * The DNS server of a container in networks that have names: at 127.0.0.11 inside, as Docker's. Its sockets are in the
 * container's network namespace, those with which it asks other servers in the one of the process that runs it.
 */

import { Failure } from "../../errors.ts";
import { close, type Fd } from "../../linux/file.ts";
import { memory, syscallError } from "../../linux/libc.ts";
import { inNetworkNamespace } from "../../linux/namespace.ts";
import { type EventSource, POLLIN, type Timer } from "../../linux/poll.ts";
import {
  decodeSockaddr,
  encodeSockaddr,
  localAddress,
  openBound,
  receiveFrom,
  type SocketKind,
  sendTo,
  setOption,
} from "../../linux/socket.ts";
import { resolverAddress } from "../../plan/network/resolv-conf.ts";
import { openAcceptor } from "../acceptor.ts";
import { type EpollLoop, openEpollLoop } from "../epoll-loop.ts";
import type { Verdict } from "./answer.ts";
import { type Forwarder, openForwarder } from "./forward.ts";
import { RCODE, refuse } from "./message.ts";
import { redirect } from "./redirect.ts";
import { openStream, type Stream } from "./tcp.ts";
import { followZone, type ZoneSource } from "./zone.ts";

export interface ResolverOptions {
  /** Descriptor of the container's network namespace; its `lo` is up. */
  netns: Fd;
  /** Of the networks that the container is in: the first that knows a name answers. */
  zones: ZoneSource[];
  /** Asked for all other names. */
  upstreams: string[];
  /** False in networks that have no way out: then no other name exists. */
  forward: boolean;
  /** See AnswerOptions. */
  searchFirst?: boolean;
  /** False: at port 53 itself, as where the kernel has no nf_tables; then the container can't have a server there. */
  redirected?: boolean;
}

export interface Resolver extends EventSource {
  /** The container has joined a network, or left one. */
  setZones(zones: ZoneSource[]): void;
  close(): void;
}

const dnsPort = 53;
/** Queries are small; one that is larger is dropped. */
const maxQueryBytes = 4096;
/** So many are taken before something else has its turn. */
const turnQueries = 64;
/** Queries of a burst that wait in the socket: 1,000 need less than this. */
const receiveBufferBytes = 2 << 20;
const maxStreams = 64;
const streamIdleMs = 10_000;

/** Sockets are open when it returns; what answers them is loaded at the first query. */
export function openResolver(options: ResolverOptions): Resolver {
  const state = startResolver(options);
  return {
    watches: () => (state.open ? [state.loop.watch] : []),
    timers: () => timersOf(state),
    end: () => closeAll(state),
    close: () => closeAll(state),
    setZones: (sources) => {
      state.zones = sources.map(followZone);
    },
  };
}

interface ResolverState {
  /** Of all sockets. */
  loop: EpollLoop;
  open: boolean;
  udp: Fd;
  /** For queries over udp; one byte more than they may have, so that larger ones are seen. */
  buffer: Uint8Array;
  zones: ReturnType<typeof followZone>[];
  /** See ResolverOptions. */
  forward: boolean;
  searchFirst: boolean;
  forwarder: Forwarder;
  acceptTimers: () => Timer[];
  /** Connections of the container, the least recently used first. */
  streams: Map<Stream, { lastMs: number }>;
  /** Connections there were so far: the number of the next one. */
  accepted: number;
}

function startResolver({ netns, zones, upstreams, forward, searchFirst, redirected }: ResolverOptions): ResolverState {
  const { udp, tcp } = inNetworkNamespace(netns, () => openSockets(redirected ?? true));
  const loop = openEpollLoop();
  loop.set(udp, POLLIN, () => takeDatagrams(state));
  const state: ResolverState = {
    loop,
    open: true,
    udp,
    buffer: memory(maxQueryBytes + 1),
    zones: zones.map(followZone),
    forward,
    searchFirst: searchFirst ?? false,
    forwarder: openForwarder(loop, upstreams),
    acceptTimers: openAcceptor(loop, tcp, (socket) => admitStream(state, socket)),
    streams: new Map(),
    accepted: 0,
  };
  return state;
}

function takeDatagrams(state: ResolverState): void {
  const { udp, buffer } = state;
  for (let count = 0; count < turnQueries; count++) {
    const received = receiveFrom(udp, buffer);
    if (typeof received === "number") return;
    const { size, from } = received;
    if (size > maxQueryBytes) continue;
    const query = buffer.subarray(0, size);
    const key = () => `${from.toHex()} ${query[0]} ${query[1]}`;
    try {
      handle(state, query, false, key, (message) => sendTo(udp, message, from));
    } catch {
      // It is lost, as a datagram may be: who asked will ask again.
    }
  }
}

function admitStream(state: ResolverState, socket: Fd): void {
  const { loop, streams } = state;
  const number = state.accepted++;
  let queries = 0;
  const stream = openStream(loop, socket, {
    maxBytes: maxQueryBytes,
    onMessage: (query) => {
      use(state, stream);
      const key = `stream ${number} ${queries++}`;
      handle(
        state,
        query,
        true,
        () => key,
        (message) => stream.send(message),
      );
    },
    onEnd: () => streams.delete(stream),
  });
  use(state, stream);
  if (streams.size > maxStreams) endStream(state, streams.keys().next().value!);
}

/** Makes it the one that was used last. */
function use({ streams }: ResolverState, stream: Stream): void {
  streams.delete(stream);
  streams.set(stream, { lastMs: performance.now() });
}

function endStream({ streams }: ResolverState, stream: Stream): void {
  streams.delete(stream);
  stream.close();
}

/** @param key see ForwardRequest; made only if the query is forwarded */
function handle(
  state: ResolverState,
  query: Uint8Array,
  stream: boolean,
  key: () => string,
  reply: (message: Uint8Array) => void,
): void {
  const verdict = judge(state, query, stream);
  if (!verdict) return;
  if ("reply" in verdict) reply(verdict.reply);
  else state.forwarder.forward({ query, stream, maxBytes: verdict.maxBytes, key: key(), reply });
}

function judge({ zones, forward, searchFirst }: ResolverState, query: Uint8Array, stream: boolean): Verdict {
  const { answer } = require("./answer.ts") as typeof import("./answer.ts");
  try {
    return answer(query, { zones: zones.map((zone) => zone()), forward, searchFirst, stream });
  } catch {
    // The names cannot be read: no descriptor is left, or the disk is broken. The container goes on.
    return { reply: refuse(query, RCODE.SERVFAIL) };
  }
}

function timersOf(state: ResolverState): Timer[] {
  if (!state.open) return [];
  const [idle] = state.streams.values();
  return [
    ...state.forwarder.timers(),
    ...state.acceptTimers(),
    ...(idle ? [{ atMs: idle.lastMs + streamIdleMs, onTime: () => endIdle(state) }] : []),
  ];
}

function endIdle(state: ResolverState): void {
  for (const [stream, { lastMs }] of state.streams) {
    if (lastMs + streamIdleMs > performance.now()) return;
    endStream(state, stream);
  }
}

function closeAll(state: ResolverState): void {
  if (state.open) state.loop.close();
  state.open = false;
}

/** In the container's namespace, where no other program may have been yet. */
function openSockets(redirected: boolean): { udp: Fd; tcp: Fd } {
  if (redirected) {
    const sockets = openAt(0);
    const portOf = (socket: Fd): number => decodeSockaddr(localAddress(socket)).port;
    const ports = { udp: portOf(sockets.udp), tcp: portOf(sockets.tcp) };
    if (redirect(resolverAddress, dnsPort, ports)) return sockets;
    close(sockets.udp);
    close(sockets.tcp);
  }
  return openAt(dnsPort);
}

function openAt(port: number): { udp: Fd; tcp: Fd } {
  const udp = openOne("udp", port);
  setOption(udp, "SO_RCVBUFFORCE", receiveBufferBytes);
  try {
    return { udp, tcp: openOne("tcp", port) };
  } catch (error) {
    close(udp);
    throw error;
  }
}

function openOne(kind: SocketKind, port: number): Fd {
  const { socket, errno } = openBound(kind, encodeSockaddr(resolverAddress, port));
  if (socket !== undefined) return socket;
  const error = syscallError("open", `the resolver at ${resolverAddress}:${port}/${kind}`, errno);
  throw new Failure(error.message, "something in the container's network has this port already");
}
