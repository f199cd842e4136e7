/** A network device from one network namespace to another, by rtnetlink(7). */

import type { Fd } from "../file.ts";
import { attribute, concat, text, u32 } from "./attribute.ts";
import { checkLinkName, named } from "./link.ts";
import type { Request } from "./socket.ts";

const RTM_NEWLINK = 16;
const IFLA_IFNAME = 3;
const IFLA_NET_NS_FD = 28;

/** Gives a device to another namespace, under another name. It loses its addresses, and is down there. */
export const moveLink = (link: { index: number; name: string }, namespace: Fd, name: string): Request => ({
  type: RTM_NEWLINK,
  body: concat([
    ...named(link.index),
    attribute(IFLA_NET_NS_FD, u32(namespace)),
    attribute(IFLA_IFNAME, text(checkLinkName(name))),
  ]),
  what: ["move", `network device ${link.name} into the container as ${name}`],
});
