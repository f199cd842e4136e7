/** Ports in words, as Docker's lists have them. Pure. */

import type { ShownPort } from "../../engine/network/ports.ts";

/** `0.0.0.0:8080`, `[::]:8080`. */
export const hostPortText = (ip: string, port: number | string): string =>
  `${ip.includes(":") ? `[${ip}]` : ip}:${port}`;

/** Ports one after the other that lead to the same ones, or to none. */
interface Group {
  hostIp: string | undefined;
  protocol: string;
  first: number;
  last: number;
}

/**
 * `80/tcp, 0.0.0.0:8080->80/tcp`. Ports in a row become one range, where they are published at the same numbers or not at
 * all; those that are published elsewhere come one by one, at the end.
 */
export function portsText(ports: ShownPort[]): string {
  const finished: Group[] = [];
  const open = new Map<string, Group>();
  const elsewhere: string[] = [];
  for (const { hostIp, hostPort, port, protocol } of ports.toSorted(inOrder)) {
    if (hostIp !== undefined && hostPort !== port) {
      elsewhere.push(`${hostPortText(hostIp, hostPort!)}->${port}/${protocol}`);
      continue;
    }
    const key = `${hostIp ?? ""}/${protocol}`;
    const group = open.get(key);
    if (group?.last === port - 1) {
      group.last = port;
      continue;
    }
    // The place of a key among the others is that of its first port.
    if (group) finished.push(group);
    open.set(key, { hostIp, protocol, first: port, last: port });
  }
  return [...[...finished, ...open.values()].map(groupText), ...elsewhere].join(", ");
}

function groupText({ hostIp, protocol, first, last }: Group): string {
  const range = first === last ? String(first) : `${first}-${last}`;
  return `${hostIp === undefined ? "" : `${hostPortText(hostIp, range)}->`}${range}/${protocol}`;
}

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);

/** By number, address, and where they are published. */
export const inOrder = (a: ShownPort, b: ShownPort): number =>
  a.port - b.port ||
  compare(a.hostIp ?? "", b.hostIp ?? "") ||
  compare(a.hostPort ?? 0, b.hostPort ?? 0) ||
  compare(a.protocol, b.protocol);
