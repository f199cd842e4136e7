/** macvlan and ipvlan networks: each container has a device of its own upon one of the host's. Loaded for those alone. */

import { ConflictError, Failure, NotFoundError, UnsupportedError } from "../errors.ts";
import { EBUSY, EEXIST, EINVAL, ENODEV, EOPNOTSUPP } from "../linux/errno.ts";
import { type Fd, owned } from "../linux/file.ts";
import { inNetworkNamespace } from "../linux/namespace.ts";
import { deleteLink, findLink, listLinks, setLink } from "../linux/netlink/link.ts";
import { openNetlink, type Request, transact, withNetlink } from "../linux/netlink/socket.ts";
import { newVirtualLink, type VirtualKind, type VirtualLink } from "../linux/netlink/virtual-link.ts";
import { parseMac } from "../plan/network/address.ts";
import type { Endpoint, Network, Parent } from "../plan/network/network.ts";
import { parseVlan } from "../plan/network/parent.ts";
import { parsePrefix } from "../plan/network/subnet.ts";
import { setIpv6, waitUntilLocal, waitUntilUp } from "./device.ts";
import { configure, setAsked } from "./endpoint.ts";

/** Written on a device that we made, so that no other one is taken away. */
const parentAlias = "tinydocker: network";
/** Written on a container's device. */
const childAlias = "tinydocker: endpoint";

/**
 * Sees to it that the parent of a network is there, if it is one that we make. @returns its index.
 * @throws NotFoundError for one that is somebody else's to make.
 */
export function ensureParent(socket: Fd, network: Network): number {
  const { device, made } = network.parent!;
  const link = findLink(socket, device);
  if (link && (!made || link.up)) return link.index;
  if (!made)
    throw new NotFoundError(
      `network ${network.name} is on the device ${device}, which this host does not have`,
      "see `ip link`",
    );
  if (!link) makeParent(socket, network);
  return setUp(socket, device);
}

function makeParent(socket: Fd, network: Network): void {
  const { device: name, made } = network.parent!;
  if (made === "dummy") make(socket, { name }, { kind: "dummy" });
  else {
    const { base, id } = parseVlan(name)!;
    const parent = findLink(socket, base);
    if (!parent)
      throw new NotFoundError(`network ${network.name} is on a VLAN of ${base}, which this host does not have`);
    make(socket, { name, parent: parent.index }, { kind: "vlan", id });
  }
  transact(socket, [{ ...setLink(name, { alias: parentAlias }), expected: [ENODEV] }]);
}

/** Somebody else may make it at this moment. */
function make(socket: Fd, link: VirtualLink, what: VirtualKind): void {
  const [answer] = transact(socket, [{ ...newVirtualLink(link, what), expected: [EEXIST, EOPNOTSUPP] }]);
  if (answer === EOPNOTSUPP) throw lacks(what.kind);
}

const lacks = (kind: string): UnsupportedError =>
  new UnsupportedError(`this kernel has no ${kind} devices`, `modprobe ${kind === "vlan" ? "8021q" : kind}`);

function setUp(socket: Fd, device: string): number {
  transact(socket, [setLink(device, { up: true })]);
  const link = findLink(socket, device);
  if (!link) throw new Failure(`the device ${device} keeps being deleted`);
  return link.index;
}

/** Takes away what we made for a network. No other one uses it. */
export function removeParent(socket: Fd, network: Network): void {
  const { device, made } = network.parent!;
  const link = made ? findLink(socket, device) : undefined;
  if (link?.alias === parentAlias) transact(socket, [{ ...deleteLink(link.index), expected: [ENODEV] }]);
}

/** Gives a container a device upon the parent, and returns when packets pass. @param parent its index. */
export function connectToParent(socket: Fd, parent: number, namespace: Fd, endpoint: Endpoint): void {
  const { device: name, mac, mtu, addresses, linkLocalIps = [], sysctls = {} } = endpoint;
  const link = { name, parent, namespace, mtu, ...(mac !== "" && { mac: parseMac(mac) }) };
  create(socket, link, endpoint);
  try {
    using inner = owned(
      inNetworkNamespace(namespace, () => {
        setIpv6(
          name,
          [...addresses, ...linkLocalIps].some((text) => text.includes(":")),
        );
        for (const [setting, value] of Object.entries(sysctls)) setAsked(setting, value);
        return openNetlink("ROUTE");
      }),
    );
    transact(inner.fd, [setLink(name, { alias: childAlias })]);
    configure(inner.fd, endpoint);
    // Without a cable there is nothing to wait for.
    if (findLink(socket, parent)?.operstate !== "up") return;
    // ipvlan never says that it is.
    if (endpoint.parent!.kind === "macvlan") waitUntilUp(inner.fd, name);
    for (const text of addresses) if (text.includes(":")) waitUntilLocal(inner.fd, parsePrefix(text).address);
  } catch (error) {
    disconnectFromParent(namespace, name);
    throw error;
  }
}

const kindOf = ({ kind, mode, flag }: Parent): VirtualKind => ({ kind, mode, flag }) as VirtualKind;

function create(socket: Fd, link: VirtualLink, { parent, network }: Endpoint): void {
  const { kind, device, mode } = parent!;
  const request: Request = newVirtualLink(link, kindOf(parent!));
  const [answer] = transact(socket, [{ ...request, expected: [EEXIST, EOPNOTSUPP, EBUSY, EINVAL] }]);
  if (answer === 0) return;
  if (answer === EOPNOTSUPP) throw lacks(kind);
  if (answer === EEXIST) throw new ConflictError(`the container has a network device ${link.name} already`);
  if (answer === EBUSY)
    throw new ConflictError(
      `network ${network}: the device ${device} is in use by a bridge, a bond, or another driver`,
    );
  if (mode === "passthru")
    throw new ConflictError(`network ${network}: only one container at a time has the device ${device} (passthru)`);
  const most = findLink(socket, device)?.mtu;
  if (link.mtu !== undefined && most !== undefined && link.mtu > most)
    throw new ConflictError(`network ${network}: its mtu is ${link.mtu}, and that of the device ${device} is ${most}`);
  // The same once more, for the words.
  transact(socket, [request]);
}

/** Takes a container's device away; one that is gone is fine. */
export const disconnectFromParent = (namespace: Fd, device: string): void =>
  inNetworkNamespace(namespace, () =>
    withNetlink("ROUTE", (inner) => void transact(inner, [{ ...deleteLink(device), expected: [ENODEV] }])),
  );

/** Takes away devices of ours that a container has besides those that it is to have. */
export const removeLeftChildren = (namespace: Fd, known: readonly string[]): void =>
  inNetworkNamespace(namespace, () =>
    withNetlink("ROUTE", (inner) => {
      const left = listLinks(inner).filter(({ alias, name }) => alias === childAlias && !known.includes(name));
      transact(
        inner,
        left.map(({ index }) => ({ ...deleteLink(index), expected: [ENODEV] })),
      );
    }),
  );
