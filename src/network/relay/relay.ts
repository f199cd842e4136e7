/**
 * Published ports where packets cannot be redirected: what reaches a port that we hold goes through us to the container.
 * That is ::1, and IPv6 for a container that has none; all else if the firewall's rules were flushed.
 */

import type { EventSource, Timer } from "../../linux/poll.ts";
import { encodeSockaddr } from "../../linux/socket.ts";
import { openEpollLoop } from "../epoll-loop.ts";
import { type HeldPort, releasePorts } from "../ports.ts";
import { relayStreams } from "./tcp.ts";
import { relayDatagrams } from "./udp.ts";

/** The addresses of a container, without prefix. */
export interface RelayTarget {
  ipv4?: string;
  ipv6?: string;
}

/** Part of the loop of the process that holds the ports, in the host's network namespace. Its end releases them. */
export function openRelay(ports: HeldPort[], target: RelayTarget): EventSource {
  const loop = openEpollLoop();
  const timers: (() => Timer[])[] = [];
  const relayed = new Set<number>();
  for (const { protocol, hostIp, port, socket } of ports) {
    const [same, other] = hostIp.includes(":") ? [target.ipv6, target.ipv4] : [target.ipv4, target.ipv6];
    const ip = same ?? other;
    if (socket === undefined || ip === undefined) continue;
    const address = encodeSockaddr(ip, port);
    const start = protocol === "udp" ? relayDatagrams : relayStreams;
    timers.push(start(loop, socket, protocol, address));
    relayed.add(socket);
  }
  return {
    watches: () => [loop.watch],
    timers: () => timers.flatMap((due) => due()),
    end: () => {
      loop.close();
      releasePorts(ports.filter(({ socket }) => socket !== undefined && !relayed.has(socket)));
    },
  };
}
