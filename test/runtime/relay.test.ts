/** The loop between a container and its caller: pumps, watches and timers; and what is done when the container has ended. */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { hasCode } from "../../src/errors.ts";
import { EAGAIN } from "../../src/linux/errno.ts";
import { close, type Fd, O_CREAT, O_RDONLY, O_WRONLY, open, read, write, writeAll } from "../../src/linux/file.ts";
import { memory, syscallError } from "../../src/linux/libc.ts";
import { openOutput, setNonblocking } from "../../src/linux/nonblocking.ts";
import { pipe, type Timer, type Watch } from "../../src/linux/poll.ts";
import { type Copy, deliver, drain, relay } from "../../src/runtime/relay.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const capacity = 65536;

/** A pump, what it has seen, and how it ended. */
function pumpOf(pump: Omit<Copy, "onEnd" | "onData">): Copy & { how: string; seenBytes: number } {
  const made = {
    ...pump,
    how: "",
    seenBytes: 0,
    onData: ({ length }: Uint8Array) => {
      made.seenBytes += length;
    },
    onEnd: (ended: string) => {
      made.how = ended;
    },
  };
  return made;
}

/** Runs the loop until something is so. */
const runUntil = (done: () => boolean, pumps: Copy[], watches: Watch[] = [], timers: Timer[] = []): void =>
  relay(
    pumps,
    () => watches,
    () => timers,
    done,
    () => undefined,
  );

/** To a pipe that only the pump has. */
function into(fd: Fd): Pick<Copy, "to" | "write"> {
  setNonblocking(fd);
  return { to: fd, write: (bytes) => write(fd, bytes) };
}

/** A copy from nothing has only the rest of before. */
const nobody = -1 as Fd;

test("more than the pipes hold goes through a program in both directions at once", () => {
  const directory = temporaryDirectory();
  const bytes = crypto.getRandomValues(new Uint8Array(400)).toHex().repeat(1000);
  writeFileSync(`${directory}/in`, bytes);
  const [stdin, stdout] = [pipe(), pipe()];
  const child = Bun.spawn(["cat"], { stdio: [stdin.read, stdout.write, "inherit"] });
  close(stdin.read);
  close(stdout.write);
  const from = open(`${directory}/in`, O_RDONLY);
  const to = open(`${directory}/out`, O_WRONLY | O_CREAT, 0o600);
  const down: Copy = { from, ...into(stdin.write), onEnd: () => close(stdin.write) };
  const up = pumpOf({ from: stdout.read, ...openOutputOf(to) });
  runUntil(() => up.ended === true, [down, up]);
  expect(readFileSync(`${directory}/out`, "utf8")).toBe(bytes);
  for (const fd of [from, to, stdout.read]) close(fd);
  child.kill();
});

const openOutputOf = (fd: Fd): Pick<Copy, "to" | "write"> => {
  const { fd: to, write: put } = openOutput(fd);
  return { to, write: put };
};

test("a destination that is full stops its pump, which holds one block, and nothing else", () => {
  const [source, destination, other] = [pipe(), pipe(), pipe()];
  const pump = pumpOf({ from: source.read, ...into(destination.write) });
  writeAll(destination.write, memory(capacity));
  writeAll(source.write, memory(capacity));
  writeAll(other.write, memory(1));
  const seen: number[] = [];
  const watch = { fd: other.read, onReady: () => void seen.push(read(other.read, memory(10))) };
  runUntil(() => seen.length === 1 && pump.pending !== undefined, [pump], [watch]);
  expect(pump.pending?.length).toBe(capacity);
  // The source has room again, but is not read from before the block is gone.
  writeAll(source.write, memory(100));
  let fired = 0;
  runUntil(() => fired === 3, [pump], [], [{ atMs: 0, onTime: () => void fired++ }]);
  expect(pump.pending?.length).toBe(capacity);
  expect(read(destination.read, memory(capacity))).toBe(capacity);
  runUntil(() => pump.pending === undefined, [pump]);
  expect(read(destination.read, memory(2 * capacity))).toBe(capacity);
  for (const { read: one, write: two } of [source, destination, other]) [one, two].forEach(close);
});

test("a pump that is held reads nothing, and goes on when it is not", () => {
  const source = pipe();
  writeAll(source.write, memory(5));
  let held = true;
  const pump = pumpOf({ from: source.read, held: () => held });
  let fired = 0;
  const timer = { atMs: 0, onTime: () => void fired++ };
  runUntil(() => fired === 3, [pump], [], [timer]);
  expect(pump.seenBytes).toBe(0);
  held = false;
  runUntil(() => pump.seenBytes > 0, [pump]);
  expect(pump.seenBytes).toBe(5);
  [source.read, source.write].forEach(close);
});

test("a destination that nobody reads ends its pump, and is no failure", () => {
  const [source, destination] = [pipe(), pipe()];
  close(destination.read);
  writeAll(source.write, memory(5));
  const pump = pumpOf({ from: source.read, ...into(destination.write) });
  runUntil(() => pump.ended === true, [pump]);
  expect([pump.how, pump.failure, pump.pending]).toEqual(["to", undefined, undefined]);
  [source.read, source.write, destination.write].forEach(close);
});

test("a full disk ends its pump, and is a failure", () => {
  const source = pipe();
  writeAll(source.write, memory(5));
  const full = open("/dev/full", O_WRONLY);
  const pump = pumpOf({ from: source.read, ...openOutputOf(full) });
  runUntil(() => pump.ended === true, [pump]);
  expect(pump.how).toBe("to");
  expect(hasCode(pump.failure, "ENOSPC")).toBe(true);
  [source.read, source.write, full].forEach(close);
});

test("where somebody else was first to read or to fill a pipe, it is tried again", () => {
  const [source, destination] = [pipe(), pipe()];
  writeAll(source.write, memory(5));
  let tries = 0;
  const secondTime = <Result>(call: () => Result): Result => {
    if (tries++ % 2 === 0) throw syscallError("use", "a pipe", EAGAIN);
    return call();
  };
  const pump = pumpOf({
    from: source.read,
    read: (buffer) => secondTime(() => read(source.read, buffer)),
    to: destination.write,
    write: (bytes) => secondTime(() => write(destination.write, bytes)),
  });
  runUntil(() => pump.seenBytes > 0 && pump.pending === undefined, [pump]);
  expect([pump.seenBytes, tries]).toEqual([5, 4]);
  for (const { read: one, write: two } of [source, destination]) [one, two].forEach(close);
});

test("the end of a source ends its pump", () => {
  const source = pipe();
  close(source.write);
  const pump = pumpOf({ from: source.read });
  runUntil(() => pump.ended === true, [pump]);
  expect(pump.how).toBe("from");
  close(source.read);
});

test("what is left when a container has ended is taken out, to the end and no further, and nobody is waited for", () => {
  const [quiet, ended, stuck] = [pipe(), pipe(), pipe()];
  writeAll(quiet.write, memory(700));
  writeAll(ended.write, memory(capacity));
  close(ended.write);
  writeAll(stuck.write, memory(capacity));
  const pumps = [quiet, ended].map(({ read: from }) => pumpOf({ from, ...into(stuck.write) }));
  pumps[1]!.pending = memory(5);
  drain(pumps);
  expect(pumps.map(({ seenBytes, pending, how }) => [seenBytes, pending?.length, how])).toEqual([
    [700, 700, ""],
    [capacity, 5 + capacity, "from"],
  ]);
  [quiet.read, quiet.write, ended.read, stuck.read, stuck.write].forEach(close);
});

test("what was on its way into a container that has ended stays with its sender", () => {
  const [source, destination] = [pipe(), pipe()];
  writeAll(source.write, memory(10));
  const pump = pumpOf({ from: source.read, ...into(destination.write), inward: true });
  drain([pump]);
  expect([pump.ended, pump.seenBytes, read(source.read, memory(100))]).toEqual([true, 0, 10]);
  for (const { read: one, write: two } of [source, destination]) [one, two].forEach(close);
});

test("somebody who outlives a container and goes on writing does not keep us", () => {
  const source = pipe();
  const child = Bun.spawn(["yes"], { stdio: ["ignore", source.write, "inherit"] });
  const pump = pumpOf({ from: source.read });
  drain([pump]);
  expect(pump.seenBytes).toBeLessThanOrEqual((1 << 20) + capacity);
  child.kill("SIGKILL");
  [source.read, source.write].forEach(close);
});

test("who does not read what is left is waited for, until a signal says otherwise; others get theirs meanwhile", () => {
  const [stuck, destination, interrupt] = [pipe(), pipe(), pipe()];
  writeAll(stuck.write, memory(capacity));
  writeAll(interrupt.write, memory(2));
  const pumps = [pumpOf({ from: nobody, ...into(stuck.write) }), pumpOf({ from: nobody, ...into(destination.write) })];
  for (const pump of pumps) Object.assign(pump, { ended: true, pending: memory(20) });
  let signals = 0;
  const onReady = () => {
    read(interrupt.read, memory(1));
    return ++signals === 2;
  };
  deliver(pumps, { fd: interrupt.read, onReady });
  expect([signals, pumps[0]!.pending?.length, pumps[1]!.pending]).toEqual([2, 20, undefined]);
  expect(read(destination.read, memory(100))).toBe(20);
  for (const { read: one, write: two } of [stuck, destination, interrupt]) [one, two].forEach(close);
});

test("a reader who goes away meanwhile is no failure, a full disk is; neither ends a pump twice", () => {
  const gone = pipe();
  close(gone.read);
  const [full, never] = [open("/dev/full", O_WRONLY), pipe()];
  const pumps = [pumpOf({ from: nobody, ...into(gone.write) }), pumpOf({ from: nobody, ...openOutputOf(full) })];
  for (const pump of pumps) Object.assign(pump, { ended: true, pending: memory(20) });
  deliver(pumps, { fd: never.read, onReady: () => true });
  expect(pumps.map(({ how, failure }) => [how, hasCode(failure, "ENOSPC")])).toEqual([
    ["", false],
    ["", true],
  ]);
  [gone.write, full, never.read, never.write].forEach(close);
});
