/**
 * Forward-accept rules in firewalls of others: what another table drops is dropped, whatever ours says, and Docker's and ufw's drop
 * all that is forwarded and is not theirs. Two rules at the head of their chain let our bridges' packets pass, which our own
 * table has judged; firewalld is told to trust the bridge.
 */

import { findHostProgram, runHostProgram } from "../../host-program.ts";
import { type Fd, readFileIfAny } from "../../linux/file.ts";
import { text } from "../../linux/netlink/attribute.ts";
import { compare, counter, meta, verdict } from "../../linux/netlink/nft-expression.ts";
import { deleteRule, getChain, listRules, newRule } from "../../linux/netlink/nft-rule.ts";
import { commitUndisturbed, type Table } from "../../linux/netlink/nftables.ts";
import type { Network } from "../../plan/network/network.ts";
import { commentFor } from "./driver.ts";
import { leaveFirewalld, trustInFirewalld } from "./firewalld.ts";

const chain = "FORWARD";
const families = [
  { table: { family: "ip", name: "filter" } as Table, program: "iptables", names: "ip_tables_names", colon: false },
  { table: { family: "ip6", name: "filter" } as Table, program: "ip6tables", names: "ip6_tables_names", colon: true },
];
type Family = (typeof families)[number];
const ends = ["iifname", "oifname"] as const;

/** Whether a network has addresses of a family. */
const hasFamily = ({ subnets }: Network, { colon }: Family): boolean =>
  subnets.some(({ subnet }) => subnet.includes(":") === colon);

/** Adds what is missing. */
export function ensureForwardAccept(socket: Fd, networks: readonly Network[]): void {
  for (const family of families) {
    const bridges = networks.filter((network) => hasFamily(network, family)).map(({ bridge }) => bridge);
    if (bridges.length === 0) continue;
    if (getChain(socket, family.table, chain)?.base) passNative(socket, family.table, bridges);
    if (hasLegacyFilter(family)) for (const bridge of bridges) passLegacy(family, bridge);
  }
  for (const { bridge } of networks) trustInFirewalld(socket, bridge);
}

/** Takes out what was added for a network, or all that ever was. */
export function removeForwardAccept(socket: Fd, network?: Network): void {
  const isOurs = (comment: string | undefined): boolean =>
    network ? comment === commentFor(network.bridge) : (comment?.startsWith(commentFor("")) ?? false);
  for (const family of families) {
    if (getChain(socket, family.table, chain)?.base)
      commitUndisturbed(socket, () =>
        listRules(socket, family.table, chain)
          .filter(({ comment }) => isOurs(comment))
          .map(({ handle }) => deleteRule(family.table, chain, handle)),
      );
    if (hasLegacyFilter(family)) removeLegacy(family, isOurs);
  }
  if (network) leaveFirewalld(socket, network.bridge);
}

function passNative(socket: Fd, table: Table, bridges: readonly string[]): void {
  commitUndisturbed(socket, () => {
    const rules = listRules(socket, table, chain);
    const count = (bridge: string) => rules.filter(({ comment }) => comment === commentFor(bridge)).length;
    return bridges
      .filter((bridge) => count(bridge) < ends.length)
      .flatMap((bridge) =>
        // As iptables writes `-i BRIDGE -j ACCEPT`, which goes on showing the chain.
        ends.map((end) =>
          newRule(table, chain, [[meta(end), compare("==", text(bridge))], [counter()], [verdict("accept")]], {
            comment: commentFor(bridge),
            head: true,
          }),
        ),
      );
  });
}

/** Tables of iptables before nf_tables, which are the kernel's own and not seen by it. */
const hasLegacyFilter = ({ names }: Family): boolean =>
  readFileIfAny(`/proc/thread-self/net/${names}`)?.split("\n").includes("filter") ?? false;

const legacyProgram = ({ program }: Family): string =>
  findHostProgram(`${program}-legacy`) === undefined ? program : `${program}-legacy`;

const legacyRule = (end: (typeof ends)[number], bridge: string): string[] => [
  ...[chain, end === "iifname" ? "-i" : "-o", bridge],
  ...["-m", "comment", "--comment", commentFor(bridge), "-j", "ACCEPT"],
];

function passLegacy(family: Family, bridge: string): void {
  const program = legacyProgram(family);
  for (const end of ends)
    if (runHostProgram(program, ["-w", "-C", ...legacyRule(end, bridge)]).code !== 0)
      runHostProgram(program, ["-w", "-I", ...legacyRule(end, bridge)]);
}

function removeLegacy(family: Family, isOurs: (comment: string) => boolean): void {
  const program = legacyProgram(family);
  const listed = runHostProgram(program, ["-w", "-S", chain]).stdout;
  const bridges = [...listed.matchAll(new RegExp(`--comment "(${commentFor('([^ "]+)')})"`, "g"))].filter(
    ([, comment]) => isOurs(comment!),
  );
  for (const bridge of new Set(bridges.map(([, , name]) => name!)))
    for (const end of ends) while (runHostProgram(program, ["-w", "-D", ...legacyRule(end, bridge)]).code === 0);
}
