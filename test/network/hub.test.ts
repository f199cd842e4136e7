/** Many sockets behind one descriptor: one that makes trouble is its own trouble. */

import { expect, test } from "bun:test";
import { close, type Fd, read, writeAll } from "../../src/linux/file.ts";
import { memory } from "../../src/linux/libc.ts";
import { type Interest, POLLIN, pipe, poll } from "../../src/linux/poll.ts";
import { type EpollLoop, openEpollLoop } from "../../src/network/epoll-loop.ts";

/** The loop, until there is nothing more to do. @returns how often there was. */
function turn(hub: EpollLoop): number {
  for (let times = 0; ; times++) {
    const interest: Interest = { fd: hub.watch.fd, events: POLLIN };
    poll([interest], 0);
    if (!interest.happened) return times;
    hub.watch.onReady();
  }
}

const isOpen = (fd: Fd): boolean => {
  const interest: Interest = { fd, events: 0 };
  poll([interest], 0);
  return (interest.happened! & 0x20) === 0;
};

test("a handler that throws is not called again, those of others are", () => {
  const hub = openEpollLoop();
  const [bad, good] = [pipe(), pipe()];
  const calls: string[] = [];
  hub.set(bad.read, POLLIN, () => {
    calls.push("bad");
    throw new Error("trouble");
  });
  hub.set(good.read, POLLIN, () => void calls.push(`good ${read(good.read, memory(1))}`));
  for (const { write } of [bad, good]) writeAll(write, memory(2));
  turn(hub);
  expect(calls.sort()).toEqual(["bad", "good 1", "good 1"]);
  // Its number stays its own until everything is closed, or its owner drops it.
  expect(isOpen(bad.read)).toBe(true);
  hub.close();
  expect([bad.read, good.read].map(isOpen)).toEqual([false, false]);
  [bad.write, good.write].forEach(close);
});

test("whose handler has thrown can be waited for anew, and dropped", () => {
  const hub = openEpollLoop();
  const ends = pipe();
  writeAll(ends.write, memory(1));
  hub.set(ends.read, POLLIN, () => {
    throw new Error("trouble");
  });
  turn(hub);
  const seen: number[] = [];
  hub.set(ends.read, POLLIN, () => void seen.push(read(ends.read, memory(1))));
  turn(hub);
  expect(seen).toEqual([1]);
  hub.drop(ends.read);
  expect(isOpen(ends.read)).toBe(false);
  hub.drop(ends.read);
  hub.close();
  close(ends.write);
});

test("what the kernel does not wait for is refused at once, and closed when it is dropped", () => {
  const hub = openEpollLoop();
  const closed: number[] = [];
  // A number that is not open.
  expect(() => hub.set(999_999 as Fd, POLLIN, () => {})).toThrow("EBADF");
  hub.drop(999_999 as Fd, (fd) => void closed.push(fd));
  expect(closed).toEqual([999_999]);
  hub.close();
});
