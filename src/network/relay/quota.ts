/** How many connections a process passes on at once: as many as it has descriptors for. */

import { hardLimits } from "../../linux/process.ts";
import type { HeldPort } from "../ports.ts";

/** Connections of all ports together, each of which has two sockets, and four more descriptors while it is busy. */
export interface Quota {
  used: number;
  max: number;
  /** One was reset, as there is no room for it. */
  onRefused: (port: HeldPort, reason: string) => void;
}

/** What the process needs for other things, and what a connection takes at most. */
const [otherDescriptors, ofConnection] = [100, 6];
const maxConnections = 65_536;

export function newQuota(onRefused: Quota["onRefused"]): Quota {
  const descriptors = hardLimits().RLIMIT_NOFILE ?? 1024;
  const room = Math.floor((descriptors - otherDescriptors) / ofConnection);
  return { used: 0, max: Math.max(1, Math.min(maxConnections, room)), onRefused };
}
