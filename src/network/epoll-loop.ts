/**
 * Many sockets behind one descriptor, so that a monitor's loop waits for one more and not for hundreds.
 * A handler that throws concerns its own descriptor: nothing that a connection does ends the loop.
 */

import { control, openEpoll, takeEvents } from "../linux/epoll.ts";
import { close, type Fd } from "../linux/file.ts";
import type { Watch } from "../linux/poll.ts";

/** Told what happened to a descriptor, as POLLIN and the like. */
export type Handler = (events: number) => void;

export interface EpollLoop {
  /** What the loop has to wait for. */
  watch: Watch;
  /** Waits for events of a descriptor from now on, or for others than before; for none, errors are told all the same. */
  set(fd: Fd, events: number, handler: Handler): void;
  /** Waits no more, and closes it; by close(2) if nothing else is given. */
  drop(fd: Fd, closeIt?: (fd: Fd) => void): void;
  /** Closes all. */
  close(): void;
}

export function openEpollLoop(): EpollLoop {
  const epoll = openEpoll();
  /** Of those that are not waited for (any more) `events` is undefined. */
  const entries = new Map<Fd, { events: number | undefined; handler: Handler }>();
  /**
   * One whose handler has failed is waited for no more, as it would fail again and again. It stays open: whoever it belongs
   * to knows it by its number, which may be another one's as soon as it is closed.
   */
  const leaveAlone = (fd: Fd) => {
    const entry = entries.get(fd);
    if (entry?.events === undefined) return;
    control(epoll, "DEL", fd, 0);
    entries.set(fd, { events: undefined, handler: () => {} });
  };
  return {
    watch: {
      fd: epoll,
      onReady: () => {
        // One that was dropped meanwhile is not told; a new one with its number finds out that it has nothing to do.
        for (const { fd, events } of takeEvents(epoll)) {
          try {
            entries.get(fd)?.handler(events);
          } catch {
            leaveAlone(fd);
          }
        }
      },
    },
    set(fd, events, handler) {
      const before = entries.get(fd)?.events;
      // Known before the kernel refuses it, so that `drop` closes it.
      entries.set(fd, { events: before, handler });
      if (before !== events) control(epoll, before === undefined ? "ADD" : "MOD", fd, events);
      entries.set(fd, { events, handler });
    },
    drop(fd, closeIt = close) {
      const entry = entries.get(fd);
      if (!entry) return;
      entries.delete(fd);
      if (entry.events !== undefined) control(epoll, "DEL", fd, 0);
      closeIt(fd);
    },
    close() {
      for (const fd of entries.keys()) close(fd);
      entries.clear();
      close(epoll);
    },
  };
}
