/** Connecting containers to networks after they were made, and taking them off again; those that run notice it at once. */

import { ConflictError, Failure } from "../../errors.ts";
import { type Fd, O_RDONLY, openIfAny, owned } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { planConnection, planPublications } from "../../plan/network/connection.ts";
import { deviceFor, metricOf, planEndpoint, rankJoined } from "../../plan/network/endpoint.ts";
import type { Connected, Endpoint, Network, ResolverPlan } from "../../plan/network/network.ts";
import { type NetworkRequest, networkMode } from "../../plan/network/options.ts";
import { type NetworkChange, receiveFrame, sendFrame } from "../../runtime/channel.ts";
import { type Container, type ContainerRecord, findContainer, isUp, writeRecord } from "../record/container.ts";
import { connectToContainer } from "../record/monitor-socket.ts";
import { findNetwork } from "../record/network.ts";
import { networkFor, resolveLinks } from "./create.ts";
import { connect, disconnect } from "./endpoints.ts";
import { rewriteEtcFiles } from "./etc-rewrite.ts";
import { firewallOf } from "./firewall.ts";
import { withJournal } from "./journal.ts";
import { type HeldLease, handOff, release, takeFor } from "./reserve.ts";

/** Connects a container to a network. @param request says how; its network is by name or id. */
export const connectContainer = (paths: Paths, { record: { id } }: Container, request: NetworkRequest): void =>
  withJournal(paths, id, () => connectInJournal(paths, findContainer(paths, id), request));

function connectInJournal(paths: Paths, container: Container, request: NetworkRequest): void {
  const { record } = container;
  refuseModes(request.network, "connected to");
  const network = networkFor(paths, request.network);
  const { networks } = optionsOf(record);
  if (networks.some((one) => one.network === network.name))
    throw new ConflictError(`container ${record.name} is in network ${network.name} already`);
  const joined = {
    ...request,
    network: network.name,
    ...(request.links && { links: resolveLinks(paths, network.name, request.links) }),
  };
  const changed = withNetworks(record, [...networks, joined]);
  // Somebody was killed who had connected it, and had not written that down.
  if (isUp(container) && isConnected(container, network.name)) leaveRunning(paths, container, record, network.name);
  // First: if we are killed, what it is not in yet is taken out of it again (journal.ts).
  writeRecord(paths, changed);
  if (!isUp(container)) return;
  try {
    joinRunning(paths, findContainer(paths, record.id), changed, network, joined);
  } catch (error) {
    writeRecord(paths, record);
    throw error;
  }
}

/** Takes a container off a network. @param force one that is not in it is fine. */
export const disconnectContainer = (
  paths: Paths,
  { record: { id } }: Container,
  reference: string,
  { force = false } = {},
): void => withJournal(paths, id, () => disconnectInJournal(paths, findContainer(paths, id), reference, force));

function disconnectInJournal(paths: Paths, container: Container, reference: string, force: boolean): void {
  const { record } = container;
  refuseModes(reference, "disconnected from");
  const { networks } = optionsOf(record);
  // A network that is gone, or whose record is damaged, can be left by its name.
  const isNamed = networks.some(({ network }) => network === reference);
  const name = isNamed ? reference : findNetwork(paths, reference).name;
  const rest = networks.filter(({ network }) => network !== name);
  if (rest.length === networks.length && !(isUp(container) && isConnected(container, name))) {
    if (force) return;
    throw new ConflictError(`container ${record.name} is not in network ${name}`);
  }
  const changed = withNetworks(record, rest);
  if (isUp(container)) leaveRunning(paths, container, changed, name);
  writeRecord(paths, changed);
}

/** What is listed as a network, and is the lack of one. */
function refuseModes(reference: string, verb: string): void {
  if (reference === "host" || reference === "none")
    throw new ConflictError(
      `a container cannot be ${verb} ${reference} after it was made`,
      `tinydocker run --network ${reference}`,
    );
}

function optionsOf({ name, options: { network } }: ContainerRecord) {
  if (network.mode === "bridge") return network;
  throw new ConflictError(
    `container ${name} has no networks of its own: it was made with --network ${networkMode(network)}`,
  );
}

const withNetworks = (record: ContainerRecord, networks: NetworkRequest[]): ContainerRecord => ({
  ...record,
  options: { ...record.options, network: { ...record.options.network, networks } },
});

/** The monitor has its own, from the start. */
const unasked: ResolverPlan = { servers: [], searchFirst: false };

/** What it has now. */
const connectedNow = ({ state }: Container): Connected =>
  state.network ?? { endpoints: [], publications: [], ports: [] };

const isConnected = (container: Container, name: string): boolean =>
  connectedNow(container).endpoints.some(({ network }) => network === name);

function joinRunning(
  paths: Paths,
  container: Container,
  changed: ContainerRecord,
  network: Network,
  request: NetworkRequest,
): void {
  const { id, name } = container.record;
  const before = connectedNow(container);
  const leases: HeldLease[] = [];
  const taken = { leases, ports: [] };
  using namespace = owned(namespaceOf(container));
  using monitor = owned(monitorSocket(paths, container));
  try {
    const take = takeFor(paths, id, undefined, leases);
    const planned = planEndpoint(network, request, deviceFor(network, request, before.endpoints), take);
    const { endpoint, moved } = rankJoined(planned, before.endpoints);
    const endpoints = [
      ...before.endpoints.map((one) => moved.find(({ network: name }) => name === one.network) ?? one),
      endpoint,
    ];
    const one = planConnection({
      name,
      networks: [[network, request]],
      endpoints: [endpoint],
      ports: [],
      resolver: unasked,
    });
    const undoMoves = moveWaysOut(namespace.fd, before.endpoints, moved);
    try {
      connect(paths, id, one, namespace.fd);
    } catch (error) {
      undoMoves();
      throw error;
    }
    try {
      const publications = republish(paths, id, before, endpoints);
      rewriteEtcFiles(paths, { ...container, record: changed }, endpoints);
      const fds = [...leases.map(({ lock }) => lock), namespace.fd];
      sendToMonitor(monitor.fd, container, { type: "join", endpoint, moved, publications }, fds);
    } catch (error) {
      undoMoves();
      disconnect(paths, id, { endpoints: [endpoint], publications: [] }, { namespace: namespace.fd });
      throw error;
    }
    handOff(taken);
  } catch (error) {
    release(paths, taken);
    throw error;
  }
}

function leaveRunning(paths: Paths, container: Container, changed: ContainerRecord, network: string): void {
  const { id } = container.record;
  const before = connectedNow(container);
  const endpoints = before.endpoints.filter((endpoint) => endpoint.network !== network);
  using monitor = owned(monitorSocket(paths, container));
  const publications = republish(paths, id, before, endpoints);
  // It is written down first: if we are killed, the rest is repaired (journal.ts).
  sendToMonitor(monitor.fd, container, { type: "leave", network, publications }, []);
  using namespace = owned(namespaceOf(container));
  const left = before.endpoints.filter((endpoint) => endpoint.network === network);
  disconnect(paths, id, { endpoints: left, publications: [] }, { namespace: namespace.fd });
  rewriteEtcFiles(paths, { ...container, record: changed }, endpoints);
}

/** Published ports lead to the first network with a way out; that may be another one now. */
function republish(paths: Paths, id: string, before: Connected, endpoints: Endpoint[]) {
  const publications = planPublications(endpoints, before.ports);
  if (JSON.stringify(publications) === JSON.stringify(before.publications)) return publications;
  const firewall = firewallOf(paths);
  firewall.unpublish(id, before.publications);
  firewall.publish(id, publications);
  return publications;
}

/** The ways out of other devices make room for one that comes before them. @returns how to take that back. */
function moveWaysOut(namespace: Fd, before: Endpoint[], moved: Endpoint[]): () => void {
  if (moved.length === 0) return () => {};
  const { moveWaysOut: move } = require("../../network/endpoint.ts") as typeof import("../../network/endpoint.ts");
  const pairs = moved.map((after) => ({ before: before.find(({ network }) => network === after.network)!, after }));
  move(
    namespace,
    pairs.map((pair) => ({ endpoint: pair.before, metric: metricOf(pair.after) })),
  );
  return () =>
    move(
      namespace,
      pairs.map((pair) => ({ endpoint: pair.after, metric: metricOf(pair.before) })),
    );
}

/** Its monitor must hear of what is changed. @returns the socket to it. */
function monitorSocket(paths: Paths, { record }: Container): Fd {
  const socket = connectToContainer(paths, record.id);
  if (socket !== undefined) return socket;
  throw new ConflictError(
    `container ${record.name} has no monitor: its networks can't be changed while it runs`,
    `tinydocker restart ${record.name}`,
  );
}

/** Its monitor holds what is taken, so that it ends with the container. */
function sendToMonitor(socket: Fd, { record }: Container, change: NetworkChange, fds: Fd[]): void {
  sendFrame(socket, { control: change }, { fds });
  for (let frame = receiveFrame(socket); frame; frame = receiveFrame(socket))
    if ("control" in frame && frame.control.type === "done") return;
  throw new Failure(`container ${record.name} has ended, or could not change its networks`);
}

/** Its first process is there as long as its monitor is. */
function namespaceOf({ state, record }: Container): Fd {
  const namespace = openIfAny(`/proc/${state.process?.pid}/ns/net`, O_RDONLY);
  if (namespace === undefined) throw new ConflictError(`container ${record.name} is not running`);
  return namespace;
}
