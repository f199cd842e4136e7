/** Networks that containers are to be in: found by what a user says, and made. */

import { ConflictError, hasCode, UsageError } from "../../errors.ts";
import { randomHex } from "../../linux/clone.ts";
import { O_DIRECTORY, O_RDONLY, open, owned, writeNewFile } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { mkdir, mkdirAll, rename } from "../../linux/names.ts";
import { findLink } from "../../linux/netlink/link.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import { removePath } from "../../linux/tree/tree.ts";
import { listHostSubnets } from "../../network/host-subnets.ts";
import { digestOf, hexOf } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import type { Link, Network } from "../../plan/network/network.ts";
import { type Chosen, type NewNetwork, planNetwork } from "../../plan/network/new-network.ts";
import { defaultBridge, defaultNetwork, type NetworkOptions } from "../../plan/network/options.ts";
import { uniqueLocalBytes } from "../../plan/network/subnet.ts";
import { readConfig } from "../record/config.ts";
import type { Config } from "../record/config-file.ts";
import { resolveContainer } from "../record/container.ts";
import {
  emitNetworkEvent,
  findNetwork,
  formatNetwork,
  listNetworks,
  networkDirectory,
  readNetwork,
} from "../record/network.ts";

/** A network that a container would be in, without making anything, nor needing to be root. */
export function networkToBe(paths: Paths, reference: string): Network {
  if (reference !== defaultNetwork) return findNetwork(paths, reference);
  try {
    return readNetwork(paths, reference) ?? planNetwork(newDefault(), listNetworks(paths), chosen(defaultId(paths)));
  } catch (error) {
    if (!hasCode(error, "EACCES")) throw error;
    return planNetwork(newDefault(), [], chosen(defaultId(paths)));
  }
}

/** What was asked for, with networks and containers by the names that they have. @throws NotFoundError for one that is not there. */
export function resolveNetworks(paths: Paths, options: NetworkOptions): NetworkOptions {
  if (options.mode === "container") return { ...options, container: resolveContainer(paths, options.container!) };
  const networks = options.networks.map((request) => ({
    ...request,
    network: request.network === defaultNetwork ? defaultNetwork : findNetwork(paths, request.network).name,
    ...(request.links && { links: resolveLinks(paths, request.network, request.links) }),
  }));
  const twice = networks.find(({ network }, index) => networks.findIndex((one) => one.network === network) !== index);
  if (twice) throw new UsageError(`--network: ${twice.network} is named twice`);
  return { ...options, networks };
}

/** In the default network a link is to a certain container, which is to be there; elsewhere to whoever has the name then. */
export const resolveLinks = (paths: Paths, network: string, links: Link[]): Link[] =>
  network === defaultNetwork
    ? links.map((link) => ({ ...link, id: resolveContainer(paths, link.container) }))
    : links.map(({ container, alias }) => ({ container, alias }));

/** A network that a container is to be in; the default one is made by the first that is. */
export function networkFor(paths: Paths, reference: string): Network {
  const there = reference === defaultNetwork ? readNetwork(paths, reference) : findNetwork(paths, reference);
  return there ?? makeNetwork(paths, newDefault(), "theirs");
}

/** Known before it is made, so that whoever only looks at it need not make it. */
const defaultId = ({ root }: Paths): string => hexOf(digestOf(`the network ${defaultNetwork} of ${root}`));

const chosen = (id: string): Chosen => ({
  id,
  created: new Date().toISOString(),
  exists: (device) => withNetlink("ROUTE", (socket) => findLink(socket, device)) !== undefined,
  taken: () => withNetlink("ROUTE", listHostSubnets),
  ...poolsOf(readConfig()),
  random: () => Uint8Array.fromHex(randomHex(uniqueLocalBytes)),
});

const poolsOf = ({ pools }: Config): Pick<Chosen, "pools"> => (pools ? { pools } : {});

const newDefault = (): NewNetwork => ({
  name: defaultNetwork,
  // Another state root of this host has the name: its containers are not ours.
  bridge: withNetlink("ROUTE", (socket) => findLink(socket, defaultBridge)) ? `td-${randomHex(6)}` : defaultBridge,
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
    const isDefault = asked.name === defaultNetwork;
    const network = planNetwork(asked, listNetworks(paths), chosen(isDefault ? defaultId(paths) : randomHex(32)));
    const staging = `${paths.networks}/.${network.id.slice(0, 12)}`;
    mkdir(staging);
    for (const name of ["leases", "names"]) mkdir(`${staging}/${name}`);
    writeNewFile(`${staging}/network.json`, formatNetwork(network));
    rename(staging, networkDirectory(paths, network.name));
    if (network.parent?.made) makeParent(paths, network);
    // As Docker, whose own one is there from the start.
    if (!isDefault) emitNetworkEvent(paths, network, "create");
    return network;
  });
}

/** As Docker, at once: who asks for a VLAN may look for it. */
function makeParent(paths: Paths, network: Network): void {
  const { ensureParent } = require("../../network/parent.ts") as typeof import("../../network/parent.ts");
  try {
    withNetlink("ROUTE", (socket) => ensureParent(socket, network));
  } catch (error) {
    removePath(networkDirectory(paths, network.name));
    throw error;
  }
}

/** Held while networks are made or removed, so that no two have one subnet. */
export function withNetworks<Result>(paths: Paths, use: () => Result): Result {
  using lock = owned(open(paths.networks, O_RDONLY | O_DIRECTORY));
  flock(lock.fd, { wait: true });
  return use();
}
