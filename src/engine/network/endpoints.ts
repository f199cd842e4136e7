/** Connecting a container to its networks, and taking it off them: the steps that reserve.ts and the plan have prepared. */

import { ConflictError } from "../../errors.ts";
import { type Fd, readFile } from "../../linux/file.ts";
import { inNetworkNamespace } from "../../linux/namespace.ts";
import { findLink } from "../../linux/netlink/link.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import { ensureBridge } from "../../network/bridge.ts";
import { dropNames, removeNames, writeNames } from "../../network/dns/zone.ts";
import { connect as connectEndpoint, removeVeth, silenceVeth } from "../../network/endpoint.ts";
import { type Firewall, PublishedError } from "../../network/firewall/driver.ts";
import { dropLease } from "../../network/leases.ts";
import type { Paths } from "../../paths.ts";
import type { Connected, Connection, Endpoint, Network, NetworkStep, Publication } from "../../plan/network/network.ts";
import { bare } from "../../plan/network/network.ts";
import { type UndoList, undoList } from "../../runtime/undo.ts";
import { readContainer } from "../record/container.ts";
import { emitNetworkEvent, leasesOf, namesOf } from "../record/network.ts";
import { firewallOf, published, withdrawEnded } from "./firewall.ts";
import { recordSysctls } from "./sysctls.ts";

/** What the steps work with. */
interface Work {
  paths: Paths;
  /** Of the container. */
  id: string;
  /** Descriptor of its network namespace. */
  namespace: Fd;
  /** Netlink ROUTE of the host. */
  socket: Fd;
  firewall: Firewall;
  undo: UndoList;
  networks: Map<string, { network: Network; index: number }>;
  /** Something is published: the container may come to itself by way of the host. */
  hairpin: boolean;
}

/** Performs the steps of a connection: all of them, or none. @param namespace a descriptor of the container's. */
export function connect(paths: Paths, id: string, { connect: steps, publications }: Connection, namespace: Fd): void {
  const undo = undoList();
  try {
    withNetlink("ROUTE", (socket) => {
      const networks = new Map();
      const firewall = firewallOf(paths);
      const work: Work = { paths, id, namespace, socket, firewall, undo, networks, hairpin: publications.length > 0 };
      for (const step of steps) (performers[step.do] as (step: NetworkStep, work: Work) => void)(step, work);
    });
  } catch (error) {
    undo.run(error);
    throw error;
  }
}

const nothing = () => {};

/** Loaded for networks of macvlan and ipvlan. */
const upon = () => require("../../network/parent.ts") as typeof import("../../network/parent.ts");

const performers: { [Kind in NetworkStep["do"]]: (step: Extract<NetworkStep, { do: Kind }>, work: Work) => void } = {
  // Done before there was a plan (reserve.ts), or by the container's monitor (keep.ts).
  lease: nothing,
  port: nothing,
  resolver: nothing,
  relay: nothing,
  bridge: ({ network }, { paths, socket, networks }) => {
    const { index, changes } = ensureBridge(socket, network);
    if (changes.length > 0) recordSysctls(paths, changes);
    networks.set(network.name, { network, index });
  },
  parent: ({ network }, { socket, networks }) => {
    networks.set(network.name, { network, index: upon().ensureParent(socket, network) });
  },
  firewall: ({ networks }, { paths, id, firewall }) => {
    // With nothing there at all, what others have published is gone too.
    if (!firewall.ensure(networks)) return;
    const [used, publications] = published(paths);
    publications.delete(id);
    firewall.bringBack(distinct([...networks, ...used]), publications);
    withdrawEnded(paths, publications);
  },
  endpoint: ({ endpoint }, work) => addEndpoint(endpoint, work),
  publish: ({ publications }, { paths, id, firewall, undo }) => {
    publish(paths, firewall, id, publications);
    undo.add(() => firewall.unpublish(id, publications));
  },
  names: ({ network, names }, { paths, id, undo }) => {
    writeNames(namesOf(paths, network), id, names);
    undo.add(() => removeNames(namesOf(paths, network), id));
  },
};

/** A port that is published without being held is of a container whose monitor is gone: it has a name all the same. */
function publish(paths: Paths, firewall: Firewall, id: string, publications: Publication[]): void {
  try {
    firewall.publish(id, publications);
  } catch (error) {
    if (!(error instanceof PublishedError)) throw error;
    throw new PublishedError(error.publication, readContainer(paths, error.owner)?.record.name ?? error.owner);
  }
}

const distinct = (networks: Network[]): Network[] => [...new Map(networks.map((one) => [one.id, one])).values()];

/** Tells those who watch (`events`) that a container has come into a network, or has left it. */
const emitEndpointEvent = (
  paths: Paths,
  container: string,
  { network, networkId, parent }: Endpoint,
  action: string,
): void => emitNetworkEvent(paths, { id: networkId, name: network, ...(parent && { parent }) }, action, { container });

const maxTries = 5;

function addEndpoint(endpoint: Endpoint, work: Work): void {
  const { paths, id, socket, namespace, networks, undo, hairpin } = work;
  const { network, index } = networks.get(endpoint.network)!;
  if (network.parent) {
    addUponParent(endpoint, work, index);
    return;
  }
  const port = { hairpin, isolated: !network.icc };
  for (let tries = 1, bridge = index; ; tries++) {
    const result = connectEndpoint({ socket, bridge, namespace }, endpoint, port);
    if (result === "connected") {
      emitEndpointEvent(paths, id, endpoint, "connect");
      undo.add(() => {
        withNetlink("ROUTE", (route) => removeVeth(route, endpoint.veth));
        emitEndpointEvent(paths, id, endpoint, "disconnect");
      });
      return;
    }
    if (tries === maxTries) throw new ConflictError(`cannot connect to ${endpoint.bridge}: others keep interfering`);
    if (result === "no bridge") bridge = ensureBridge(socket, network).index;
    else removeStale(socket, bridge, endpoint);
  }
}

function addUponParent(endpoint: Endpoint, { paths, id, socket, namespace, undo }: Work, parent: number): void {
  upon().connectToParent(socket, parent, namespace, endpoint);
  emitEndpointEvent(paths, id, endpoint, "connect");
  undo.add(() => {
    upon().disconnectFromParent(namespace, endpoint.device);
    emitEndpointEvent(paths, id, endpoint, "disconnect");
  });
}

/**
 * The address is ours (a lease says so), so a veth of that name in our bridge is a dead container's, whose namespace somebody
 * keeps. In another bridge it is somebody else's.
 */
function removeStale(socket: Fd, bridge: number, { veth, addresses }: Endpoint): void {
  const master = findLink(socket, veth)?.master;
  if (master !== undefined && master !== bridge)
    throw new ConflictError(
      `the address ${addresses[0]} is in use on this host by a container that is not in this state root`,
      "give the network another subnet",
    );
  removeVeth(socket, veth);
}

/**
 * Takes a container off its networks. What is gone already is fine.
 * @param deferred leave it to the kernel to remove the devices with the container's namespace: that takes it a while.
 * @param namespace the container's, where it is still there: without it devices upon a parent go with it.
 */
export function disconnect(
  paths: Paths,
  id: string,
  { endpoints, publications }: Pick<Connected, "endpoints" | "publications">,
  { deferred = false, namespace }: { deferred?: boolean; namespace?: Fd | undefined } = {},
): void {
  const undo = undoList();
  undo.add(() =>
    withNetlink("ROUTE", (socket) => {
      for (const { veth } of endpoints) if (veth !== "") (deferred ? silenceVeth : removeVeth)(socket, veth);
    }),
  );
  if (namespace !== undefined)
    for (const { parent, device } of endpoints)
      if (parent) undo.add(() => upon().disconnectFromParent(namespace, device));
  if (publications.length > 0) undo.add(() => firewallOf(paths).unpublish(id, publications, { soon: deferred }));
  for (const { network } of endpoints) undo.add(() => removeNames(namesOf(paths, network), id));
  undo.run();
  for (const endpoint of endpoints) emitEndpointEvent(paths, id, endpoint, "disconnect");
}

/** Takes back what somebody has begun who was killed: the devices go with the namespace, in which nothing has run yet. */
export function removeUnfinished(paths: Paths, id: string, { endpoints, publications }: Connected): void {
  for (const { network } of endpoints) dropNames(namesOf(paths, network), id);
  if (publications.length > 0) firewallOf(paths).unpublish(id, publications);
}

/** True if TCP connections of a network namespace are left: they keep it after its processes. @see proc_pid_net(5), sockstat */
export const hasConnections = (namespace: Fd): boolean =>
  inNetworkNamespace(namespace, () => !/^TCP: inuse 0 /m.test(readFile("/proc/self/net/sockstat")));

/** The same for a container whose monitor was killed: its leases are nobody's. */
export function removeConnection(paths: Paths, id: string, connected: Connected): void {
  disconnect(paths, id, connected);
  for (const { network } of connected.endpoints) dropNames(namesOf(paths, network), id);
  for (const endpoint of connected.endpoints)
    for (const address of bare(endpoint)) dropLease(leasesOf(paths, endpoint.network), address, id);
}
