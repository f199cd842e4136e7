/** How older records of containers become those of today. Apart from the tables, which only who reads them needs (container-kind.ts). */

import { rootfsDefaults } from "../../plan/options.ts";
import type { Upgrades } from "../../schema.ts";

/** Schema 1 had limits, no swap and one host name where nobody said otherwise. */
// biome-ignore lint/suspicious/noExplicitAny: what an older version wrote has no type any more
const sayOldDefaults = ({ options, ...record }: any) => ({
  ...record,
  options: {
    ...options,
    ...(options.network.mode !== "host" && { hostname: options.hostname ?? rootfsDefaults.hostname }),
    assumed: rootfsDefaults.limits,
    ...(options.memoryBytes > 0 && { resources: { memorySwapBytes: options.memoryBytes } }),
  },
});

/** Of container.json. */
export const containerUpgrades: Upgrades = { upgrades: [sayOldDefaults] };

/** Of state.json. */
export const stateUpgrades: Upgrades = { upgrades: [] };
