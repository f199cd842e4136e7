/** The commands of the OCI runtime, loaded when they are called. */

import type { RuntimeCommand } from "./command.ts";

type Loader = () => Promise<{ default: RuntimeCommand }>;

export const runtimeCommands: Record<string, Loader> = {
  create: () => import("./create.ts"),
  delete: () => import("./delete.ts"),
  events: () => import("./events.ts"),
  exec: () => import("./exec.ts"),
  features: () => import("./features.ts"),
  kill: () => import("./kill.ts"),
  list: () => import("./list.ts"),
  pause: () => import("./pause.ts"),
  ps: () => import("./ps.ts"),
  resume: () => import("./resume.ts"),
  run: () => import("./run.ts"),
  spec: () => import("./spec.ts"),
  start: () => import("./start.ts"),
  state: () => import("./state.ts"),
  update: () => import("./update.ts"),
};
