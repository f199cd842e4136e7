/** Network devices by rtnetlink(7): what there are, bridges and their ports, veth pairs. */

import { InvalidError } from "../../errors.ts";
import { ENODEV } from "../errno.ts";
import type { Fd } from "../file.ts";
import { attribute, concat, nested, parseAttributes, parseText, text, u8, u32 } from "./attribute.ts";
import { ask, dump, type Message, NLM_F, type Request } from "./socket.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_NUM_TX_QUEUES = 31;
const IFLA_NUM_RX_QUEUES = 32;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFF_UP = 1;

/** In the order of their numbers; "up": it can carry packets (operational state of RFC 2863). */
const operstates = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"] as const;

/** A network device. */
export interface Link {
  index: number;
  name: string;
  /** `bridge`, `veth`; undefined for hardware and lo. */
  kind: string | undefined;
  /** The address of its hardware: `02:42:0a:c9:00:02`. */
  mac: string;
  mtu: number;
  /** Index of the bridge whose port it is. */
  master: number | undefined;
  /** Set up by an administrator, whether or not there is a carrier. */
  up: boolean;
  operstate: (typeof operstates)[number];
  /** As a port of a bridge. */
  port: Port | undefined;
  /** What somebody wrote on it. */
  alias: string;
}

export interface Port {
  /** What came in by it may go out by it. */
  hairpin: boolean;
  /** It exchanges nothing with other isolated ports. */
  isolated: boolean;
}

/** struct ifinfomsg: u8 family, u16 type, i32 index, u32 flags, u32 which of them. */
function header(index = 0, up?: boolean): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, up ? IFF_UP : 0, true);
  view.setUint32(12, up === undefined ? 0 : IFF_UP, true);
  return bytes;
}

/**
 * Names as the kernel has them; and not those that are more to sysctl(8) or that it would complete by itself ("veth%d").
 * @throws InvalidError
 */
export function checkLinkName(name: string): string {
  const valid = /^[^\s/:%\0]+$/.test(name) && text(name).length <= 16;
  if (valid && ![".", "..", "all", "default"].includes(name)) return name;
  throw new InvalidError(
    `${JSON.stringify(name)} cannot be the name of a network device`,
    "it has 1 to 15 bytes, without spaces, /, : and %",
  );
}

/** Which device: by index, or by name. */
export const named = (link: string | number, up?: boolean): Uint8Array[] =>
  typeof link === "number" ? [header(link, up)] : [header(0, up), attribute(IFLA_IFNAME, text(checkLinkName(link)))];

// Counters are half of what it would tell, and the slow half.
const withoutStatistics = attribute(IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS));

/** A device by its name or index, or undefined. */
export function findLink(socket: Fd, link: string | number): Link | undefined {
  const message = ask(socket, {
    type: RTM_GETLINK,
    body: concat([...named(link), withoutStatistics]),
    what: ["find", `network device ${link}`],
    expected: [ENODEV],
  });
  return message && parseLink(message);
}

/** All devices of the network namespace, or those of one kind. */
export function listLinks(socket: Fd, kind?: string): Link[] {
  const filter = kind === undefined ? [] : [nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text(kind)))];
  const body = concat([header(), withoutStatistics, ...filter]);
  const links = dump(socket, RTM_GETLINK, body, "network devices").map(parseLink);
  // An old kernel does not look at the filter.
  return kind === undefined ? links : links.filter((link) => link.kind === kind);
}

export function parseLink({ body }: Message): Link {
  if (body.length < 16) throw new InvalidError("netlink: a network device is cut off");
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const attributes = parseAttributes(body.subarray(16));
  const info = parseAttributes(attributes.get(IFLA_LINKINFO) ?? new Uint8Array());
  const kind = info.get(IFLA_INFO_KIND);
  const slaveKind = info.get(IFLA_INFO_SLAVE_KIND);
  return {
    index: view.getInt32(4, true),
    name: parseText(attributes.get(IFLA_IFNAME) ?? new Uint8Array()),
    kind: kind && parseText(kind),
    mac: formatMac(attributes.get(IFLA_ADDRESS) ?? new Uint8Array()),
    mtu: readU32(attributes.get(IFLA_MTU)) ?? 0,
    master: readU32(attributes.get(IFLA_MASTER)),
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    operstate: operstates[attributes.get(IFLA_OPERSTATE)?.[0] ?? 0] ?? "unknown",
    port: slaveKind && parseText(slaveKind) === "bridge" ? parsePort(info.get(IFLA_INFO_SLAVE_DATA)) : undefined,
    alias: parseText(attributes.get(IFLA_IFALIAS) ?? new Uint8Array()),
  };
}

function parsePort(bytes: Uint8Array | undefined): Port {
  const data = parseAttributes(bytes ?? new Uint8Array());
  return { hairpin: data.get(IFLA_BRPORT_MODE)?.[0] === 1, isolated: data.get(IFLA_BRPORT_ISOLATED)?.[0] === 1 };
}

const formatMac = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");

/** A number of an attribute, where it is there. @throws InvalidError if it is shorter than that. */
export function readU32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  if (bytes.length < 4) throw new InvalidError("netlink: a number is cut off");
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** Makes a bridge. Its MAC is set from the start: otherwise it takes that of one of its ports, and changes with them. */
export const newBridge = (name: string, mac: Uint8Array): Request => ({
  type: RTM_NEWLINK,
  flags: NLM_F.CREATE | NLM_F.EXCL,
  body: concat([
    ...named(name),
    attribute(IFLA_ADDRESS, checkMac(mac)),
    nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text("bridge"))),
  ]),
  what: ["create", `bridge ${name}`],
});

export interface VethPair {
  /** On this side. */
  name: string;
  mac: Uint8Array;
  /** Index of the bridge whose port it becomes. */
  master: number;
  mtu: number | undefined;
  peer: {
    name: string;
    mac: Uint8Array;
    /** Of the network namespace that it is in. */
    namespace: Fd;
  };
}

/** A veth sends without a queue; the kernel would make one for each processor, which is a quarter of the cost and more. */
const oneQueue = [attribute(IFLA_NUM_TX_QUEUES, u32(1)), attribute(IFLA_NUM_RX_QUEUES, u32(1))];

/** Makes a veth pair: this end up and in its bridge, the other down (ENOTCONN if it were up) and elsewhere. */
export function newVeth({ name, mac, master, mtu, peer }: VethPair): Request {
  const both = [...oneQueue, ...(mtu === undefined ? [] : [attribute(IFLA_MTU, u32(mtu))])];
  const other = concat([
    ...named(peer.name),
    attribute(IFLA_ADDRESS, checkMac(peer.mac)),
    attribute(IFLA_NET_NS_FD, u32(peer.namespace)),
    ...both,
  ]);
  const body = concat([
    ...named(name, true),
    attribute(IFLA_ADDRESS, checkMac(mac)),
    attribute(IFLA_MASTER, u32(master)),
    ...both,
    nested(
      IFLA_LINKINFO,
      attribute(IFLA_INFO_KIND, text("veth")),
      nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, other)),
    ),
  ]);
  const what: Request["what"] = ["create", `veth pair ${name} and ${peer.name}`];
  return { type: RTM_NEWLINK, flags: NLM_F.CREATE | NLM_F.EXCL, body, what };
}

export interface LinkChanges {
  up?: boolean;
  mtu?: number;
  /** Index of a bridge; 0 takes it out of its bridge. */
  master?: number;
  alias?: string;
}

/** Changes a device. */
export function setLink(link: string | number, { up, mtu, master, alias }: LinkChanges): Request {
  const changes = [
    ...(mtu === undefined ? [] : [attribute(IFLA_MTU, u32(mtu))]),
    ...(master === undefined ? [] : [attribute(IFLA_MASTER, u32(master))]),
    ...(alias === undefined ? [] : [attribute(IFLA_IFALIAS, text(alias))]),
  ];
  const words = Object.entries({ up, mtu, master, alias }).flatMap(([key, value]) =>
    value === undefined ? [] : `${key} ${value}`,
  );
  return {
    type: RTM_NEWLINK,
    body: concat([...named(link, up), ...changes]),
    what: ["set", `${words.join(", ")} of network device ${link}`],
  };
}

/** Changes how a device is a port of its bridge; what is not given stays as it is. */
export function setPort(link: string | number, { hairpin, isolated }: Partial<Port>): Request {
  const data = [
    ...(hairpin === undefined ? [] : [attribute(IFLA_BRPORT_MODE, u8(hairpin ? 1 : 0))]),
    ...(isolated === undefined ? [] : [attribute(IFLA_BRPORT_ISOLATED, u8(isolated ? 1 : 0))]),
  ];
  const info = nested(
    IFLA_LINKINFO,
    attribute(IFLA_INFO_SLAVE_KIND, text("bridge")),
    nested(IFLA_INFO_SLAVE_DATA, ...data),
  );
  return { type: RTM_NEWLINK, body: concat([...named(link), info]), what: ["set", `bridge port ${link}`] };
}

/** Removes a device; of a veth pair both ends. */
export const deleteLink = (link: string | number): Request => ({
  type: RTM_DELLINK,
  body: concat(named(link)),
  what: ["delete", `network device ${link}`],
});

function checkMac(mac: Uint8Array): Uint8Array {
  if (mac.length !== 6) throw new InvalidError(`a MAC address has 6 bytes, not ${mac.length}`);
  return mac;
}
