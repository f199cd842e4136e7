/** What a user says of a container, and what is so where nothing is said. Pure. */

import type { DeviceOptions } from "./device-options.ts";
import type { MountRequest } from "./mounts.ts";
import { type NetworkOptions, noNetworkOptions } from "./network/options.ts";
import type { ProcessOptions } from "./process-options.ts";
import type { ResourceOptions } from "./resource-options.ts";
import type { SecretRequest } from "./secrets.ts";
import type { SecurityOptions } from "./security-options.ts";
import type { UserNamespace } from "./userns/spec.ts";

/** The options of `run`, parsed and checked. Absent means that the user did not say. */
export interface RunOptions {
  command: string[];
  entrypoint?: string[];
  /** Set when the container is made; absent is the host's own. */
  hostname?: string;
  /** CPU cores; 0 is unlimited. */
  cpus?: number;
  /** 0 is unlimited. */
  memoryBytes?: number;
  /** 0 or -1 is unlimited. */
  pidsLimit?: number;
  resources?: ResourceOptions;
  devices?: DeviceOptions;
  /** Limits that nobody asked for: they count where nothing else is said, as far as the host can enforce them. */
  assumed?: AssumedLimits;
  /** Binds, volumes and tmpfs of -v, --tmpfs and --mount. */
  mounts: MountRequest[];
  /** `NAME=value`, later ones win. */
  env: string[];
  workdir?: string;
  user?: string;
  network: NetworkOptions;
  /** What only some say of its process and its namespaces. */
  process?: ProcessOptions;
  /** What only some say of what it may do. */
  security?: SecurityOptions;
  terminal: boolean;
  terminalSize?: { rows: number; columns: number };
  readOnly: boolean;
  privileged: boolean;
  capAdd: string[];
  capDrop: string[];
  /** Absent where there are none. */
  secrets?: SecretRequest[];
  /** Its user namespace; absent where it has the host's. */
  userns?: UserNamespace;
}

export interface AssumedLimits {
  cpus?: number;
  memoryBytes?: number;
  /** Memory and swap together. */
  memorySwapBytes?: number;
  pidsLimit?: number;
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

/** The most processes of a container that nobody said anything of: a fork bomb is not to take the host with it. */
const defaultPids = 2048;

/** Of `run` and `create`, where an option is left out. */
export const defaultLimits: AssumedLimits = { pidsLimit: defaultPids };

/** Of rootfs mode; no swap on top of the memory. */
export const rootfsDefaults = {
  hostname: "container",
  limits: { cpus: 1, memoryBytes: 512 << 20, memorySwapBytes: 512 << 20, pidsLimit: defaultPids },
} as const;
