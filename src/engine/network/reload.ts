/** Bridges and rules made anew for all that runs, whatever somebody did to them. */

import { withNetlink } from "../../linux/netlink/socket.ts";
import { ensureBridge } from "../../network/bridge.ts";
import { closeLoopback } from "../../network/firewall/close-loopback.ts";
import type { Paths } from "../../paths.ts";
import { aloneWithNetworks } from "../record/network-lock.ts";
import { firewallOf, published, withdrawEnded } from "./firewall.ts";
import { startKeepers } from "./keeper.ts";
import { recordSysctls } from "./sysctls.ts";

/** @returns names of the networks that are in use. */
export function reloadNetworks(paths: Paths): string[] {
  const names = aloneWithNetworks(paths, () => reloadAlone(paths));
  startKeepers(paths);
  return names;
}

function reloadAlone(paths: Paths): string[] {
  const [networks, publications] = published(paths);
  if (networks.length === 0) return [];
  withNetlink("ROUTE", (socket) => {
    // Of an older version, or somebody else's idea.
    closeLoopback(networks.map(({ bridge }) => bridge));
    for (const network of networks) {
      const { changes } = ensureBridge(socket, network);
      if (changes.length > 0) recordSysctls(paths, changes);
    }
  });
  firewallOf(paths).reload(networks, publications);
  withdrawEnded(paths, publications);
  return networks.map(({ name }) => name);
}
