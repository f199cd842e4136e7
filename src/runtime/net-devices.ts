/** Network devices of the host that become a container's (linux.netDevices). */

import { NotFoundError } from "../errors.ts";
import { type Fd, owned } from "../linux/file.ts";
import { inNetworkNamespace } from "../linux/namespace.ts";
import { findLink, setLink } from "../linux/netlink/link.ts";
import { moveLink } from "../linux/netlink/move-link.ts";
import { addAddress, type DeviceAddress, listAddresses } from "../linux/netlink/route.ts";
import { openNetlink, transact } from "../linux/netlink/socket.ts";
import type { RareLinux } from "../oci/rare.ts";

/**
 * Moves devices of our network namespace into another. They keep their addresses, and are up there. The kernel gives hardware
 * back when that namespace ends; a virtual device ends with it.
 * @param devices by their names here. @param namespace of the container.
 */
export function moveNetDevices(devices: NonNullable<RareLinux["netDevices"]>, namespace: Fd): void {
  using here = owned(openNetlink("ROUTE"));
  using there = owned(inNetworkNamespace(namespace, () => openNetlink("ROUTE")));
  for (const [device, { name = device }] of Object.entries(devices)) {
    const link = findLink(here.fd, device);
    if (!link) throw new NotFoundError(`config.json: linux.netDevices: the host has no network device ${device}`);
    const addresses = listAddresses(here.fd, link.index).filter((address) => !isLinkLocal(address));
    transact(here.fd, [moveLink(link, namespace, name)]);
    const { index } = findLink(there.fd, name)!;
    transact(there.fd, [
      ...addresses.map((address) => addAddress({ ...address, index, device: name })),
      setLink(index, { up: true }),
    ]);
  }
}

/** fe80::/10: the kernel gives it one of its own. */
const isLinkLocal = ({ address }: DeviceAddress): boolean =>
  address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
