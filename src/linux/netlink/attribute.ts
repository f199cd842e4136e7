/**
 * Netlink attributes: what messages consist of behind their headers.
 *
 *     u16 length | u16 type | value, or attributes | padding to four bytes
 */

import { InvalidError } from "../../errors.ts";

/** Attributes by their types; of several of one type the last. @throws InvalidError for what is cut off. */
export const parseAttributes = (bytes: Uint8Array): Map<number, Uint8Array> => new Map(listAttributes(bytes));

/** As parseAttributes, with all of them in their order. */
export function listAttributes(bytes: Uint8Array): [type: number, value: Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const attributes: [number, Uint8Array][] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + 4 <= bytes.length ? view.getUint16(at, true) : 0;
    if (length < 4 || at + length > bytes.length) throw new InvalidError("netlink: an attribute is cut off");
    attributes.push([view.getUint16(at + 2, true) & typeMask, bytes.subarray(at + 4, at + length)]);
    at += align(length);
  }
  return attributes;
}

/** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const typeMask = 0x3fff;
const NLA_F_NESTED = 0x8000;

/** To the next four bytes. */
export const align = (length: number): number => (length + 3) & ~3;

/** Puts parts one after the other: the body of a message is its header and its attributes. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One attribute, padded. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(align(4 + value.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + value.length, true);
  view.setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

/** An attribute that consists of attributes. */
export const nested = (type: number, ...attributes: Uint8Array[]): Uint8Array =>
  attribute(type | NLA_F_NESTED, concat(attributes));

const number = (bytes: number, write: (view: DataView) => void): Uint8Array => {
  const value = new Uint8Array(bytes);
  write(new DataView(value.buffer));
  return value;
};

/** Numbers in the byte order of this machine (both that we know are little-endian), and of the network (be). */
export const u8 = (value: number): Uint8Array => Uint8Array.of(value);
export const u16 = (value: number): Uint8Array => number(2, (view) => view.setUint16(0, value, true));
export const u32 = (value: number): Uint8Array => number(4, (view) => view.setUint32(0, value, true));
export const be16 = (value: number): Uint8Array => number(2, (view) => view.setUint16(0, value));
export const be32 = (value: number): Uint8Array => number(4, (view) => view.setUint32(0, value));

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A string as the kernel wants it, with a NUL at its end. */
export const text = (value: string): Uint8Array => encoder.encode(`${value}\0`);

/** A string up to its NUL. */
export const parseText = (bytes: Uint8Array): string => decoder.decode(bytes).split("\0", 1)[0]!;
