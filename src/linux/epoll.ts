/** Waiting for any number of descriptors through one (epoll(7)), which a poll(2) loop may wait for among its others. */

import type { Fd } from "./file.ts";
import { bind, check, checkRetry, memory } from "./libc.ts";

const libc = bind({
  epoll_create1: ["int", "int"],
  epoll_ctl: ["int", "int", "int", "int", "ptr"],
  epoll_wait: ["int", "int", "ptr", "int", "int"],
});

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL = { ADD: 1, DEL: 2, MOD: 3 } as const;
/** struct epoll_event: u32 events, u64 data; packed on x86_64 alone. */
const dataAt = process.arch === "x64" ? 4 : 8;
const eventBytes = dataAt + 8;

export const openEpoll = (): Fd => check("epoll_create1", "", libc.epoll_create1(EPOLL_CLOEXEC)) as Fd;

const event = memory(eventBytes);
const eventView = new DataView(event.buffer);

/** epoll_ctl(2). @param events POLLIN and the like, which are the same numbers here. */
export function control(epoll: Fd, operation: keyof typeof EPOLL_CTL, fd: Fd, events: number): void {
  eventView.setUint32(0, events, true);
  eventView.setInt32(dataAt, fd, true);
  check("epoll_ctl", `fd ${fd}`, libc.epoll_ctl(epoll, EPOLL_CTL[operation], fd, event));
}

const most = 64;
const happened = memory(most * eventBytes);
const happenedView = new DataView(happened.buffer);

/** epoll_wait(2) without waiting: up to 64 of what has happened. */
export function takeEvents(epoll: Fd): { fd: Fd; events: number }[] {
  const count = checkRetry("epoll_wait", "", () => libc.epoll_wait(epoll, happened, most, 0));
  return Array.from({ length: count }, (_, index) => ({
    fd: happenedView.getInt32(index * eventBytes + dataAt, true) as Fd,
    events: happenedView.getUint32(index * eventBytes, true),
  }));
}
