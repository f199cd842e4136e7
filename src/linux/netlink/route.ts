/** Addresses and routes by rtnetlink(7), of both families: four bytes are IPv4, sixteen IPv6. */

import { hasCode, InvalidError } from "../../errors.ts";
import { ENETUNREACH } from "../errno.ts";
import type { Fd } from "../file.ts";
import { attribute, concat, parseAttributes, u32 } from "./attribute.ts";
import { readU32 } from "./link.ts";
import { ask, dump, type Message, NLM_F, type Request } from "./socket.ts";

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 2;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const RTNH_F_ONLINK = 4;

const familyOf = (address: Uint8Array): number => (address.length === 4 ? 2 : 10);
const lengths: Record<number, number> = { 2: 4, 10: 16 };

/** An address that a device has. */
export interface DeviceAddress {
  /** Of the device. */
  index: number;
  address: Uint8Array;
  /** Length of the prefix of the subnet that is reached by the device. */
  bits: number;
}

/** The addresses of a device, none if it is gone; or those of all devices. */
export function listAddresses(socket: Fd, index = 0): DeviceAddress[] {
  try {
    const addresses = dump(socket, RTM_GETADDR, addressHeader(0, 0, index), "addresses").flatMap(parseDeviceAddress);
    // An old kernel tells those of all.
    return index === 0 ? addresses : addresses.filter((address) => address.index === index);
  } catch (error) {
    if (!hasCode(error, "ENODEV")) throw error;
    return [];
  }
}

/** struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index. */
function addressHeader(family: number, bits: number, index: number): Uint8Array {
  const bytes = Uint8Array.of(family, bits, 0, RT_SCOPE_UNIVERSE, 0, 0, 0, 0);
  new DataView(bytes.buffer).setUint32(4, index, true);
  return bytes;
}

/** None for families that we do not know. */
export function parseDeviceAddress({ body }: Message): DeviceAddress[] {
  if (body.length < 8) throw new InvalidError("netlink: an address is cut off");
  const attributes = parseAttributes(body.subarray(8));
  // On a point-to-point device, IFA_ADDRESS is the other side's.
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (address === undefined || address.length !== lengths[body[0]!]) return [];
  return [{ index: new DataView(body.buffer, body.byteOffset).getUint32(4, true), address, bits: body[1]! }];
}

export interface NewAddress extends DeviceAddress {
  /** IPv4 only. */
  broadcast?: Uint8Array;
  /** For the error. */
  device: string;
}

/** Gives a device an address. IPv6 does not first ask whether somebody has it, which takes a second or more. */
export function addAddress({ index, address, bits, broadcast, device }: NewAddress): Request {
  const parts = [
    addressHeader(familyOf(address), bits, index),
    attribute(IFA_LOCAL, address),
    attribute(IFA_ADDRESS, address),
    ...(broadcast ? [attribute(IFA_BROADCAST, broadcast)] : []),
    ...(address.length === 16 ? [attribute(IFA_FLAGS, u32(IFA_F_NODAD))] : []),
  ];
  return {
    type: RTM_NEWADDR,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    body: concat(parts),
    what: ["add", `address ${words(address)}/${bits} to ${device}`],
  };
}

/** For errors: IPv6 without anything left out. */
function words(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const hex = Array.from(address, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.match(/.{4}/g)!.join(":");
}

/** A route of the host. */
export interface Route {
  /** All zeros with 0 bits is everywhere. */
  destination: Uint8Array;
  bits: number;
  gateway: Uint8Array | undefined;
  /** Of the device; undefined where there are several, or none. */
  index: number | undefined;
  table: number;
  metric: number;
  /** RTN_UNICAST (1) and the like: what becomes of a packet. */
  type: number;
}

/** Whether packets to an address end here: it has its route a little later than itself in IPv6, by a worker of the kernel's. */
export function isLocal(socket: Fd, address: Uint8Array): boolean {
  const bits = address.length * 8;
  const header = routeHeader({ family: familyOf(address), bits, scope: 0, table: 0 });
  const message = ask(socket, {
    type: RTM_GETROUTE,
    body: concat([header, attribute(RTA_DST, address)]),
    what: ["find", `the route to ${words(address)}`],
    expected: [ENETUNREACH],
  });
  return message?.body[7] === RTN_LOCAL;
}

/** All routes of both families, of all tables. */
export const listRoutes = (socket: Fd): Route[] =>
  dump(socket, RTM_GETROUTE, routeHeader({ family: 0, bits: 0, scope: 0, table: 0 }), "routes").flatMap(parseRoute);

interface RouteHeader {
  family: number;
  bits: number;
  scope: number;
  table: number;
  flags?: number;
}

/** struct rtmsg: u8 family, prefix lengths of destination and source, tos, table, protocol, scope, type; u32 flags. */
function routeHeader({ family, bits, scope, table, flags = 0 }: RouteHeader): Uint8Array {
  const used = table !== 0;
  const start = [family, bits, 0, 0, table, used ? RTPROT_BOOT : 0, scope, used ? RTN_UNICAST : 0];
  return concat([Uint8Array.from(start), u32(flags)]);
}

/** None for families that we do not know. */
export function parseRoute({ body }: Message): Route[] {
  if (body.length < 12) throw new InvalidError("netlink: a route is cut off");
  const length = lengths[body[0]!];
  if (length === undefined) return [];
  const attributes = parseAttributes(body.subarray(12));
  return [
    {
      destination: attributes.get(RTA_DST) ?? new Uint8Array(length),
      bits: body[1]!,
      gateway: attributes.get(RTA_GATEWAY),
      index: readU32(attributes.get(RTA_OIF)),
      table: readU32(attributes.get(RTA_TABLE)) ?? body[4]!,
      metric: readU32(attributes.get(RTA_PRIORITY)) ?? 0,
      type: body[7]!,
    },
  ];
}

export interface NewRoute {
  index: number;
  /** Where to; everywhere if not given. */
  destination?: { address: Uint8Array; bits: number };
  gateway?: Uint8Array;
  /** Where there is neither: the family whose addresses are all on the device itself. */
  everywhere?: 4 | 6;
  /** The lowest of several wins; IPv6 makes 1024 of 0. */
  metric?: number;
  /** The gateway is on this device even if no subnet of it says so. */
  onlink?: boolean;
  /** For the error. */
  device: string;
}

/** Adds a route: through a gateway, or to what is on the device itself. */
export const addRoute = (route: NewRoute): Request => ({
  ...changeRoute("add", route),
  type: RTM_NEWROUTE,
  flags: NLM_F.CREATE | NLM_F.EXCL,
});

/** Removes one that is just so. */
export const deleteRoute = (route: NewRoute): Request => ({ ...changeRoute("delete", route), type: RTM_DELROUTE });

function changeRoute(
  verb: string,
  { index, destination, gateway, metric, onlink, device, everywhere }: NewRoute,
): Pick<Request, "body" | "what"> {
  const address = destination?.address ?? gateway ?? new Uint8Array(everywhere === 6 ? 16 : 4);
  const bits = destination?.bits ?? 0;
  const scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  const flags = onlink ? RTNH_F_ONLINK : 0;
  const parts = [
    routeHeader({ family: familyOf(address), bits, scope, table: RT_TABLE_MAIN, flags }),
    ...(destination ? [attribute(RTA_DST, destination.address)] : []),
    ...(gateway ? [attribute(RTA_GATEWAY, gateway)] : []),
    attribute(RTA_OIF, u32(index)),
    ...(metric ? [attribute(RTA_PRIORITY, u32(metric))] : []),
  ];
  const to = destination ? `${words(destination.address)}/${bits}` : "everywhere";
  const through = gateway ? ` through ${words(gateway)}` : "";
  return {
    body: concat(parts),
    what: [verb, `the route to ${to}${through} on ${device}`],
  };
}
