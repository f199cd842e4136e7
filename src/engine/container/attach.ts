/** Being attached to a container's monitor: our keys in, its output out, until it ends or we leave. */

import { hasCode } from "../../errors.ts";
import { close, type Fd, O_WRONLY, open } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";
import { type Input, type Output, openInput, openOutput } from "../../linux/nonblocking.ts";
import { type Interest, POLLIN, POLLOUT, poll } from "../../linux/poll.ts";
import { blockSignals, signals } from "../../linux/signal.ts";
import { readSignal, signalfd } from "../../linux/signalfd.ts";
import { getModes, getSize, isatty, rawModes, restoreModes, setModes } from "../../linux/tty.ts";
import {
  type Frame,
  frameBytes,
  type Message,
  portionBytes,
  receiveFrame,
  sendFrame,
  windowBytes,
} from "../../runtime/channel.ts";
import { detachMatcher } from "../../runtime/detach-keys.ts";
import { forwarded } from "../../runtime/forwarded.ts";

export interface AttachOptions {
  /** Our stdin is the container's. */
  stdin: boolean;
  /** The container has a terminal. */
  terminal: boolean;
  /** The keys that leave it running, as bytes; empty for none. */
  detachKeys: Uint8Array;
  /** Signals to us are the container's. */
  sigProxy: boolean;
  /** What we do not print. */
  unseen?: (1 | 2)[];
  /** When our terminal goes away so does the container's; otherwise we are gone, and it goes on. */
  endsWithUs?: boolean;
}

/** The container's end, as its monitor tells it. */
export type Exited = Pick<Extract<Message, { type: "exit" }>, "code" | "oomKilled" | "usage">;

/**
 * How it ended: with the container, because a signal ended us, because we left, because nobody is there any more, or because
 * our stdout took nothing for too long.
 */
export type AttachEnd = Exited | { signal: number } | "detached" | "lost" | "dropped";

/** Stays until the end. @param socket to the monitor; one that did not launch the container says `attach` first. */
export function attachTo(socket: Fd, options: AttachOptions): AttachEnd {
  blockSignals(forwarded);
  const raw = options.terminal && options.stdin && isatty(0);
  const modes = raw ? getModes(0) : undefined;
  if (modes) setModes(0, rawModes(modes));
  try {
    return converse(socket, options, modes !== undefined);
  } finally {
    if (modes) restoreModes(0, modes);
    close(socket);
  }
}

/** What is on its way. Each part has a bound: a window of the channel, and a message or two. */
interface Traffic {
  socket: Fd;
  /** What the socket had no room for. */
  outgoing: Frame[];
  /** Bytes of our stdin that the container has not taken. */
  untaken: number;
  /** What the container wrote and our stdout and stderr have not taken, as it came: both may be one terminal. */
  unprinted: { stream: 1 | 2; bytes: Uint8Array }[];
  /** Bytes that were printed since the monitor was told. */
  printed: number;
}

/**
 * Waits in poll(2) alone: what is sent, printed and read never waits (linux/nonblocking.ts), so neither the keys nor a
 * signal wait for a stdout that nobody reads, nor the output for a container that does not read its stdin.
 */
function converse(socket: Fd, options: AttachOptions, keys: boolean): AttachEnd {
  const { terminal, detachKeys, sigProxy } = options;
  const leaves = terminal && !options.endsWithUs;
  const incoming = signalfd(forwarded);
  const stdin = openInput(0);
  const outputs = { 1: outputOf(1, options), 2: outputOf(2, options) };
  const buffer = memory(frameBytes);
  const detach = keys && detachKeys.length > 0 ? detachMatcher(detachKeys) : undefined;
  const traffic: Traffic = { socket, outgoing: [], untaken: 0, unprinted: [], printed: 0 };
  let listening = options.stdin;
  let end: AttachEnd | undefined;

  /** @returns how it ended, if it did. */
  const onSignal = (number: number): AttachEnd | undefined => {
    if (number === signals.SIGWINCH && terminal) resize(traffic);
    else if (number === signals.SIGHUP && leaves) return { signal: number };
    // In the end there is nobody left who would take it.
    else if (sigProxy && !end) send(traffic, { control: { type: "signal", signal: number } });
    else if (!harmless.has(number)) return { signal: number };
    return undefined;
  };
  const onInput = (): AttachEnd | undefined => {
    const count = readInput(stdin, buffer.subarray(0, windowBytes - traffic.untaken));
    if (count === undefined) return undefined;
    if (count === 0) {
      // A terminal in raw mode has no other end than its own.
      if (keys && leaves) return { signal: signals.SIGHUP };
      listening = false;
      send(traffic, { control: { type: "end-of-input" } });
      return undefined;
    }
    const bytes = detach ? detach(buffer.subarray(0, count)) : buffer.subarray(0, count);
    if (bytes === "detach") return "detached";
    traffic.untaken += bytes.length;
    send(traffic, { stream: 0, bytes: bytes.slice() });
    return undefined;
  };

  if (terminal && isatty(1)) resize(traffic);
  try {
    for (;;) {
      const [unprinted] = traffic.unprinted;
      if (end && !unprinted) return end;
      const full = traffic.outgoing.length > 0;
      const monitor: Interest = { fd: end ? nobody : socket, events: POLLIN | (full ? POLLOUT : 0) };
      const signal: Interest = { fd: incoming, events: POLLIN };
      const wanted = listening && !end && !full && traffic.untaken < windowBytes;
      const input: Interest = { fd: wanted ? stdin.fd : nobody, events: POLLIN };
      const output: Interest = { fd: unprinted ? outputs[unprinted.stream].fd : nobody, events: POLLOUT };
      poll([monitor, signal, input, output]);
      if (monitor.happened) {
        flush(traffic);
        if (monitor.happened & ~POLLOUT) end = receive(traffic);
      }
      if (output.happened) print(traffic, outputs[unprinted!.stream]);
      const left = (signal.happened && onSignal(readSignal(incoming))) || (input.happened && onInput());
      if (left) return left;
    }
  } finally {
    close(incoming);
  }
}

/** What is not to be seen is taken all the same: the container does not wait for us. */
function outputOf(stream: 1 | 2, { unseen }: AttachOptions): Output {
  if (!unseen?.includes(stream)) return openOutput(stream);
  return { fd: open("/dev/null", O_WRONLY), write: ({ length }) => length };
}

/** What ends no program that does not handle it. */
const harmless = new Set<number>([signals.SIGWINCH, signals.SIGCONT]);

/** poll(2) passes over it. */
const nobody = -1;

function resize(traffic: Traffic): void {
  const { rows, columns } = getSize(isatty(0) ? 0 : 1);
  send(traffic, { control: { type: "resize", rows, columns } });
}

function send(traffic: Traffic, frame: Frame): void {
  traffic.outgoing.push(frame);
  flush(traffic);
}

/** Sends what the socket has room for. To whom is gone nothing is sent; what he said before is still to be read. */
function flush(traffic: Traffic): void {
  for (let frame = traffic.outgoing[0]; frame; frame = traffic.outgoing[0]) {
    if (sendFrame(traffic.socket, frame, { wait: false }) === "full") return;
    traffic.outgoing.shift();
  }
}

/** Takes what the monitor says. @returns the end, if that is what it said. */
function receive(traffic: Traffic): AttachEnd | undefined {
  const frame = receiveFrame(traffic.socket);
  if (!frame) return "lost";
  if (!("control" in frame)) {
    if (frame.stream !== 0) traffic.unprinted.push({ stream: frame.stream, bytes: frame.bytes });
    return undefined;
  }
  if (frame.control.type === "taken") traffic.untaken -= frame.control.bytes;
  if (frame.control.type === "dropped") return "dropped";
  return frame.control.type === "exit" ? frame.control : undefined;
}

/** Prints what stdout or stderr has room for, and has the monitor know. */
function print(traffic: Traffic, output: Output): void {
  const first = traffic.unprinted[0]!;
  const printed = tryWrite(output, first.bytes);
  first.bytes = first.bytes.subarray(printed);
  if (first.bytes.length === 0) traffic.unprinted.shift();
  traffic.printed += printed;
  if (traffic.printed < portionBytes && traffic.unprinted.length > 0) return;
  send(traffic, { control: { type: "taken", bytes: traffic.printed } });
  traffic.printed = 0;
}

/** What nobody reads any more counts as printed. */
function tryWrite(output: Output, bytes: Uint8Array): number {
  try {
    return output.write(bytes);
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return 0;
    if (!hasCode(error, "EPIPE", "ECONNRESET", "EBADF", "EIO")) throw error;
    return bytes.length;
  }
}

/** @returns how much came, 0 for the end: that is also what a terminal that is gone says; undefined for nothing yet. */
function readInput(input: Input, buffer: Uint8Array): number | undefined {
  try {
    return input.read(buffer);
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return undefined;
    if (hasCode(error, "EIO", "EBADF", "ECONNRESET")) return 0;
    throw error;
  }
}
