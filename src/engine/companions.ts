/** What goes on beside a container that is connected: its resolver, and the relay of ports that NAT can't redirect. */

import type { Companion } from "../linux/poll.ts";
import type { Paths } from "../paths.ts";
import { namesOf } from "./network-record.ts";
import type { Reserved } from "./reserve.ts";

/** Each is loaded where it is wanted. It takes over the ports. @param namespace a descriptor of the container's network. */
export function companionsOf(paths: Paths, { connection, ports }: Reserved, namespace: number): Companion[] {
  return connection.connect.flatMap((step): Companion[] => {
    if (step.do === "resolver") {
      const { openResolver } = require("../network/resolver.ts") as typeof import("../network/resolver.ts");
      const zones = step.networks.map((network) => ({ network, directory: namesOf(paths, network) }));
      return [openResolver({ netns: namespace, zones, upstreams: step.servers, forward: step.forward })];
    }
    if (step.do === "relay") {
      const { openRelay } = require("../network/relay.ts") as typeof import("../network/relay.ts");
      return [openRelay(ports.splice(0), step.to)];
    }
    return [];
  });
}
