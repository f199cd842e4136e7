/** The firewall, which lets packets out of and into containers: the choice of its driver. */

import { hasCode, UnsupportedError } from "../../errors.ts";
import { getGeneration } from "../../linux/netlink/nftables.ts";
import { withNetlink } from "../../linux/netlink/socket.ts";
import type { Firewall } from "./driver.ts";

/** Each is loaded where it is wanted. */
const drivers = {
  nft: () => (require("./nft.ts") as typeof import("./nft.ts")).nftFirewall(),
  iptables: () => (require("./iptables.ts") as typeof import("./iptables.ts")).iptablesFirewall(),
} as const;
export type FirewallDriver = keyof typeof drivers;

/** The driver that was asked for, or the one that this kernel has. */
export function openFirewall(driver?: FirewallDriver): Firewall {
  return drivers[driver ?? (hasNftables() ? "nft" : "iptables")]();
}

/** Errors of a kernel without nf_tables, or without netfilter's netlink at all. */
const missing = ["EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT"];

function hasNftables(): boolean {
  try {
    withNetlink("NETFILTER", getGeneration);
    return true;
  } catch (error) {
    if (hasCode(error, ...missing)) return false;
    if (hasCode(error, "EPERM"))
      throw new UnsupportedError("cannot set up the firewall: root is needed in this network namespace");
    throw error;
  }
}
