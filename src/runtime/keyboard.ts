/** What clients have sent for the container's stdin and it has not taken yet, in the order in which it came. */

import { hasCode } from "../errors.ts";
import { type Fd, write } from "../linux/file.ts";
import { POLLOUT, type Watch } from "../linux/poll.ts";

/** The container's stdin. */
export interface Stdin {
  /** Where the bytes go, without waiting: a pipe, or the master of its terminal; undefined if nowhere. */
  input(): Fd | undefined;
  /** Sees what is typed, before the container does. */
  typed(keys: Uint8Array): void;
  /** Nobody will write to it any more. */
  endInput(): void;
}

export interface Keyboard {
  watches(): Watch[];
  /** @param onTaken is told how many bytes more have gone into the container. */
  type(bytes: Uint8Array, onTaken: (bytes: number) => void): void;
  /** Does something once all that was typed before has gone into the container. */
  afterwards(action: () => void): void;
}

type ExecProcess = { bytes: Uint8Array; seen: boolean; onTaken: (bytes: number) => void } | { action: () => void };

/** Holds what it is given: whoever gives it sees to it that it is not too much. */
export function keyboardOf(stdin: Stdin): Keyboard {
  const queue: ExecProcess[] = [];

  /** Deals with what does not have to wait. */
  const settle = () => {
    for (let entry = queue[0]; entry; entry = queue[0]) {
      // Nobody reads any more. Those who send are not told that it was taken, and so stop after a window.
      if (!("action" in entry) && stdin.input() !== undefined) return;
      queue.shift();
      if ("action" in entry) entry.action();
    }
  };

  const writeOnce = () => {
    const [entry] = queue;
    const input = stdin.input();
    if (!entry || "action" in entry || input === undefined) return settle();
    if (!entry.seen) stdin.typed(entry.bytes);
    entry.seen = true;
    const taken = tryWrite(input, entry.bytes);
    if (taken === "full") return;
    if (taken === "closed") stdin.endInput();
    else {
      entry.bytes = entry.bytes.subarray(taken);
      if (entry.bytes.length === 0) queue.shift();
      entry.onTaken(taken);
    }
    settle();
  };

  return {
    watches: () => (queue.length > 0 ? [{ fd: stdin.input() ?? -1, events: POLLOUT, onReady: writeOnce }] : []),
    type: (bytes, onTaken) => {
      if (bytes.length > 0) queue.push({ bytes, seen: false, onTaken });
      settle();
    },
    afterwards: (action) => {
      queue.push({ action });
      settle();
    },
  };
}

function tryWrite(fd: Fd, bytes: Uint8Array): number | "full" | "closed" {
  try {
    return write(fd, bytes);
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return "full";
    // Nobody has the container's terminal open at the moment: keys that are pressed are lost, as on any terminal.
    return hasCode(error, "EIO") ? bytes.length : "closed";
  }
}
