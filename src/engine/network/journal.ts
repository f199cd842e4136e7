/**
 * A journal beside the lock files, `running/<id>.network`: somebody takes addresses for a container that runs, or gives them back, and
 * its monitor does not know of that yet. Locked meanwhile, so that no two do it at once; whoever finds it unlocked repairs what was begun.
 */

import {
  close,
  type Fd,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  open,
  openIfAny,
  owned,
  readAll,
  seekToStart,
  writeAll,
} from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { unlink } from "../../linux/names.ts";
import { findLink } from "../../linux/netlink/link.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import { sleepMicroseconds } from "../../linux/poll.ts";
import { fstat } from "../../linux/stat.ts";
import { dropNames } from "../../network/dns/zone.ts";
import { removeVeth } from "../../network/endpoint.ts";
import type { Published } from "../../network/firewall/driver.ts";
import { dropLease, listLeases } from "../../network/leases.ts";
import type { Paths } from "../../paths.ts";
import { isIpv6, vethOf } from "../../plan/network/address.ts";
import { bare, type Connected, type Network, withBridge } from "../../plan/network/network.ts";
import { type Container, type ContainerState, isUp, readContainer, writeRecord } from "../record/container.ts";
import { journalSuffix } from "../record/monitor-lock.ts";
import { syncMonitor } from "../record/monitor-socket.ts";
import { leasesOf, listNetworks, namesOf } from "../record/network.ts";
import { lockNetworks } from "../record/network-lock.ts";
import { rewriteEtcFiles } from "./etc-rewrite.ts";
import { firewallOf } from "./firewall.ts";

const journalPath = (paths: Paths, id: string): string => `${paths.running}/${id}${journalSuffix}`;

/** Waits for others who have one for this container. @returns how to take it back; a second time does no harm. */
function openJournal(paths: Paths, id: string): () => void {
  const path = journalPath(paths, id);
  for (;;) {
    using lock = owned(open(path, O_RDWR | O_CREAT, 0o600));
    flock(lock.fd, { wait: true });
    const { nlink, size } = fstat(lock.fd);
    if (nlink === 0) continue;
    // Who had it before was killed.
    if (size > 0) retryRepair(paths, id, new TextDecoder().decode(readAll(lock.fd, path)));
    seekToStart(lock.fd);
    writeAll(lock.fd, new TextEncoder().encode(textOf(paths, id)), path);
    let held: Fd | undefined = lock.handOff();
    return () => {
      if (held === undefined) return;
      unlink(path);
      close(held);
      held = undefined;
    };
  }
}

/** The devices that it has: when one is no longer known, nothing else tells of it. */
const textOf = (paths: Paths, id: string): string =>
  (readContainer(paths, id)?.state.network?.endpoints ?? [])
    .map(({ veth }) => (veth === "" ? "" : `${veth}\n`))
    .join("");

const maxRetries = 2000;
const retryUs = 2000;

/** Waits for those who hold what they have not written down yet: they are about to, or they are dying. */
function retryRepair(paths: Paths, id: string, journal: string): void {
  if (repairNetworks(paths, id, journal)) return;
  for (let retries = 0; retries < maxRetries && !repairNow(paths, id, journal); retries++) sleepMicroseconds(retryUs);
}

/** Changes the networks of a container under a journal. */
export function withJournal<Result>(paths: Paths, id: string, use: () => Result): Result {
  const done = openJournal(paths, id);
  const unlock = lockNetworks(paths, "use");
  try {
    return use();
  } finally {
    unlock();
    done();
  }
}

/**
 * Makes what there is of a container in all networks what is written down of it. @param journal what was in it.
 * @returns false if somebody holds more who may end before he has written it down: then it is to be tried again.
 */
export function repairNetworks(paths: Paths, id: string, journal: string): boolean {
  const container = readContainer(paths, id);
  // Who was killed may have asked its monitor for a change that is not done yet, and is not written down.
  if (container && isUp(container)) syncMonitor(paths, id);
  return repairNow(paths, id, journal);
}

function repairNow(paths: Paths, id: string, journal: string): boolean {
  const container = readContainer(paths, id);
  const connected = container && isUp(container) ? container.state.network : undefined;
  const done = listNetworks(paths).map((network) => repairNetwork(paths, id, network, connected));
  if (done.includes(false)) return false;
  if (container && connected)
    repairRunning(
      paths,
      container,
      connected,
      journal.split("\n").filter((veth) => veth !== ""),
    );
  return true;
}

/** A change that was begun is finished, or given up. */
function repairRunning(paths: Paths, { record, state }: Container, connected: Connected, veths: string[]): void {
  const isIn = (name: string) => connected.endpoints.some(({ network }) => network === name);
  const { network } = record.options;
  const networks = network.networks.filter((request) => isIn(request.network));
  const repaired = { ...record, options: { ...record.options, network: { ...network, networks } } };
  for (const veth of veths)
    if (!connected.endpoints.some((endpoint) => endpoint.veth === veth)) removeLeftVeth(paths, record.id, veth);
  if (listNetworks(paths).some(({ parent }) => parent)) removeLeftChildren(state, connected);
  rewriteEtcFiles(paths, { record: repaired, state }, connected.endpoints);
  repairPublished(paths, record.id, connected);
  writeRecord(paths, repaired);
}

/** The same for devices upon a parent, which are only inside. */
function removeLeftChildren({ process }: ContainerState, { endpoints }: Connected): void {
  using namespace = owned(openIfAny(`/proc/${process?.pid}/ns/net`, O_RDONLY));
  if (!namespace) return;
  const parents = require("../../network/parent.ts") as typeof import("../../network/parent.ts");
  parents.removeLeftChildren(
    namespace.fd,
    endpoints.map(({ device }) => device),
  );
}

/** A device in a network that its container has left; unless another one has the address by now. */
function removeLeftVeth(paths: Paths, id: string, veth: string): void {
  withNetlink("ROUTE", (socket) => {
    const master = findLink(socket, veth)?.master;
    const network =
      master === undefined
        ? undefined
        : withBridge(listNetworks(paths)).find(({ bridge }) => findLink(socket, bridge)?.index === master);
    if (!network) return;
    const lease = listLeases(leasesOf(paths, network.name)).find((one) => vethOf(one.address) === veth);
    if (!lease || lease.owner === id) removeVeth(socket, veth);
  });
}

/** The same for a container whose monitor was killed: it has nothing. */
export function repairDead(paths: Paths, id: string): void {
  for (const network of listNetworks(paths)) repairNetwork(paths, id, network, undefined);
}

const sameKeys = ["protocol", "hostIp", "hostPort", "ip", "port"] as const;

/** It has the ports that are written down, and they lead where that says. */
function repairPublished(paths: Paths, id: string, connected: Connected): void {
  if (connected.ports.length === 0) return;
  const firewall = firewallOf(paths);
  const isWanted = (one: Published) =>
    connected.publications.some((wanted) => sameKeys.every((key) => one[key] === wanted[key]));
  const stray = firewall.list().filter((one) => one.owner === id && !isWanted(one));
  firewall.unpublish(
    id,
    stray.map((one) => ({ ...one, bridge: "" })),
  );
  firewall.publish(id, connected.publications);
  const now = readContainer(paths, id);
  // It has ended in the meantime, and they were taken back before they were there.
  if (!now || !isUp(now)) firewall.unpublish(id, connected.publications);
}

function repairNetwork(paths: Paths, id: string, network: Network, connected: Connected | undefined): boolean {
  const { name, bridge } = network;
  // Of its two addresses a container's device is named by the first.
  const named = (address: string): boolean => isIpv6(address) === isIpv6(network.subnets[0]?.subnet ?? "");
  const endpoint = connected?.endpoints.find(({ network }) => network === name);
  const known = endpoint ? bare(endpoint) : [];
  // One without an owner was made by somebody who was killed before he could say whose it is.
  const unknown = listLeases(leasesOf(paths, name)).filter(
    ({ address, owner, held }) => (owner === id && !known.includes(address)) || (owner === "" && !held),
  );
  withNetlink("ROUTE", (socket) => {
    const master = bridge === "" ? undefined : findLink(socket, bridge)?.index;
    for (const { address, owner, held } of unknown) {
      if (held) continue;
      const veth = owner === "" || !named(address) ? undefined : vethOf(address);
      // A device of that name behind another bridge is another state root's.
      if (veth !== undefined && master !== undefined && findLink(socket, veth)?.master === master)
        removeVeth(socket, veth);
      dropLease(leasesOf(paths, name), address, owner);
    }
  });
  if (!endpoint) dropNames(namesOf(paths, name), id);
  return !unknown.some(({ held }) => held);
}
