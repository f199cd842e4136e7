/** The firewall as a table of our own in nf_tables, over netlink: a container costs an element in a map for each port. */

import { EEXIST, ENOENT } from "../../linux/errno.ts";
import { close, type Fd } from "../../linux/file.ts";
import { countRules } from "../../linux/netlink/nft-rule.ts";
import { deleteElements, getElement, listElements, newElements } from "../../linux/netlink/nft-set.ts";
import { commit, commitUndisturbed, deleteTable, getTable, newTable } from "../../linux/netlink/nftables.ts";
import { openNetlink, type Request, withNetlink } from "../../linux/netlink/socket.ts";
import type { Network, Publication } from "../../plan/network/network.ts";
import { closeLoopback } from "./close-loopback.ts";
import { flushAddresses, flushUdp, flushUdpTo } from "./conntrack-flush.ts";
import { deferClose } from "./deferred-close.ts";
import { checkDistinct, conflict, type Firewall, type Published } from "./driver.ts";
import { ensureForwardAccept, removeForwardAccept } from "./forward-accept.ts";
import { type Placed, parsePublication, planNetwork, planPublication, portSets } from "./nft-element.ts";
import { deviceName, planSkeleton, ruleCount, type SetName, sets, table, tableData } from "./nft-skeleton.ts";

/** The driver; each call opens a socket of its own. */
export const nftFirewall = (): Firewall => ({
  ensure: (networks) => withNetlink("NETFILTER", (socket) => ensure(socket, networks)),
  bringBack: (networks, publications) =>
    withNetlink("NETFILTER", (socket) => bringBack(socket, networks, publications)),
  removeNetwork: (network) => withNetlink("NETFILTER", (socket) => removeNetwork(socket, network)),
  publish: (container, publications) => withNetlink("NETFILTER", (socket) => publish(socket, container, publications)),
  unpublish: (container, publications, { soon } = { soon: false }) => {
    const socket = openNetlink("NETFILTER");
    try {
      unpublish(socket, container, publications);
    } finally {
      (soon ? deferClose : close)(socket);
    }
  },
  reload: (networks, publications) => withNetlink("NETFILTER", (socket) => reload(socket, networks, publications)),
  flush: flushAddresses,
  remove: () => withNetlink("NETFILTER", remove),
  list: () => withNetlink("NETFILTER", list),
});

function ensure(socket: Fd, networks: readonly Network[]): boolean {
  const made = ensureSkeleton(socket);
  // An element that is there means that all of its network are: they came in one batch.
  for (const network of networks) {
    const owner = getElement(socket, table, "bridges", deviceName(network.bridge))?.comment;
    if (owner === network.id) continue;
    // A bridge of this name was another network's, of which nobody took leave.
    if (owner !== undefined) takeOut(socket, planNetwork({ ...network, icc: true, internal: true, isolate: false }));
    commit(socket, putIn(planNetwork(network)));
  }
  ensureForwardAccept(socket, networks);
  return made;
}

/** @returns true if there was nothing. */
function ensureSkeleton(socket: Fd): boolean {
  const current = (): boolean => getTable(socket, table)?.userdata.toHex() === tableData.toHex();
  if (countRules(socket, table) === ruleCount && current()) return false;
  // Somebody else may make it at this moment.
  const skeleton = planSkeleton({ exclusive: true });
  skeleton[0]!.expected = [EEXIST];
  if (commit(socket, skeleton) === 0) return true;
  closeLoopback(contents(socket).flatMap(({ set, key }) => (set === "bridges" ? [nameOf(key)] : [])));
  // There is one, but of another version, or without its rules: all of it is made anew, with what is in its sets.
  commitUndisturbed(socket, () =>
    countRules(socket, table) === ruleCount && current() ? [] : replaceTable(putIn(contents(socket))),
  );
  return false;
}

const nameOf = (key: Uint8Array): string => new TextDecoder().decode(key).replace(/\0.*$/s, "");

const replaceTable = (elements: Request[]): Request[] => [
  newTable(table), // so that there is one to delete
  deleteTable(table),
  ...planSkeleton({ exclusive: false }),
  ...elements,
];

/** All that is in the sets that we know. */
function contents(socket: Fd): Placed[] {
  const names = Object.keys(sets) as SetName[];
  return names.flatMap((set) => {
    try {
      return listElements(socket, table, set).map((element) => ({ set, ...element }));
    } catch {
      return []; // an older version has no such set
    }
  });
}

function bySet(elements: readonly Placed[]): [SetName, Placed[]][] {
  const grouped = new Map<SetName, Placed[]>();
  for (const element of elements) {
    const members = grouped.get(element.set);
    if (members) members.push(element);
    else grouped.set(element.set, [element]);
  }
  return [...grouped];
}

const putIn = (
  elements: readonly Placed[],
  options?: { exclusive?: boolean; expected?: readonly number[] },
): Request[] => bySet(elements).flatMap(([set, members]) => newElements(table, set, members, options));

/** Takes elements out that may be there or not. */
function takeOut(socket: Fd, elements: readonly Placed[]): void {
  const expected = [ENOENT];
  const deletions = (some: readonly Placed[]): Request[] =>
    bySet(some).flatMap(([set, members]) => deleteElements(table, set, members, { expected }));
  if (commit(socket, deletions(elements)) === 0) return;
  for (const element of elements) commit(socket, deletions([element]));
}

function removeNetwork(socket: Fd, network: Network): void {
  takeOut(socket, planNetwork(network));
  removeForwardAccept(socket, network);
}

function publish(socket: Fd, container: string, publications: readonly Publication[]): void {
  checkDistinct(container, publications);
  const elements = publications.map((publication) => planPublication(publication, container));
  for (;;) {
    const errno = commit(socket, putIn(elements, { exclusive: true, expected: [EEXIST] }));
    if (errno === 0) break;
    const owners = ownersOf(socket, elements);
    const taken = owners.findIndex((owner) => owner !== undefined && owner !== container);
    if (taken !== -1) throw conflict(publications[taken]!, owners[taken]!);
    // Who had it has given it back meanwhile; or somebody who found nothing has published it for us (reload).
    takeOut(
      socket,
      elements.filter((_element, index) => owners[index] === container),
    );
  }
  flushUdp(publications);
}

/** Beyond so many elements a list of all is cheaper than a question for each. */
const maxAsked = 32;

/** Whoever published what these elements stand for. */
function ownersOf(socket: Fd, elements: readonly Placed[]): (string | undefined)[] {
  if (elements.length <= maxAsked) return elements.map(({ set, key }) => getElement(socket, table, set, key)?.comment);
  const owners = new Map<string, string | undefined>();
  for (const set of new Set(elements.map((element) => element.set)))
    for (const { key, comment } of listElements(socket, table, set)) owners.set(set + key.toHex(), comment);
  return elements.map(({ set, key }) => owners.get(set + key.toHex()));
}

/** Only the container that has a port can take it back, so nobody else can do so in between. */
function unpublish(socket: Fd, container: string, publications: readonly Publication[]): void {
  const elements = publications.map((publication) => planPublication(publication, container));
  const owners = ownersOf(socket, elements);
  takeOut(
    socket,
    elements.filter((_element, index) => owners[index] === container),
  );
  flushUdpTo(publications);
}

type Publications = ReadonlyMap<string, readonly Publication[]>;

const planPublications = (publications: Publications): Placed[] =>
  [...publications].flatMap(([container, all]) => all.map((one) => planPublication(one, container)));

function bringBack(socket: Fd, networks: readonly Network[], publications: Publications): void {
  ensure(socket, networks);
  // An element that leads elsewhere already is somebody's who came first.
  const add = (some: readonly Placed[]): number => commit(socket, putIn(some, { expected: [EEXIST] }));
  const elements = planPublications(publications);
  if (add(elements) !== 0) for (const element of elements) add([element]);
  flushUdp([...publications.values()].flat());
}

function reload(socket: Fd, networks: readonly Network[], publications: Publications): void {
  const elements = [...networks.flatMap(planNetwork), ...planPublications(publications)];
  commit(socket, replaceTable(putIn(elements)));
  ensureForwardAccept(socket, networks);
  flushUdp([...publications.values()].flat());
}

function remove(socket: Fd): void {
  const deletion = deleteTable(table);
  deletion.expected = [ENOENT];
  commit(socket, [deletion]);
  removeForwardAccept(socket);
}

function list(socket: Fd): Published[] {
  if (getTable(socket, table) === undefined) return [];
  return portSets.flatMap((set) => listElements(socket, table, set).map((element) => parsePublication(set, element)));
}
