/** Which addresses of a network containers can have, and which of them is looked at first. Pure. */

import { type Address, formatAddress, parseAddress } from "../plan/network/address.ts";
import type { Subnet } from "../plan/network/network.ts";
import {
  addressAfter,
  contains,
  countAddresses,
  hostOffsets,
  type Prefix,
  parseSubnet,
  reservedOf,
} from "../plan/network/subnet.ts";

const maxCandidates = 65_536;

/** The address that a lease would be for now, for who only looks. @param taken what has a lease. */
export function firstFree(asked: Subnet, taken: ReadonlySet<string>): string {
  const subnet = parseSubnet(asked.subnet);
  const { at, count } = candidates(asked, subnet);
  for (let number = 0; number < Math.min(count, maxCandidates); number++) {
    const address = at(number);
    if (address !== undefined && !taken.has(address)) return address;
  }
  return formatAddress(parseSubnet(asked.range ?? asked.subnet).address);
}

/** The addresses that containers get, by number; undefined for those in between that they do not get. */
export function candidates({ range, gateway, auxiliary = {} }: Subnet, subnet: Prefix) {
  const part = range === undefined ? undefined : parseSubnet(range);
  const { first, last } = part ? { first: 0, last: Math.min(countAddresses(part), 2 ** 52) - 1 } : hostOffsets(subnet);
  const start = addressAfter((part ?? subnet).address, first);
  const count = last - first + 1;
  const reserved = new Set([formatAddress(parseAddress(gateway)), ...Object.values(auxiliary), ...reservedOf(subnet)]);
  const at = (number: number): string | undefined => {
    const address = formatAddress(addressAfter(start, number));
    return number >= count || reserved.has(address) ? undefined : address;
  };
  return { at, count };
}

/** Why a container cannot have an address, if so. */
export function refusalOf(
  { subnet: text, gateway, auxiliary = {} }: Subnet,
  subnet: Prefix,
  address: Address,
): string | undefined {
  const name = formatAddress(address);
  if (!contains(subnet, address)) return `the address ${name} is not in the subnet ${text}`;
  if (name === gateway) return `the address ${name} is the gateway's`;
  const other = Object.keys(auxiliary).find((key) => auxiliary[key] === name);
  if (other !== undefined) return `the address ${name} is kept for ${other} (--aux-address)`;
  return reservedOf(subnet).includes(name) ? `the address ${name} is not the address of a host in ${text}` : undefined;
}

/**
 * Some number that is not taken while the one before it is, in a few looks: the first of all where there are no gaps.
 * Undefined if there is none where we looked.
 */
export function search(isTaken: (number: number) => boolean, count: number): number | undefined {
  let taken = -1;
  let free = 0;
  for (let step = 1; free < count && isTaken(free); step *= 2) {
    taken = free;
    free += step;
  }
  free = Math.min(free, count);
  while (free - taken > 1) {
    const middle = Math.floor((taken + free) / 2);
    if (isTaken(middle)) taken = middle;
    else free = middle;
  }
  return free < count ? free : undefined;
}
