/** What is so where nobody asked for anything else. Pure. */

import { noNetworkOptions } from "./network-options.ts";
import type { RunOptions } from "./spec.ts";

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

/** The search path of who has no other, as an entry of the environment. */
export const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
