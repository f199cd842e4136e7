/** Containers with a monitor, as those who start them see it: launched, and attached to or left alone. */

import { ConflictError, Failure } from "../../errors.ts";
import { close } from "../../linux/file.ts";
import { unlink } from "../../linux/names.ts";
import type { Paths } from "../../paths.ts";
import { type ContainerRecord, emitContainerEvent, readContainer, unstarted } from "../record/container.ts";
import { withContainerLock } from "../record/container-lock.ts";
import { waitForMonitor } from "../record/monitor-lock.ts";
import { attachTo } from "./attach.ts";
import { createContainer } from "./create.ts";
import { launch } from "./launch.ts";
import { recover } from "./recover.ts";
import { removeContainer } from "./remove.ts";
import type { Reporter, RunEnd, RunRequest } from "./request.ts";
import type { StoreLock } from "./run-image.ts";

/** Creates a container, has it started, and stays with it unless it is to be detached. */
export function runWithMonitor(
  paths: Paths,
  planned: ContainerRecord,
  request: RunRequest,
  store: StoreLock,
  { warn: say, started }: Reporter,
): RunEnd {
  // Both who makes it and who starts it see what there is to say.
  const warned = new Set<string>();
  const warn = (text: string) => {
    if (!warned.has(text)) say(text);
    warned.add(text);
  };
  const record = createContainer(paths, planned, request, store, warn);
  store.release();
  const attached = !request.detach;
  const stdin = attached && record.settings.interactive;
  const stderrApart = isStderrApart(record, request);
  let launched: ReturnType<typeof launch>;
  try {
    const how = { attached, stdin, stderrApart };
    launched = withContainerLock(paths, record.id, (now) => {
      if (now?.status !== "created")
        throw new ConflictError(`somebody else started or removed ${record.name} meanwhile`);
      return launch(paths, { record, state: unstarted }, how, warn);
    })!;
  } catch (error) {
    removeFailed(paths, record.id);
    throw error;
  }
  if ("failed" in launched) {
    if (launched.killed) warn("the container's monitor was killed before it could say that the program runs");
    removeFailed(paths, record.id);
    if (request.cidfile !== undefined) unlink(request.cidfile);
    return { code: launched.failed };
  }
  if (!attached) {
    close(launched.socket);
    return { running: record.id };
  }
  started?.(record.id);
  const { detachKeys, sigProxy, unseen } = request;
  const { terminal } = record.options;
  // Nobody would look for one that is removed when it ends.
  const endsWithUs = record.settings.remove;
  emitContainerEvent(paths, record, "attach");
  const end = attachTo(launched.socket, {
    stdin,
    terminal,
    detachKeys,
    sigProxy,
    endsWithUs,
    ...(unseen && { unseen }),
  });
  return ended(paths, record.id, end, warn);
}

/** The container has a terminal, and whoever starts it wants its stderr somewhere else. Only our own init can do so. */
export const isStderrApart = ({ options, settings }: ContainerRecord, { stdio }: Pick<RunRequest, "stdio">): boolean =>
  options.terminal && stdio[2] !== "terminal" && settings.runtime === undefined;

/** Docker keeps what could not be started, for somebody to remove; a run that fails leaves nothing. */
function removeFailed(paths: Paths, id: string): void {
  recover(paths);
  const left = readContainer(paths, id);
  if (left) removeContainer(paths, left, { force: true, volumes: true });
}

/** The exit code, once all is written down and cleaned up; or that it goes on. */
export function ended(paths: Paths, id: string, end: ReturnType<typeof attachTo>, warn: Reporter["warn"]): RunEnd {
  if (end === "detached") {
    const left = readContainer(paths, id);
    if (left) emitContainerEvent(paths, left.record, "detach");
    return { running: id };
  }
  if (end === "dropped")
    throw new Failure(
      "the container's output was not read for 10 s: detached, the container keeps running",
      "`tinydocker logs` has what it wrote, `tinydocker attach` comes back to it",
    );
  if (end !== "lost" && "signal" in end) return { code: 128 + end.signal };
  const reported = end === "lost" ? undefined : end;
  // A restart policy may have it come up again: that is not for us to wait for.
  const policy = readContainer(paths, id)?.record.settings.restart.name ?? "no";
  if (policy === "no") waitForMonitor(paths, id);
  const after = readContainer(paths, id);
  const { code = 125, ...how } = reported ?? { ...after?.state, code: after?.state.exitCode };
  if (how.oomKilled) warn("out of memory: the kernel killed a process that exceeded the limit (--memory)");
  if (!reported) warn("the container's monitor is gone");
  return { code, oomKilled: how.oomKilled ?? false, ...(how.usage && { usage: how.usage }) };
}
