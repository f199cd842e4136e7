/** Tables that iptables makes in nf_tables when it is asked to add a rule, and never takes away. */

import { hasCode } from "../../errors.ts";
import type { Fd } from "../../linux/file.ts";
import { listChains, listRules } from "../../linux/netlink/nft-rule.ts";
import { listSets } from "../../linux/netlink/nft-set.ts";
import { commitUndisturbed, deleteTable, type Table } from "../../linux/netlink/nftables.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";

const names = ["raw", "nat", "filter"];
const builtIn = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

/** Deletes those of them in which there is nothing that does anything: as if iptables had never run. */
export function dropEmptyTables(): void {
  try {
    withNetlink("NETFILTER", (socket) => {
      for (const family of ["ip", "ip6"] as const)
        for (const name of names)
          commitUndisturbed(socket, () => (isEmpty(socket, { family, name }) ? [deleteTable({ family, name })] : []));
    });
  } catch (error) {
    // A kernel without nf_tables has no such tables.
    if (!hasCode(error, "EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT")) throw error;
  }
}

function isEmpty(socket: Fd, table: Table): boolean {
  const chains = listChains(socket, table);
  return (
    chains.length > 0 &&
    chains.every(({ name, policy }) => builtIn.includes(name) && policy === "accept") &&
    listRules(socket, table).length === 0 &&
    listSets(socket, table).length === 0
  );
}
