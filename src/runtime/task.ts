/** Work that waits, as generators: one task alone waits as any function would, several wait beside each other in one poll(2). */

import type { Fd } from "../linux/file.ts";
import { askWhileWaiting } from "../linux/flock.ts";
import { type Interest, POLLIN, poll } from "../linux/poll.ts";

/** What a task waits for: until `fd` has something to read, and so long at most (-1 is for ever). */
export interface Wait {
  fd?: Fd;
  forMs: number;
}

/** Goes on with true if its descriptor has something to read, and with false if its time is over. */
export type Task<Result> = Generator<Wait, Result, boolean>;

/** Does one task to its end. */
export function finish<Result>(task: Task<Result>): Result {
  let step = task.next();
  while (!step.done) {
    const interest: Interest = { fd: step.value.fd ?? nobody, events: POLLIN };
    poll([interest], step.value.forMs);
    askWhileWaiting();
    step = task.next(interest.happened !== 0);
  }
  return step.value;
}

/** poll(2) passes over it. */
const nobody = -1;

/** A task that waits. */
interface Waiting {
  index: number;
  task: Task<void>;
  wait: Wait;
  untilMs: number;
}

/**
 * Does many tasks, so many of them at a time. A task that throws ends the others where they are: one whose failure is its own
 * catches it. @param onDone gets the number of each that is done, in the order in which they end.
 */
export function finishAll(tasks: Task<void>[], atOnce: number, onDone: (index: number) => void): void {
  let begun = 0;
  let waiting: Waiting[] = [];
  const goOn = (index: number, task: Task<void>, happened: boolean) => {
    const step = task.next(happened);
    if (step.done) return onDone(index);
    const { forMs } = step.value;
    const untilMs = forMs < 0 ? Number.POSITIVE_INFINITY : performance.now() + forMs;
    waiting.push({ index, task, wait: step.value, untilMs });
  };
  while (begun < tasks.length || waiting.length > 0) {
    while (begun < tasks.length && waiting.length < atOnce) goOn(begun, tasks[begun++]!, false);
    if (waiting.length === 0) continue;
    const interests = waiting.map(({ wait }): Interest => ({ fd: wait.fd ?? nobody, events: POLLIN }));
    poll(interests, untilFirst(waiting));
    askWhileWaiting();
    const now = performance.now();
    const before = waiting;
    waiting = before.filter(({ untilMs }, at) => !interests[at]!.happened && untilMs > now);
    before.forEach(({ index, task, untilMs }, at) => {
      const happened = interests[at]!.happened !== 0;
      if (happened || untilMs <= now) goOn(index, task, happened);
    });
  }
}

/** poll(2) takes an int. */
const longestWaitMs = 2 ** 31 - 1;

function untilFirst(waiting: Waiting[]): number {
  const firstMs = Math.min(...waiting.map(({ untilMs }) => untilMs));
  if (firstMs === Number.POSITIVE_INFINITY) return -1;
  return Math.min(longestWaitMs, Math.max(0, Math.ceil(firstMs - performance.now())));
}
