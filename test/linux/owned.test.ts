/** Descriptors go with their block, also when something fails in it. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { close, type Fd, O_RDONLY, open, owned } from "../../src/linux/file.ts";
import { watchDirectory } from "../../src/linux/inotify.ts";
import { attachAt } from "../../src/linux/mount.ts";
import { fstat } from "../../src/linux/stat.ts";
import { listenAt } from "../../src/linux/unix.ts";

const isOpen = (fd: Fd): boolean =>
  existsSync(`/proc/self/fd/${fd}`) && readlinkSync(`/proc/self/fd/${fd}`) === "/dev/zero";
const countOpen = (): number => readdirSync("/proc/self/fd").length;
const zero = (): Fd => open("/dev/zero", O_RDONLY);

test("a descriptor is closed at the end of its block, and after an exception", () => {
  const seen: Fd[] = [];
  const use = (fails: boolean): void => {
    using file = owned(zero());
    seen.push(file.fd);
    expect(fstat(file.fd).type).toBe("char");
    if (fails) throw new Error("as it happens");
  };
  use(false);
  expect(() => use(true)).toThrow("as it happens");
  expect(seen.map(isOpen)).toEqual([false, false]);
});

test("one that was handed off stays open, and what is not open is nobody's", () => {
  const handOff = (): Fd => {
    using nothing = owned(undefined as Fd | undefined);
    expect(nothing).toBeUndefined();
    using file = owned(zero());
    return file.handOff();
  };
  const fd = handOff();
  expect(isOpen(fd)).toBe(true);
  close(fd);
});

test("what fails after its descriptor was opened leaves none", () => {
  const before = countOpen();
  expect(() => watchDirectory("/nowhere")).toThrow("ENOENT");
  using directory = owned(open("/proc", O_RDONLY));
  expect(() => listenAt(directory.fd, "socket")).toThrow();
  expect(() => attachAt(zero(), "/nowhere", "nothing")).toThrow("ENOENT");
  expect(countOpen()).toBe(before + 1);
});
