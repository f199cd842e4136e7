/**
 * The network of a container whose monitor was killed: it lives on with its addresses and rules, and a keeper, a process of its
 * own, holds its leases and ports, answers names and passes connections on until the container ends.
 *
 *     tinydocker network-keeper ID      with the lock of containers/ID/keeper, which is there only while it is needed
 */

import { Failure } from "../../errors.ts";
import { resetAttributes } from "../../linux/attributes.ts";
import { close, type Fd, O_CREAT, O_RDONLY, O_RDWR, open, openIfAny, owned, readAll } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { chdir } from "../../linux/mount.ts";
import { unlink } from "../../linux/names.ts";
import { type EventSource, pipe, sleepMicroseconds } from "../../linux/poll.ts";
import { openProcess } from "../../linux/proc.ts";
import { dup2, stringVector } from "../../linux/process.ts";
import { posixSpawn } from "../../linux/spawn.ts";
import { openResolver } from "../../network/dns/resolver.ts";
import { type HeldPort, holdPorts } from "../../network/ports.ts";
import { openRelay } from "../../network/relay/relay.ts";
import type { Paths } from "../../paths.ts";
import { relayTarget } from "../../plan/network/connection.ts";
import { bare, type Connected } from "../../plan/network/network.ts";
import { hasNames } from "../../plan/network/options.ts";
import { asksSearchFirst, planUpstreams } from "../../plan/network/resolv-conf.ts";
import { guarded } from "../../runtime/event-sources.ts";
import { relay } from "../../runtime/relay.ts";
import { type Container, directoryOf, listContainers, readContainer } from "../record/container.ts";
import { leasesOf, listNetworks, namesOf } from "../record/network.ts";
import { readResolvConf } from "./etc-files.ts";
import { refusals } from "./refusals.ts";

const lockPath = (paths: Paths, id: string): string => `${directoryOf(paths, id)}/keeper`;

/** Gives every container that has lost its monitor a keeper, if it has networks and no keeper yet. */
export function startKeepers(paths: Paths): void {
  for (const container of listContainers(paths, "running")) startKeeper(paths, container);
}

/** The same for one. Returns when it is at work. */
export function startKeeper(paths: Paths, { status, state, record }: Container): void {
  if (status !== "unknown" || !state.network) return;
  const { read, write } = pipe();
  using ready = owned(read);
  {
    using theirs = owned(write);
    using nowhere = owned(open("/dev/null", O_RDWR));
    const words = stringVector(["tinydocker", "network-keeper", record.id]);
    const environment = stringVector([`TINYDOCKER_ROOT=${paths.root}`]);
    posixSpawn("/proc/self/exe", words, environment, { fds: [nowhere.fd, theirs.fd, nowhere.fd], session: true });
  }
  // It closes its end when it is at work, or has nothing to do.
  readAll(ready.fd, "the keeper");
}

/** `tinydocker network-keeper ID`, which nobody types. @returns the exit code. */
export function keep(paths: Paths, id: string): number {
  chdir("/");
  resetAttributes();
  using lock = owned(open(lockPath(paths, id), O_RDWR | O_CREAT, 0o600));
  if (!flock(lock.fd, { wait: false })) return 0;
  try {
    const container = readContainer(paths, id);
    if (container?.status === "unknown" && container.state.network)
      keepUntilEnd(paths, container, container.state.network);
  } finally {
    // Whoever waits for us finds no file, or the lock free.
    unlink(lockPath(paths, id));
  }
  return 0;
}

function keepUntilEnd(paths: Paths, container: Container, network: Connected): void {
  const { process } = container.state;
  using pidfd = owned(process && openProcess(process));
  using namespace = owned(openIfAny(`/proc/${process?.pid}/ns/net`, O_RDONLY));
  if (!pidfd || !namespace) return;
  const leases = lockLeases(paths, network);
  const sources = guarded(sourcesOf(paths, container, network, namespace.fd));
  leaveStarter();
  let over = false;
  relay(
    [],
    () => [{ fd: pidfd.fd, onReady: () => (over = true) }, ...sources.flatMap((source) => source.watches())],
    () => sources.flatMap((source) => source.timers()),
    () => over,
    () => undefined,
  );
  for (const source of sources) source.end();
  for (const lease of leases) close(lease);
}

/** So that nobody takes them for left behind. */
function lockLeases(paths: Paths, { endpoints }: Connected): Fd[] {
  return endpoints.flatMap((endpoint) =>
    bare(endpoint).flatMap((address) => {
      const lease = openIfAny(`${leasesOf(paths, endpoint.network)}/${address}`, O_RDWR);
      if (lease === undefined) return [];
      flock(lease, { wait: false });
      return [lease];
    }),
  );
}

function sourcesOf(paths: Paths, { record }: Container, connected: Connected, namespace: Fd): EventSource[] {
  const { endpoints } = connected;
  const zones = endpoints
    .filter(({ network }) => hasNames(network))
    .map(({ network, links }) => ({ network, directory: namesOf(paths, network), links }));
  const { dns } = record.options.network;
  const sources: EventSource[] = [];
  if (zones.length > 0) {
    const isOpen = listNetworks(paths).some(
      ({ name, internal }) => !internal && endpoints.some((one) => one.network === name),
    );
    sources.push(
      openResolver({
        netns: namespace,
        zones,
        upstreams: planUpstreams(readResolvConf(), dns),
        forward: isOpen,
        searchFirst: asksSearchFirst(dns),
      }),
    );
  }
  const ports = holdAgain(connected);
  if (ports.length > 0) sources.push(openRelay(ports, relayTarget(endpoints), refusals(paths, record.id)));
  return sources;
}

/** One that somebody has taken meanwhile is his. */
const holdAgain = ({ ports }: Connected): HeldPort[] =>
  ports.flatMap(({ protocol, hostIp, hostPort, port }) => {
    try {
      return holdPorts([{ protocol, hostIp, port, hostPorts: { first: hostPort, last: hostPort } }], () => undefined);
    } catch (error) {
      if (error instanceof Failure) return [];
      throw error;
    }
  });

/** Who has started us waits for the end of our stdout. */
function leaveStarter(): void {
  using nowhere = owned(open("/dev/null", O_RDWR));
  dup2(nowhere.fd, 1);
}

const longestMs = 2000;
const lookMs = 5;

/** Waits until the keeper of a container that has ended has noticed. */
export function waitForKeeper(paths: Paths, id: string): void {
  using lock = owned(openIfAny(lockPath(paths, id), O_RDWR));
  if (!lock) return;
  for (let waitedMs = 0; waitedMs < longestMs && !flock(lock.fd, { wait: false, shared: true }); waitedMs += lookMs)
    sleepMicroseconds(lookMs * 1000);
}
