/** Which subnets the host reaches already, so that a new network does not hide one of them. */

import type { Fd } from "../linux/file.ts";
import { listAddresses, listRoutes } from "../linux/netlink/route.ts";
import { type Prefix, subnetOf } from "../plan/network/subnet.ts";

/** Of its routing tables, the one that the kernel keeps for addresses of its own and for broadcasts. */
const RT_TABLE_LOCAL = 255;

/**
 * The subnets of this host's addresses and routes, also those of VPNs (tables of their own) and those that are blocked.
 * The way to everywhere is among them.
 * @param socket netlink ROUTE.
 */
export function listHostSubnets(socket: Fd): Prefix[] {
  const addresses = listAddresses(socket).map(subnetOf);
  const routes = listRoutes(socket)
    .filter(({ table }) => table !== RT_TABLE_LOCAL)
    .map(({ destination, bits }) => ({ address: destination, bits }));
  return [...addresses, ...routes];
}
