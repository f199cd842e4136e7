/** Our rules of iptables as data. Each has a comment that names it, as every version prints rules in its own way. */

import type { Network, Protocol, Publication } from "../../plan/network/network.ts";
import { isForAll, ours, type Published } from "./driver.ts";

export type TableName = "raw" | "nat" | "filter";

export interface Family {
  program: "iptables" | "ip6tables";
  isV6: boolean;
}
export const families: readonly Family[] = [
  { program: "iptables", isV6: false },
  { program: "ip6tables", isV6: true },
];

/** Whether a rule for this address or subnet belongs to a family. */
export const isIn = (family: Family, address: string): boolean => address.includes(":") === family.isV6;

export interface Rule {
  table: TableName;
  chain: string;
  /** All that iptables is told, without the comment. */
  words: string;
  comment: string;
  /** Before all others. */
  head?: boolean;
}

/** A rule with its comment, as it is added and deleted. */
const described = ({ chain, words, comment }: Rule): string => {
  const target = words.indexOf("-j ");
  return `${chain} ${words.slice(0, target)}-m comment --comment "${comment}" ${words.slice(target)}`;
};
export const addition = (rule: Rule): string => `${rule.head ? "-I" : "-A"} ${described(rule)}`;
export const deletion = (rule: Rule): string => `-D ${described(rule)}`;

/** Chains of ours: those that have a rule for each network or port, and those whose rules are the same everywhere. */
export const chains: Record<TableName, { growing: string[]; fixed: string[] }> = {
  raw: { growing: [], fixed: ["TINYDOCKER"] },
  nat: { growing: ["TINYDOCKER", "TINYDOCKER-LEAVE", "TINYDOCKER-STAY"], fixed: ["TINYDOCKER-OUT"] },
  filter: {
    growing: [
      ...["TINYDOCKER", "TINYDOCKER-OPEN", "TINYDOCKER-INTERNAL"],
      ...["TINYDOCKER-FROM", "TINYDOCKER-SHARED", "TINYDOCKER-INTO"],
    ],
    fixed: ["TINYDOCKER-OURS"],
  },
};
export const tableNames = Object.keys(chains) as TableName[];

const numbered = (rules: Omit<Rule, "comment">[], what: string): Rule[] =>
  rules.map((rule, index) => ({ ...rule, comment: `${ours} ${what} ${index}` }));

/** How packets of others come into our chains. */
export function planJumps(family: Family): Rule[] {
  const { isV6 } = family;
  // What is for loopback addresses the monitors of containers pass on: see nft-skeleton.ts.
  const toThisHost = `! -d ${isV6 ? "::1/128" : "127.0.0.0/8"} -m addrtype --dst-type LOCAL -j TINYDOCKER`;
  const jumps: Omit<Rule, "comment">[] = [
    { table: "nat", chain: "PREROUTING", words: toThisHost },
    { table: "nat", chain: "OUTPUT", words: toThisHost },
    { table: "nat", chain: "POSTROUTING", words: "-j TINYDOCKER-LEAVE" },
    // At the head: Docker and others drop what is not theirs.
    { table: "filter", chain: "FORWARD", words: "-j TINYDOCKER", head: true },
    ...(isV6 ? [] : [{ table: "raw", chain: "PREROUTING", words: "-j TINYDOCKER", head: true } as const]),
  ];
  return numbered(jumps, isV6 ? "jump" : "way");
}

/** What an older version had in their place. */
export function planOldJumps({ isV6 }: Family): Rule[] {
  if (isV6) return [];
  const toThisHost = "-m addrtype --dst-type LOCAL -j TINYDOCKER";
  const jumps: Omit<Rule, "comment">[] = [
    { table: "nat", chain: "PREROUTING", words: toThisHost },
    { table: "nat", chain: "OUTPUT", words: toThisHost },
    { table: "nat", chain: "POSTROUTING", words: "-j TINYDOCKER-LEAVE" },
    { table: "filter", chain: "FORWARD", words: "-j TINYDOCKER" },
    { table: "raw", chain: "PREROUTING", words: "-j TINYDOCKER" },
  ];
  return numbered(jumps, "jump");
}

/** The rules of the fixed chains, in their order. */
export function planFixed({ isV6 }: Family): Rule[] {
  const through = [
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-j TINYDOCKER-OPEN",
    "-j TINYDOCKER-INTERNAL",
    "-m conntrack --ctstate DNAT -j ACCEPT",
    "-j TINYDOCKER-FROM",
    "-j TINYDOCKER-INTO",
    "-j ACCEPT",
  ];
  const rules: Omit<Rule, "comment">[] = [
    ...through.map((words) => ({ table: "filter", chain: "TINYDOCKER-OURS", words }) as const),
    { table: "nat", chain: "TINYDOCKER-OUT", words: "-j TINYDOCKER-STAY" },
    { table: "nat", chain: "TINYDOCKER-OUT", words: "-j MASQUERADE" },
    // What is published on 127.0.0.1 is for this host alone (R35), also where somebody has packets to it routed.
    ...(isV6 ? [] : [{ table: "raw", chain: "TINYDOCKER", words: "-d 127.0.0.0/8 ! -i lo -j DROP" } as const]),
  ];
  return numbered(rules, "fixed");
}

/** What a network adds, to chains in which the order does not matter. */
export function planNetwork(family: Family, { bridge, subnets, internal, icc, isolate, rarer }: Network): Rule[] {
  const own = subnets.map(({ subnet }) => subnet).filter((subnet) => isIn(family, subnet));
  if (own.length === 0) return [];
  const filter = (chain: string, ...all: string[]) =>
    all.map((words) => ({ table: "filter", chain: `TINYDOCKER${chain}`, words }) as const);
  const nat = (chain: string, ...all: string[]) =>
    all.map((words) => ({ table: "nat", chain: `TINYDOCKER${chain}`, words }) as const);
  const rules: Omit<Rule, "comment">[] = [
    ...filter("", `-i ${bridge} -j TINYDOCKER-OURS`, `-o ${bridge} -j TINYDOCKER-OURS`),
    ...(icc ? filter("-OPEN", `-i ${bridge} -o ${bridge} -j ACCEPT`) : []),
    ...(internal ? filter("-INTERNAL", `-i ${bridge} -j DROP`, `-o ${bridge} -j DROP`) : []),
    ...filter("-FROM", `-i ${bridge} -j TINYDOCKER-SHARED`),
    ...(isolate ? [] : filter("-SHARED", `-o ${bridge} -j ACCEPT`)),
    ...filter("-INTO", `-o ${bridge} -j DROP`),
    ...nat("-STAY", `-o ${bridge} -j ACCEPT`),
    ...(family.isV6 ? [] : nat("-LEAVE", `-s 127.0.0.0/8 -o ${bridge} -j MASQUERADE`)),
    ...(internal || rarer?.masquerade === false ? [] : own).flatMap((subnet) =>
      nat("-LEAVE", `-s ${subnet} -m conntrack --ctstate DNAT -j MASQUERADE`, `-s ${subnet} -j TINYDOCKER-OUT`),
    ),
  ];
  return numbered(rules, `network ${bridge}`);
}

/** A published port. Those of a single address come before those of all. */
export function planPublication(publication: Publication, container: string): Rule {
  const { protocol, hostIp, hostPort, ip, port } = publication;
  const all = isForAll(publication);
  const target = ip.includes(":") ? `[${ip}]` : ip;
  const to = `-p ${protocol} -m ${protocol} --dport ${hostPort} -j DNAT --to-destination ${target}:${port}`;
  return {
    table: "nat",
    chain: "TINYDOCKER",
    words: all ? to : `-d ${hostIp} ${to}`,
    comment: [ours, "port", container, protocol, hostIp, hostPort, ip, port].join(" "),
    head: !all,
  };
}

/** The published port whose rule has this comment. */
export function parsePublication(comment: string): Published | undefined {
  const [first, kind, owner = "", protocol, hostIp = "", hostPort, ip = "", port] = comment.split(" ");
  if (first !== ours || kind !== "port") return undefined;
  return { protocol: protocol as Protocol, hostIp, hostPort: Number(hostPort), ip, port: Number(port), owner };
}

/** What is there of ours in one table. */
export interface Present {
  chains: Set<string>;
  comments: Set<string>;
}

/** Reads what iptables-save prints. */
export function parseSaved(text: string): Record<TableName, Present> {
  const present = {} as Record<TableName, Present>;
  for (const name of tableNames) present[name] = { chains: new Set(), comments: new Set() };
  let table: Present | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = present[line.slice(1) as TableName];
    if (line.startsWith(":TINYDOCKER")) table?.chains.add(line.slice(1).split(" ", 1)[0]!);
    const comment = /--comment "([^"]+)"/.exec(line)?.[1];
    if (comment?.startsWith(`${ours} `)) table?.comments.add(comment);
  }
  return present;
}
