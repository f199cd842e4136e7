/** The firewall of a state root: which driver it has, and all that it has to know after somebody flushed it. */

import { writeFileAtomic } from "../../linux/file.ts";
import { type FirewallDriver, openFirewall } from "../../network/firewall/choose.ts";
import type { Firewall } from "../../network/firewall/driver.ts";
import type { Paths } from "../../paths.ts";
import { type Network, type Publication, withBridge } from "../../plan/network/network.ts";
import { readableRecord } from "../../record-file.ts";
import { isUp, listContainers } from "../record/container.ts";
import { listNetworks } from "../record/network.ts";
import { aloneWithNetworks } from "../record/network-lock.ts";

/** Where it is written down which driver was asked for; without it the kernel decides. */
const choiceFile = (paths: Paths): string => `${paths.networks}/.firewall`;

export function firewallOf(paths: Paths): Firewall {
  const choice = readableRecord(choiceFile(paths));
  return openFirewall(choice === "nft" || choice === "iptables" ? choice : undefined);
}

/** From now on this driver; the rules of another one are replaced. */
export function useFirewall(paths: Paths, driver: FirewallDriver): void {
  if (readableRecord(choiceFile(paths)) === driver) return;
  aloneWithNetworks(paths, () => {
    firewallOf(paths).remove();
    writeFileAtomic(choiceFile(paths), driver);
    const [networks, publications] = published(paths);
    if (publications.size === 0) return;
    openFirewall(driver).reload(networks, publications);
    withdrawEnded(paths, publications);
  });
}

/** Takes back what was published for containers that have ended in the meantime, and had nothing to take back then. */
export function withdrawEnded(paths: Paths, publications: Map<string, Publication[]>): void {
  const [, now] = published(paths);
  for (const [id, all] of publications) if (!now.has(id)) firewallOf(paths).unpublish(id, all);
}

/** The networks that are used and have a bridge, and by container all that is published, as they are written down. */
export function published(paths: Paths): [Network[], Map<string, Publication[]>] {
  const running = listContainers(paths, "running").filter((container) => isUp(container) && container.state.network);
  const used = new Set(running.flatMap(({ state }) => state.network!.endpoints.map(({ network }) => network)));
  return [
    withBridge(listNetworks(paths)).filter(({ name }) => used.has(name)),
    new Map(running.map(({ record, state }) => [record.id, state.network!.publications])),
  ];
}
