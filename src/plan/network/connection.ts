/** The networks of one start as steps, when its addresses and ports are known. Pure. */

import { isIpv6, isLoopback, parseAddress } from "./address.ts";
import { byPriority, type Wanted } from "./endpoint.ts";
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
  withBridge,
} from "./network.ts";
import { hasNames } from "./options.ts";

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
  const bridged = withBridge(members);
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
      ...members.map((network): NetworkStep => ({ do: network.parent ? "parent" : "bridge", network })),
      ...(bridged.length > 0 ? [{ do: "firewall", networks: bridged } as const] : []),
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

/** Where published ports lead: to the first network with a way out. */
const entryOf = (endpoints: Endpoint[]): Endpoint | undefined =>
  byPriority(endpoints).find(({ gateways, parent }) => gateways.length > 0 && parent === undefined);

/** Into internal networks alone no port of the host leads, though it is held. */
export const hasWayOut = (endpoints: Endpoint[]): boolean => entryOf(endpoints) !== undefined;

/** What NAT redirects of the ports that are ours. */
export function planPublications(endpoints: Endpoint[], ports: PublishedPort[]): Publication[] {
  const entry = entryOf(endpoints);
  return ports.flatMap((port) => {
    const ip = entry && bare(entry).find((address) => isIpv6(address) === isIpv6(port.hostIp));
    // What comes to a loopback address is passed on by the monitor.
    return ip === undefined || isLoopback(parseAddress(port.hostIp)) ? [] : [{ ...port, ip, bridge: entry!.bridge }];
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
  return [
    ...(names.length > 0 ? [{ do: "resolver", networks: names, forward, ...resolver } as const] : []),
    ...(ports.length > 0 ? [{ do: "relay", ports, to: relayTarget(endpoints) } as const] : []),
  ];
}

/** The addresses to which the monitor passes on what comes to published ports; none where they lead nowhere. */
export function relayTarget(endpoints: Endpoint[]): { ipv4?: string; ipv6?: string } {
  const entry = entryOf(endpoints);
  return Object.fromEntries((entry ? bare(entry) : []).map((ip) => [isIpv6(ip) ? "ipv6" : "ipv4", ip]));
}
