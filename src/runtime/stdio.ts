/**
 * How the container's stdin, stdout and stderr meet the caller's: through pipes of ours or a terminal of its own, and never the
 * caller's descriptors themselves (whoever has one can open the file, or its directory, anew). With a monitor: monitor/stdio.ts.
 */

import { hasCode } from "../errors.ts";
import { byteName } from "../linux/byte-name.ts";
import { close, type Fd, seekBy, write } from "../linux/file.ts";
import { openInput, openOutput, setNonblocking, unreadBytes } from "../linux/nonblocking.ts";
import { dupCloexec, pipe } from "../linux/poll.ts";
import { statIfAny } from "../linux/stat.ts";
import { fchown } from "../linux/tree/metadata.ts";
import { getModes, getSize, rawModes, restoreModes, setModes, setSize, signalOfKeys } from "../linux/tty.ts";
import type { StdioKind } from "../plan/init-step.ts";
import { detachMatcher } from "./detach-keys.ts";
import type { Identity } from "./mount/user.ts";
import type { Copy } from "./relay.ts";

/**
 * For each of stdin, stdout and stderr: "relay" is a pipe, "unseen" one that leads to the log alone, "null" the null device
 * inside, "terminal" the pty of the container's own.
 */
export type Stdio = ("relay" | "unseen" | "null" | "terminal")[];

/** The same as init knows it. */
export const kindsOf = (stdio: Stdio): StdioKind[] =>
  stdio.map((how) => (how === "relay" || how === "unseen" ? "pipe" : how));

/** The descriptors made for one container, and what to do with them. */
export interface ConnectedStdio {
  /** The ends of pipes that init puts on 0, 1 and 2; absent where it opens something itself. */
  inside: (Fd | undefined)[];
  copies: Copy[];
  /** Connects the container's terminal, once its master has come. */
  connect(master: Fd): void;
  /** Passes on the size of the caller's terminal. False if there is none on either side. */
  resize(): boolean;
  /** Gives the caller's terminal back as it was. */
  restore(): void;
  /** Called when the interrupt key was typed, with the process group that the terminal signals for it. */
  onInterrupt: (sent: NonNullable<ReturnType<typeof signalOfKeys>>) => void;
  /** What to do now and then; absent if nothing. */
  idle?: () => void;
  /** Where others may write to its stdin, without waiting; absent where it has the caller's. */
  input?: Fd;
  /** The detach keys were typed: what is at the terminal goes on without us. */
  left?: boolean;
  /** The master of its terminal. */
  terminal?: Fd;
  /** Sees what is typed, on a terminal. */
  typed: (keys: Uint8Array) => void;
  /** Nobody will write to `input` any more. */
  endInput(): void;
}

/** Who the program runs as: it may open its stdin and stdout again by name (/dev/stdout), so they are its own. */
export type Owner = Pick<Identity, "uid" | "gid">;

/** A pipe whose ends the owner may open by name. */
export function pipeOf({ uid, gid }: Owner): ReturnType<typeof pipe> {
  const ends = pipe();
  if (uid !== 0) fchown(ends.read, uid, gid, byteName`a pipe`);
  return ends;
}

/** Sees everything that the container writes. */
export type OnOutput = (stream: 1 | 2, bytes: Uint8Array) => void;

const noKeys = new Uint8Array(0);

/** Stdio with nothing connected yet. */
export const unconnected = (): ConnectedStdio => ({
  inside: [],
  copies: [],
  connect: () => {},
  resize: () => false,
  restore: () => {},
  onInterrupt: () => {},
  typed: () => {},
  endInput: () => {},
});

const endOfTransmission = Uint8Array.of(4);
const maxTries = 100;

/**
 * The end of a pipe is Ctrl-D on a terminal. Said once it could be lost: a shell that just goes from one line to the next
 * changes the terminal's mode, and what was typed before is lost. So it is said again while nobody has acted on it.
 */
export function endOfInput(master: Fd): () => void {
  let tries = 0;
  return () => {
    if (tries++ >= maxTries) return;
    try {
      write(master, endOfTransmission);
    } catch {
      // Full, or nobody has the terminal open at the moment: it is said again.
    }
  };
}

/** From a descriptor of the caller's. */
function source(fd: Fd): Required<Pick<Copy, "from" | "read">> {
  const { fd: from, read } = openInput(fd);
  return { from, read };
}

/** To a descriptor of the caller's. */
function destination(fd: Fd): Pick<Copy, "to" | "write"> {
  const { fd: to, write: put } = openOutput(fd);
  return { to, write: put };
}

/** To a pipe or a pty's master that only we have. */
function ownDestination(fd: Fd): Required<Pick<Copy, "to" | "write">> {
  setNonblocking(fd);
  return { to: fd, write: (bytes) => write(fd, bytes) };
}

/**
 * What of a file the container has not read is left for the next one to read, as if we had not read ahead: in
 * `while read line; do tinydocker run ...; done <file` the loop goes on. A pipe can't be given back what was taken from it.
 */
function giveBackUnread(connected: ConnectedStdio, input: Required<Pick<Copy, "read" | "write">>, pipe: Fd): void {
  const { read, write: put } = input;
  // Ours too: so what lies in the pipe when the container has ended can be counted.
  const reader = dupCloexec(pipe);
  let ahead = 0;
  input.read = (into) => {
    const count = read(into);
    ahead += count;
    return count;
  };
  input.write = (bytes) => {
    const count = put(bytes);
    ahead -= count;
    return count;
  };
  const { restore } = connected;
  connected.restore = () => {
    restore();
    const unread = ahead + unreadBytes(reader);
    close(reader);
    if (unread > 0) seekBy(0, -unread);
  };
}

/**
 * @param callerIsTerminal stdin is a terminal: then keys are passed on raw, so that Ctrl-C is the container's.
 * @param held true while the container's output is to wait.
 */
export function connectToCaller(
  stdio: Stdio,
  callerIsTerminal: boolean,
  owner: Owner,
  onOutput: OnOutput,
  held = () => false,
  detachKeys: Uint8Array = noKeys,
): ConnectedStdio {
  const connected: ConnectedStdio = { ...unconnected(), connect };
  stdio.forEach((how, fd) => {
    if (how === "relay" || how === "unseen") relayThroughPipe(fd as 0 | 1 | 2, how);
  });
  return connected;

  function relayThroughPipe(fd: Fd, how: "relay" | "unseen"): void {
    const ends = pipeOf(owner);
    const [inside, outside] = fd === 0 ? [ends.read, ends.write] : [ends.write, ends.read];
    connected.inside[fd] = inside;
    const onEnd = () => close(outside);
    if (fd === 0) {
      const counted = { ...source(0), ...ownDestination(outside) };
      if (statIfAny("/proc/self/fd/0")?.type === "file") giveBackUnread(connected, counted, ends.read);
      connected.copies.push({ ...counted, inward: true, onEnd });
    } else
      connected.copies.push({
        from: outside,
        ...(how === "relay" && destination(fd)),
        held,
        onData: (bytes) => onOutput(fd as 1 | 2, bytes),
        onEnd,
      });
  }

  function connect(master: Fd): void {
    connected.terminal = master;
    const typed = source(0);
    const keys: Copy = {
      ...(detachKeys.length > 0 ? leaving(connected, typed, detachKeys) : typed),
      ...ownDestination(master),
      inward: true,
      onData: watchInterrupts(connected, master),
      onEnd: (ended) => {
        if (ended === "from") connected.idle = endOfInput(master);
      },
    };
    const screen: Copy = {
      from: master,
      ...destination(1),
      held,
      onData: (bytes) => onOutput(1, bytes),
      onEnd: (ended) => {
        // Nobody looks at the screen any more: hang up, as a terminal does.
        keys.ended = true;
        if (ended === "to") close(master);
      },
    };
    connected.copies.push(screen);
    if (stdio[0] === "terminal") connected.copies.push(keys);
    if (!callerIsTerminal) return;
    const modes = getModes(0);
    connected.resize = () => {
      try {
        if (!screen.ended) setSize(master, getSize(0));
      } catch (error) {
        // A terminal that is gone has no size.
        if (!hasCode(error, "EIO", "ENOTTY", "EBADF")) throw error;
      }
      return true;
    };
    connected.restore = () => restoreModes(0, modes);
    setModes(0, rawModes(modes));
    connected.resize();
  }
}

/** The same keys, which end when the detach keys were among them. */
function leaving(connected: ConnectedStdio, typed: ReturnType<typeof source>, detachKeys: Uint8Array) {
  const match = detachMatcher(detachKeys);
  const readKeys = (into: Uint8Array): number => {
    const count = typed.read(into);
    if (match(into.subarray(0, count)) !== "detach") return count;
    connected.left = true;
    return 0;
  };
  return { ...typed, read: readKeys };
}

/** Notes the interrupt key and the quit key, which are to end also a program that would ignore their signals. */
export const watchInterrupts = (connected: ConnectedStdio, master: Fd) => (keys: Uint8Array) => {
  let sent: ReturnType<typeof signalOfKeys>;
  try {
    sent = signalOfKeys(master, keys);
  } catch (error) {
    // A terminal that was hung up has no modes, and interrupts nobody.
    if (!hasCode(error, "EIO", "ENOTTY")) throw error;
  }
  if (sent !== undefined) connected.onInterrupt(sent);
};
