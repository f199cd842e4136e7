/** Internet addresses and MACs: text to bytes and back, and what is named by an address. Pure. */

import { UsageError } from "../../errors.ts";

/** Four bytes of IPv4, or sixteen of IPv6, in the order of the network. */
export type Address = Uint8Array;

/** An address, strictly: inet_pton(3) takes the same. @throws UsageError for anything else, zone indexes too. */
export function parseAddress(text: string): Address {
  const address = readAddress(text);
  if (address === undefined) throw new UsageError(`${JSON.stringify(text)} is not an IPv4 or IPv6 address`);
  return address;
}

/** As parseAddress, but undefined for what is not an address. */
export const readAddress = (text: string): Address | undefined =>
  text.includes(":") ? readIpv6(text) : readIpv4(text);

export const isIpv6 = (text: string): boolean => text.includes(":");

// No leading zeros: some read them as octal.
const octet = /^(?:0|[1-9]\d{0,2})$/;

function readIpv4(text: string): Address | undefined {
  const parts = text.split(".");
  const address = new Uint8Array(4);
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    if (!octet.test(part) || Number(part) > 255) return undefined;
    address[index] = Number(part);
  }
  return parts.length === 4 ? address : undefined;
}

const group = /^[0-9a-f]{1,4}$/i;

function readIpv6(text: string): Address | undefined {
  const halves = withoutIpv4(text)?.split("::");
  if (halves === undefined || halves.length > 2) return undefined;
  const [left = [], right = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - left.length - right.length;
  // "::" stands for one group at least.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...left, ...Array.from({ length: missing }, () => "0"), ...right];
  if (!groups.every((text) => group.test(text))) return undefined;
  return Uint8Array.from(
    groups.flatMap((text) => {
      const value = Number.parseInt(text, 16);
      return [value >> 8, value & 255];
    }),
  );
}

/** Writes an IPv4 address at the end as two groups; undefined if there is something else with dots. */
function withoutIpv4(text: string): string | undefined {
  if (!text.includes(".")) return text;
  const at = text.lastIndexOf(":") + 1;
  const address = readIpv4(text.slice(at));
  return address && text.slice(0, at) + hexGroups(address).join(":");
}

/** An address as inet_ntop(3) writes it: the canonical text (RFC 5952). */
export function formatAddress(address: Address): string {
  if (address.length === 4) return `${address[0]}.${address[1]}.${address[2]}.${address[3]}`;
  const groups = hexGroups(address);
  const { start, length } = longestZeros(groups);
  const before = groups.slice(0, start).join(":");
  // IPv4 addresses within IPv6: compatible ones, and mapped ones (::ffff:0:0/96).
  const isIpv4 = start === 0 && (length === 6 || (length === 5 && groups[5] === "ffff"));
  if (isIpv4) return `::${length === 5 ? "ffff:" : ""}${formatAddress(address.subarray(12))}`;
  return length < 2 ? groups.join(":") : `${before}::${groups.slice(start + length).join(":")}`;
}

function hexGroups(address: Address): string[] {
  const groups: string[] = [];
  for (let at = 0; at < address.length; at += 2) groups.push(((address[at]! << 8) | address[at + 1]!).toString(16));
  return groups;
}

/** The first of the longest runs of zeros. */
function longestZeros(groups: string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
    start += length;
  }
  return best;
}

/** True for 127.0.0.0/8 and ::1. */
export const isLoopback = (address: Address): boolean =>
  address.length === 4 ? address[0] === 127 : address.every((byte, at) => byte === (at === 15 ? 1 : 0));

/** Below 0 if the first comes first, 0 if they are the same. Of one family. */
export function compareAddresses(a: Address, b: Address): number {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return 0;
}

const macAddress = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;

/** The six bytes of a MAC that a device can have. @throws UsageError for anything else. */
export function parseMac(text: string): Uint8Array {
  if (!macAddress.test(text)) throw new UsageError(`${JSON.stringify(text)} is not a MAC address`, macHint);
  const mac = Uint8Array.from(text.split(":"), (byte) => Number.parseInt(byte, 16));
  if (mac[0]! & 1) throw new UsageError(`the MAC address ${text} is one of a group (multicast)`, macHint);
  if (mac.every((byte) => byte === 0)) throw new UsageError(`the MAC address ${text} is all zeros`, macHint);
  return mac;
}
const macHint = "write it like 02:42:0a:c9:00:02";

/**
 * The MAC that goes with an address, so that who gets an address again also has the MAC that its neighbours remember:
 * another MAC would be unreachable for them until they ask again, some 12 seconds.
 */
export const macOf = (address: string): string => `02:42:${lastBytes(address).join(":")}`;

/**
 * The MAC of the host's end of a container's veth pair. It is not left to chance because udev gives a random one another
 * value (MACAddressPolicy=persistent), while the device is in use.
 */
export const hostMacOf = (address: string): string => `fe:42:${lastBytes(address).join(":")}`;

/**
 * The host's end of the veth pair of the container with this address: no two can have one address. In a network without
 * IPv4 the address is too long for a name.
 */
export const vethOf = (address: string): string =>
  isIpv6(address) ? `veth6${hashOf(parseAddress(address))}` : `veth${lastBytes(address).join("")}`;

/** The IPv4 address whose veth this is, if it is one of ours. */
export function addressOfVeth(name: string): Address | undefined {
  const hex = /^veth([0-9a-f]{8})$/.exec(name)?.[1];
  return hex === undefined ? undefined : Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16));
}

/** All of an IPv4 address, the end of another. */
const lastBytes = (address: string): string[] =>
  Array.from(parseAddress(address).slice(-4), (byte) => byte.toString(16).padStart(2, "0"));

/** FNV-1a, of which a device's name has room for 40 bits. */
function hashOf(address: Address): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of address) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return (hash >> 24n).toString(16).padStart(10, "0");
}
