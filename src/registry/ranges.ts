/** Ranges of addresses, of IPv4 and IPv6: `10.0.0.0/8`, `fd00::/8`. Pure. */

import { BlockList, isIP } from "node:net";

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4");

/** @returns undefined for what is no range */
function parse(range: string): { base: string; bits: number } | undefined {
  const [, base = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(range) ?? [];
  const family = isIP(base);
  return family !== 0 && Number(bits) <= (family === 6 ? 128 : 32) ? { base, bits: Number(bits) } : undefined;
}

export const isRange = (text: string): boolean => parse(text) !== undefined;

/** @param host a name is in none, whatever it leads to. IPv6 with brackets or without. */
export function isInRanges(host: string, ranges: string[]): boolean {
  const address = host.replace(/^\[|\]$/g, "");
  if (ranges.length === 0 || isIP(address) === 0) return false;
  const list = new BlockList();
  for (const range of ranges) {
    const found = parse(range);
    if (found) list.addSubnet(found.base, found.bits, familyOf(found.base));
  }
  return list.check(address, familyOf(address));
}
