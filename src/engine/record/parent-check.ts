/** How the parent of a macvlan or ipvlan network is kept, in records of networks and of containers. */

import type { Parent } from "../../plan/network/network.ts";
import { object, oneOf, optional, text } from "../../schema.ts";

export const parentCheck = object<Parent>(() => ({
  kind: oneOf("macvlan", "ipvlan"),
  device: text,
  mode: text,
  flag: optional(text),
  made: optional(oneOf("vlan", "dummy")),
}));
