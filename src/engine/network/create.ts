/** Networks: bridges with a name and subnets of their own, which containers are connected to. */

import { ConflictError, hasCode, NotFoundError, UsageError } from "../../errors.ts";
import { randomHex } from "../../linux/clone.ts";
import {
  close,
  flock,
  mkdir,
  mkdirAll,
  O_DIRECTORY,
  O_RDONLY,
  open,
  readdir,
  rename,
  writeNewFile,
} from "../../linux/file.ts";
import { findLink } from "../../linux/netlink/link.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import { removePath } from "../../linux/tree.ts";
import { removeBridge } from "../../network/bridge.ts";
import { listHostSubnets } from "../../network/host-subnets.ts";
import type { Paths } from "../../paths.ts";
import type { Network } from "../../plan/network.ts";
import {
  builtinNetworks,
  defaultBridge,
  defaultNetwork,
  type NetworkOptions,
  networksOf,
} from "../../plan/network-options.ts";
import { type Chosen, type NewNetwork, planNetwork } from "../../plan/new-network.ts";
import { uniqueLocalBytes } from "../../plan/subnet.ts";
import { type Container, isUp, listContainers, resolveContainer } from "../record/container.ts";
import {
  findDamagedNetwork,
  findNetwork,
  formatNetwork,
  listNetworks,
  networkDirectory,
  readNetwork,
  tellNetwork,
} from "../record/network.ts";
import { aloneWithNetworks } from "../record/network-lock.ts";
import { firewallOf } from "./firewall.ts";
import { giveBackSysctls } from "./sysctls.ts";

/** A network that a container would be in, without making anything, nor needing to be root. */
export function networkToBe(paths: Paths, reference: string): Network {
  if (reference !== defaultNetwork) return findNetwork(paths, reference);
  try {
    return readNetwork(paths, reference) ?? planNetwork(newDefault(), listNetworks(paths), chosen("0".repeat(64)));
  } catch (error) {
    if (!hasCode(error, "EACCES")) throw error;
    return planNetwork(newDefault(), [], chosen("0".repeat(64)));
  }
}

/** What was asked for, with networks and containers by the names that they have. @throws NotFoundError for one that is not there. */
export function resolveNetworks(paths: Paths, options: NetworkOptions): NetworkOptions {
  if (options.mode === "container") return { ...options, container: resolveContainer(paths, options.container!) };
  const networks = options.networks.map((request) => ({
    ...request,
    network: request.network === defaultNetwork ? defaultNetwork : findNetwork(paths, request.network).name,
  }));
  const twice = networks.find(({ network }, index) => networks.findIndex((one) => one.network === network) !== index);
  if (twice) throw new UsageError(`--network: ${twice.network} is named twice`);
  return { ...options, networks };
}

/** A network that a container is to be in; the default one is made by the first that is. */
export function networkFor(paths: Paths, reference: string): Network {
  const there = reference === defaultNetwork ? readNetwork(paths, reference) : findNetwork(paths, reference);
  return there ?? makeNetwork(paths, newDefault(), "theirs");
}

const chosen = (id: string): Chosen => ({
  id,
  created: new Date().toISOString(),
  taken: () => withNetlink("ROUTE", listHostSubnets),
  random: () => Uint8Array.fromHex(randomHex(uniqueLocalBytes)),
});

const newDefault = (): NewNetwork => ({
  name: defaultNetwork,
  // Another state root of this host has the name: its containers are not ours.
  ...(!withNetlink("ROUTE", (socket) => findLink(socket, defaultBridge)) && { bridge: defaultBridge }),
  subnets: [],
  ipv6: false,
  internal: false,
  icc: true,
  isolate: true,
  labels: {},
  options: {},
});

/** Makes a network. @throws ConflictError if there is one of that name, or its addresses are somebody else's. */
export const createNetwork = (paths: Paths, asked: NewNetwork): Network => makeNetwork(paths, asked, "refuse");

function makeNetwork(paths: Paths, asked: NewNetwork, other: "theirs" | "refuse"): Network {
  mkdirAll(paths.networks);
  return withNetworks(paths, () => {
    const there = readNetwork(paths, asked.name);
    if (there && other === "theirs") return there;
    if (there) throw new ConflictError(`network ${asked.name} exists already`);
    const network = planNetwork(asked, listNetworks(paths), chosen(randomHex(32)));
    const staging = `${paths.networks}/.${network.id.slice(0, 12)}`;
    mkdir(staging);
    for (const name of ["leases", "names"]) mkdir(`${staging}/${name}`);
    writeNewFile(`${staging}/network.json`, formatNetwork(network));
    rename(staging, networkDirectory(paths, network.name));
    tellNetwork(paths, network, "create");
    return network;
  });
}

/** The same while no container is being put into one either: then all users are known. */
const withoutStarts = <Result>(paths: Paths, use: () => Result): Result =>
  aloneWithNetworks(paths, () => withNetworks(paths, use));

/** Held while networks are made or removed, so that no two have one subnet. */
function withNetworks<Result>(paths: Paths, use: () => Result): Result {
  const lock = open(paths.networks, O_RDONLY | O_DIRECTORY);
  try {
    flock(lock, { wait: true });
    return use();
  } finally {
    close(lock);
  }
}

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
  if (network.bridge !== "" && network.subnets.length > 0) takeDown(paths, network);
  const gone = `${paths.networks}/.${randomHex(6)}`;
  rename(networkDirectory(paths, network.name), gone);
  removePath(gone);
  tellNetwork(paths, network, "destroy");
}

/** Takes away what a network has in the kernel: its bridge, its rules; with the last one everything of ours. */
function takeDown(paths: Paths, network: Network): void {
  const firewall = firewallOf(paths);
  firewall.removeNetwork(network);
  withNetlink("ROUTE", (socket) => {
    removeBridge(socket, network);
    if (listNetworks(paths).some(({ bridge }) => bridge !== network.bridge && findLink(socket, bridge))) return;
    firewall.remove();
    giveBackSysctls(paths);
  });
}

/**
 * Removes the networks that no container is in and that `choose` does not hold back. The default one stays, but what it has
 * in the kernel goes while nothing that runs is in it. @returns names.
 */
export function pruneNetworks(paths: Paths, choose: (network: Network) => boolean): string[] {
  if (readdir(paths.networks) === undefined) return [];
  return withoutStarts(paths, () => {
    const users = usersOfNetworks(paths);
    const removed: string[] = [];
    for (const network of listNetworks(paths).filter(choose)) {
      if (network.name === defaultNetwork) {
        if (!users(network).some(isUp)) takeDown(paths, network);
      } else if (users(network).length === 0) {
        discard(paths, network);
        removed.push(network.name);
      }
    }
    return removed;
  });
}
