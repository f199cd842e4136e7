/** What is typed on its way into a container, which may read it late, or never. */

import { afterEach, expect, test } from "bun:test";
import { close, type Fd, O_RDWR, open, read, writeAll } from "../../src/linux/file.ts";
import { memory } from "../../src/linux/libc.ts";
import { setNonblocking } from "../../src/linux/nonblocking.ts";
import { type Interest, pipe, poll } from "../../src/linux/poll.ts";
import { getModes, rawModes, setModes } from "../../src/linux/tty.ts";
import { type Keyboard, keyboardOf } from "../../src/runtime/keyboard.ts";
import { openSlave } from "../support/slave.ts";

const opened: Fd[] = [];
afterEach(() => opened.splice(0).forEach(close));

/** Writes what can be written. @returns how often. */
function turn(keyboard: Keyboard): number {
  for (let times = 0; ; times++) {
    const [watch] = keyboard.watches();
    if (!watch) return times;
    const interest: Interest = { fd: watch.fd, events: watch.events! };
    poll([interest], 0);
    if (!interest.happened) return times;
    watch.onReady();
  }
}

/** A keyboard at this descriptor, and what it was told. */
function at(fd: Fd) {
  setNonblocking(fd);
  const heard = { takenBytes: 0, seen: 0, ended: 0 };
  let input: Fd | undefined = fd;
  const keyboard = keyboardOf({
    input: () => input,
    typed: () => void heard.seen++,
    endInput: () => {
      heard.ended++;
      input = undefined;
    },
  });
  const type = (bytes: Uint8Array) =>
    keyboard.type(bytes, (taken) => {
      heard.takenBytes += taken;
    });
  return { keyboard, type, heard };
}

function pty(): { master: Fd; slave: Fd } {
  const master = open("/dev/ptmx", O_RDWR);
  const { slave } = openSlave(master);
  setModes(slave, rawModes(getModes(slave)));
  opened.push(master, slave);
  return { master, slave };
}

test("what a pipe has no room for waits, and each piece is seen once", () => {
  const ends = pipe();
  opened.push(ends.read, ends.write);
  const { keyboard, type, heard } = at(ends.write);
  type(memory(49_152));
  type(memory(49_152));
  turn(keyboard);
  expect(heard).toEqual({ takenBytes: 65536, seen: 2, ended: 0 });
  expect(read(ends.read, memory(65536))).toBe(65536);
  turn(keyboard);
  expect(heard).toEqual({ takenBytes: 98_304, seen: 2, ended: 0 });
  expect(keyboard.watches()).toEqual([]);
});

test("keys for a terminal that nobody reads wait as well, and arrive when somebody does", () => {
  const { master, slave } = pty();
  const { keyboard, type, heard } = at(master);
  const bytes = 200_000;
  for (let at = 0; at < bytes; at += 20_000) type(memory(20_000));
  turn(keyboard);
  expect(heard.takenBytes).toBeLessThan(bytes);
  setNonblocking(slave);
  let arrived = 0;
  while (arrived < bytes) {
    const readable: Interest = { fd: slave, events: 1 };
    poll([readable]);
    arrived += read(slave, memory(65536));
    turn(keyboard);
  }
  expect([arrived, heard.takenBytes]).toEqual([bytes, bytes]);
});

test("keys that are pressed while nobody has the terminal open are lost, and its next user can type", () => {
  const { master, slave } = pty();
  close(slave);
  opened.splice(opened.indexOf(slave), 1);
  const { keyboard, type, heard } = at(master);
  type(memory(5));
  turn(keyboard);
  expect(heard).toEqual({ takenBytes: 5, seen: 1, ended: 0 });
});

test("a pipe that nobody reads ends the input; what comes then goes nowhere, and nobody is told that it was taken", () => {
  const ends = pipe();
  close(ends.read);
  opened.push(ends.write);
  const { keyboard, type, heard } = at(ends.write);
  type(memory(5));
  turn(keyboard);
  type(memory(5));
  expect(keyboard.watches()).toEqual([]);
  expect(heard).toEqual({ takenBytes: 0, seen: 1, ended: 1 });
});

test("afterwards() waits for what was typed before, and for nothing else", () => {
  const ends = pipe();
  opened.push(ends.read, ends.write);
  const { keyboard, type } = at(ends.write);
  const done: string[] = [];
  keyboard.afterwards(() => void done.push("at once"));
  writeAll(ends.write, memory(65536));
  type(memory(5));
  keyboard.afterwards(() => void done.push("then"));
  turn(keyboard);
  expect(done).toEqual(["at once"]);
  expect(read(ends.read, memory(65536))).toBe(65536);
  turn(keyboard);
  expect(done).toEqual(["at once", "then"]);
});

test("no keys at all are nothing to wait for", () => {
  const ends = pipe();
  opened.push(ends.read, ends.write);
  const { keyboard, type } = at(ends.write);
  type(memory(0));
  expect(keyboard.watches()).toEqual([]);
});
