/** Removing networks: by name, or all that no container is in. */

import { ConflictError, type Failure, NotFoundError } from "../../errors.ts";
import { randomHex } from "../../linux/clone.ts";
import { readdir } from "../../linux/directory.ts";
import { mkdirAll, rename } from "../../linux/names.ts";
import { findLink } from "../../linux/netlink/link.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import { removePath } from "../../linux/tree/tree.ts";
import { removeBridge } from "../../network/bridge.ts";
import type { Paths } from "../../paths.ts";
import { type Network, withBridge } from "../../plan/network/network.ts";
import { builtinNetworks, defaultNetwork, networksOf } from "../../plan/network/options.ts";
import { type Container, isUp, listContainers } from "../record/container.ts";
import { recordPrune } from "../record/events.ts";
import {
  emitNetworkEvent,
  findDamagedNetwork,
  findNetwork,
  listNetworks,
  networkDirectory,
} from "../record/network.ts";
import { aloneWithNetworks } from "../record/network-lock.ts";
import { removeOne } from "../record/one-of-many.ts";
import { withNetworks } from "./create.ts";
import { firewallOf } from "./firewall.ts";
import { restoreHostSysctls } from "./sysctls.ts";

/** The same while no container is being put into one either: then all users are known. */
const withoutStarts = <Result>(paths: Paths, use: () => Result): Result =>
  aloneWithNetworks(paths, () => withNetworks(paths, use));

/** Which containers are in which networks, in whatever state they are. */
export function usersOfNetworks(paths: Paths): (network: Network) => Container[] {
  const containers = listContainers(paths);
  return ({ name }) =>
    containers.filter(
      ({ record: { options } }) => options.network.mode === "bridge" && networksOf(options.network).includes(name),
    );
}

/** Removes a network that no container is in. @param force one that is not there is fine. @returns false if there was none. */
export function removeNetwork(paths: Paths, reference: string, { force }: { force: boolean }): boolean {
  if (!findDamagedNetwork(paths, reference)) refuseBuiltin(reference);
  mkdirAll(paths.networks);
  return withoutStarts(paths, () => {
    const broken = findDamagedNetwork(paths, reference);
    const network = broken ?? findIfForced(paths, reference, force);
    if (!network) return false;
    if (!broken) refuseBuiltin(network.name);
    // Nobody can be started in one that is damaged, and the default one is made again.
    const users = usersOfNetworks(paths)(network)
      .filter((user) => !broken || isUp(user))
      .map(({ record }) => record.name);
    if (users.length > 0)
      throw new ConflictError(
        `network ${network.name} is in use by ${users.join(", ")}`,
        `tinydocker network disconnect ${network.name} ${users[0]}, or remove the container`,
      );
    discard(paths, network);
    return true;
  });
}

function refuseBuiltin(name: string): void {
  if (builtinNetworks.includes(name)) throw new ConflictError(`${name} is a pre-defined network and cannot be removed`);
}

function findIfForced(paths: Paths, reference: string, force: boolean): Network | undefined {
  try {
    return findNetwork(paths, reference);
  } catch (error) {
    if (error instanceof NotFoundError && force) return undefined;
    throw error;
  }
}

/** Its bridge and its rules first: while they are there, they have a name. */
function discard(paths: Paths, network: Network): void {
  // Of one that is damaged perhaps nothing is known by which to find them: then they stay, and do nothing.
  if (network.parent) takeParentDown(paths, network);
  else if (network.bridge !== "" && network.subnets.length > 0) takeDown(paths, network);
  const gone = `${paths.networks}/.${randomHex(6)}`;
  rename(networkDirectory(paths, network.name), gone);
  removePath(gone);
  emitNetworkEvent(paths, network, "destroy");
}

/** Its parent goes where it is ours, and no other network is upon it. */
function takeParentDown(paths: Paths, network: Network): void {
  const { made, device } = network.parent!;
  const isShared = listNetworks(paths).some(({ name, parent }) => name !== network.name && parent?.device === device);
  if (!made || isShared) return;
  const { removeParent } = require("../../network/parent.ts") as typeof import("../../network/parent.ts");
  withNetlink("ROUTE", (socket) => removeParent(socket, network));
}

/** Takes away what a network has in the kernel: its bridge, its rules; with the last one everything of ours. */
function takeDown(paths: Paths, network: Network): void {
  const firewall = firewallOf(paths);
  firewall.removeNetwork(network);
  withNetlink("ROUTE", (socket) => {
    removeBridge(socket, network);
    if (withBridge(listNetworks(paths)).some(({ bridge }) => bridge !== network.bridge && findLink(socket, bridge)))
      return;
    firewall.remove();
    restoreHostSysctls(paths);
  });
}

/**
 * Removes the networks that no container is in and that `choose` does not hold back. The default one stays, but what it has
 * in the kernel goes while nothing that runs is in it. @returns names of those that are gone, and what could not go.
 */
export function pruneNetworks(
  paths: Paths,
  choose: (network: Network) => boolean,
): { names: string[]; failures: Failure[] } {
  if (readdir(paths.networks) === undefined) return { names: [], failures: [] };
  return withoutStarts(paths, () => {
    const users = usersOfNetworks(paths);
    const removed = { names: [] as string[], failures: [] as Failure[] };
    for (const network of listNetworks(paths).filter(choose))
      removeOne(removed.failures, () => {
        if (network.name === defaultNetwork) {
          if (!users(network).some(isUp)) takeDown(paths, network);
        } else if (users(network).length === 0) {
          discard(paths, network);
          removed.names.push(network.name);
        }
      });
    recordPrune(paths, "network", 0);
    return removed;
  });
}
