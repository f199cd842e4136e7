/** Reading and writing what others have too, without ever waiting. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { hasCode } from "../../src/errors.ts";
import { close, type Fd, O_RDONLY, O_RDWR, O_WRONLY, open, read, write } from "../../src/linux/file.ts";
import { memory } from "../../src/linux/libc.ts";
import { openInput, openOutput, setNonblocking } from "../../src/linux/nonblocking.ts";
import { pipe, socketpair } from "../../src/linux/poll.ts";
import { openSlave } from "../support/slave.ts";

/** The errno that a call ends with. */
function errnoOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    for (const code of ["EAGAIN", "EPIPE", "ENOSPC"]) if (hasCode(error, code)) return code;
    throw error;
  }
  return "none";
}

const flags = (fd: Fd): number =>
  Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!, 8);
const O_NONBLOCK = 0o4000;

/** Writes until there is no room. @returns how much there was. */
function fill(put: (bytes: Uint8Array) => number, blockBytes: number): number {
  const block = new Uint8Array(blockBytes);
  let total = 0;
  const once = () => {
    total += put(block);
  };
  while (errnoOf(once) === "none");
  return total;
}

test("an empty pipe and a full one are EAGAIN, and stay as they are for those who share them", () => {
  const ends = pipe();
  const input = openInput(ends.read);
  const output = openOutput(ends.write);
  expect(errnoOf(() => input.read(memory(10)))).toBe("EAGAIN");
  expect(fill(output.write, 100_000)).toBe(65536);
  expect([flags(ends.read) & O_NONBLOCK, flags(ends.write) & O_NONBLOCK]).toEqual([0, 0]);
  expect(input.read(memory(100_000))).toBe(65536);
  for (const fd of [ends.read, ends.write, input.fd, output.fd]) close(fd);
});

test("an empty socket and a full one are EAGAIN, without another descriptor", () => {
  const [one, other] = socketpair();
  const [input, output] = [openInput(one), openOutput(one)];
  expect([input.fd, output.fd]).toEqual([one, one]);
  expect(errnoOf(() => input.read(memory(10)))).toBe("EAGAIN");
  expect(fill(output.write, 4096)).toBeGreaterThan(0);
  expect(flags(one) & O_NONBLOCK).toBe(0);
  close(one);
  close(other);
  const [left, gone] = socketpair();
  close(gone);
  expect(errnoOf(() => openOutput(left).write(new Uint8Array(1)))).toBe("EPIPE");
  close(left);
});

test("a pipe that nobody reads is EPIPE, not a failure to open it", () => {
  const ends = pipe();
  close(ends.read);
  expect(errnoOf(() => openOutput(ends.write).write(new Uint8Array(1)))).toBe("EPIPE");
  close(ends.write);
});

test("a file is read and written where the descriptor is, and devices as they are", () => {
  const file = open("/etc/passwd", O_RDONLY);
  expect(openInput(file).fd).toBe(file);
  close(file);
  const full = open("/dev/full", O_WRONLY);
  expect(openOutput(full).fd).toBe(full);
  expect(errnoOf(() => openOutput(full).write(new Uint8Array(1)))).toBe("ENOSPC");
  close(full);
});

test("a terminal whose other side does not read is EAGAIN", () => {
  const master = open("/dev/ptmx", O_RDWR);
  const { slave } = openSlave(master);
  const output = openOutput(slave);
  expect(output.fd).not.toBe(slave);
  expect(fill(output.write, 4096)).toBeGreaterThan(0);
  // A master would be another pty, opened once more.
  expect(openOutput(master).fd).toBe(master);
  for (const fd of [output.fd, slave, master]) close(fd);
});

test("setNonblocking() is for what only we have", () => {
  const ends = pipe();
  setNonblocking(ends.write);
  expect(fill((bytes) => write(ends.write, bytes), 100_000)).toBe(65536);
  expect(read(ends.read, memory(10))).toBe(10);
  close(ends.read);
  close(ends.write);
});

test("nothing at all is read and written without an error", () => {
  const ends = pipe();
  expect(openOutput(ends.write).write(new Uint8Array(0))).toBe(0);
  expect(write(ends.write, new Uint8Array(0))).toBe(0);
  close(ends.read);
  close(ends.write);
});
