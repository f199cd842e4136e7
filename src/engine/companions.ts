/** What goes on beside a container that is connected: its resolver, and the relay of ports that NAT can't redirect. */

import type { Companion } from "../linux/poll.ts";
import type { HeldPort } from "../network/ports.ts";
import type { Paths } from "../paths.ts";
import type { Connection } from "../plan/network.ts";
import { namesOf } from "./network.ts";

/** @param ports that are held; they are given back at the end. @param namespace a descriptor of the container's network. */
export function openCompanions(
  paths: Paths,
  { connect }: Connection,
  ports: HeldPort[],
  namespace: number,
): Companion[] {
  return connect.flatMap((step): Companion[] => {
    if (step.do === "resolver") {
      const { openResolver } = require("../network/resolver.ts") as typeof import("../network/resolver.ts");
      const zones = step.networks.map((network) => ({ network, directory: namesOf(paths, network) }));
      return [openResolver({ netns: namespace, zones, upstreams: step.servers, forward: step.forward })];
    }
    if (step.do === "relay") {
      const { openRelay } = require("../network/relay.ts") as typeof import("../network/relay.ts");
      return [openRelay(ports, step.to)];
    }
    return [];
  });
}
