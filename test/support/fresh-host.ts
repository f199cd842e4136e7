/**
 * Settings of a new network namespace as on a host that nobody has set up: the kernel gives it those of the machine, where
 * Docker, a VPN, a distribution or we ourselves may have changed them.
 */

import { existsSync, writeFileSync } from "node:fs";

/** The kernel's own (ip-sysctl). */
const defaults: Record<string, string> = {
  ...Object.fromEntries(
    ["all", "default"].flatMap((device) =>
      Object.entries({
        forwarding: "0",
        route_localnet: "0",
        rp_filter: "0",
        accept_local: "0",
        arp_ignore: "0",
        arp_announce: "0",
        arp_filter: "0",
        proxy_arp: "0",
        log_martians: "0",
        src_valid_mark: "0",
      }).map(([name, value]) => [`net/ipv4/conf/${device}/${name}`, value]),
    ),
  ),
  "net/ipv4/ip_forward": "0",
  "net/ipv6/conf/all/forwarding": "0",
  "net/ipv6/conf/all/disable_ipv6": "0",
  "net/ipv6/conf/default/disable_ipv6": "0",
  "net/ipv6/conf/default/accept_ra": "1",
  // Only where Docker or somebody else has loaded br_netfilter; tests that are about it say so.
  "net/bridge/bridge-nf-call-iptables": "0",
  "net/bridge/bridge-nf-call-ip6tables": "0",
};

/** For sh(1), in the namespace. */
export const freshHost = Object.entries(defaults)
  .map(([name, value]) => `[ ! -e /proc/sys/${name} ] || echo ${value} >/proc/sys/${name}`)
  .join("; ");

/** The same for the namespace that this process is in. */
export function makeFreshHost(): void {
  for (const [name, value] of Object.entries(defaults)) {
    const path = `/proc/sys/${name}`;
    if (existsSync(path)) writeFileSync(path, value);
  }
}
