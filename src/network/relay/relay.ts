/**
 * Published ports where packets cannot be redirected: what reaches a port that we hold goes through us to the container.
 * That is 127.0.0.1 and ::1, and IPv6 for a container that has none; all else if the firewall's rules were flushed.
 */

import type { EventSource, Timer } from "../../linux/poll.ts";
import { encodeSockaddr, type Sockaddr } from "../../linux/socket.ts";
import { openEpollLoop } from "../epoll-loop.ts";
import { type HeldPort, releasePorts } from "../ports.ts";
import { closeIdlePipes } from "./pipes.ts";
import { newQuota, type Quota } from "./quota.ts";
import { relayStreams } from "./tcp.ts";
import { relayDatagrams } from "./udp.ts";

/** The addresses of a container, without prefix; none while its ports lead nowhere. */
export interface RelayTarget {
  ipv4?: string;
  ipv6?: string;
}

export interface Relay extends EventSource {
  /** From now on it leads there; connections that there are stay. */
  setTarget(target: RelayTarget): void;
}

/** Part of the loop of the process that holds the ports, in the host's network namespace. Its end releases them. */
export function openRelay(ports: HeldPort[], first: RelayTarget, onRefused: Quota["onRefused"] = () => {}): Relay {
  const loop = openEpollLoop();
  const quota = newQuota(onRefused);
  const relays: { timers: () => Timer[]; retarget?: () => void }[] = [];
  const relayed = new Set<number>();
  let target = first;
  const addressFor =
    ({ hostIp, port }: HeldPort) =>
    (): Sockaddr | undefined => {
      const [same, other] = hostIp.includes(":") ? [target.ipv6, target.ipv4] : [target.ipv4, target.ipv6];
      const ip = same ?? other;
      return ip === undefined ? undefined : encodeSockaddr(ip, port);
    };
  for (const port of ports) {
    const { protocol, socket } = port;
    if (socket === undefined) continue;
    relays.push(
      protocol === "udp"
        ? relayDatagrams(loop, socket, protocol, addressFor(port))
        : { timers: relayStreams(loop, { port, listener: socket, kind: protocol, targetOf: addressFor(port), quota }) },
    );
    relayed.add(socket);
  }
  return {
    watches: () => [loop.watch],
    timers: () => relays.flatMap(({ timers }) => timers()),
    setTarget: (next) => {
      target = next;
      for (const { retarget } of relays) retarget?.();
    },
    end: () => {
      loop.close();
      closeIdlePipes();
      releasePorts(ports.filter(({ socket }) => socket !== undefined && !relayed.has(socket)));
    },
  };
}
