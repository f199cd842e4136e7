/** The networks of one start as steps, when its addresses and ports are known. Pure. */

import { UsageError } from "../errors.ts";
import { isIpv6, macOf, parseAddress, vethOf } from "./address.ts";
import {
  bare,
  type Connection,
  type Endpoint,
  type EventSourceStep,
  type Network,
  type NetworkStep,
  type Publication,
  type PublishedPort,
  type ResolverPlan,
  type Subnet,
} from "./network.ts";
import { hasNames, type NetworkRequest } from "./network-options.ts";
import { contains, parseSubnet } from "./subnet.ts";

/** How an address is got: it becomes ours, or is only looked at. */
export type TakeAddress = (network: Network, subnet: Subnet, wanted: string | undefined) => string;

/** A network with what was asked for in it. */
export type Wanted = [network: Network, request: NetworkRequest];

/** A device for each network, with an address of each of its subnets. */
export const planEndpoints = (wanted: Wanted[], take: TakeAddress): Endpoint[] =>
  wanted.map(([network, request], index) => planEndpoint(network, request, `eth${index}`, take));

/** Each network that leads out gives a default route; the kernel takes that of the first device (network/endpoint.ts). */
export function planEndpoint(network: Network, request: NetworkRequest, device: string, take: TakeAddress): Endpoint {
  for (const ip of [request.ip, request.ip6]) refuseOutside(network, ip);
  const addresses = network.subnets.map((subnet) => {
    const wanted = isIpv6(subnet.subnet) ? request.ip6 : request.ip;
    return `${take(network, subnet, wanted)}/${subnet.subnet.split("/")[1]}`;
  });
  // A network has IPv4 always, and has it first.
  const ipv4 = addresses[0]!.split("/")[0]!;
  return {
    network: network.name,
    networkId: network.id,
    bridge: network.bridge,
    device,
    veth: vethOf(ipv4),
    mac: request.mac ?? macOf(ipv4),
    ...(network.mtu !== undefined && { mtu: network.mtu }),
    addresses,
    gateways: network.internal ? [] : network.subnets.map(({ gateway }) => gateway),
  };
}

function refuseOutside({ name, subnets }: Network, ip: string | undefined): void {
  if (ip === undefined) return;
  if (subnets.some(({ subnet }) => contains(parseSubnet(subnet), parseAddress(ip)))) return;
  const option = isIpv6(ip) ? "--ip6" : "--ip";
  throw new UsageError(
    `${option}: ${ip} is not in network ${name} (${subnets.map(({ subnet }) => subnet).join(", ")})`,
  );
}

/** What is known of the container that is to be connected. */
export interface ToConnect {
  name: string;
  networks: Wanted[];
  endpoints: Endpoint[];
  /** Of the host, which are ours. */
  ports: PublishedPort[];
  resolver: ResolverPlan;
}

export function planConnection({ name, networks, endpoints, ports, resolver }: ToConnect): Connection {
  const members = networks.map(([network]) => network);
  const publications = planPublications(endpoints, ports);
  const named = networks.flatMap(([network, { aliases }], index): NetworkStep[] =>
    hasNames(network.name)
      ? [{ do: "names", network: network.name, names: { name, aliases, addresses: bare(endpoints[index]!) } }]
      : [],
  );
  return {
    reserve: [
      ...endpoints.flatMap((endpoint) =>
        bare(endpoint).map((address): NetworkStep => ({ do: "lease", network: endpoint.network, address })),
      ),
      ...ports.map(({ protocol, hostIp, hostPort }): NetworkStep => ({ do: "port", protocol, hostIp, hostPort })),
    ],
    connect: [
      ...members.map((network): NetworkStep => ({ do: "bridge", network })),
      { do: "firewall", networks: members },
      ...endpoints.map((endpoint): NetworkStep => ({ do: "endpoint", endpoint })),
      ...(publications.length > 0 ? [{ do: "publish", publications } as const] : []),
      ...named,
      ...planEventSources(members, endpoints, ports, resolver),
    ],
    endpoints,
    publications,
    ports,
    resolver,
  };
}

/** Where published ports lead: to the first network that is not internal. */
const entryOf = (endpoints: Endpoint[]): Endpoint | undefined => endpoints.find(({ gateways }) => gateways.length > 0);

/** Into internal networks alone no port of the host leads, though it is held. */
export const hasWayOut = (endpoints: Endpoint[]): boolean => entryOf(endpoints) !== undefined;

/** What NAT redirects of the ports that are ours. */
export function planPublications(endpoints: Endpoint[], ports: PublishedPort[]): Publication[] {
  const entry = entryOf(endpoints);
  return ports.flatMap((port) => {
    const ip = entry && bare(entry).find((address) => isIpv6(address) === isIpv6(port.hostIp));
    // The kernel does not let anything leave for elsewhere that came to ::1.
    return ip === undefined || port.hostIp === "::1" ? [] : [{ ...port, ip, bridge: entry!.bridge }];
  });
}

function planEventSources(
  networks: Network[],
  endpoints: Endpoint[],
  ports: PublishedPort[],
  resolver: ResolverPlan,
): EventSourceStep[] {
  const names = networks.map(({ name }) => name).filter(hasNames);
  const forward = networks.some(({ internal }) => !internal);
  const entry = entryOf(endpoints);
  const to = Object.fromEntries((entry ? bare(entry) : []).map((ip) => [isIpv6(ip) ? "ipv6" : "ipv4", ip]));
  return [
    ...(names.length > 0 ? [{ do: "resolver", networks: names, forward, ...resolver } as const] : []),
    ...(entry && ports.length > 0 ? [{ do: "relay", ports, to } as const] : []),
  ];
}
