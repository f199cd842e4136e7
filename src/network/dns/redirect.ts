/**
 * Port 53 of the resolver's address leads to other ports, so that the container may have a DNS server at port 53 itself.
 * The ports are written into the packets: NAT would have the kernel follow every connection of the container once more.
 *
 *     client:4711 > 127.0.0.11:53       the query leaves, and arrives at 127.0.0.11:40001
 *     127.0.0.11:40001 > client:4711    the answer leaves, and arrives from 127.0.0.11:53
 */

import { Failure } from "../../errors.ts";
import { EEXIST } from "../../linux/errno.ts";
import { be16 } from "../../linux/netlink/attribute.ts";
import { compare, load, meta, payload, type Statement, writePayload } from "../../linux/netlink/nft-expression.ts";
import { newChain, newRule } from "../../linux/netlink/nft-rule.ts";
import { commit, deleteTable, newTable, type Table } from "../../linux/netlink/nftables.ts";
import { type Request, withNetlink } from "../../linux/netlink/socket.ts";
import { readAddress } from "../../plan/network/address.ts";

const table: Table = { family: "ip", name: "tinydocker-names" };
/** What follows connections, if the container has that, sees the port that programs see: 53, in both directions. */
const conntrackPriority = -200;
const queries = { name: "queries", priority: conntrackPriority + 50 };
const answers = { name: "answers", priority: conntrackPriority - 100 };

/** Where addresses and ports are in headers of IPv4, and of UDP and TCP. */
const source = { address: 12, port: 0 };
const destination = { address: 16, port: 2 };
const transports = { udp: { number: 17, checksumAt: 6 }, tcp: { number: 6, checksumAt: 16 } } as const;
type Transport = keyof typeof transports;

/** In the container's network namespace, which we are in. @returns false where the kernel can't. */
export function redirect(address: string, port: number, to: Record<Transport, number>): boolean {
  const rule = (transport: Transport, end: typeof source, from: number, into: number): Statement[] => {
    const { number, checksumAt } = transports[transport];
    return [
      [payload("network", end.address, 4), compare("==", readAddress(address)!)],
      [meta("l4proto"), compare("==", Uint8Array.of(number))],
      [payload("transport", end.port, 2), compare("==", be16(from))],
      [load(be16(into)), writePayload("transport", { offset: end.port, bytes: 2, checksumAt })],
    ];
  };
  const kinds = Object.keys(transports) as Transport[];
  const rules: Request[] = [
    ...[queries, answers].map(({ name, priority }) =>
      newChain(table, name, { type: "filter", hook: "output", priority }),
    ),
    ...kinds.map((kind) => newRule(table, queries.name, rule(kind, destination, port, to[kind]))),
    ...kinds.map((kind) => newRule(table, answers.name, rule(kind, source, to[kind], port))),
  ];
  const first: Request = { ...newTable(table, { exclusive: true }), expected: [EEXIST] };
  try {
    withNetlink("NETFILTER", (socket) => {
      if (commit(socket, [first, ...rules]) === EEXIST)
        // Of a resolver before us. To delete it always would take 10 ms, as the kernel waits until nobody uses it.
        commit(socket, [deleteTable(table), newTable(table), ...rules]);
    });
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}
