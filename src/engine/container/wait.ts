/** Waiting until a container is down, or something else is so of it. */

import { ConflictError, NotFoundError } from "../../errors.ts";
import { owned } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { receiveFrame } from "../../runtime/channel.ts";
import type { Task } from "../../runtime/task.ts";
import { type Container, findContainer, isUp, readContainer } from "../record/container.ts";
import { waitingForMonitor } from "../record/monitor-lock.ts";
import { connectToContainer } from "../record/monitor-socket.ts";
import { recover } from "./recover.ts";
import { unknownCode, waitingForEnd } from "./unseen-end.ts";

/** What may be waited for: Docker's API has the first three, podman the others, which calls `not-running` also stopped and exited. */
export const conditions = [
  "not-running",
  "next-exit",
  "removed",
  "stopped",
  "exited",
  "created",
  "running",
  "paused",
  "healthy",
  "unhealthy",
] as const;
export type Condition = (typeof conditions)[number];

const pollMs = 50;
const lookMs = 10;
const maxLooks = 50;
/** What podman prints where there is no exit code to tell. */
const noCode = -1;

/** @returns the exit code; -1 if another condition than its end has come true. */
export function* waiting(paths: Paths, { record: { id } }: Container, wanted: Condition[] = []): Task<number> {
  const [only = "not-running", ...more] = wanted;
  if (more.length === 0 && ["not-running", "stopped", "exited"].includes(only))
    return yield* waitingUntilDown(paths, id);
  if (more.length === 0 && only === "removed") return yield* waitingUntilRemoved(paths, id);
  const before = readContainer(paths, id);
  for (;;) {
    const now = readContainer(paths, id);
    for (const condition of wanted) {
      const code = answerOf(condition, now, before);
      if (code !== undefined) return code;
    }
    if (!now) throw new NotFoundError(`container ${before?.record.name ?? id} was removed meanwhile`);
    refuseHopeless(wanted, now);
    yield { forMs: pollMs };
  }
}

/** The answer if a condition is true; undefined if it is not yet. */
function answerOf(condition: Condition, now: Container | undefined, before: Container | undefined): number | undefined {
  const state = now?.state ?? before?.state;
  const code = state?.exitCode ?? 0;
  if (condition === "removed") return now ? undefined : code;
  if (!now) return undefined;
  const health = isUp(now) ? now.state.health?.status : undefined;
  const isDown = !isUp(now) && now.status !== "restarting";
  const holds: { [Name in Condition]?: boolean } = {
    created: now.status === "created",
    running: now.status === "running" || now.status === "unknown",
    paused: now.status === "paused",
    healthy: health === "healthy",
    unhealthy: health === "unhealthy",
  };
  if (condition in holds) return holds[condition] ? noCode : undefined;
  // While it runs there is no such time.
  const { finished } = now.state;
  if (condition === "next-exit")
    return finished !== undefined && finished !== before?.state.finished ? code : undefined;
  return isDown ? code : undefined;
}

/** What has no health check never gets healthy, and what has ended neither. */
function refuseHopeless(wanted: Condition[], { record, state, status }: Container): void {
  if (!wanted.every((condition) => condition === "healthy" || condition === "unhealthy")) return;
  if (status === "exited")
    throw new ConflictError(`container ${record.name} has ended: it will not be ${wanted.join(" or ")}`);
  if (status === "running" && !state.health) throw new ConflictError(`container ${record.name} has no health check`);
}

function* waitingUntilRemoved(paths: Paths, id: string): Task<number> {
  let code = readContainer(paths, id)?.state.exitCode ?? 0;
  for (let now = readContainer(paths, id); now; now = readContainer(paths, id)) {
    code = isUp(now) ? yield* waitingUntilDown(paths, id) : (now.state.exitCode ?? code);
    yield { forMs: pollMs };
  }
  return code;
}

function* waitingUntilDown(paths: Paths, id: string): Task<number> {
  for (let looks = 0; ; ) {
    const container = findContainer(paths, id);
    const { status, state } = container;
    if (status === "unknown") {
      yield* waitingForEnd(paths, container);
      recover(paths);
    } else if (isUp(container)) {
      const code = yield* hearingTheEnd(paths, id);
      yield* waitingForMonitor(paths, id);
      if (code !== undefined) return code;
    } else if (status === "restarting") yield { forMs: pollMs };
    else if (state.status === "running" && looks++ < maxLooks) {
      // It has ended, its monitor too, and nobody has written that down yet.
      yield { forMs: lookMs };
      recover(paths);
    } else {
      // Its end is written down a moment before the last of its log is.
      yield* waitingForMonitor(paths, id);
      return state.exitCode ?? (state.status === "running" ? unknownCode : 0);
    }
  }
}

/** The exit code from its monitor itself, as one that was started with --rm leaves no other. */
function* hearingTheEnd(paths: Paths, id: string): Task<number | undefined> {
  using socket = owned(connectToContainer(paths, id));
  if (socket === undefined) return undefined;
  for (;;) {
    yield { fd: socket.fd, forMs: -1 };
    const frame = receiveFrame(socket.fd);
    if (!frame) return undefined;
    if ("control" in frame && frame.control.type === "exit") return frame.control.code;
  }
}
