/** A network that is to be made: what was asked for, and what is chosen where nothing was said. Pure. */

import { ConflictError, UsageError } from "../errors.ts";
import { formatAddress, parseAddress } from "./address.ts";
import type { Network, Subnet } from "./network.ts";
import { defaultNetwork } from "./network-options.ts";
import {
  chooseSubnet,
  contains,
  formatPrefix,
  gatewayOf,
  overlaps,
  type Prefix,
  parseSubnet,
  refuseSpecial,
  reservedOf,
  uniqueLocalSubnet,
} from "./subnet.ts";

/** What `network create` was asked for. */
export interface NewNetwork {
  name: string;
  /** Gateway and range where they were given. */
  subnets: (Pick<Subnet, "subnet"> & Partial<Subnet>)[];
  /** With a subnet of IPv6, chosen if none is given. */
  ipv6: boolean;
  internal: boolean;
  icc: boolean;
  isolate: boolean;
  /** Name of the bridge device. */
  bridge?: string;
  mtu?: number;
  labels: Record<string, string>;
  options: Record<string, string>;
}

/** What a network is made of that nobody has said. */
export interface Chosen {
  id: string;
  /** ISO 8601. */
  created: string;
  /** Subnets that the host reaches already. */
  taken: () => Prefix[];
  /** As many random bytes as `uniqueLocalBytes`. */
  random: () => Uint8Array;
}

/** A network with nothing left open. @throws ConflictError if its addresses or its bridge are another's. */
export function planNetwork(asked: NewNetwork, others: Network[], { id, created, ...chosen }: Chosen): Network {
  const { name, bridge = `td-${id.slice(0, 12)}`, mtu, internal, icc, isolate, labels, options } = asked;
  const owner = others.find((other) => other.bridge === bridge);
  if (owner) throw new ConflictError(`the bridge ${bridge} is that of network ${owner.name}`);
  const given = asked.subnets.map(completeSubnet);
  for (const subnet of given) refuseOverlap(subnet, others);
  const subnets = [...given];
  const hasFamily = (bytes: number) => given.some(({ prefix }) => prefix.address.length === bytes);
  if (!hasFamily(4)) {
    const kind = name === defaultNetwork ? "default" : "user";
    subnets.unshift(
      completeSubnet({ subnet: formatPrefix(chooseSubnet(kind, [...others.flatMap(subnetsOf), ...chosen.taken()])) }),
    );
  }
  if (asked.ipv6 && !hasFamily(16)) {
    subnets.push(completeSubnet({ subnet: formatPrefix(uniqueLocalSubnet(chosen.random())) }));
  }
  if (mtu !== undefined && mtu < leastOfIpv6 && subnets.some(({ prefix }) => prefix.address.length === 16))
    throw new UsageError(`mtu=${mtu} is too little for IPv6`, `it needs ${leastOfIpv6} bytes`);
  return {
    id,
    name,
    created,
    bridge,
    // IPv4 first: a container's devices are named by it.
    subnets: subnets
      .toSorted((a, b) => a.prefix.address.length - b.prefix.address.length)
      .map(({ prefix: _prefix, ...subnet }) => subnet),
    internal,
    icc,
    isolate,
    ...(mtu !== undefined && { mtu }),
    labels,
    options,
  };
}

/** Bytes (RFC 8200): with less the kernel has no IPv6 on a device. */
const leastOfIpv6 = 1280;

const subnetsOf = ({ subnets }: Network): Prefix[] => subnets.map(({ subnet }) => parseSubnet(subnet));

function completeSubnet({ subnet, gateway, range }: NewNetwork["subnets"][number]): Subnet & { prefix: Prefix } {
  const prefix = parseSubnet(subnet);
  refuseSpecial(prefix);
  if (gateway !== undefined && !contains(prefix, parseAddress(gateway)))
    throw new UsageError(`--gateway: ${gateway} is not in ${subnet}`);
  if (gateway !== undefined && reservedOf(prefix).includes(formatAddress(parseAddress(gateway))))
    throw new UsageError(`--gateway: ${gateway} is none of a host in ${subnet}`);
  if (range !== undefined && !contains(prefix, parseSubnet(range).address))
    throw new UsageError(`--ip-range: ${range} is not in ${subnet}`);
  return {
    prefix,
    subnet: formatPrefix(prefix),
    gateway: gateway ?? gatewayOf(prefix),
    ...(range !== undefined && { range }),
  };
}

/** What was asked for by name may be a subnet that the host routes, as long as it is no other network's. */
function refuseOverlap({ subnet, prefix }: Subnet & { prefix: Prefix }, others: Network[]): void {
  const other = others.find((network) => subnetsOf(network).some((one) => overlaps(one, prefix)));
  if (other)
    throw new ConflictError(
      `${subnet} overlaps network ${other.name} (${other.subnets.map((one) => one.subnet).join(", ")})`,
      "choose another --subnet, or leave it out",
    );
}
