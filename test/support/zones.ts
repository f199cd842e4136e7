/** Names of containers for tests of the resolver. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readZone, writeNames, type Zone } from "../../src/network/dns/zone.ts";
import type { Names } from "../../src/plan/network/network.ts";

/** A container's id that begins with this. */
export const idOf = (start: string): string => start.padEnd(64, "0");

/** Two containers that share an alias; the second has IPv4 only. */
const example: Record<string, Names> = {
  aaaa: { name: "Web", aliases: ["www", "pool"], addresses: ["10.201.0.2", "fd00:0::2"] },
  bbbb: { name: "db", aliases: ["pool"], addresses: ["10.201.0.3"] },
};

/** @param containers by the beginnings of their ids. */
export function writeZone(directory: string, containers = example): void {
  for (const [start, names] of Object.entries(containers)) writeNames(directory, idOf(start), names);
}

/** A network's names as they are read from files. */
export function zoneOf(network: string, containers = example): Zone {
  const directory = mkdtempSync(join(tmpdir(), "tinydocker-test-"));
  writeZone(directory, containers);
  const zone = readZone({ network, directory });
  rmSync(directory, { recursive: true });
  return zone;
}
