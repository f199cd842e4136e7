/** What a container has in each of its networks: a device with addresses, names and ways out. Pure. */

import { UsageError } from "../../errors.ts";
import { isIpv6, macOf, parseAddress, vethOf } from "./address.ts";
import type { Endpoint, Network, Parent, Subnet } from "./network.ts";
import type { NetworkRequest } from "./options.ts";
import { contains, parseSubnet } from "./subnet.ts";

/** How an address is got: it becomes ours, or is only looked at. */
export type TakeAddress = (network: Network, subnet: Subnet, wanted: string | undefined) => string;

/** A network with what was asked for in it. */
export type Wanted = [network: Network, request: NetworkRequest];

/** A device for each network, with an address of each of its families. */
export function planEndpoints(wanted: Wanted[], take: TakeAddress): Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const [network, request] of wanted)
    endpoints.push(planEndpoint(network, request, deviceFor(network, request, endpoints), take));
  return isPlain(wanted) ? endpoints : ranked(endpoints);
}

/** The kernel takes the way out of the first device, unless something else was said. */
const isPlain = (wanted: Wanted[]): boolean =>
  wanted.every(
    ([{ rarer }, { gwPriority, driverOptions }]) =>
      gwPriority === undefined && driverOptions === undefined && rarer?.devicePrefix === undefined,
  );

const ranked = (endpoints: Endpoint[]): Endpoint[] => {
  const order = byPriority(endpoints);
  return endpoints.map((endpoint) => ({ ...endpoint, metric: order.indexOf(endpoint) }));
};

/** One that comes to others that are there: its place among them, and those that make room for it. */
export function rankJoined(joined: Endpoint, before: Endpoint[]): { endpoint: Endpoint; moved: Endpoint[] } {
  const isRanked = ({ gwPriority, metric }: Endpoint) => gwPriority !== undefined || metric !== undefined;
  if (![joined, ...before].some(isRanked) && /^eth\d+$/.test(joined.device)) return { endpoint: joined, moved: [] };
  const lower = before.filter(({ gwPriority = 0 }) => gwPriority < (joined.gwPriority ?? 0));
  const metric = lower.length > 0 ? Math.min(...lower.map(metricOf)) : Math.max(-1, ...before.map(metricOf)) + 1;
  return {
    endpoint: { ...joined, metric },
    moved: lower.map((endpoint) => ({ ...endpoint, metric: metricOf(endpoint) + 1 })),
  };
}

/** In the order in which they are asked for a way out. */
export const byPriority = (endpoints: Endpoint[]): Endpoint[] =>
  endpoints.toSorted((a, b) => (b.gwPriority ?? 0) - (a.gwPriority ?? 0));

/** Of its default routes: the lowest of all devices wins; when it goes the next one's is there. */
export const metricOf = ({ metric, device }: Endpoint): number => metric ?? Number(/\d+$/.exec(device)?.[0] ?? 0);

/** The name of its device: what was asked for, or the first `eth` (or what its network calls them) that none has. */
export function deviceFor(
  { rarer }: Pick<Network, "rarer">,
  { driverOptions }: NetworkRequest,
  endpoints: Pick<Endpoint, "device">[],
): string {
  const asked = driverOptions?.[deviceOption];
  const taken = new Set(endpoints.map(({ device }) => device));
  if (asked !== undefined) {
    if (taken.has(asked)) throw new UsageError(`--driver-opt: two networks cannot both have the device ${asked}`);
    return asked;
  }
  const prefix = rarer?.devicePrefix ?? "eth";
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}

export const deviceOption = "com.docker.network.endpoint.ifname";
export const sysctlsOption = "com.docker.network.endpoint.sysctls";

export function planEndpoint(network: Network, request: NetworkRequest, device: string, take: TakeAddress): Endpoint {
  for (const ip of [request.ip, request.ip6]) refuseOutside(network, ip);
  for (const ip of request.linkLocalIps ?? []) refuseInside(network, ip);
  const { parent } = network;
  if (parent && request.mac !== undefined) refuseMac(network.name, parent);
  const subnets = chooseSubnets(network, request);
  const addresses = subnets.map((subnet) => {
    const wanted = isIpv6(subnet.subnet) ? request.ip6 : request.ip;
    return `${take(network, subnet, wanted)}/${subnet.subnet.split("/")[1]}`;
  });
  // IPv4 comes first where there is any.
  const first = addresses[0]!.split("/")[0]!;
  return {
    network: network.name,
    networkId: network.id,
    bridge: network.bridge,
    device,
    veth: parent ? "" : vethOf(first),
    mac: parent && sharesMac(parent) ? "" : (request.mac ?? macOf(first)),
    ...(network.mtu !== undefined && { mtu: network.mtu }),
    addresses,
    ...planWaysOut(network, subnets),
    ...(parent && { parent }),
    ...planRarer(request, device),
  };
}

/** One of each family: the one that the address is in that was asked for, or the first. */
function chooseSubnets({ subnets }: Network, { ip, ip6 }: NetworkRequest): Subnet[] {
  const choose = (family: Subnet[], wanted: string | undefined): Subnet[] => {
    const isIn = ({ subnet }: Subnet) => wanted !== undefined && contains(parseSubnet(subnet), parseAddress(wanted));
    return (family.find(isIn) ?? family[0]) ? [family.find(isIn) ?? family[0]!] : [];
  };
  const [v4, v6] = [false, true].map((six) => subnets.filter(({ subnet }) => isIpv6(subnet) === six)) as [
    Subnet[],
    Subnet[],
  ];
  return [...choose(v4, ip), ...choose(v6, ip6)];
}

/** Its device has the MAC of the host's. */
const sharesMac = ({ kind, mode }: Parent): boolean => kind === "ipvlan" || mode === "passthru";

function refuseMac(name: string, parent: Parent): void {
  if (!sharesMac(parent)) return;
  throw new UsageError(
    `--mac-address: containers of network ${name} have the one of ${parent.device} (${parent.kind} ${parent.mode})`,
  );
}

/** Where its packets go that are for no neighbour. */
function planWaysOut({ internal, parent }: Network, subnets: Subnet[]): Pick<Endpoint, "gateways" | "direct"> {
  // Without a device of the host's there is nobody to be a gateway.
  if (internal || parent?.made === "dummy") return { gateways: [] };
  if (parent?.kind === "ipvlan" && parent.mode !== "l2")
    return { gateways: [], direct: subnets.map(({ subnet }) => (isIpv6(subnet) ? 6 : 4)) };
  return { gateways: subnets.map(({ gateway }) => gateway) };
}

/** What few containers ask for. */
function planRarer(request: NetworkRequest, device: string) {
  const { links, gwPriority, linkLocalIps, driverOptions } = request;
  const sysctls = driverOptions?.[sysctlsOption];
  return {
    ...(links && { links }),
    ...(gwPriority !== undefined && { gwPriority }),
    ...(linkLocalIps && { linkLocalIps: [...new Set(linkLocalIps)].map((ip) => `${ip}/${isIpv6(ip) ? 64 : 16}`) }),
    ...(sysctls !== undefined && { sysctls: planSysctls(sysctls, device) }),
  };
}

/** `net.ipv4.conf.IFNAME.forwarding=1,...` as settings of one device. */
const planSysctls = (text: string, device: string): Record<string, string> =>
  Object.fromEntries(
    text.split(",").map((one) => {
      const [name = "", value = ""] = one.split("=");
      const path = name.split(".").map((part) => (part === "IFNAME" ? device : part));
      return [path.join("/"), value];
    }),
  );

/** There somebody else may have it, now or later. */
function refuseInside({ name, subnets }: Network, ip: string): void {
  const inside = subnets.find(({ subnet }) => contains(parseSubnet(subnet), parseAddress(ip)));
  if (inside)
    throw new UsageError(
      `--link-local-ip: ${ip} is in network ${name} (${inside.subnet}), which gives its addresses itself`,
      isIpv6(ip) ? "--ip6" : "--ip",
    );
}

function refuseOutside({ name, subnets }: Network, ip: string | undefined): void {
  if (ip === undefined) return;
  if (subnets.some(({ subnet }) => contains(parseSubnet(subnet), parseAddress(ip)))) return;
  const option = isIpv6(ip) ? "--ip6" : "--ip";
  throw new UsageError(
    `${option}: ${ip} is not in network ${name} (${subnets.map(({ subnet }) => subnet).join(", ")})`,
  );
}
