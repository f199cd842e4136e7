/** What is so where nobody asked for anything else. Pure. */

import type { RunOptions } from "./spec.ts";

/** What nobody asked for. */
export const noOptions: RunOptions = {
  command: [],
  mounts: [],
  env: [],
  network: "none",
  terminal: false,
  readOnly: false,
  privileged: false,
  capAdd: [],
  capDrop: [],
};
