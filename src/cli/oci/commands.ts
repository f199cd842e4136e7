/** The commands of the OCI runtime, loaded when they are called. */

import type { RuntimeCommand } from "./command.ts";

type Loader = () => Promise<{ default: RuntimeCommand }>;

export const runtimeCommands: Record<string, Loader> = {
  create: () => import("./create.ts"),
  delete: () => import("./delete.ts"),
  kill: () => import("./kill.ts"),
  list: () => import("./list.ts"),
  run: () => import("./run.ts"),
  spec: () => import("./spec.ts"),
  start: () => import("./start.ts"),
  state: () => import("./state.ts"),
};
