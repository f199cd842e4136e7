/** Subnets: text to bytes, what lies in them, and which is free for a new network. Pure. */

import { ConflictError, UsageError } from "../../errors.ts";
import { type Address, formatAddress, readAddress } from "./address.ts";

/** An address with the length of its subnet's prefix. In a subnet's own, all bits behind the prefix are 0. */
export interface Prefix {
  address: Address;
  bits: number;
}

/** `10.201.0.2/16`. @throws UsageError for anything else. */
export function parsePrefix(text: string): Prefix {
  const [before = "", after = "", ...more] = text.split("/");
  const address = readAddress(before);
  const bits = /^(?:0|[1-9]\d{0,2})$/.test(after) ? Number(after) : Number.NaN;
  if (address === undefined || more.length > 0 || !(bits <= address.length * 8))
    throw new UsageError(`${JSON.stringify(text)} is not an address with a prefix length`, "write it like 10.1.2.0/24");
  return { address, bits };
}

/** `10.201.0.0/16`. @throws UsageError for anything else, also for a subnet that is given by another address within it. */
export function parseSubnet(text: string): Prefix {
  const prefix = parsePrefix(text);
  const subnet = subnetOf(prefix);
  if (formatAddress(subnet.address) !== formatAddress(prefix.address))
    throw new UsageError(`${text} is not a subnet, but an address in one`, `the subnet is ${formatPrefix(subnet)}`);
  return prefix;
}

export const formatPrefix = ({ address, bits }: Prefix): string => `${formatAddress(address)}/${bits}`;

/** The subnet that an address is in: every bit behind the prefix 0. */
export const subnetOf = ({ address, bits }: Prefix): Prefix => ({
  address: address.map((byte, at) => byte & maskAt(bits, at)),
  bits,
});

/** The last address: in IPv4 that of broadcasts. */
export const lastAddress = ({ address, bits }: Prefix): Address =>
  address.map((byte, at) => byte | (~maskAt(bits, at) & 255));

/** The byte at an index of the mask of a prefix. */
const maskAt = (bits: number, at: number): number => (0xff00 >> Math.min(8, Math.max(0, bits - at * 8))) & 255;

/** Never across families. */
export const contains = (subnet: Prefix, address: Address): boolean =>
  subnet.address.length === address.length &&
  subnet.address.every((byte, at) => ((byte ^ address[at]!) & maskAt(subnet.bits, at)) === 0);

/** Whether they have an address in common. */
export const overlaps = (a: Prefix, b: Prefix): boolean =>
  a.bits < b.bits ? contains(a, b.address) : contains(b, a.address);

/** How many addresses it has; beyond 2^53 about as many. */
export const countAddresses = ({ address, bits }: Prefix): number => 2 ** (address.length * 8 - bits);

/** The address so far behind another. @param offset below 2^52; what is beyond the last address begins at 0 again. */
export function addressAfter(address: Address, offset: number): Address {
  const sum = Uint8Array.from(address);
  let rest = offset;
  for (let at = sum.length - 1; at >= 0 && rest > 0; at--) {
    rest += sum[at]!;
    sum[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return sum;
}

/** The addresses that hosts can have, as offsets from the first: not the subnet's own, nor the one of broadcasts. */
export function hostOffsets(subnet: Prefix): { first: number; last: number } {
  const count = Math.min(countAddresses(subnet), 2 ** 52);
  // RFC 3021: two addresses are for two hosts.
  if (count <= 2) return { first: 0, last: count - 1 };
  return { first: 1, last: subnet.address.length === 4 ? count - 2 : count - 1 };
}

/** What no host can have: a subnet's own address, and in IPv4 the one of broadcasts. */
export function reservedOf(subnet: Prefix): string[] {
  const { first } = hostOffsets(subnet);
  if (first === 0) return [];
  const broadcast = subnet.address.length === 4 ? [lastAddress(subnet)] : [];
  return [subnet.address, ...broadcast].map(formatAddress);
}

/** What the kernel gives no device, or only one of its own kind (RFC 6890). */
const special: Record<string, string> = {
  "0.0.0.0/8": "of no host",
  "127.0.0.0/8": "of loopback devices",
  "224.0.0.0/3": "of groups (multicast), or reserved",
  "::/8": "of loopback devices, or reserved",
  "fe80::/10": "of one link each",
  "ff00::/8": "of groups (multicast)",
};

/** @throws UsageError for a subnet with addresses that a container can't have. */
export function refuseSpecial(subnet: Prefix): void {
  const found = Object.entries(special).find(([text]) => overlaps(parseSubnet(text), subnet));
  if (found)
    throw new UsageError(`${formatPrefix(subnet)} can't be a network's: addresses of ${found[0]} are ${found[1]}`);
}

/** The gateway of a subnet where none is given: its first host that is not something else. */
export function gatewayOf(subnet: Prefix, others: readonly string[] = []): string {
  const { first, last } = hostOffsets(subnet);
  for (let offset = first; offset <= last; offset++) {
    const address = formatAddress(addressAfter(subnet.address, offset));
    if (!others.includes(address)) return address;
  }
  throw new UsageError(`--aux-address: no address of ${formatPrefix(subnet)} is left for the gateway`);
}

/** Where a new network's subnet may be: from a first to a last address, by prefix length. */
interface Pool {
  from: string;
  to: string;
  bits: number;
}

/** A subnet that networks are parts of, by the length of their prefixes. */
export interface AddressPool {
  base: string;
  bits: number;
}

function poolOf({ base, bits }: AddressPool): Pool {
  const subnet = parseSubnet(base);
  return { from: formatAddress(subnet.address), to: formatAddress(lastAddress(subnet)), bits };
}

/** In the order of trying. */
const ownPools = {
  default: [
    { from: "10.201.0.0", to: "10.254.255.255", bits: 16 },
    { from: "192.168.0.0", to: "192.168.255.255", bits: 24 },
  ],
  user: [
    { from: "10.202.0.0", to: "10.254.255.255", bits: 24 },
    { from: "192.168.0.0", to: "192.168.255.255", bits: 24 },
  ],
};

/** What covers more than this is the way to everywhere (0.0.0.0/0, or its two halves as VPNs set them), which is no clash. */
const widestClash = 8;

/**
 * An IPv4 subnet for a network that overlaps none of those given: of other networks, and what the host routes.
 * @param pools where to look, in place of our own. @throws ConflictError if there is none.
 */
export function chooseSubnet(
  kind: keyof typeof ownPools,
  taken: readonly Prefix[],
  pools?: readonly AddressPool[],
): Prefix {
  const clashes = taken.filter(({ address, bits }) => address.length === 4 && bits >= widestClash);
  for (const { from, to, bits } of pools?.map(poolOf) ?? ownPools[kind]) {
    const end = numberOf(readAddress(to)!);
    for (let at = numberOf(readAddress(from)!); at < end; ) {
      const candidate = { address: addressAfter(readAddress("0.0.0.0")!, at), bits };
      const clash = clashes.find((other) => overlaps(candidate, other));
      if (clash === undefined) return candidate;
      // The next one behind both.
      const size = countAddresses(candidate);
      const behind = Math.max(numberOf(lastAddress(clash)), numberOf(lastAddress(candidate))) + 1;
      at = Math.ceil(behind / size) * size;
    }
  }
  throw new ConflictError(
    "every subnet that a network could have overlaps a network or a route of this host",
    "choose one with --subnet",
  );
}

const numberOf = (ipv4: Address): number => ipv4.reduce((sum, byte) => sum * 256 + byte, 0);

/** How many random bytes a unique local subnet is made of. */
export const uniqueLocalBytes = 7;

/** A subnet of IPv6 that nobody else has (RFC 4193): fd, 40 random bits of the site and 16 of the subnet. */
export function uniqueLocalSubnet(random: Uint8Array): Prefix {
  const address = new Uint8Array(16);
  address[0] = 0xfd;
  address.set(random.subarray(0, uniqueLocalBytes), 1);
  return { address, bits: 64 };
}
