/** Bridges that an older version has opened to the host's loopback addresses. */

import { changeSysctl } from "../../linux/sysctl.ts";

/** By the next container that starts, before the rules go that kept others out meanwhile. */
export function closeLoopback(bridges: readonly string[]): void {
  for (const bridge of bridges) changeSysctl(`net/ipv4/conf/${bridge}/route_localnet`, "0");
}
