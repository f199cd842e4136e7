/** Connecting containers to networks after they were made, and taking them off again; those that run notice it at once. */

import { ConflictError, Failure } from "../errors.ts";
import { byteNameOf, openInRoot, openInRootIfAny } from "../linux/at.ts";
import {
  close,
  fstat,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  openIfAny,
  writeAll,
} from "../linux/file.ts";
import type { Paths } from "../paths.ts";
import { planConnection, planEndpoint, planPublications } from "../plan/connection.ts";
import type { Connected, Endpoint, Network, ResolverPlan } from "../plan/network.ts";
import { type NetworkRequest, networkMode } from "../plan/network-options.ts";
import { type NetworkChange, receiveFrame, sendFrame } from "../runtime/channel.ts";
import { connectToContainer } from "./attach.ts";
import { connect, disconnect } from "./connect.ts";
import { planEtcFiles } from "./etc-files.ts";
import { firewallOf } from "./firewall.ts";
import { networkFor } from "./network.ts";
import { findNetwork } from "./network-record.ts";
import { type Container, type ContainerRecord, isUp, writeRecord } from "./record.ts";
import { type HeldLease, letGo, release, takeFor } from "./reserve.ts";

/** Connects a container to a network. @param request says how; its network is by name or id. */
export function connectContainer(paths: Paths, container: Container, request: NetworkRequest): void {
  const { record } = container;
  const network = networkFor(paths, request.network);
  const { networks } = optionsOf(record);
  if (networks.some((one) => one.network === network.name))
    throw new ConflictError(`container ${record.name} is in network ${network.name} already`);
  const changed = withNetworks(record, [...networks, { ...request, network: network.name }]);
  if (isUp(container)) joinRunning(paths, container, changed, network, request);
  writeRecord(paths, changed);
}

/** Takes a container off a network. @param force one that is not in it is fine. */
export function disconnectContainer(
  paths: Paths,
  container: Container,
  reference: string,
  { force = false } = {},
): void {
  const { record } = container;
  const { name } = findNetwork(paths, reference);
  const { networks } = optionsOf(record);
  const rest = networks.filter(({ network }) => network !== name);
  if (rest.length === networks.length) {
    if (force) return;
    throw new ConflictError(`container ${record.name} is not in network ${name}`);
  }
  const changed = withNetworks(record, rest);
  if (isUp(container)) leaveRunning(paths, container, changed, name);
  writeRecord(paths, changed);
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

/** The caretaker has its own, from the start. */
const unasked: ResolverPlan = { servers: [], searchFirst: false };

/** What it has now. */
const connectedNow = ({ state }: Container): Connected =>
  state.network ?? { endpoints: [], publications: [], ports: [] };

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
  const namespace = namespaceOf(container);
  try {
    const take = takeFor(paths, id, undefined, leases);
    const endpoint = planEndpoint(network, request, freeDevice(before.endpoints), take);
    const endpoints = [...before.endpoints, endpoint];
    const one = planConnection({
      name,
      networks: [[network, request]],
      endpoints: [endpoint],
      ports: [],
      resolver: unasked,
    });
    connect(paths, id, one, namespace);
    try {
      const publications = republish(paths, id, before, endpoints);
      rewriteFiles(container, changed, endpoints);
      const fds = [...leases.map(({ lock }) => lock), namespace];
      tellCaretaker(paths, container, { type: "join", endpoint, publications }, fds);
    } catch (error) {
      disconnect(paths, id, { endpoints: [endpoint], publications: [] });
      throw error;
    }
    letGo(taken);
  } catch (error) {
    release(paths, taken);
    throw error;
  } finally {
    close(namespace);
  }
}

function leaveRunning(paths: Paths, container: Container, changed: ContainerRecord, network: string): void {
  const { id } = container.record;
  const before = connectedNow(container);
  const endpoints = before.endpoints.filter((endpoint) => endpoint.network !== network);
  const publications = republish(paths, id, before, endpoints);
  tellCaretaker(paths, container, { type: "leave", network, publications }, []);
  disconnect(paths, id, {
    endpoints: before.endpoints.filter((endpoint) => endpoint.network === network),
    publications: [],
  });
  rewriteFiles(container, changed, endpoints);
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

function freeDevice(endpoints: Endpoint[]): string {
  const taken = new Set(endpoints.map(({ device }) => device));
  for (let number = 0; ; number++) if (!taken.has(`eth${number}`)) return `eth${number}`;
}

/** Who looks after it holds what is taken, so that it ends with the container. */
function tellCaretaker(paths: Paths, { record }: Container, change: NetworkChange, fds: number[]): void {
  const socket = connectToContainer(paths, record.id);
  if (socket === undefined)
    throw new ConflictError(`nobody looks after container ${record.name}: its networks can't be changed while it runs`);
  try {
    sendFrame(socket, { said: change }, { fds });
    for (let frame = receiveFrame(socket); frame; frame = receiveFrame(socket))
      if ("said" in frame && frame.said.type === "done") return;
    throw new Failure(`container ${record.name} has ended, or could not change its networks`);
  } finally {
    close(socket);
  }
}

/** Its first process is there as long as somebody looks after it. */
function namespaceOf({ state, record }: Container): number {
  const namespace = openIfAny(`/proc/${state.process?.pid}/ns/net`, O_RDONLY);
  if (namespace === undefined) throw new ConflictError(`container ${record.name} is not running`);
  return namespace;
}

/**
 * In place, for programs that have them open. The container may have put anything in their stead, which is then within its
 * root in any case, and written to only if it is a file.
 */
function rewriteFiles(container: Container, { rootfs, options }: ContainerRecord, endpoints: Endpoint[]): void {
  if (rootfs !== undefined) return;
  const root = openIfAny(`/proc/${container.state.process?.pid}/root`, O_PATH | O_DIRECTORY);
  if (root === undefined) return;
  for (const { name, text } of planEtcFiles(options, { endpoints }, () => {})) {
    const path = byteNameOf(`/etc/${name}`);
    const place = openInRootIfAny(root, path, O_PATH);
    if (place === undefined) continue;
    const isFile = fstat(place).type === "file";
    close(place);
    if (!isFile) continue;
    const file = openInRoot(root, path, O_WRONLY | O_TRUNC | O_NONBLOCK);
    writeAll(file, new TextEncoder().encode(text), `/etc/${name}`);
    close(file);
  }
  close(root);
}
