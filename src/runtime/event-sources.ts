/** What goes on beside a container while it runs, and must not end it: relays, a resolver, health checks, counting. */

import type { EventSource } from "../linux/poll.ts";

/** The same, but one that fails is ended, and the container and the others go on. */
export const guarded = (eventSources: EventSource[]): EventSource[] => eventSources.map(guard);

function guard(eventSource: EventSource): EventSource {
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    try {
      eventSource.end();
    } catch {
      // It has failed already, or there is nothing that would be left to do.
    }
  };
  const attempt = <Result>(action: () => Result, otherwise: Result): Result => {
    if (ended) return otherwise;
    try {
      return action();
    } catch {
      end();
      return otherwise;
    }
  };
  return {
    watches: () =>
      attempt(() => eventSource.watches(), []).map((watch) => ({
        ...watch,
        onReady: () => attempt(watch.onReady, undefined),
      })),
    timers: () =>
      attempt(() => eventSource.timers(), []).map((timer) => ({
        ...timer,
        onTime: () => attempt(timer.onTime, undefined),
      })),
    end,
  };
}
