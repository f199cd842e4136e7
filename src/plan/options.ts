/** What a user says of a container, and what is so where nothing is said. Pure. */

import type { MountRequest } from "./mounts.ts";
import { type NetworkOptions, noNetworkOptions } from "./network-options.ts";

/** The options of `run`, parsed and checked. Absent means that the user did not say. */
export interface RunOptions {
  command: string[];
  entrypoint?: string[];
  hostname?: string;
  /** CPU cores; 0 is unlimited. */
  cpus?: number;
  /** 0 is unlimited. */
  memoryBytes?: number;
  /** 0 or -1 is unlimited. */
  pidsLimit?: number;
  /** Binds, volumes and tmpfs of -v, --tmpfs and --mount. */
  mounts: MountRequest[];
  /** `NAME=value`, later ones win. */
  env: string[];
  workdir?: string;
  user?: string;
  network: NetworkOptions;
  terminal: boolean;
  terminalSize?: { rows: number; columns: number };
  readOnly: boolean;
  privileged: boolean;
  capAdd: string[];
  capDrop: string[];
}

/** What nobody asked for. */
export const noOptions: RunOptions = {
  command: [],
  mounts: [],
  env: [],
  network: noNetworkOptions,
  terminal: false,
  readOnly: false,
  privileged: false,
  capAdd: [],
  capDrop: [],
};

/** What is so where an option is left out. */
export const defaults = { hostname: "container", cpus: 1, memoryBytes: 512 << 20, pidsLimit: 2048 } as const;
