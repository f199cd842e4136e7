/** Connections that the kernel tracks, over netlink: lists of them, and deleting some. */

import { ENOENT } from "../errno.ts";
import type { Fd } from "../file.ts";
import { attribute, be16, concat, nested, parseAttributes, u8, u32 } from "./attribute.ts";
import { dump, type Request, transact } from "./socket.ts";

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_FILTER_F_CTA_PROTO_NUM = 8;
const CTA_FILTER_F_CTA_PROTO_DST_PORT = 32;
/** By the bytes of an address: the family, and the attributes of source and destination. */
const families = {
  4: { number: 2, source: 1, destination: 2 },
  16: { number: 10, source: 3, destination: 4 },
} as const;

/** One direction of a connection: addresses as hexadecimal digits. */
export interface Direction {
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
}

export interface Flow {
  /** As whoever began it sees it. */
  original: Direction;
  /** As answers come: from elsewhere, where the destination was translated. */
  reply: Direction;
  /** What makes the kernel delete it. */
  deletion: Request;
}

/** Flows of one protocol, in one family, to one port as whoever began them sees it or to any. */
export function listFlows(socket: Fd, addressBytes: 4 | 16, protocol: number, port?: number): Flow[] {
  const { number } = families[addressBytes];
  const flags = CTA_FILTER_F_CTA_PROTO_NUM | (port === undefined ? 0 : CTA_FILTER_F_CTA_PROTO_DST_PORT);
  const proto = [
    attribute(CTA_PROTO_NUM, u8(protocol)),
    ...(port === undefined ? [] : [attribute(CTA_PROTO_DST_PORT, be16(port))]),
  ];
  // Kernels before 5.8 do not know the filter, and answer with everything.
  const body = header(
    number,
    nested(CTA_TUPLE_ORIG, nested(CTA_TUPLE_PROTO, ...proto)),
    nested(CTA_FILTER, attribute(CTA_FILTER_ORIG_FLAGS, u32(flags)), attribute(CTA_FILTER_REPLY_FLAGS, u32(0))),
  );
  return dump(socket, IPCTNL_MSG_CT_GET, body, "connections").flatMap((message) => {
    const attributes = parseAttributes(message.body.subarray(4));
    const original = attributes.get(CTA_TUPLE_ORIG);
    const reply = attributes.get(CTA_TUPLE_REPLY);
    const id = attributes.get(CTA_ID);
    if (message.body[0] !== number || !original || !reply) return [];
    const [there, back] = [parseTuple(original, addressBytes), parseTuple(reply, addressBytes)];
    if (there?.protocol !== protocol || !back) return [];
    if (port !== undefined && there.direction.destinationPort !== port) return [];
    const deletion: Request = {
      type: IPCTNL_MSG_CT_DELETE,
      body: header(number, nested(CTA_TUPLE_ORIG, original), ...(id ? [attribute(CTA_ID, id)] : [])),
      what: ["delete", "a connection"],
      expected: [ENOENT],
    };
    return [{ original: there.direction, reply: back.direction, deletion }];
  });
}

/** So many acknowledgements fit into a socket. */
const maxAtOnce = 100;

/** Makes the kernel delete flows; those that have ended meanwhile are fine. */
export function deleteFlows(socket: Fd, flows: readonly Flow[]): void {
  const requests = flows.map(({ deletion }) => deletion);
  for (let at = 0; at < requests.length; at += maxAtOnce) transact(socket, requests.slice(at, at + maxAtOnce));
}

const header = (family: number, ...attributes: Uint8Array[]): Uint8Array =>
  concat([Uint8Array.of(family, 0, 0, 0), ...attributes]);

function parseTuple(bytes: Uint8Array, addressBytes: 4 | 16): { protocol: number; direction: Direction } | undefined {
  const parts = parseAttributes(bytes);
  const ip = parts.get(CTA_TUPLE_IP);
  const proto = parts.get(CTA_TUPLE_PROTO);
  if (!ip || !proto) return undefined;
  const addresses = parseAttributes(ip);
  const ports = parseAttributes(proto);
  const port = (type: number): number => {
    const [high = 0, low = 0] = ports.get(type) ?? [];
    return (high << 8) | low;
  };
  const address = (type: number): string => (addresses.get(type) ?? new Uint8Array()).toHex();
  return {
    protocol: ports.get(CTA_PROTO_NUM)?.[0] ?? 0,
    direction: {
      source: address(families[addressBytes].source),
      sourcePort: port(CTA_PROTO_SRC_PORT),
      destination: address(families[addressBytes].destination),
      destinationPort: port(CTA_PROTO_DST_PORT),
    },
  };
}
