/** Being attached to a container that a monitor looks after: our keys in, its output out, until it ends or we leave. */

import { hasCode } from "../errors.ts";
import { close, O_DIRECTORY, O_PATH, open, read, writeAll } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { type Interest, POLLIN, poll } from "../linux/poll.ts";
import { blockSignals, readSignal, signalfd, signals } from "../linux/signal.ts";
import { getModes, getSize, isatty, rawModes, restoreModes, setModes } from "../linux/tty.ts";
import { connectAt } from "../linux/unix.ts";
import type { Paths } from "../paths.ts";
import { frameBytes, type Message, receiveFrame, sendFrame } from "../runtime/channel.ts";
import { forwarded } from "../runtime/forwarded.ts";
import { controlSocket } from "../runtime/run.ts";
import { directoryOf } from "./record.ts";

export interface AttachOptions {
  /** Our stdin is the container's. */
  stdin: boolean;
  /** The container has a terminal. */
  terminal: boolean;
  /** The keys that leave it running, as bytes; empty for none. */
  detachKeys: Uint8Array;
  /** Signals to us are the container's. */
  sigProxy: boolean;
  /** When our terminal goes away so does the container's; otherwise we are gone, and it goes on. */
  endsWithUs?: boolean;
}

/** The container's end, as its monitor tells it. */
export type Exited = Pick<Extract<Message, { type: "exit" }>, "code" | "oomKilled" | "usage">;

/** How it ended: with the container, because a signal ended us, because we left, or because nobody is there any more. */
export type AttachEnd = Exited | { signal: number } | "detached" | "lost";

/** Connects to the monitor of a running container, or undefined where there is none. */
export function connectToContainer(paths: Paths, id: string): number | undefined {
  const directory = open(directoryOf(paths, id), O_PATH | O_DIRECTORY);
  try {
    return connectAt(directory, controlSocket);
  } finally {
    close(directory);
  }
}

/** Stays until the end. @param socket to the monitor; one that did not launch the container says `attach` first. */
export function attachTo(socket: number, options: AttachOptions): AttachEnd {
  blockSignals(forwarded);
  const raw = options.terminal && options.stdin && isatty(0);
  const modes = raw ? getModes(0) : undefined;
  if (modes) setModes(0, rawModes(modes));
  try {
    if (options.terminal && isatty(1)) resize(socket);
    return converse(socket, options, modes !== undefined);
  } finally {
    if (modes) restoreModes(0, modes);
    close(socket);
  }
}

function resize(socket: number): void {
  const { rows, columns } = getSize(isatty(0) ? 0 : 1);
  sendFrame(socket, { said: { type: "resize", rows, columns } });
}

function converse(socket: number, options: AttachOptions, keys: boolean): AttachEnd {
  const { stdin, terminal, detachKeys, sigProxy } = options;
  const leaves = terminal && !options.endsWithUs;
  const incoming = signalfd(forwarded);
  const buffer = memory(frameBytes);
  const detach = keys && detachKeys.length > 0 ? detachMatcher(detachKeys) : undefined;
  const input: Interest = { fd: 0, events: POLLIN };
  const output: Interest = { fd: socket, events: POLLIN };
  const signal: Interest = { fd: incoming, events: POLLIN };
  let listening = stdin;
  try {
    for (;;) {
      poll(listening ? [output, signal, input] : [output, signal]);
      if (output.happened) {
        const frame = receiveFrame(socket);
        if (!frame) return "lost";
        if ("said" in frame) {
          if (frame.said.type === "exit") return frame.said;
        } else print(frame.stream as 1 | 2, frame.bytes);
      }
      if (signal.happened) {
        const number = readSignal(incoming);
        if (number === signals.SIGWINCH && terminal) resize(socket);
        else if (number === signals.SIGHUP && leaves) return { signal: number };
        else if (sigProxy) sendFrame(socket, { said: { type: "signal", signal: number } });
        else if (number !== signals.SIGWINCH) return { signal: number };
      }
      if (listening && input.happened) {
        const count = readInput(buffer);
        if (count === 0) {
          // A terminal in raw mode has no other end than its own.
          if (keys && leaves) return { signal: signals.SIGHUP };
          listening = false;
          sendFrame(socket, { said: { type: "end-of-input" } });
        } else {
          const bytes = detach ? detach(buffer.subarray(0, count)) : buffer.subarray(0, count);
          if (bytes === "detach") return "detached";
          if (bytes.length > 0) sendFrame(socket, { stream: 0, bytes });
        }
        input.happened = 0;
      }
    }
  } finally {
    close(incoming);
  }
}

/** A terminal that is gone gives EIO: that too is the end. */
function readInput(buffer: Uint8Array): number {
  try {
    return read(0, buffer);
  } catch (error) {
    if (hasCode(error, "EIO", "EBADF")) return 0;
    throw error;
  }
}

function print(fd: 1 | 2, bytes: Uint8Array): void {
  try {
    writeAll(fd, bytes);
  } catch (error) {
    if (!hasCode(error, "EPIPE", "EBADF", "EIO")) throw error;
  }
}

/**
 * Finds the detach keys. All but the last of them reach the container as they are typed: Docker keeps Ctrl-P back until
 * the next key comes, which everybody notices who looks for the last command in a shell.
 */
export function detachMatcher(keys: Uint8Array): (bytes: Uint8Array) => Uint8Array | "detach" {
  let matched = 0;
  return (bytes) => {
    for (const byte of bytes) {
      matched = byte === keys[matched] ? matched + 1 : byte === keys[0] ? 1 : 0;
      if (matched === keys.length) return "detach";
    }
    return bytes;
  };
}
