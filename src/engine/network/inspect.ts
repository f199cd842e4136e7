/** Networks in Docker's words: what `inspect` tells of them, and of what a container has in them. Pure. */

import { listOrNone, listOrNull, mapOrNone, mapOrNull } from "../../nil.ts";
import { digestOf, hexOf } from "../../oci/digest.ts";
import { isIpv6 } from "../../plan/network/address.ts";
import { driverOf, type Endpoint, type Network } from "../../plan/network/network.ts";
import { defaultNetwork, hasNames, type NetworkOptions, type NetworkRequest } from "../../plan/network/options.ts";
import type { PortRequest } from "../../plan/network/publish.ts";
import { type Container, isUp } from "../record/container.ts";
import type { KnownNetwork } from "./known.ts";
import { exposedPorts, portKey, shownPorts } from "./ports.ts";

/** @param containers those that are up and in it. */
export function describeNetwork(network: KnownNetwork, containers: Container[]) {
  const { id, name, created, driver, subnets, internal, labels, options, ipamOptions, attachable, parent } = network;
  return {
    Name: name,
    Id: id,
    Created: created,
    Scope: "local",
    Driver: driver,
    EnableIPv4: hasIpv4(network),
    EnableIPv6: hasIpv6(network),
    IPAM: {
      Driver: "default",
      Options: mapOrNull(ipamOptions),
      Config: listOrNull(
        subnets.map(({ subnet, gateway, range = "", auxiliary }) => ({
          Subnet: subnet,
          IPRange: range,
          Gateway: gateway,
          AuxiliaryAddresses: mapOrNone(auxiliary),
        })),
      ),
    },
    Internal: internal,
    Attachable: attachable ?? false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: new Map(containers.map((container) => [container.record.id, describeMember(container, network)])),
    // Ours: where it is in the kernel.
    ...(driver === "bridge" && { Bridge: network.bridge }),
    ...(parent && { Parent: parent.device }),
    Options: new Map(Object.entries(options)),
    Labels: new Map(Object.entries(labels)),
    Peers: listOrNone([]),
    Services: mapOrNone(),
  };
}

/** Modes that Docker lists as networks say so too. */
export const hasIpv4 = ({ subnets, driver }: Pick<KnownNetwork, "subnets" | "driver">): boolean =>
  driver === "host" || driver === "null" || subnets.some(({ subnet }) => !isIpv6(subnet));
export const hasIpv6 = ({ subnets }: Pick<Network, "subnets">): boolean => subnets.some(({ subnet }) => isIpv6(subnet));

function describeMember({ record, state }: Container, network: KnownNetwork) {
  const endpoint = state.network?.endpoints.find((one) => one.network === network.name);
  return {
    Name: record.name,
    EndpointID: endpointId(record.id, network.id),
    MacAddress: endpoint?.mac ?? "",
    IPv4Address: addressOf(endpoint, false),
    IPv6Address: addressOf(endpoint, true),
  };
}

/** Nothing else is called by it, so it need not be kept. */
const endpointId = (container: string, network: string): string => hexOf(digestOf(`${container} in ${network}`));

/** With the length of its prefix; empty if there is none. */
const addressOf = (endpoint: Endpoint | undefined, ipv6: boolean): string =>
  endpoint?.addresses.find((address) => isIpv6(address) === ipv6) ?? "";

/** @param networks those that there are. */
export function describeNetworkSettings(container: Container, networks: KnownNetwork[]) {
  const { state } = container;
  const described = membershipsOf(container).map((request): [string, EndpointSettings] => [
    request.network,
    describeEndpoint(
      container,
      request,
      networks.find(({ name }) => name === request.network),
    ),
  ]);
  // As Docker, which had but one network once.
  const first = described.find(([name]) => name === defaultNetwork)?.[1];
  return {
    Bridge: "",
    SandboxID: "",
    // For `nsenter --net=`.
    SandboxKey: isUp(container) && state.process ? `/proc/${state.process.pid}/ns/net` : "",
    Ports: describePorts(container),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: listOrNull([]),
    SecondaryIPv6Addresses: listOrNull([]),
    EndpointID: first?.EndpointID ?? "",
    Gateway: first?.Gateway ?? "",
    GlobalIPv6Address: first?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: first?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: first?.IPAddress ?? "",
    IPPrefixLen: first?.IPPrefixLen ?? 0,
    IPv6Gateway: first?.IPv6Gateway ?? "",
    MacAddress: first?.MacAddress ?? "",
    Networks: new Map(described),
  };
}

/** The networks it is in, or will be when it is started; one that shares another's is in none itself. */
function membershipsOf({ record: { options } }: Container): NetworkRequest[] {
  const { mode, networks } = options.network;
  if (mode === "container") return [];
  return mode === "bridge" ? networks : [{ network: mode, aliases: [] }];
}

type EndpointSettings = ReturnType<typeof describeEndpoint>;

function describeEndpoint(
  container: Container,
  { network: name, ip, ip6, aliases, links, gwPriority, linkLocalIps, driverOptions }: NetworkRequest,
  network: KnownNetwork | undefined,
) {
  const { record, state } = container;
  const endpoint = isUp(container) ? state.network?.endpoints.find((one) => one.network === name) : undefined;
  // Of a container that does not run its network is known, and nothing that it has there.
  const wasThere = state.started !== undefined && network !== undefined;
  const [address = "", prefix = "0"] = addressOf(endpoint, false).split("/");
  const [address6 = "", prefix6 = "0"] = addressOf(endpoint, true).split("/");
  return {
    IPAMConfig:
      ip || ip6 || linkLocalIps
        ? {
            ...(ip && { IPv4Address: ip }),
            ...(ip6 && { IPv6Address: ip6 }),
            ...(linkLocalIps && { LinkLocalIPs: linkLocalIps }),
          }
        : null,
    Links: listOrNull(hasNames(name) ? links?.map(({ container: other, alias }) => `${other}:${alias}`) : []),
    Aliases: listOrNull(aliases),
    MacAddress: endpoint?.mac ?? "",
    DriverOpts: mapOrNull(driverOptions),
    GwPriority: gwPriority ?? 0,
    NetworkID: wasThere ? network.id : "",
    EndpointID: wasThere && isUp(container) ? endpointId(record.id, network.id) : "",
    Gateway: gatewayOf(endpoint, false),
    IPAddress: address,
    IPPrefixLen: Number(prefix),
    IPv6Gateway: gatewayOf(endpoint, true),
    GlobalIPv6Address: address6,
    GlobalIPv6PrefixLen: Number(prefix6),
    DNSNames: listOrNull(
      network && driverOf(network) === network.driver && hasNames(name)
        ? [record.name, ...aliases, record.id.slice(0, 12)]
        : [],
    ),
  };
}

const gatewayOf = (endpoint: Endpoint | undefined, ipv6: boolean): string =>
  endpoint?.gateways.find((gateway) => isIpv6(gateway) === ipv6) ?? "";

/** By port: where it is published; null for one that is not. */
function describePorts(container: Container) {
  const ports = new Map<string, readonly { HostIp: string; HostPort: string }[]>();
  for (const shown of shownPorts(container)) {
    const key = portKey(shown);
    const { hostIp: HostIp, hostPort } = shown;
    if (HostIp === undefined) ports.set(key, listOrNull([]));
    else ports.set(key, [...(ports.get(key) ?? []), { HostIp, HostPort: String(hostPort) }]);
  }
  return ports;
}

/** What was asked for, under the names of Docker's HostConfig. */
export function describeNetworkOptions({ networks, publish, publishAll, dns, hosts }: NetworkOptions, name = "") {
  const links = networks.find(({ network }) => network === defaultNetwork)?.links;
  const bindings = new Map<string, { HostIp: string; HostPort: string }[]>();
  for (const request of publish) {
    const { hostIp: HostIp = "" } = request;
    const key = portKey(request);
    bindings.set(key, [...(bindings.get(key) ?? []), { HostIp, HostPort: hostPortText(request) }]);
  }
  return {
    PortBindings: bindings,
    PublishAllPorts: publishAll,
    // As Docker: those of the default network; others are told of with their networks.
    Links: listOrNull(links?.map(({ container, alias }) => `/${container}:/${name}/${alias}`)),
    Dns: dns.servers ?? [],
    DnsOptions: dns.options ?? [],
    DnsSearch: dns.search ?? [],
    ExtraHosts: listOrNull(hosts.map(({ name, address }) => `${name}:${address}`)),
  };
}

function hostPortText({ hostPorts }: PortRequest): string {
  if (!hostPorts) return "";
  return hostPorts.first === hostPorts.last ? String(hostPorts.first) : `${hostPorts.first}-${hostPorts.last}`;
}

/** Docker's Config.ExposedPorts, which is left out where it is empty. */
export function describeExposed(record: Container["record"]) {
  const ports = exposedPorts(record);
  return ports.length > 0 ? new Map(ports.map((port) => [portKey(port), new Map<string, never>()])) : undefined;
}
