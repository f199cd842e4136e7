/** Addresses of commands that were killed when they had one and no container yet. */

import { readdir, statIfAny } from "../linux/file.ts";
import { dropLease, listLeases } from "../network/leases.ts";
import type { Paths } from "../paths.ts";
import { leasesOf } from "./network-record.ts";
import { directoryOf } from "./record.ts";

/** Gives them back. Leases are only looked at where there are more of them than of running containers. */
export function dropStrayLeases(paths: Paths): void {
  const running = readdir(paths.running)?.length ?? 0;
  for (const network of readdir(paths.networks) ?? []) {
    const directory = leasesOf(paths, network);
    if ((readdir(directory)?.length ?? 0) <= running) continue;
    for (const { address, owner, held } of listLeases(directory))
      if (!held && !statIfAny(directoryOf(paths, owner))) dropLease(directory, address, owner);
  }
}
