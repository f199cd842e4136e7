/** Who starts or removes a container does so alone: two who start it would each wait for the other's run to end, and run it again. */

import { O_DIRECTORY, O_RDONLY, openIfAny, owned } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { poll } from "../../linux/poll.ts";
import type { Paths } from "../../paths.ts";
import type { Task } from "../../runtime/task.ts";
import { type Container, directoryOf, readContainer } from "./container.ts";

const pollMs = 20;

/**
 * Waits until nobody else starts or removes the container. The lock is on its directory, and goes with whoever holds it.
 * @param act gets the container as it is by then; undefined if it is gone.
 * @param givesUp asked while others have the lock. @returns undefined then.
 */
export function withContainerLock<Result>(
  paths: Paths,
  id: string,
  act: (now: Container | undefined) => Result,
  givesUp?: () => boolean,
): Result | undefined {
  using directory = owned(openIfAny(directoryOf(paths, id), O_RDONLY | O_DIRECTORY));
  if (directory === undefined) return act(readContainer(paths, id));
  while (!flock(directory.fd, { wait: givesUp === undefined })) {
    if (givesUp?.()) return undefined;
    poll([], pollMs);
  }
  return act(readContainer(paths, id));
}

/** Held until it is disposed of. */
export interface ContainerLock extends Disposable {
  /** The container as it is by now; undefined if it is gone. */
  now: Container | undefined;
}

/** The same lock, for who does other things while waiting for it. */
export function* lockingContainer(paths: Paths, id: string): Task<ContainerLock> {
  const directory = owned(openIfAny(directoryOf(paths, id), O_RDONLY | O_DIRECTORY));
  // One that runs may have lost it.
  if (directory === undefined) return { now: readContainer(paths, id), [Symbol.dispose]: () => {} };
  while (!flock(directory.fd, { wait: false })) yield { forMs: pollMs };
  return { now: readContainer(paths, id), [Symbol.dispose]: () => directory[Symbol.dispose]() };
}
