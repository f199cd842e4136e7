/**
 * The networks of one start, before it is planned: addresses and ports of the host become ours, so that all that follows is
 * known. Who starts a container does this; its monitor holds what was taken.
 */

import { hasCode } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { close } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";
import { firstFree } from "../../network/candidates.ts";
import { type Lease, releaseLease, takeLease } from "../../network/leases.ts";
import type { HeldPort, OwnerOf } from "../../network/ports.ts";
import type { Paths } from "../../paths.ts";
import { isIpv6, vethOf } from "../../plan/network/address.ts";
import { planConnection } from "../../plan/network/connection.ts";
import { planEndpoints, type TakeAddress, type Wanted } from "../../plan/network/endpoint.ts";
import type { Connection, Network } from "../../plan/network/network.ts";
import { hostAddresses, type PortRequest, parseExpose, planPublications } from "../../plan/network/publish.ts";
import { asksSearchFirst, planUpstreams } from "../../plan/network/resolv-conf.ts";
import {
  type ContainerRecord,
  type ContainerState,
  isAlive,
  listContainers,
  readContainer,
} from "../record/container.ts";
import { leasesOf, readNetwork } from "../record/network.ts";
import { readResolvConf } from "./etc-files.ts";

/** What was taken for one start. */
export interface Reserved {
  connection: Connection;
  leases: HeldLease[];
  ports: HeldPort[];
}

export interface HeldLease extends Lease {
  /** Name of the network. */
  network: string;
}

/** Takes addresses and ports for a container that is in networks. @param last how it was connected before. */
export function reserve(paths: Paths, record: ContainerRecord, last: ContainerState["network"]): Reserved {
  const leases: HeldLease[] = [];
  const ports: HeldPort[] = [];
  try {
    const wanted = record.options.network.networks.map(
      (request): Wanted => [networkOf(paths, request.network), request],
    );
    const endpoints = planEndpoints(wanted, takeFor(paths, record.id, last, leases));
    const asked = bound(portsOf(record), wanted);
    if (asked.length > 0) ports.push(...holding().holdPorts(asked, ownerOf(paths)));
    return { connection: connectionOf(record, wanted, endpoints, ports), leases, ports };
  } catch (error) {
    release(paths, { leases, ports });
    throw error;
  }
}

/** By the name that it was given when the container was made. What makes the default one is loaded once in its life. */
const networkOf = (paths: Paths, name: string): Network =>
  readNetwork(paths, name) ?? (require("./create.ts") as typeof import("./create.ts")).networkFor(paths, name);

/** Loaded for those that publish ports. */
const holding = () => require("../../network/ports.ts") as typeof import("../../network/ports.ts");

/** Takes addresses, and remembers the leases. */
export function takeFor(
  paths: Paths,
  owner: string,
  last: ContainerState["network"],
  leases: HeldLease[],
): TakeAddress {
  return (network, subnet, wanted) => {
    const before = last?.endpoints.find((endpoint) => endpoint.network === network.name)?.addresses ?? [];
    const lease = takeLease({
      ...subnet,
      directory: leasesOf(paths, network.name),
      wanted,
      previous: before.map((text) => text.split("/")[0]!).find((text) => isIpv6(text) === isIpv6(subnet.subnet)),
      owner,
      isAlive: (id) => id !== owner && isOwnerAlive(paths, id),
      isLeft: isDeviceLeft,
    });
    leases.push({ ...lease, network: network.name });
    return lease.address;
  };
}

/**
 * The kernel takes its time to remove the device of a container that has ended (20 ms and more), and to hurry it takes as long.
 * Its directory of settings is in any network namespace the right one, whatever is mounted at /sys.
 */
const isDeviceLeft = (address: string): boolean =>
  !isIpv6(address) && statIfAny(`/proc/sys/net/ipv4/conf/${vethOf(address)}`) !== undefined;

/** A container whose monitor was killed lives on, and keeps its address. */
function isOwnerAlive(paths: Paths, id: string): boolean {
  const container = readContainer(paths, id);
  return container !== undefined && isAlive(container.state);
}

export const connectionOf = (
  { name, options: { network } }: ContainerRecord,
  networks: Wanted[],
  endpoints: Connection["endpoints"],
  ports: HeldPort[],
): Connection =>
  planConnection({
    name,
    networks,
    endpoints,
    ports: ports.map(({ socket: _socket, ...port }) => port),
    resolver: { servers: planUpstreams(readResolvConf(), network.dns), searchFirst: asksSearchFirst(network.dns) },
  });

/** All that is to be published: what was asked for, and with --publish-all what is exposed. */
export function portsOf({ defaults, options: { network } }: ContainerRecord): PortRequest[] {
  const exposed = Object.keys(defaults.ExposedPorts ?? {}).flatMap((text) =>
    parseExpose(text, "the image's ExposedPorts"),
  );
  return planPublications(network.publish, [...network.expose, ...exposed], network.publishAll);
}

/** On the address that the first network has for those who name none, if it has one. */
function bound(requests: PortRequest[], [first]: Wanted[]): PortRequest[] {
  const hostIp = first?.[0].rarer?.hostIp;
  return hostIp === undefined ? requests : requests.map((request) => ({ hostIp, ...request }));
}

/** Looked for only when a port is taken. */
const ownerOf =
  (paths: Paths): OwnerOf =>
  (protocol, _hostIp, hostPort) =>
    listContainers(paths, "running").find(({ state }) =>
      state.network?.ports.some((port) => port.protocol === protocol && port.hostPort === hostPort),
    )?.record.name;

/** Gives back what was taken; a second time does no harm. */
export function release(paths: Paths, { leases, ports }: Pick<Reserved, "leases" | "ports">): void {
  for (const lease of leases.splice(0)) releaseLease(leasesOf(paths, lease.network), lease);
  if (ports.length > 0) holding().releasePorts(ports.splice(0));
}

/** Closes what another process holds now. */
export function handOff({ leases, ports }: Pick<Reserved, "leases" | "ports">): void {
  for (const { lock } of leases.splice(0)) close(lock);
  if (ports.length > 0) holding().releasePorts(ports.splice(0));
}

/** What `reserve` would take now. */
export function previewReserve(paths: Paths, record: ContainerRecord): Connection {
  const { networkToBe } = require("./create.ts") as typeof import("./create.ts");
  const wanted = record.options.network.networks.map(
    (request): Wanted => [networkToBe(paths, request.network), request],
  );
  const look: TakeAddress = (network, subnet, asked) =>
    asked ?? firstFree(subnet, new Set(namesIn(leasesOf(paths, network.name))));
  const ports = bound(portsOf(record), wanted).flatMap(({ protocol, hostIp, hostPorts, port }) =>
    hostAddresses(hostIp).map((ip) => ({
      protocol,
      hostIp: ip,
      hostPort: hostPorts?.first ?? 0,
      port,
    })),
  );
  return connectionOf(record, wanted, planEndpoints(wanted, look), ports);
}

/** Who is not root can't see what is taken. */
function namesIn(directory: string): string[] {
  try {
    return readdir(directory) ?? [];
  } catch (error) {
    if (hasCode(error, "EACCES")) return [];
    throw error;
  }
}
