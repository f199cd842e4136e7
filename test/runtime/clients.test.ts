/** Those who are attached to a container: what they are shown, what they type, and what they cannot do to it. */

import { afterEach, expect, test } from "bun:test";
import { close, type Fd, O_PATH, open, read, writeAll } from "../../src/linux/file.ts";
import { memory } from "../../src/linux/libc.ts";
import { setNonblocking } from "../../src/linux/nonblocking.ts";
import { type Interest, POLLIN, pipe, poll, sendMessage, socketpair } from "../../src/linux/poll.ts";
import { connectAt, listenAt } from "../../src/linux/unix.ts";
import {
  type Frame,
  frameBytes,
  type Message,
  receiveFrame,
  sendFrame,
  windowBytes,
} from "../../src/runtime/channel.ts";
import { type Clients, type Controls, clientsOf } from "../../src/runtime/clients.ts";
import { needing, root } from "../support/needs.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const capacity = 65536;
const opened: Fd[] = [];
afterEach(() => opened.splice(0).forEach(close));

/** What became of the container. */
interface Container {
  /** Where its stdin comes out, as long as anybody may write to it. */
  stdin: { read: Fd; write: Fd };
  heard: string[];
  controls: Controls;
}

function container(changes: Partial<Controls> = {}): Container {
  const stdin = pipe();
  setNonblocking(stdin.write);
  opened.push(stdin.read);
  const heard: string[] = [];
  let input: Fd | undefined = stdin.write;
  const endInput = () => {
    if (input !== undefined) close(input);
    input = undefined;
  };
  const controls: Controls = {
    input: () => input,
    typed: () => {},
    endInput,
    resize: ({ rows, columns }) => void heard.push(`${rows}x${columns}`),
    signal: (number) => void heard.push(`signal ${number}`),
    change: () => {},
    exec: () => {},
    left: endInput,
    ...changes,
  };
  return { stdin, heard, controls };
}

/** The one who started a container, attached, and its monitor's side. */
function launched(controls: Controls, how = { attached: true, stdin: true }): { clients: Clients; socket: Fd } {
  const [socket, monitor] = socketpair();
  opened.push(socket);
  return { clients: clientsOf(undefined, { socket: monitor, ...how }, controls), socket };
}

/** Somebody who attaches later, and a monitor that has nobody else. */
function attached(controls: Controls): { clients: Clients; socket: Fd } {
  const directory = open(temporaryDirectory(), O_PATH);
  const listener = listenAt(directory, "control");
  const clients = clientsOf(listener, undefined, controls);
  const socket = connectAt(directory, "control")!;
  opened.push(directory, listener, socket);
  say(socket, { type: "attach", stdin: true });
  turn(clients);
  return { clients, socket };
}

const say = (socket: Fd, control: Message) => sendFrame(socket, { control });

/** The monitor's loop, until there is nothing more to do. */
function turn(clients: Clients): void {
  for (;;) {
    const watches = clients.watches();
    const interests: Interest[] = watches.map(({ fd, events = POLLIN }) => ({ fd, events }));
    poll(interests, 0);
    if (interests.every(({ happened }) => !happened)) return;
    watches.forEach(({ onReady }, index) => {
      if (interests[index]!.happened) onReady();
    });
  }
}

/** All that a client can read now; "end" if there will be no more. */
function received(socket: Fd): (Frame | "end")[] {
  const frames: (Frame | "end")[] = [];
  for (;;) {
    const interest: Interest = { fd: socket, events: POLLIN };
    poll([interest], 0);
    if (!interest.happened) return frames;
    const frame = receiveFrame(socket);
    frames.push(frame ?? "end");
    if (!frame) return frames;
  }
}

const messages = (frames: (Frame | "end")[]): (Message | "end")[] =>
  frames.flatMap((frame): (Message | "end")[] =>
    frame === "end" ? ["end"] : "control" in frame ? [frame.control] : [],
  );
const outputBytes = (frames: (Frame | "end")[]): number =>
  frames.reduce((sum, frame) => sum + (frame === "end" || "control" in frame ? 0 : frame.bytes.length), 0);

const exit: Extract<Message, { type: "exit" }> = { type: "exit", code: 3, oomKilled: false, usage: { wallMs: 1 } };

test("a client that reads slowly gets all of it, and the container waits for it instead of filling our memory", () => {
  const { clients, socket } = attached(container().controls);
  const wanted = 50 * windowBytes;
  let written = 0;
  let got = 0;
  while (got < wanted) {
    for (; !clients.held() && written < wanted; written += capacity) clients.show(1, memory(capacity));
    expect(written - got).toBeLessThanOrEqual(windowBytes + capacity);
    const bytes = outputBytes(received(socket));
    expect(bytes).toBeGreaterThan(0);
    got += bytes;
    say(socket, { type: "taken", bytes });
    turn(clients);
  }
  expect([got, clients.held()]).toEqual([wanted, false]);
});

test("a client that says nothing of having read is sent a window and no more", () => {
  const { clients, socket } = attached(container().controls);
  while (!clients.held()) clients.show(2, memory(capacity));
  expect(outputBytes(received(socket))).toBe(windowBytes);
  turn(clients);
  expect(outputBytes(received(socket))).toBe(0);
});

test("a client that reads nothing is told so and dropped when its time is over, and the container goes on", () => {
  const { clients, socket } = attached(container().controls);
  expect(clients.timers()).toEqual([]);
  while (!clients.held()) clients.show(1, memory(capacity));
  clients.timers()[0]!.onTime();
  expect([clients.held(), clients.timers()]).toEqual([false, []]);
  expect(messages(received(socket))).toEqual([{ type: "dropped" }, "end"]);
});

test("a client that has just read something keeps its place", () => {
  const { clients, socket } = attached(container().controls);
  while (!clients.held()) clients.show(1, memory(capacity));
  const [timer] = clients.timers();
  say(socket, { type: "taken", bytes: 1 });
  timer!.onTime();
  turn(clients);
  expect(clients.held()).toBe(true);
  expect(clients.timers()[0]!.atMs).toBeGreaterThanOrEqual(timer!.atMs);
});

test("the container waits for the one who started it as long as that takes", () => {
  const { clients } = launched(container().controls);
  while (!clients.held()) clients.show(1, memory(capacity));
  expect(clients.timers()).toEqual([]);
});

test("what is typed reaches the container in order, and is said to be taken", () => {
  const { stdin, controls } = container();
  const { clients, socket } = launched(controls);
  for (const text of ["one ", "two ", "three"]) sendFrame(socket, { stream: 0, bytes: Buffer.from(text) });
  turn(clients);
  const buffer = Buffer.from(memory(100).buffer);
  expect(buffer.toString("utf8", 0, read(stdin.read, buffer))).toBe("one two three");
  expect(messages(received(socket))).toContainEqual({ type: "taken", bytes: 5 });
});

test("a signal and a size get through while the container reads neither its stdin nor its output is read", () => {
  const { stdin, heard, controls } = container();
  const { clients, socket } = launched(controls);
  writeAll(stdin.write, memory(capacity));
  while (!clients.held()) clients.show(1, memory(capacity));
  for (let at = 0; at < windowBytes; at += frameBytes) {
    expect(sendFrame(socket, { stream: 0, bytes: memory(frameBytes) }, { wait: false })).toBe("sent");
    turn(clients);
  }
  say(socket, { type: "resize", rows: 24, columns: 80 });
  say(socket, { type: "signal", signal: 15 });
  turn(clients);
  expect(heard).toEqual(["24x80", "signal 15"]);
});

test("input goes on while nobody reads the output", () => {
  const { stdin, controls } = container();
  const { clients, socket } = launched(controls);
  while (!clients.held()) clients.show(1, memory(capacity));
  let taken = 0;
  // The client reads what the monitor says, but its stdout is full.
  for (let round = 0; round < 100; round++) {
    sendFrame(socket, { stream: 0, bytes: memory(frameBytes) });
    turn(clients);
    expect(read(stdin.read, memory(frameBytes))).toBe(frameBytes);
    for (const said of messages(received(socket))) if (said !== "end" && said.type === "taken") taken += said.bytes;
  }
  expect([taken, clients.held()]).toEqual([100 * frameBytes, true]);
});

test("what the one who started it typed reaches the container before the end of its stdin", () => {
  for (const leave of [(socket: Fd) => say(socket, { type: "end-of-input" }), close]) {
    const { stdin, controls } = container();
    const { clients, socket } = launched(controls);
    writeAll(stdin.write, memory(capacity - 1));
    sendFrame(socket, { stream: 0, bytes: memory(1000) });
    leave(socket);
    turn(clients);
    expect(read(stdin.read, memory(capacity))).toBe(capacity - 1);
    turn(clients);
    expect([read(stdin.read, memory(capacity)), read(stdin.read, memory(1))]).toEqual([1000, 0]);
    opened.splice(opened.indexOf(socket), 1);
    if (leave !== close) close(socket);
  }
});

test("input that nobody in the container reads any more is dropped, and its sender stops after a window", () => {
  const { stdin, controls } = container();
  const { clients, socket } = launched(controls);
  close(stdin.read);
  opened.splice(opened.indexOf(stdin.read), 1);
  sendFrame(socket, { stream: 0, bytes: memory(10) });
  turn(clients);
  sendFrame(socket, { stream: 0, bytes: memory(windowBytes - 10).subarray(0, frameBytes) });
  turn(clients);
  expect([controls.input(), received(socket)]).toEqual([undefined, []]);
});

test("nonsense ends its sender and nobody else", () => {
  const nonsense: [string, (socket: Fd) => unknown][] = [
    ["no JSON", (socket) => sendMessage(socket, { data: Buffer.from("J{"), fds: [] })],
    ["no object", (socket) => sendMessage(socket, { data: Buffer.from("Jnull"), fds: [] })],
    ["nothing", (socket) => sendMessage(socket, { data: memory(0), fds: [] })],
    [
      "more than a window",
      (socket) => {
        for (let at = 0; at <= windowBytes; at += frameBytes)
          sendFrame(socket, { stream: 0, bytes: memory(frameBytes) });
      },
    ],
  ];
  for (const [what, send] of nonsense) {
    const { stdin, controls } = container();
    const { clients, socket } = attached(controls);
    writeAll(stdin.write, memory(capacity));
    send(socket);
    turn(clients);
    expect([what, received(socket)]).toEqual([what, ["end"]]);
    expect(clients.watches().some(({ events = POLLIN }) => events === POLLIN)).toBe(true);
  }
});

test("what cannot be done is not done, and ends nobody but who waits for an answer", () => {
  const impossible = () => {
    throw new Error("impossible");
  };
  const { clients, socket } = attached(
    container({ resize: impossible, signal: impossible, change: impossible }).controls,
  );
  say(socket, { type: "resize", rows: 1, columns: 1 });
  say(socket, { type: "signal", signal: 99 });
  turn(clients);
  clients.show(1, memory(5));
  expect(outputBytes(received(socket))).toBe(5);
  say(socket, { type: "leave", network: "web", publications: [] });
  turn(clients);
  expect(received(socket)).toEqual(["end"]);
});

needing(root)("in the end everybody gets all that is left and the exit code, also who does not read just now", () => {
  const { clients, socket } = attached(container().controls);
  for (let count = 0; count < 20; count++) clients.show(1, memory(capacity));
  clients.end(exit);
  const frames = received(socket);
  expect(outputBytes(frames)).toBe(20 * capacity);
  expect(messages(frames)).toEqual([exit, "end"]);
});

test("the one who started it and does not stay is let go once the program runs", () => {
  const { clients, socket } = launched(container().controls, { attached: false, stdin: false });
  clients.sendToLauncher({ type: "started" });
  clients.release();
  clients.show(1, memory(5));
  expect(received(socket).length).toBe(2);
});
