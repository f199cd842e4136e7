/** Every command by name, loaded when it is called: what a run does not need costs it nothing. */

import type { Command } from "./command.ts";

/** In the order of --help. */
export const commands: Record<string, () => Promise<{ default: Command }>> = {
  run: () => import("./run.ts"),
  explain: () => import("./explain.ts"),
  ps: () => import("./ps.ts"),
  rm: () => import("./rm.ts"),
  load: () => import("./load.ts"),
  images: () => import("./images.ts"),
  inspect: () => import("./inspect.ts"),
  rmi: () => import("./rmi.ts"),
  info: () => import("./info.ts"),
  version: () => import("./version.ts"),
};
