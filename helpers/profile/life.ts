/** The course of a `run`, as perf and strace see it: which process is init, and in which part of its course something happens. */

/** In the order of time, whatever its unit. */
export interface TaskEvent {
  time: number;
  kind: "fork" | "exec" | "exit";
  pid: number;
  /** Other than `pid` for a thread. */
  tid: number;
}

/** The process that was started, the one that becomes the command of a container, and when that was. */
export interface Life {
  root: number;
  init?: number;
  clonedAt: number;
  execAt: number;
  endedAt: number;
}

/** Who did something, and in which part of the course. */
export const columns = [
  "before clone",
  "while it runs",
  "after its end",
  "threads",
  "init",
  "command",
  "others",
] as const;
export type Column = (typeof columns)[number];

/** What the columns mean, for people. */
export const legend =
  "Columns: the main thread of the program before it clones init, while the container runs, and after init's end; " +
  "the program's other threads; init and its threads until it executes the command; the command; other processes.";

/** Init is the last process that executed something, or else the first that was forked. Without one, all is before the clone. */
export function lifeOf(events: TaskEvent[]): Life {
  const root = events.find(({ kind }) => kind === "exec")?.pid ?? 0;
  const executed = events.findLast(({ kind, pid }) => kind === "exec" && pid !== root);
  const forked = events.find(({ kind, pid, tid }) => kind === "fork" && pid === tid && pid !== root);
  const init = (executed ?? forked)?.pid;
  const never = Number.POSITIVE_INFINITY;
  if (init === undefined) return { root, clonedAt: never, execAt: never, endedAt: never };
  const at = (wanted: TaskEvent["kind"]) =>
    events.find(({ kind, pid, tid }) => kind === wanted && pid === init && tid === init)?.time ?? never;
  return { root, init, clonedAt: at("fork"), execAt: executed?.time ?? never, endedAt: at("exit") };
}

export function columnOf(life: Life, pid: number, tid: number, time: number): Column {
  if (pid === life.init) return time < life.execAt ? "init" : "command";
  if (pid !== life.root) return "others";
  if (tid !== pid) return "threads";
  if (time < life.clonedAt) return "before clone";
  return time < life.endedAt ? "while it runs" : "after its end";
}
