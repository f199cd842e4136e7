/** The networks of one start as steps, when its addresses and ports are known. Pure. */

import { UsageError } from "../errors.ts";
import { isIpv6, macOf, parseAddress, vethOf } from "./address.ts";
import type {
  Companion,
  Connection,
  Endpoint,
  Network,
  NetworkStep,
  Publication,
  PublishedPort,
  Subnet,
} from "./network.ts";
import { defaultNetwork, type NetworkRequest } from "./network-options.ts";
import { contains, parseSubnet } from "./subnet.ts";

/** How an address is got: it becomes ours, or is only looked at. */
export type TakeAddress = (network: Network, subnet: Subnet, wanted: string | undefined) => string;

/** A network with what was asked for in it. */
export type Wanted = [network: Network, request: NetworkRequest];

/** A device for each network, with an address of each of its subnets. The first that leads out has the default route. */
export function planEndpoints(wanted: Wanted[], take: TakeAddress): Endpoint[] {
  const outward = (family: boolean): Network | undefined =>
    wanted.find(
      ([network]) => !network.internal && network.subnets.some(({ subnet }) => isIpv6(subnet) === family),
    )?.[0];
  const ways = [outward(false), outward(true)];
  return wanted.map(([network, request], index) => planEndpoint(network, request, `eth${index}`, take, ways));
}

/** @param ways the networks by which the container leaves, by IPv4 and by IPv6. */
export function planEndpoint(
  network: Network,
  request: NetworkRequest,
  device: string,
  take: TakeAddress,
  ways: (Network | undefined)[],
): Endpoint {
  for (const ip of [request.ip, request.ip6]) refuseOutside(network, ip);
  const addresses = network.subnets.map((subnet) => {
    const wanted = isIpv6(subnet.subnet) ? request.ip6 : request.ip;
    return `${take(network, subnet, wanted)}/${subnet.subnet.split("/")[1]}`;
  });
  // A network has IPv4 always, and has it first.
  const ipv4 = addresses[0]!.split("/")[0]!;
  return {
    network: network.name,
    bridge: network.bridge,
    device,
    veth: vethOf(ipv4),
    mac: request.mac ?? macOf(ipv4),
    ...(network.mtu !== undefined && { mtu: network.mtu }),
    addresses,
    gateways: network.subnets
      .filter(({ subnet }) => ways[isIpv6(subnet) ? 1 : 0] === network)
      .map(({ gateway }) => gateway),
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
  /** Servers that its resolver asks. */
  servers: string[];
}

export function planConnection({ name, networks, endpoints, ports, servers }: ToConnect): Connection {
  const publications = planPublications(networks, endpoints, ports);
  const members = networks.map(([network]) => network);
  const named = networks.flatMap(([network, { aliases }], index): NetworkStep[] =>
    hasNames(network)
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
      ...planCompanions(members, endpoints, ports, servers),
    ],
    endpoints,
    publications,
    ports,
  };
}

/** As Docker's: in the default network nobody is found by a name. */
export const hasNames = ({ name }: Network): boolean => name !== defaultNetwork;

/** Addresses without the length of the prefix. */
export const bare = ({ addresses }: Endpoint): string[] => addresses.map((address) => address.split("/")[0]!);

/** Where published ports lead: to the first network that is not internal. */
const entryOf = (networks: Network[], endpoints: Endpoint[]): Endpoint | undefined =>
  endpoints[networks.findIndex(({ internal }) => !internal)];

function planPublications(networks: Wanted[], endpoints: Endpoint[], ports: PublishedPort[]): Publication[] {
  const entry = entryOf(
    networks.map(([network]) => network),
    endpoints,
  );
  return ports.flatMap((port) => {
    const ip = entry && bare(entry).find((address) => isIpv6(address) === isIpv6(port.hostIp));
    // The kernel does not let anything leave for elsewhere that came to ::1.
    return ip === undefined || port.hostIp === "::1" ? [] : [{ ...port, ip, bridge: entry!.bridge }];
  });
}

function planCompanions(
  networks: Network[],
  endpoints: Endpoint[],
  ports: PublishedPort[],
  servers: string[],
): Companion[] {
  const names = networks.filter(hasNames).map(({ name }) => name);
  const forward = networks.some(({ internal }) => !internal);
  const entry = entryOf(networks, endpoints);
  const to = Object.fromEntries((entry ? bare(entry) : []).map((ip) => [isIpv6(ip) ? "ipv6" : "ipv4", ip]));
  return [
    ...(names.length > 0 ? [{ do: "resolver", networks: names, servers, forward } as const] : []),
    ...(entry && ports.length > 0 ? [{ do: "relay", ports, to } as const] : []),
  ];
}
