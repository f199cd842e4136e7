/**
 * UDP flows that must be flushed: where a datagram goes is decided for the first of a flow, and a client that goes on
 * sending would never reach what was published since, and keep sending to what is gone.
 */

import { deleteFlows, type Flow, listFlows } from "../../linux/netlink/conntrack.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import { parseAddress } from "../../plan/network/address.ts";
import type { Publication } from "../../plan/network/network.ts";
import { isForAll, protocolNumbers } from "./driver.ts";

/** Beyond so many ports one list of all flows is cheaper than one for each. */
const maxLists = 4;

/** To the ports of this host that were published just now. */
export const flushUdp = (publications: readonly Publication[]): void =>
  flush(publications, (publication, { original, reply }) => {
    if (!isForAll(publication)) return original.destination === hex(publication.hostIp);
    // What a container sends to such a port elsewhere has another source than its answers go to: that goes on.
    return reply.source !== original.destination || reply.destination === original.source;
  });

/** To containers by ports that are not published any more. */
export const flushUdpTo = (publications: readonly Publication[]): void =>
  flush(publications, ({ ip, port }, { reply }) => reply.source === hex(ip) && reply.sourcePort === port);

/** From and to addresses that another container may get. */
export function flushAddresses(addresses: readonly string[]): void {
  const gone = new Set(addresses.map(hex));
  withNetlink("NETFILTER", (socket) => {
    for (const bytes of [4, 16] as const) {
      if (!addresses.some((address) => parseAddress(address).length === bytes)) continue;
      const flows = listFlows(socket, bytes, protocolNumbers.udp);
      deleteFlows(
        socket,
        flows.filter(({ original, reply }) => gone.has(original.source) || gone.has(reply.source)),
      );
    }
  });
}

const hex = (address: string): string => parseAddress(address).toHex();

function flush(publications: readonly Publication[], isMeant: (publication: Publication, flow: Flow) => boolean): void {
  const udp = publications.filter(({ protocol }) => protocol === "udp");
  if (udp.length === 0) return;
  withNetlink("NETFILTER", (socket) => {
    for (const bytes of [4, 16] as const) {
      const byPort = new Map<number, Publication[]>();
      for (const publication of udp)
        if (parseAddress(publication.hostIp).length === bytes)
          byPort.set(publication.hostPort, [...(byPort.get(publication.hostPort) ?? []), publication]);
      const ports = byPort.size > maxLists ? [undefined] : byPort.keys();
      for (const port of ports) {
        const flows = listFlows(socket, bytes, protocolNumbers.udp, port).filter((flow) =>
          byPort.get(flow.original.destinationPort)?.some((publication) => isMeant(publication, flow)),
        );
        deleteFlows(socket, flows);
      }
    }
  });
}
