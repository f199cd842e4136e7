/** Every command by name. */

import type { Commands } from "./command.ts";
import run from "./run.ts";

/** In the order of --help. */
export const commands: Commands = {
  run: () => ({ default: run }),
  create: () => import("./create.ts"),
  start: () => import("./start.ts"),
  stop: () => import("./stop.ts"),
  restart: () => import("./restart.ts"),
  kill: () => import("./kill.ts"),
  rm: () => import("./rm.ts"),
  ps: () => import("./ps.ts"),
  exec: () => import("./exec.ts"),
  logs: () => import("./logs.ts"),
  attach: () => import("./attach.ts"),
  wait: () => import("./wait.ts"),
  pause: () => import("./pause.ts"),
  unpause: () => import("./unpause.ts"),
  rename: () => import("./rename.ts"),
  explain: () => import("./explain.ts"),
  load: () => import("./load.ts"),
  images: () => import("./images.ts"),
  inspect: () => import("./inspect.ts"),
  save: () => import("./save.ts"),
  import: () => import("./import.ts"),
  tag: () => import("./tag.ts"),
  history: () => import("./history.ts"),
  commit: () => import("./commit.ts"),
  export: () => import("./export.ts"),
  diff: () => import("./diff.ts"),
  cp: () => import("./cp.ts"),
  rmi: () => import("./rmi.ts"),
  events: () => import("./events.ts"),
  info: () => import("./info.ts"),
  version: () => import("./version.ts"),
  completion: () => import("./completion.ts"),
  man: () => import("./man.ts"),
  __complete: () => import("./complete.ts"),
  monitor: () => import("./monitor.ts"),
};
