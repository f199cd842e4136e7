/** The bridge of a network: made when its first container starts, repaired when somebody broke it. */

import { ConflictError } from "../errors.ts";
import { readdir } from "../linux/directory.ts";
import { EEXIST, EINVAL, ENODEV } from "../linux/errno.ts";
import type { Fd } from "../linux/file.ts";
import { deleteLink, findLink, type Link, listLinks, newBridge, setLink } from "../linux/netlink/link.ts";
import { listAddresses } from "../linux/netlink/route.ts";
import { transact } from "../linux/netlink/socket.ts";
import { changeSysctl, readSysctl, type SysctlChange } from "../linux/sysctl.ts";
import { addressOfVeth, formatAddress, isIpv6, macOf, parseAddress, parseMac } from "../plan/network/address.ts";
import type { Network } from "../plan/network/network.ts";
import { contains, type Prefix, parsePrefix } from "../plan/network/subnet.ts";
import { addAddressTo, addressOf, hadHairpin, setIpv6, setUpPort, waitUntilLocal } from "./device.ts";

/** A bridge that is there, and what was done for it. */
export interface EnsuredBridge {
  /** Of the device. */
  index: number;
  /** Settings of the host that were changed, to be given back when no network needs them. */
  changes: SysctlChange[];
  /** Veths of running containers that had lost their bridge, and are in the new one as they were. */
  reattached: string[];
}

const maxTries = 5;

/**
 * Sees to it that the bridge is there, is up and has its addresses. Whoever does the same at the same time does not harm.
 * @param socket netlink ROUTE, in the network namespace of the host.
 * @throws ConflictError if a device of that name is somebody else's.
 */
export function ensureBridge(socket: Fd, network: Network): EnsuredBridge {
  const changes = network.internal ? [] : forward(network);
  const link = findLink(socket, network.bridge);
  if (link && isReady(socket, link, network)) return { index: link.index, changes, reattached: [] };
  for (let tries = 1; ; tries++) {
    const made = makeBridge(socket, network);
    if (made) return { ...made, changes };
    if (tries === maxTries) throw new ConflictError(`the bridge ${network.bridge} keeps being deleted`);
  }
}

function isReady(socket: Fd, link: Link, network: Network): boolean {
  if (!link.up || link.kind !== "bridge") return false;
  const addresses = listAddresses(socket, link.index).map(formatOf);
  return gatewaysOf(network).every((gateway) => addresses.includes(formatOf(gateway)));
}

/** Undefined if the bridge was deleted meanwhile. */
function makeBridge(socket: Fd, network: Network): Omit<EnsuredBridge, "changes"> | undefined {
  const name = network.bridge;
  transact(socket, [{ ...newBridge(name, parseMac(bridgeMac(network))), expected: [EEXIST] }]);
  const link = findLink(socket, name);
  if (link === undefined) return undefined;
  const { index } = link;
  if (!isOurs(socket, link, network)) {
    throw new ConflictError(
      `the network device ${name} is not the bridge of network ${network.name}: somebody else made it`,
      "remove it, or choose another name for the bridge",
    );
  }
  setUpSysctls(network);
  const requests = [
    ...(network.mtu === undefined ? [] : [setLink(index, { mtu: network.mtu })]),
    ...gatewaysOf(network).map((gateway) => addAddressTo(index, name, gateway)),
    setLink(index, { up: true }),
  ];
  const answers = transact(
    socket,
    requests.map((request) => ({ ...request, expected: [EEXIST, ENODEV] })),
  );
  if (answers.includes(ENODEV)) return undefined;
  try {
    for (const { address } of gatewaysOf(network)) if (address.length === 16) waitUntilLocal(socket, address);
  } catch (error) {
    if (findLink(socket, index)) throw error;
    return undefined;
  }
  return { index, reattached: reattach(socket, index, network) };
}

/** A bridge has our MAC from its first moment, whoever of us made it; one that got another has our address. */
const isOurs = (socket: Fd, link: Link, network: Network): boolean =>
  link.kind === "bridge" && (link.mac === bridgeMac(network) || hasGateway(socket, link, network));

function hasGateway(socket: Fd, { index }: Link, network: Network): boolean {
  const [gateway] = gatewaysOf(network);
  return listAddresses(socket, index).some((address) => formatOf(address) === formatOf(gateway!));
}

/** The MAC is the gateway's, so that those who know it find it also behind a new bridge. */
const bridgeMac = (network: Network): string => macOf(network.subnets[0]!.gateway);

const gatewaysOf = ({ subnets }: Network): Prefix[] =>
  subnets.map(({ subnet, gateway }) => ({ address: parseAddress(gateway), bits: parsePrefix(subnet).bits }));

const formatOf = ({ address, bits }: Prefix): string => `${formatAddress(address)}/${bits}`;

/** Settings of the bridge itself, which go with it. */
function setUpSysctls({ bridge, subnets }: Network): void {
  setIpv6(
    bridge,
    subnets.some(({ subnet }) => isIpv6(subnet)),
  );
}

/** Lets the host forward packets, where it does not. */
function forward({ subnets }: Network): SysctlChange[] {
  const hasIpv4 = subnets.some(({ subnet }) => !isIpv6(subnet));
  const changes = hasIpv4 ? changeSysctl("net/ipv4/ip_forward", "1") : [];
  if (!subnets.some(({ subnet }) => isIpv6(subnet))) return changes;
  const all = "net/ipv6/conf/all/forwarding";
  if (readSysctl(all) !== "0") return changes;
  // Who forwards stops listening to routers, and the host would lose the way out that it has from one: 2 listens all the same.
  const listening = (readdir("/proc/sys/net/ipv6/conf") ?? [])
    .filter((device) => device !== "all" && device !== "default")
    .map((device) => `net/ipv6/conf/${device}/accept_ra`)
    .filter((name) => readSysctl(name) === "1");
  return [...changes, ...listening.flatMap((name) => changeSysctl(name, "2")), ...changeSysctl(all, "1")];
}

/** Containers that run while their bridge was deleted get into the new one. */
function reattach(socket: Fd, master: number, network: Network): string[] {
  const subnet = parsePrefix(network.subnets[0]!.subnet);
  const lost = listLinks(socket, "veth").filter((link) => {
    const address = link.master === undefined ? addressOf(link) : undefined;
    return address !== undefined && contains(subnet, address);
  });
  // EINVAL: the new bridge is gone too.
  const expected = [ENODEV, EINVAL];
  const answers = transact(
    socket,
    lost.map(({ index }) => ({ ...setLink(index, { master, up: true }), expected })),
  );
  const reattached = lost.filter((_, at) => answers[at] === 0);
  const ports = reattached.flatMap((link) =>
    setUpPort(link.index, { hairpin: hadHairpin(link), isolated: !network.icc }, nameless(link)),
  );
  transact(
    socket,
    ports.map((request) => ({ ...request, expected })),
  );
  return reattached.map(({ name }) => name);
}

/** The address of one whose name does not tell it. */
function nameless(link: Link): string | undefined {
  const address = addressOfVeth(link.name) ? undefined : addressOf(link);
  return address && formatAddress(address);
}

/** @returns whether there was one of ours. */
export function removeBridge(socket: Fd, network: Network): boolean {
  const link = findLink(socket, network.bridge);
  if (link === undefined || !isOurs(socket, link, network)) return false;
  return transact(socket, [{ ...deleteLink(link.index), expected: [ENODEV] }])[0] === 0;
}
