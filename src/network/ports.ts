/**
 * Published ports of the host, each held by a socket of the container's monitor: no other program takes
 * it, and one that is taken is found out before the container starts, and whose it is.
 */

import { ConflictError, Failure, UnsupportedError } from "../errors.ts";
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EMFILE } from "../linux/errno.ts";
import { close, type Fd } from "../linux/file.ts";
import { syscallError } from "../linux/libc.ts";
import { decodeSockaddr, encodeSockaddr, localAddress, openBound } from "../linux/socket.ts";
import type { Protocol } from "../plan/network/network.ts";
import { hostAddresses, type PortRange, type PortRequest } from "../plan/network/publish.ts";
import { findPortOwner } from "./port-owner.ts";

/** A port of the host that is ours. */
export interface HeldPort {
  protocol: Protocol;
  /** `0.0.0.0` and `::` are all addresses of that family. */
  hostIp: string;
  hostPort: number;
  /** Of the container. */
  port: number;
  /** Bound, and listening unless it is of udp; absent where the kernel has no sockets of the protocol (sctp). */
  socket?: Fd;
}

/** The name of the container that has a port of the host, if one has. */
export type OwnerOf = (protocol: Protocol, hostIp: string, hostPort: number) => string | undefined;

/** All of them or none. @throws ConflictError naming who has the port. */
export function holdPorts(requests: PortRequest[], ownerOf: OwnerOf): HeldPort[] {
  const held: HeldPort[] = [];
  try {
    // Those that must have a certain port come first, or one that may have any would take it.
    for (const request of requests.toSorted((a, b) => choices(a) - choices(b))) held.push(...hold(request, ownerOf));
    return held;
  } catch (error) {
    releasePorts(held);
    throw error;
  }
}

export function releasePorts(held: HeldPort[]): void {
  for (const { socket } of held) if (socket !== undefined) close(socket);
}

const choices = ({ hostPorts }: PortRequest): number =>
  hostPorts ? hostPorts.last - hostPorts.first : Number.POSITIVE_INFINITY;

/** Of a port that the kernel picked for one family, and that the other has not free. */
const maxTries = 100;

function hold(request: PortRequest, ownerOf: OwnerOf): HeldPort[] {
  const { hostPorts } = request;
  const candidates = hostPorts ? portsOf(hostPorts) : new Array<number>(maxTries).fill(0);
  let taken: Taken | undefined;
  for (const hostPort of candidates) {
    const tried = holdOne(request, hostPort);
    if (Array.isArray(tried)) return tried;
    if (tried.errno !== EADDRINUSE) throw refusal(request, tried);
    taken ??= tried;
  }
  throw conflict(request, taken!, ownerOf);
}

function* portsOf({ first, last }: PortRange): Generator<number> {
  for (let port = first; port <= last; port++) yield port;
}

/** An address and port that we did not get. */
interface Taken {
  hostIp: string;
  hostPort: number;
  errno: number;
}

/** One port at all the addresses that are asked for. @param hostPort 0 is any. */
function holdOne({ protocol, port, hostIp }: PortRequest, hostPort: number): HeldPort[] | Taken {
  const held: HeldPort[] = [];
  for (const address of hostAddresses(hostIp)) {
    // Once the kernel has picked one, the other family must have the same.
    const wanted = held[0]?.hostPort ?? hostPort;
    const { socket, errno } = openBound(protocol, encodeSockaddr(address, wanted));
    const lacksIpv6 = address === "::" && hostIp === undefined && (errno === EAFNOSUPPORT || errno === EADDRNOTAVAIL);
    if (socket !== undefined) {
      held.push({ protocol, hostIp: address, hostPort: decodeSockaddr(localAddress(socket)).port, port, socket });
    } else if (errno === EAFNOSUPPORT && protocol === "sctp") {
      held.push({ protocol, hostIp: address, hostPort: wanted || somePort(), port });
    } else if (!lacksIpv6) {
      releasePorts(held);
      return { hostIp: address, hostPort: wanted, errno: errno! };
    }
  }
  return held;
}

/** What the kernel picks from by itself begins below and may be set otherwise; these are never well-known. */
const somePort = (): number => 49152 + Math.floor(Math.random() * 16384);

function refusal({ protocol }: PortRequest, { hostIp, hostPort, errno }: Taken): Failure {
  const where = shown(hostIp, hostPort, protocol);
  if (errno === EADDRNOTAVAIL)
    return new Failure(`cannot publish ${where}: this host has no address ${hostIp}`, "see `ip address`");
  if (errno === EAFNOSUPPORT) return new UnsupportedError(`cannot publish ${where}: this kernel has no IPv6`);
  const error = syscallError("publish", where, errno);
  if (errno === EMFILE) return error.withHint("each port of each address is an open file: raise `ulimit -n`");
  return errno === EACCES ? error.withHint("ports below 1024 need root, or a lower ip_unprivileged_port_start") : error;
}

function conflict({ protocol, hostPorts }: PortRequest, taken: Taken, ownerOf: OwnerOf): ConflictError {
  const { hostIp, hostPort } = taken;
  if (!hostPorts) return new ConflictError(`cannot publish a port of ${hostIp}: none is free for ${protocol}`);
  const container = ownerOf(protocol, hostIp, hostPort);
  const owner = container === undefined ? findPortOwner(protocol, hostIp, hostPort) : undefined;
  const who =
    container !== undefined
      ? `container ${container} has it`
      : owner
        ? `process ${owner.pid} (${owner.command}) has it`
        : "it is in use";
  const { first, last } = hostPorts;
  if (first === last)
    return new ConflictError(`cannot publish ${shown(hostIp, hostPort, protocol)}: ${who}`, "choose another port");
  const range = `${first}-${last}/${protocol}`;
  return new ConflictError(`cannot publish any of ${range}: none is free; ${first}: ${who}`, "choose another range");
}

const shown = (ip: string, port: number, protocol: Protocol): string =>
  `${ip.includes(":") ? `[${ip}]` : ip}:${port}/${protocol}`;
