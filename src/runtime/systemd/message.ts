/**
 * Messages of D-Bus: values of the types that systemd's calls have, and the header around them. Little-endian only, which every
 * machine that we run on is.
 *
 *     u8 'l' | u8 type | u8 flags | u8 1 | u32 bytes of the body | u32 serial | a(yv) fields | to a multiple of 8 | body
 *
 * @see https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling
 */

import { InvalidError } from "../../errors.ts";
import { MarshalReader } from "./reader.ts";
import type { Value, Variant } from "./signature.ts";
import { MarshalWriter } from "./writer.ts";

export const messageTypes = { call: 1, reply: 2, error: 3, signal: 4 } as const;

/** A message; what it has not is absent. */
export interface Message {
  type: number;
  serial: number;
  path?: string;
  interface?: string;
  member?: string;
  errorName?: string;
  replySerial?: number;
  destination?: string;
  sender?: string;
  signature?: string;
  body: Value[];
}

const fields = [
  [1, "path", "o"],
  [2, "interface", "s"],
  [3, "member", "s"],
  [4, "errorName", "s"],
  [5, "replySerial", "u"],
  [6, "destination", "s"],
  [7, "sender", "s"],
  [8, "signature", "g"],
] as const;

/** Before the body: what has a length of its own. */
const fixedBytes = 16;
const littleEndian = "l".charCodeAt(0);
/** More than systemd ever says; the protocol's own bound is 128 MiB. */
const maxBytes = 4 << 20;

export function encodeMessage(message: Message): Uint8Array {
  const body = new MarshalWriter();
  body.structure(message.signature ?? "", message.body);
  const bytes = body.bytes();
  const header = new MarshalWriter();
  header.structure("yyyyuu", [littleEndian, message.type, 0, 1, bytes.length, message.serial]);
  const present = fields.flatMap(([code, name, type]): Value[] => {
    const value = message[name];
    return value === undefined || value === "" ? [] : [[code, { type, value }]];
  });
  header.value("a(yv)", present);
  header.align(8);
  return Buffer.concat([header.bytes(), bytes]);
}

/** How many bytes the message has that begins with these; undefined while that can't be told. @throws InvalidError */
export function messageBytes(start: Uint8Array): number | undefined {
  if (start.length < fixedBytes) return undefined;
  if (start[0] !== littleEndian || start[3] !== 1) throw new InvalidError("D-Bus: that is no message of this machine");
  const view = new DataView(start.buffer, start.byteOffset);
  const header = fixedBytes + view.getUint32(12, true);
  const all = Math.ceil(header / 8) * 8 + view.getUint32(4, true);
  if (all > maxBytes) throw new InvalidError(`D-Bus: a message of ${all} bytes`);
  return all;
}

/** @param bytes all of the message. @throws InvalidError */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new MarshalReader(bytes);
  const [, type, , , , serial, found] = reader.structure("yyyyuua(yv)") as [...number[], [number, Variant][]];
  const message: Message = { type: type as number, serial: serial as number, body: [] };
  for (const [code, { value }] of found as [number, Variant][]) {
    const field = fields.find(([known]) => known === code);
    if (field) Object.assign(message, { [field[1]]: value });
  }
  reader.align(8);
  return { ...message, body: reader.structure(message.signature ?? "") };
}
