/** Every command by name, loaded when it is called: what a run does not need costs it nothing. */

import type { Command } from "./command.ts";
import run from "./run.ts";

/** In the order of --help. */
export const commands: Record<string, () => { default: Command } | Promise<{ default: Command }>> = {
  run: () => ({ default: run }),
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
