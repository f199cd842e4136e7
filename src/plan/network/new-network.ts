/** A network that is to be made: what was asked for, and what is chosen where nothing was said. Pure. */

import { ConflictError, UsageError } from "../../errors.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { type Network, type RarerSettings, type Subnet, withBridge } from "./network.ts";
import { defaultNetwork } from "./options.ts";
import { type AskedParent, planParent } from "./parent.ts";
import {
  type AddressPool,
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
  /** Gateway and range where they were given; in a network with a bridge one of each family at most. */
  subnets: (Pick<Subnet, "subnet"> & Partial<Subnet>)[];
  /** Without a subnet of IPv4. */
  ipv4?: boolean;
  /** With a subnet of IPv6, chosen if none is given. */
  ipv6: boolean;
  internal: boolean;
  icc: boolean;
  isolate: boolean;
  /** Name of the bridge device. */
  bridge?: string;
  /** Instead of a bridge. */
  parent?: AskedParent;
  mtu?: number;
  rarer?: RarerSettings;
  labels: Record<string, string>;
  options: Record<string, string>;
  ipamOptions?: Record<string, string>;
  attachable?: boolean;
}

/** What a network is made of that nobody has said. */
export interface Chosen {
  id: string;
  /** ISO 8601. */
  created: string;
  /** Subnets that the host reaches already. */
  taken: () => Prefix[];
  /** Whether the host has a network device of this name. */
  exists: (device: string) => boolean;
  /** Where subnets may be, if somebody has said so. */
  pools?: readonly AddressPool[];
  /** As many random bytes as `uniqueLocalBytes`. */
  random: () => Uint8Array;
}

/** A network with nothing left open. @throws ConflictError if its addresses or its bridge are another's. */
export function planNetwork(asked: NewNetwork, others: Network[], { id, created, ...chosen }: Chosen): Network {
  const { name, mtu, internal, icc, isolate, labels, options, ipamOptions, attachable } = asked;
  const bridge = asked.parent ? "" : (asked.bridge ?? `td-${id.slice(0, 12)}`);
  const owner = withBridge(others).find((other) => other.bridge === bridge);
  if (owner && !asked.parent) throw new ConflictError(`the bridge ${bridge} is that of network ${owner.name}`);
  const given = asked.subnets.map(completeSubnet);
  for (const [index, subnet] of given.entries()) {
    refuseOverlap(subnet, others);
    const twice = given.slice(0, index).find(({ prefix }) => overlaps(prefix, subnet.prefix));
    if (twice) throw new UsageError(`--subnet: ${twice.subnet} and ${subnet.subnet} overlap`);
  }
  const subnets = [...given];
  const hasFamily = (bytes: number) => given.some(({ prefix }) => prefix.address.length === bytes);
  const { ipv4 = true } = asked;
  if (!ipv4 && hasFamily(4)) throw new UsageError("--ipv4=false and a --subnet of IPv4 cannot be combined");
  if (!ipv4 && !asked.ipv6) throw new UsageError("a network has IPv4 or IPv6", "--ipv4=false --ipv6");
  if (ipv4 && !hasFamily(4)) {
    const kind = name === defaultNetwork ? "default" : "user";
    subnets.unshift(
      completeSubnet({
        subnet: formatPrefix(chooseSubnet(kind, [...others.flatMap(subnetsOf), ...chosen.taken()], chosen.pools)),
      }),
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
    ...(asked.parent && { parent: planParent(asked.parent, id, others, chosen.exists) }),
    // IPv4 first: a container's devices are named by it.
    subnets: subnets
      .toSorted((a, b) => a.prefix.address.length - b.prefix.address.length)
      .map(({ prefix: _prefix, ...subnet }) => subnet),
    internal,
    icc,
    isolate,
    ...(mtu !== undefined && { mtu }),
    ...(asked.rarer && { rarer: asked.rarer }),
    labels,
    options,
    ...(ipamOptions && { ipamOptions }),
    ...(attachable && { attachable }),
  };
}

/** Bytes (RFC 8200): with less the kernel has no IPv6 on a device. */
const leastOfIpv6 = 1280;

const subnetsOf = ({ subnets }: Network): Prefix[] => subnets.map(({ subnet }) => parseSubnet(subnet));

function completeSubnet(asked: NewNetwork["subnets"][number]): Subnet & { prefix: Prefix } {
  const { subnet, gateway, range, auxiliary } = asked;
  const prefix = parseSubnet(subnet);
  refuseSpecial(prefix);
  if (gateway !== undefined && !contains(prefix, parseAddress(gateway)))
    throw new UsageError(`--gateway: ${gateway} is not in ${subnet}`);
  if (gateway !== undefined && reservedOf(prefix).includes(formatAddress(parseAddress(gateway))))
    throw new UsageError(`--gateway: ${gateway} is not the address of a host in ${subnet}`);
  if (range !== undefined && !contains(prefix, parseSubnet(range).address))
    throw new UsageError(`--ip-range: ${range} is not in ${subnet}`);
  const others = Object.values(auxiliary ?? {});
  if (gateway !== undefined && others.includes(formatAddress(parseAddress(gateway))))
    throw new UsageError(`--aux-address: ${gateway} is the --gateway`);
  return {
    prefix,
    subnet: formatPrefix(prefix),
    gateway: gateway ?? gatewayOf(prefix, others),
    ...(range !== undefined && { range }),
    ...(auxiliary && { auxiliary }),
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
