/**
 * What a container's monitor keeps of its networks: addresses and ports, the resolver, the relay of ports.
 * Small, as it lives as long as the container; what connects and takes off is loaded when it is needed.
 */

import { close, type Fd } from "../../linux/file.ts";
import { dupCloexec, type EventSource, type Timer, type Watch } from "../../linux/poll.ts";
import type { Resolver } from "../../network/dns/resolver.ts";
import type { Relay } from "../../network/relay/relay.ts";
import type { Paths } from "../../paths.ts";
import { bare, type Connected, connectedOf } from "../../plan/network/network.ts";
import { hasNames } from "../../plan/network/options.ts";
import type { NetworkChange } from "../../runtime/channel.ts";
import type { UndoList } from "../../runtime/undo.ts";
import { namesOf } from "../record/network.ts";
import type { Reserved } from "./reserve.ts";

/**
 * What a monitor (or a `run` in the foreground) asks of a network. There is one that makes veths and bridges, below. Without root
 * another goes here: pasta(1) and slirp4netns(1) want just this, a namespace when there is one, a process to keep beside the
 * container (an EventSource), and to be told when it ends.
 */
export interface KeptNetwork {
  /** As it is now. */
  connected(): Connected;
  /** The container has a network namespace. @returns what goes on beside it. */
  connect(namespace: Fd, undo: UndoList): EventSource[];
  /** Somebody has connected it to another network, or taken it off one. */
  change(control: NetworkChange, fds: Fd[]): void;
  /** It is off its networks: gives back its addresses and ports. */
  release(): void;
}

const connecting = () => require("./endpoints.ts") as typeof import("./endpoints.ts");
const refused = () => require("./refusals.ts") as typeof import("./refusals.ts");
const planning = () => require("../../plan/network/connection.ts") as typeof import("../../plan/network/connection.ts");
const relaying = () => require("../../network/relay/relay.ts") as typeof import("../../network/relay/relay.ts");
const reserving = () => require("./reserve.ts") as typeof import("./reserve.ts");

/** @param connect does it, or has it done. @param soon we are about to end, and somebody waits for that: see disconnect (endpoints.ts). */
export function keepNetwork(
  paths: Paths,
  id: string,
  { connection, leases, ports }: Reserved,
  connect: (namespace: Fd) => void,
  { soon }: { soon: boolean },
): KeptNetwork {
  const eventSources: EventSource[] = [];
  let resolver: Resolver | undefined;
  let relay: Relay | undefined;
  const zones = () =>
    connection.endpoints
      .filter(({ network }) => hasNames(network))
      .map(({ network, links }) => ({ network, directory: namesOf(paths, network), links }));
  const { servers, searchFirst } = connection.resolver;
  const resolve = (namespace: Fd, forward: boolean) => {
    const { openResolver } = require("../../network/dns/resolver.ts") as typeof import("../../network/dns/resolver.ts");
    resolver = openResolver({ netns: namespace, zones: zones(), upstreams: servers, forward, searchFirst });
    eventSources.push(resolver);
  };
  // Whoever does it for us may be killed half way.
  const connectWhole = (namespace: Fd) => {
    try {
      connect(namespace);
    } catch (error) {
      if (!soon) connecting().removeUnfinished(paths, id, connection);
      throw error;
    }
  };
  return {
    connected: () => connectedOf(connection),
    connect: (namespace, undo) => {
      connectWhole(namespace);
      const kept = soon || connection.endpoints.some(({ parent }) => parent) ? dupCloexec(namespace) : undefined;
      undo.add(() => {
        const { disconnect, hasConnections } = connecting();
        // Devices go with their namespace, but for one that a TCP connection keeps which has not heard of its end.
        disconnect(paths, id, connection, {
          deferred: soon && kept !== undefined && !hasConnections(kept),
          namespace: kept,
        });
        if (kept !== undefined) close(kept);
      });
      for (const step of connection.connect) {
        if (step.do === "resolver") resolve(namespace, step.forward);
        if (step.do === "relay") {
          relay = relaying().openRelay(ports.splice(0), step.to, refused().refusals(paths, id));
          eventSources.push(relay);
        }
      }
      return [together(eventSources)];
    },
    change: (control, fds) => {
      connection.publications = control.publications;
      if (control.type === "join") {
        const namespace = fds.pop()!;
        for (const moved of control.moved ?? [])
          connection.endpoints = connection.endpoints.map((one) => (one.network === moved.network ? moved : one));
        connection.endpoints.push(control.endpoint);
        for (const address of bare(control.endpoint))
          leases.push({ network: control.endpoint.network, address, lock: fds.shift()! });
        if (!resolver && hasNames(control.endpoint.network)) resolve(namespace, true);
        close(namespace);
      } else {
        connection.endpoints = connection.endpoints.filter(({ network }) => network !== control.network);
        const left = leases.filter(({ network }) => network === control.network);
        for (const lease of left) leases.splice(leases.indexOf(lease), 1);
        reserving().release(paths, { leases: left, ports: [] });
      }
      resolver?.setZones(zones());
      relay?.setTarget(planning().relayTarget(connection.endpoints));
    },
    release: () => reserving().release(paths, { leases, ports }),
  };
}

/** Several as one, also those that come later. */
const together = (eventSources: EventSource[]): EventSource => ({
  watches: (): Watch[] => eventSources.flatMap((eventSource) => eventSource.watches()),
  timers: (): Timer[] => eventSources.flatMap((eventSource) => eventSource.timers()),
  end: () => {
    for (const eventSource of eventSources) eventSource.end();
  },
});
