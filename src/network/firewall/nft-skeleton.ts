/**
 * Our table as data: its sets, which have an element for each network or published port, and its rules, which never change.
 *
 * `nft list table inet tinydocker` shows it, and can load what it shows; so no name is a keyword of nft(8).
 */

import { u32 } from "../../linux/netlink/attribute.ts";
import {
  and,
  compare,
  ct,
  fibDestinationType,
  lookUp,
  masquerade,
  meta,
  nat,
  payload,
  type Statement,
  verdict,
} from "../../linux/netlink/nft-expression.ts";
import { type Base, newChain, newRule } from "../../linux/netlink/nft-rule.ts";
import { newSet, type SetDefinition } from "../../linux/netlink/nft-set.ts";
import { commentData, newTable, type Table } from "../../linux/netlink/nftables.ts";
import type { Request } from "../../linux/netlink/socket.ts";
import { ours } from "./driver.ts";

export const table: Table = { family: "inet", name: ours };
/** Another number when anything here changes: what an older version made is made anew. */
const version = "2";
export const tableData = commentData(`${ours} ${version}`);

export const sets = {
  /** Where a port of all the host's addresses leads, and one of a single address. */
  ports4: { key: ["inet_proto", "inet_service"], data: ["ipv4_addr", "inet_service"] },
  ports6: { key: ["inet_proto", "inet_service"], data: ["ipv6_addr", "inet_service"] },
  hostports4: { key: ["ipv4_addr", "inet_proto", "inet_service"], data: ["ipv4_addr", "inet_service"] },
  hostports6: { key: ["ipv6_addr", "inet_proto", "inet_service"], data: ["ipv6_addr", "inet_service"] },
  bridges: { key: ["ifname"] },
  /** Each bridge whose containers reach each other, with itself. */
  open: { key: ["ifname", "ifname"] },
  internal: { key: ["ifname"] },
  /** Bridges whose containers are reached from other networks of ours. */
  shared: { key: ["ifname"] },
  subnets4: { key: ["ipv4_addr"], interval: true },
  subnets6: { key: ["ipv6_addr"], interval: true },
} as const satisfies Record<string, SetDefinition>;
export type SetName = keyof typeof sets;

/** A device's name as the kernel compares it. */
export function deviceName(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(new TextEncoder().encode(name).subarray(0, 15));
  return bytes;
}

const NFPROTO = { ip: 2, ip6: 10 } as const;
const RTN_LOCAL = 2;
const IPS_DST_NAT = 0x20;
const CT_ESTABLISHED_RELATED = 6;
const zero = u32(0);

const family = (name: keyof typeof NFPROTO): Statement => [
  meta("nfproto"),
  compare("==", Uint8Array.of(NFPROTO[name])),
];
/** Where both addresses are in the header, and how long they are. */
const addresses = { ip: { source: 12, destination: 16, bytes: 4 }, ip6: { source: 8, destination: 24, bytes: 16 } };
const toLoopback: Statement = [
  ...family("ip"),
  payload("network", addresses.ip.destination, 1),
  compare("==", Uint8Array.of(127)),
];
const from = (key: "iifname" | "oifname", set: SetName, options?: { not: boolean }): Statement => [
  meta(key),
  lookUp(set, options),
];
const toThisHost: Statement = [fibDestinationType(), compare("==", u32(RTN_LOCAL))];
const wasPublished: Statement = [ct("status"), and(u32(IPS_DST_NAT)), compare("!=", zero)];
const isReply: Statement = [ct("state"), and(u32(CT_ESTABLISHED_RELATED)), compare("!=", zero)];
const inSubnets = (name: keyof typeof NFPROTO): Statement => [
  ...family(name),
  payload("network", addresses[name].source, addresses[name].bytes),
  lookUp(name === "ip" ? "subnets4" : "subnets6"),
];
const [accept, drop, leave] = [[verdict("accept")], [verdict("drop")], [verdict("return")]];
/** Destinations' ports of TCP, UDP and SCTP are at the same place. */
const destinationPort = (word: number) => payload("transport", 2, 2, word);

/** To where the port of the address leads that the packet is for; the data is an address and a port one behind the other. */
const toPublishedAt = (name: keyof typeof NFPROTO): Statement => {
  const words = addresses[name].bytes / 4;
  return [
    ...family(name),
    payload("network", addresses[name].destination, addresses[name].bytes),
    meta("l4proto", words),
    destinationPort(words + 1),
    lookUp(name === "ip" ? "hostports4" : "hostports6", { into: 0 }),
    nat("dnat", name, 0, words),
  ];
};
const toPublished = (name: keyof typeof NFPROTO): Statement => [
  ...family(name),
  meta("l4proto", 0),
  destinationPort(1),
  lookUp(name === "ip" ? "ports4" : "ports6", { into: 0 }),
  nat("dnat", name, 0, addresses[name].bytes / 4),
];

const ipv6Loopback = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const isV6Loopback: Statement = [
  ...family("ip6"),
  payload("network", addresses.ip6.destination, 16),
  compare("==", ipv6Loopback),
];

interface Chain {
  base?: Base;
  /** Each a rule: what must be the case, and what then is done. */
  rules: Statement[][];
}

const priorities = { raw: -300, destination: -100, filter: 0, source: 100 };

/** In an order in which a chain comes before those that jump to it. */
export const chains: Record<string, Chain> = {
  // What is published on 127.0.0.1 is for this host alone (R35), also where somebody has packets to it routed (route_localnet).
  guard: {
    base: { type: "filter", hook: "prerouting", priority: priorities.raw },
    rules: [[[meta("iifname"), compare("!=", deviceName("lo"))], toLoopback, drop]],
  },
  // The ports of a single address come first. What is for loopback addresses the monitors of containers pass on: the kernel
  // drops what leaves with ::1, and with 127.0.0.1 too unless its doors are opened to the containers (CVE-2020-8558).
  published: {
    rules: [
      [toLoopback, leave],
      [toPublishedAt("ip")],
      [toPublished("ip")],
      [isV6Loopback, leave],
      [toPublishedAt("ip6")],
      [toPublished("ip6")],
    ],
  },
  arriving: {
    base: { type: "nat", hook: "prerouting", priority: priorities.destination },
    rules: [[toThisHost, [verdict("jump", "published")]]],
  },
  from_host: {
    base: { type: "nat", hook: "output", priority: priorities.destination },
    rules: [[toThisHost, [verdict("jump", "published")]]],
  },
  // The answer must come back through this host: to a container that asked for a published port (its own, or of its
  // neighbour), and to whatever goes out.
  leaving: {
    base: { type: "nat", hook: "postrouting", priority: priorities.source },
    rules: [
      ...(["ip", "ip6"] as const).flatMap((name) => [
        [inSubnets(name), wasPublished, [masquerade()]],
        [inSubnets(name), from("oifname", "bridges", { not: true }), [masquerade()]],
      ]),
    ],
  },
  // Packets between neighbours come by here only where bridges call the firewall (br_netfilter).
  through: {
    base: { type: "filter", hook: "forward", priority: priorities.filter },
    rules: [
      [isReply, accept],
      [[meta("iifname", 0), meta("oifname", 4), lookUp("open")], accept],
      [from("iifname", "internal"), drop],
      [from("oifname", "internal"), drop],
      [from("oifname", "bridges"), wasPublished, accept],
      [from("iifname", "bridges"), from("oifname", "shared"), accept],
      [from("oifname", "bridges"), drop],
    ],
  },
};

/** How many rules the table has when nobody took any out. */
export const ruleCount = Object.values(chains).reduce((sum, { rules }) => sum + rules.length, 0);

/** Everything but what networks and containers add. @param exclusive EEXIST if there is such a table. */
export const planSkeleton = (options: { exclusive: boolean }): Request[] => [
  newTable(table, { userdata: tableData, exclusive: options.exclusive }),
  ...Object.entries(sets).map(([name, definition]) => newSet(table, name, definition)),
  ...Object.entries(chains).map(([name, { base }]) => newChain(table, name, base)),
  ...Object.entries(chains).flatMap(([name, { rules }]) => rules.map((rule) => newRule(table, name, rule))),
];
