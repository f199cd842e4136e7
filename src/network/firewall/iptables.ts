/** The firewall through iptables-restore, for kernels without nf_tables and for who asks for it. */

import { SyscallError } from "../../errors.ts";
import { runHostProgram } from "../../host-program.ts";
import { O_RDONLY, open, owned } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import type { Network, Publication } from "../../plan/network/network.ts";
import { closeLoopback } from "./close-loopback.ts";
import { flushAddresses, flushUdp, flushUdpTo } from "./conntrack-flush.ts";
import { checkDistinct, conflict, type Firewall, type Published } from "./driver.ts";
import { leaveFirewalld, trustInFirewalld } from "./firewalld.ts";
import { dropEmptyTables } from "./iptables-leftover.ts";
import * as rules from "./iptables-rules.ts";
import {
  addition,
  type Family,
  families,
  isIn,
  type Present,
  type Rule,
  type TableName,
  tableNames,
} from "./iptables-rules.ts";

export const iptablesFirewall = (): Firewall => ({
  ensure: (networks) => alone(() => ensure(networks)),
  bringBack: (networks, publications) => alone(() => bringBack(networks, publications)),
  removeNetwork: (network) => alone(() => removeNetwork(network)),
  publish: (container, publications) => alone(() => publish(container, publications)),
  unpublish: (container, publications) => alone(() => unpublish(container, publications)),
  reload: (networks, publications) => alone(() => reload(networks, publications)),
  flush: flushAddresses,
  remove: () => alone(remove),
  list: () => families.flatMap((family) => published(readTables(family))),
});

/**
 * A file of each network namespace that only root can open: on one that others can open, they could hold the lock for ever.
 */
const lockPath = "/proc/sys/net/ipv4/tcp_fastopen_key";

/**
 * Alone with the firewall of this network namespace: iptables has nothing that looks and changes in one step. The lock is the
 * namespace's own, so nothing is left behind, and a process that dies lets it go.
 */
function alone<Result>(change: () => Result): Result {
  using namespace = owned(open(lockPath, O_RDONLY));
  flock(namespace.fd, { wait: true });
  return change();
}

type Tables = Record<TableName, Present>;
/** Lines for iptables-restore, by table. */
type Script = Partial<Record<TableName, string[]>>;

const readTables = ({ program }: Family): Tables => rules.parseSaved(run(`${program}-save`, []));

/** Does what a script says: of each table all or nothing. */
function restore({ program }: Family, script: Script): void {
  const parts = tableNames.filter((table) => script[table]?.length);
  const lines = parts.flatMap((table) => [`*${table}`, ...script[table]!, "COMMIT"]);
  if (lines.length > 0) run(`${program}-restore`, ["--noflush", "-w"], `${lines.join("\n")}\n`);
}

function run(program: string, args: string[], input = ""): string {
  const { code, stdout, stderr } = runHostProgram(program, args, input);
  if (code === 0) return stdout;
  throw new SyscallError("run", program, `exit ${code}`, stderr.trim().replaceAll("\n", "; ") || "it says nothing");
}

/** A family's script made of lines for each of its tables; ip6tables has no raw table of ours. */
const scriptOf = (lines: (table: TableName) => string[]): Script =>
  Object.fromEntries(tableNames.map((table) => [table, lines(table)]));

const isThere = (tables: Tables, { table, comment }: Rule): boolean => tables[table].comments.has(comment);
const additions = (all: readonly Rule[], table: TableName): string[] =>
  all.filter((rule) => rule.table === table).map(addition);

/** Makes a chain, or empties the one that is there. */
const emptied = (chain: string): string => `:${chain} - [0:0]`;
const chainsOf = ({ isV6 }: Family, table: TableName) =>
  isV6 && table === "raw" ? { growing: [], fixed: [] } : rules.chains[table];

/** Adds what is missing of the skeleton and of what is to be there beside it. */
function complete(family: Family, tables: Tables, wanted: readonly Rule[]): void {
  const fixed = rules.planFixed(family);
  const missing = [...rules.planJumps(family), ...wanted].filter((rule) => !isThere(tables, rule));
  restore(
    family,
    scriptOf((table) => {
      const { growing, fixed: fixedChains } = chainsOf(family, table);
      const own = fixed.filter((rule) => rule.table === table);
      // Their rules have an order: if one is gone, all are made anew.
      const broken =
        own.some((rule) => !isThere(tables, rule)) || fixedChains.some((chain) => !tables[table].chains.has(chain));
      return [
        ...growing.filter((chain) => !tables[table].chains.has(chain)).map(emptied),
        ...(broken ? [...fixedChains.map(emptied), ...own.map(addition)] : []),
        ...additions(missing, table),
      ];
    }),
  );
}

const inUse = (networks: readonly Network[]): Family[] =>
  families.filter((family) => networks.some(({ subnets }) => subnets.some(({ subnet }) => isIn(family, subnet))));

function ensure(networks: readonly Network[]): boolean {
  let made = false;
  for (const family of inUse(networks)) {
    const tables = readTables(family);
    // Somebody has flushed the table that published ports are in, or nothing was there yet.
    const old = rules.planOldJumps(family).filter((rule) => isThere(tables, rule));
    made ||= old.length === 0 && rules.planJumps(family).some((rule) => rule.table === "nat" && !isThere(tables, rule));
    const wanted = networks.flatMap((network) => rules.planNetwork(family, network));
    complete(family, tables, wanted);
    if (old.length === 0) continue;
    closeLoopback(networks.map(({ bridge }) => bridge));
    takeOut(family, tables, old);
  }
  withNetlink("NETFILTER", (socket) => {
    for (const { bridge } of networks) trustInFirewalld(socket, bridge);
  });
  return made;
}

/** Deletes rules by their comments where they are. */
function takeOut(family: Family, tables: Tables, all: readonly Rule[]): void {
  const there = all.filter((rule) => isThere(tables, rule));
  restore(
    family,
    scriptOf((table) => there.filter((rule) => rule.table === table).map(rules.deletion)),
  );
}

function removeNetwork(network: Network): void {
  for (const family of inUse([network])) takeOut(family, readTables(family), rules.planNetwork(family, network));
  withNetlink("NETFILTER", (socket) => leaveFirewalld(socket, network.bridge));
}

const inFamily = (family: Family, publications: readonly Publication[]): Publication[] =>
  publications.filter(({ hostIp }) => isIn(family, hostIp));

function publish(container: string, publications: readonly Publication[]): void {
  checkDistinct(container, publications);
  const parts = families
    .map((family) => ({ family, part: inFamily(family, publications) }))
    .filter(({ part }) => part.length > 0)
    .map(({ family, part }) => ({ family, part, tables: readTables(family) }));
  for (const { part, tables } of parts) {
    const owners = ownersIn(tables);
    const taken = part.find((one) => (owners.get(portOf(one)) ?? container) !== container);
    if (taken) throw conflict(taken, owners.get(portOf(taken))!);
  }
  for (const { family, part, tables } of parts) {
    const planned = part.map((publication) => rules.planPublication(publication, container));
    restore(family, { nat: planned.filter((rule) => !isThere(tables, rule)).map(addition) });
  }
  flushUdp(publications);
}

const portOf = ({ protocol, hostIp, hostPort }: Publication | Published): string => `${protocol} ${hostIp} ${hostPort}`;

/** Who has which port. */
const ownersIn = (tables: Tables): Map<string, string> =>
  new Map(published(tables).map((one) => [portOf(one), one.owner]));

const published = (tables: Tables): Published[] =>
  [...tables.nat.comments].flatMap((comment) => rules.parsePublication(comment) ?? []);

function unpublish(container: string, publications: readonly Publication[]): void {
  for (const family of families) {
    const part = inFamily(family, publications);
    if (part.length === 0) continue;
    takeOut(
      family,
      readTables(family),
      part.map((publication) => rules.planPublication(publication, container)),
    );
  }
  flushUdpTo(publications);
}

function bringBack(networks: readonly Network[], publications: ReadonlyMap<string, readonly Publication[]>): void {
  ensure(networks);
  for (const family of inUse(networks)) {
    const tables = readTables(family);
    const owners = ownersIn(tables);
    const missing = [...publications].flatMap(([container, all]) =>
      inFamily(family, all)
        .filter((publication) => !owners.has(portOf(publication)))
        .map((publication) => rules.planPublication(publication, container)),
    );
    restore(family, { nat: missing.map(addition) });
  }
  flushUdp([...publications.values()].flat());
}

function reload(networks: readonly Network[], publications: ReadonlyMap<string, readonly Publication[]>): void {
  for (const family of inUse(networks)) {
    const ports = [...publications].flatMap(([container, all]) =>
      inFamily(family, all).map((publication) => rules.planPublication(publication, container)),
    );
    const wanted = [...networks.flatMap((network) => rules.planNetwork(family, network)), ...ports];
    const jumps = rules.planJumps(family);
    const tables = readTables(family);
    restore(
      family,
      scriptOf((table) => [
        ...[...chainsOf(family, table).growing, ...chainsOf(family, table).fixed].map(emptied),
        ...additions(rules.planFixed(family), table),
        ...additions([...jumps.filter((rule) => !isThere(tables, rule)), ...wanted], table),
      ]),
    );
    takeOut(family, tables, rules.planOldJumps(family));
  }
  withNetlink("NETFILTER", (socket) => {
    for (const { bridge } of networks) trustInFirewalld(socket, bridge);
  });
  flushUdp([...publications.values()].flat());
}

function remove(): void {
  for (const family of families) {
    const tables = readTables(family);
    const jumps = [...rules.planJumps(family), ...rules.planOldJumps(family)].filter((rule) => isThere(tables, rule));
    restore(
      family,
      scriptOf((table) => {
        const chains = [...tables[table].chains];
        return [
          ...jumps.filter((rule) => rule.table === table).map(rules.deletion),
          ...chains.map((chain) => `-F ${chain}`),
          ...chains.map((chain) => `-X ${chain}`),
        ];
      }),
    );
  }
  dropEmptyTables();
}
