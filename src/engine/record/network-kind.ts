/** How the networks of a container that runs are read: of state.json and of its lock file. */

import type { Connected, Endpoint, Link, Publication, PublishedPort } from "../../plan/network/network.ts";
import { list, map, number, object, oneOf, optional, text } from "../../schema.ts";
import { parentCheck } from "./parent-check.ts";

const texts = list(text);

export const protocol = oneOf("tcp", "udp", "sctp");

export const links = list(object<Link>(() => ({ container: text, id: optional(text), alias: text })));

export const connected = object<Connected>(() => ({
  endpoints: list(
    object<Endpoint>(() => ({
      network: text,
      networkId: text,
      bridge: text,
      parent: optional(parentCheck),
      device: text,
      veth: text,
      mac: text,
      mtu: optional(number),
      addresses: texts,
      gateways: texts,
      direct: optional(list(number)),
      links: optional(links),
      gwPriority: optional(number),
      metric: optional(number),
      linkLocalIps: optional(texts),
      sysctls: optional(map(text)),
    })),
  ),
  publications: list(
    object<Publication>(() => ({ protocol, hostIp: text, hostPort: number, ip: text, port: number, bridge: text })),
  ),
  ports: list(object<PublishedPort>(() => ({ protocol, hostIp: text, hostPort: number, port: number }))),
}));
