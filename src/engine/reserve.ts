/**
 * The networks of one start, before it is planned: addresses and ports of the host become ours, so that all that follows is
 * known. Who starts a container does this; whoever looks after it holds what was taken.
 */

import { hasCode, UsageError } from "../errors.ts";
import { close } from "../linux/file.ts";
import { type Lease, previewLease, releaseLease, takeLease } from "../network/leases.ts";
import { type HeldPort, holdPorts, releasePorts } from "../network/ports.ts";
import type { Paths } from "../paths.ts";
import { isIpv6, macOf, parseAddress, vethOf } from "../plan/address.ts";
import type { Connection, Endpoint, Network, Publication, Subnet } from "../plan/network.ts";
import { defaultNetwork, type NetworkRequest } from "../plan/network-options.ts";
import { parseExpose, planPublications } from "../plan/publish.ts";
import { contains, parseSubnet } from "../plan/subnet.ts";
import { planConnection } from "./connection.ts";
import { ensureDefaultNetwork, findNetwork, leasesOf, previewDefaultNetwork } from "./network.ts";
import { type ContainerRecord, type ContainerState, isAlive, listContainers, readContainer } from "./record.ts";

/** What was taken for one start. */
export interface Reserved {
  connection: Connection;
  leases: Lease[];
  ports: HeldPort[];
}

/** Takes addresses and ports for a container that is in networks. @param last how it was connected before. */
export function reserve(paths: Paths, record: ContainerRecord, last: ContainerState["network"]): Reserved {
  const leases: Lease[] = [];
  const ports: HeldPort[] = [];
  const take = (network: Network, subnet: Subnet, wanted: string | undefined): string => {
    const previous = last?.endpoints.find((one) => one.network === network.name)?.addresses;
    const before = previous?.map((text) => text.split("/")[0]!).find((text) => isIpv6(text) === isIpv6(subnet.subnet));
    const lease = takeLease({
      directory: leasesOf(paths, network.name),
      subnet,
      owner: record.id,
      isAlive: (owner) => owner !== record.id && isOwnerAlive(paths, owner),
      ...(wanted !== undefined && { wanted }),
      ...(before !== undefined && { previous: before }),
    });
    leases.push(lease);
    return lease.address;
  };
  try {
    const networks = record.options.network.networks.map(({ network }) => findNetwork(paths, network));
    const endpoints = planEndpoints(record, networks, take);
    ports.push(...holdPorts(portsOf(record), (...port) => ownerOf(paths, ...port)));
    return { connection: planConnection(paths, record, networks, endpoints, ports), leases, ports };
  } catch (error) {
    release({ leases, ports });
    throw error;
  }
}

/** Gives back what was taken; a second time does no harm. */
export function release({ leases, ports }: Pick<Reserved, "leases" | "ports">): void {
  for (const lease of leases.splice(0)) releaseLease(lease);
  releasePorts(ports.splice(0));
}

/** Closes what another process holds now. */
export function letGo({ leases, ports }: Pick<Reserved, "leases" | "ports">): void {
  for (const { lock } of leases.splice(0)) close(lock);
  releasePorts(ports.splice(0));
}
