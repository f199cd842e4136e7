/** Many sockets behind one descriptor, so that the loop of a container's process waits for one more and not for hundreds. */

import { control, openEpoll, takeEvents } from "../linux/epoll.ts";
import { close } from "../linux/file.ts";
import type { Watch } from "../linux/poll.ts";

/** Told what happened to a descriptor, as POLLIN and the like. */
export type Handler = (events: number) => void;

export interface Hub {
  /** What the loop has to wait for. */
  watch: Watch;
  /** Waits for events of a descriptor from now on, or for others than before; for none, errors are told all the same. */
  set(fd: number, events: number, handler: Handler): void;
  /** Waits no more, and closes it; by close(2) if nothing else is given. */
  drop(fd: number, closeIt?: (fd: number) => void): void;
  /** Closes all. */
  close(): void;
}

export function openHub(): Hub {
  const epoll = openEpoll();
  const entries = new Map<number, { events: number; handler: Handler }>();
  return {
    watch: {
      fd: epoll,
      onReady: () => {
        // One that was dropped meanwhile is not told; a new one with its number finds out that it has nothing to do.
        for (const { fd, events } of takeEvents(epoll)) entries.get(fd)?.handler(events);
      },
    },
    set(fd, events, handler) {
      const before = entries.get(fd);
      if (before?.events !== events) control(epoll, before ? "MOD" : "ADD", fd, events);
      entries.set(fd, { events, handler });
    },
    drop(fd, closeIt = close) {
      if (!entries.delete(fd)) return;
      control(epoll, "DEL", fd, 0);
      closeIt(fd);
    },
    close() {
      for (const fd of entries.keys()) close(fd);
      entries.clear();
      close(epoll);
    },
  };
}
