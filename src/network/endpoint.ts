/** One container in one network: a veth pair from the bridge into its network namespace, with addresses and routes. */

import { ConflictError, Failure } from "../errors.ts";
import { EEXIST, EINVAL, ENODEV, ESRCH, EXFULL } from "../linux/errno.ts";
import { type Fd, owned } from "../linux/file.ts";
import { inNetworkNamespace } from "../linux/namespace.ts";
import { deleteLink, findLink, newVeth, type Port, setLink } from "../linux/netlink/link.ts";
import { addRoute, deleteRoute, type NewRoute } from "../linux/netlink/route.ts";
import { openNetlink, type Request, transact, withNetlink } from "../linux/netlink/socket.ts";
import { writeSysctl } from "../linux/sysctl.ts";
import { hostMacOf, isIpv6, parseAddress, parseMac } from "../plan/network/address.ts";
import { metricOf } from "../plan/network/endpoint.ts";
import { bare, type Endpoint } from "../plan/network/network.ts";
import { parsePrefix } from "../plan/network/subnet.ts";
import { addAddressTo, setIpv6, setUpPort, waitUntilLocal, waitUntilUp } from "./device.ts";

/** What an endpoint goes between. */
export interface Ends {
  /** Netlink ROUTE, in the network namespace of the host. */
  socket: Fd;
  /** Index of the bridge. */
  bridge: number;
  /** Descriptor of the container's network namespace. */
  namespace: Fd;
}

/** BR_MAX_PORTS less one: where the kernel answers EXFULL. */
const maxPorts = 1023;

/** True if a network namespace has a device of this name. */
const hasDevice = (namespace: Fd, device: string): boolean =>
  inNetworkNamespace(namespace, () => withNetlink("ROUTE", (inner) => findLink(inner, device) !== undefined));

/**
 * Connects a container, which may run already, and returns when packets pass.
 * @returns "taken" if there is a veth of this name: another container has the address, or one that is dead has left it;
 * "no bridge" if it was deleted meanwhile. Then nothing was done.
 */
export function connect(ends: Ends, endpoint: Endpoint, port: Partial<Port> = {}): "connected" | "taken" | "no bridge" {
  const { socket, bridge, namespace } = ends;
  const { veth, device, mac, mtu } = endpoint;
  const [address = ""] = bare(endpoint);
  const peer = { name: device, mac: parseMac(mac), namespace };
  const pair = newVeth({ name: veth, mac: parseMac(hostMacOf(address)), master: bridge, mtu, peer });
  const expected = [EEXIST, EINVAL, EXFULL];
  const [answer] = transact(socket, [{ ...pair, expected }]);
  if (answer !== 0) return refusal(ends, endpoint, answer!, pair);
  try {
    // Not in one go: a veth that was there already is another container's.
    const nameless = isIpv6(address) ? address : undefined;
    if (port.hairpin || port.isolated || nameless) transact(socket, setUpPort(veth, port, nameless));
    using inner = owned(
      inNetworkNamespace(namespace, () => {
        setIpv6(device, [...endpoint.addresses, ...(endpoint.linkLocalIps ?? [])].some(isIpv6));
        for (const [name, value] of Object.entries(endpoint.sysctls ?? {})) setAsked(name, value);
        return openNetlink("ROUTE");
      }),
    );
    configure(inner.fd, endpoint);
    waitUntilUp(inner.fd, device);
    for (const text of endpoint.addresses.filter(isIpv6)) waitUntilLocal(inner.fd, parsePrefix(text).address);
    waitUntilUp(socket, veth);
    waitUntilUp(socket, bridge);
  } catch (error) {
    removeVeth(socket, veth);
    throw error;
  }
  return "connected";
}

/** An answer of the kernel's to the veth pair, in our words. */
function refusal(
  { socket, bridge, namespace }: Ends,
  endpoint: Endpoint,
  errno: number,
  pair: Request,
): "taken" | "no bridge" {
  const { veth, device, network } = endpoint;
  if (errno === EXFULL)
    throw new ConflictError(`network ${network} is full: a bridge has at most ${maxPorts} containers`);
  if (errno === EEXIST) {
    // It is one of the two ends whose name is there already.
    if (!findLink(socket, veth) && hasDevice(namespace, device))
      throw new ConflictError(`the container has a network device ${device} already`);
    // Or it was there until a moment ago: the kernel takes its time to remove it with its namespace.
    return "taken";
  }
  if (findLink(socket, bridge) === undefined) return "no bridge";
  // The same once more, for the words.
  transact(socket, [{ ...pair, expected: [] }]);
  throw new ConflictError(`cannot ${pair.what.join(" ")}`);
}

/** Addresses, up, and the ways out. */
export function configure(inner: Fd, endpoint: Endpoint): void {
  const { device, addresses, linkLocalIps = [] } = endpoint;
  const index = findLink(inner, device)!.index;
  transact(inner, [
    ...[...addresses, ...linkLocalIps].map((text) => addAddressTo(index, device, parsePrefix(text))),
    setLink(index, { up: true }),
    ...defaultRoutes(index, endpoint, metricOf(endpoint)).map(addRoute),
  ]);
}

/** @throws Failure where the device has no such setting. */
export function setAsked(name: string, value: string): void {
  if (writeSysctl(name, value)) return;
  throw new Failure(`--driver-opt: this kernel has no setting ${name.replaceAll("/", ".")}`);
}

/** IPv6's own where none is given. */
const ipv6Metric = 1024;

function defaultRoutes(index: number, { device, gateways, direct = [] }: Endpoint, metric: number): NewRoute[] {
  const placed = (six: boolean) => ({ index, device, metric: six ? ipv6Metric + metric : metric });
  return [
    ...gateways.map((gateway) => ({ ...placed(isIpv6(gateway)), gateway: parseAddress(gateway) })),
    ...direct.map((family) => ({ ...placed(family === 6), everywhere: family as 4 | 6 })),
  ];
}

/** Gives the ways out of a container's devices other places among those that it has. @param moves in any order. */
export function moveWaysOut(namespace: Fd, moves: { endpoint: Endpoint; metric: number }[]): void {
  using inner = owned(inNetworkNamespace(namespace, () => openNetlink("ROUTE")));
  // Those that go furthest first, so that no two have one place.
  const back = moves.some(({ endpoint, metric }) => metric < metricOf(endpoint));
  for (const { endpoint, metric } of moves.toSorted((a, b) => (b.metric - a.metric) * (back ? -1 : 1))) {
    const index = findLink(inner.fd, endpoint.device)?.index;
    if (index === undefined) continue;
    const at = (place: number) => defaultRoutes(index, endpoint, place);
    transact(inner.fd, [
      ...at(metric).map((route) => ({ ...addRoute(route), expected: [EEXIST] })),
      ...at(metricOf(endpoint)).map((route) => ({ ...deleteRoute(route), expected: [ESRCH] })),
    ]);
  }
}

/** Takes a container off the network at once (0.2 ms): what is left can be removed later. A veth that is gone is fine. */
export const silenceVeth = (socket: Fd, veth: string): void =>
  void transact(socket, [{ ...setLink(veth, { up: false }), expected: [ENODEV] }]);

/**
 * Removes both ends; they do not always go with the network namespace, which an orphaned TCP connection keeps. The kernel
 * waits for all of its processors (20 to 40 ms), so do it when nobody waits.
 */
export const removeVeth = (socket: Fd, veth: string): void =>
  void transact(socket, [{ ...deleteLink(veth), expected: [ENODEV] }]);
