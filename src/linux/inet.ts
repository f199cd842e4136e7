/** Internet addresses (inet_pton(3)): text to the bytes on the wire, and back. */

import { InvalidError } from "../errors.ts";
import { parseText } from "./attribute.ts";
import { bind, cstr, memory } from "./libc.ts";

const libc = bind({
  inet_pton: ["int", "int", "ptr", "ptr"],
  inet_ntop: ["ptr", "int", "ptr", "ptr", "int"],
});

const AF_INET = 2;
const AF_INET6 = 10;
const longestAddress = 46;

/** inet_pton(3): 4 bytes of an IPv4 address, 16 of an IPv6 address. @throws InvalidError for what is neither. */
export function parseAddress(text: string): Uint8Array {
  const isV6 = text.includes(":");
  const bytes = memory(isV6 ? 16 : 4);
  if (libc.inet_pton(isV6 ? AF_INET6 : AF_INET, cstr(text), bytes) !== 1)
    throw new InvalidError(`${JSON.stringify(text)} is no internet address`);
  return bytes;
}

/** inet_ntop(3), in the shortest way to write it. */
export function formatAddress(bytes: Uint8Array): string {
  const address = memory(bytes.length);
  address.set(bytes);
  const written = memory(longestAddress);
  libc.inet_ntop(bytes.length === 16 ? AF_INET6 : AF_INET, address, written, written.length);
  return parseText(written);
}

/** `10.201.0.0/16` as its first address and the one right behind its last, which is undefined at the end of all addresses. */
export function parseSubnet(text: string): { first: Uint8Array; behind: Uint8Array | undefined; bits: number } {
  const [address = "", length = ""] = text.split("/");
  const first = parseAddress(address);
  const bits = Number(length);
  if (!/^\d+$/.test(length) || bits > first.length * 8) throw new InvalidError(`${JSON.stringify(text)} is no subnet`);
  for (let bit = bits; bit < first.length * 8; bit++) first[bit >> 3]! &= ~(0x80 >> (bit & 7));
  return { first, behind: addAtBit(first, bits), bits };
}

/** One more in the last of so many bits: the start of the next subnet. */
function addAtBit(address: Uint8Array, bits: number): Uint8Array | undefined {
  const next = address.slice();
  for (let bit = bits - 1; bit >= 0; bit--) {
    const mask = 0x80 >> (bit & 7);
    next[bit >> 3]! ^= mask;
    if (next[bit >> 3]! & mask) return next;
  }
  return undefined;
}
