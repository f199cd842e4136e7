/**
 * How the container's stdin, stdout and stderr meet the caller's: through pipes of ours or a terminal of its own, and never the
 * caller's descriptors themselves (whoever has one can open the file, or its directory, anew); or, with a monitor, no caller's
 * at all, but those of whoever is attached.
 */

import { fchown } from "../linux/at.ts";
import { close, O_NONBLOCK, O_WRONLY, open, statIfAny, writeAll } from "../linux/file.ts";
import { pipe } from "../linux/poll.ts";
import { getModes, getSize, interruptedGroup, rawModes, restoreModes, setModes, setSize } from "../linux/tty.ts";
import type { StdioKind } from "../plan/step.ts";
import type { Pump } from "./relay.ts";
import type { Identity } from "./user.ts";

/** For each of stdin, stdout and stderr: "relay" is a pipe, "null" the null device inside, "terminal" the pty of the container's own. */
export type Stdio = ("relay" | "null" | "terminal")[];

/** The same as init knows it. */
export const kindsOf = (stdio: Stdio): StdioKind[] => stdio.map((how) => (how === "relay" ? "pipe" : how));

/** The descriptors made for one container, and what to do with them. */
export interface Wiring {
  /** The ends of pipes that init puts on 0, 1 and 2; absent where it opens something itself. */
  inside: (number | undefined)[];
  pumps: Pump[];
  /** Connects the container's terminal, once its master has come. */
  connect(master: number): void;
  /** Passes on the size of the caller's terminal. False if there is none on either side. */
  resize(): boolean;
  /** Gives the caller's terminal back as it was. */
  restore(): void;
  /** Called when the interrupt key was typed, with the process group that the terminal signals for it. */
  onInterrupt: (group: number) => void;
  /** What to do now and then; absent if nothing. */
  idle?: () => void;
  /** Where others may write to its stdin; absent where it has the caller's. */
  input?: number;
  /** Sees what is typed, on a terminal. */
  typed: (keys: Uint8Array) => void;
  /** Nobody will write to `input` any more. */
  endInput(): void;
}

/** Who the program runs as: it may open its stdin and stdout again by name (/dev/stdout), so they are its own. */
export type Owner = Pick<Identity, "uid" | "gid">;

function pipeOf({ uid, gid }: Owner): ReturnType<typeof pipe> {
  const ends = pipe();
  if (uid !== 0) fchown(ends.read, uid, gid, "a pipe");
  return ends;
}

/** Sees everything that the container writes. */
export type Tap = (stream: 1 | 2, bytes: Uint8Array) => void;

/** Wiring with nothing connected yet. */
const unconnected = (): Wiring => ({
  inside: [],
  pumps: [],
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
 * changes the terminal's mode, and what was typed before is forgotten. So it is said again while nobody has acted on it.
 */
function endOfInput(master: number): () => void {
  let tries = 0;
  return () => {
    if (tries++ < maxTries) writeAll(master, endOfTransmission);
  };
}

/**
 * Where to write what is for our own stdout or stderr, if possible without waiting for the reader. A pipe is opened once more,
 * since O_NONBLOCK on the descriptor that we have would be the caller's, too; a file must not be, as it has a place where we are.
 */
function destination(fd: number): Pick<Pump, "to" | "neverBlocks"> {
  const path = `/proc/self/fd/${fd}`;
  const type = statIfAny(path)?.type;
  if (type === "file") return { to: fd, neverBlocks: true };
  if (type === "fifo") return { to: open(path, O_WRONLY | O_NONBLOCK), neverBlocks: true };
  return { to: fd };
}

/** @param callerIsTerminal stdin is a terminal: then keys are passed on raw, so that Ctrl-C is the container's. */
export function wireToCaller(stdio: Stdio, callerIsTerminal: boolean, owner: Owner, tap: Tap): Wiring {
  const wiring: Wiring = { ...unconnected(), connect };
  stdio.forEach((how, fd) => {
    if (how === "relay") relayThroughPipe(fd);
  });
  return wiring;

  function relayThroughPipe(fd: number): void {
    const ends = pipeOf(owner);
    const [inside, outside] = fd === 0 ? [ends.read, ends.write] : [ends.write, ends.read];
    wiring.inside[fd] = inside;
    const onEnd = () => close(outside);
    if (fd === 0) wiring.pumps.push({ from: 0, to: outside, onEnd });
    else wiring.pumps.push({ from: outside, ...destination(fd), onData: (bytes) => tap(fd as 1 | 2, bytes), onEnd });
  }

  function connect(master: number): void {
    const keys: Pump = {
      from: 0,
      to: master,
      onData: watchInterrupts(wiring, master),
      onEnd: (ended) => {
        if (ended === "from") wiring.idle = endOfInput(master);
      },
    };
    const screen: Pump = {
      from: master,
      to: 1,
      onData: (bytes) => tap(1, bytes),
      onEnd: (ended) => {
        // Nobody looks at the screen any more: hang up, as a terminal does.
        keys.ended = true;
        if (ended === "to") close(master);
      },
    };
    wiring.pumps.push(screen);
    if (stdio[0] === "terminal") wiring.pumps.push(keys);
    if (!callerIsTerminal) return;
    const modes = getModes(0);
    wiring.resize = () => {
      if (!screen.ended) setSize(master, getSize(0));
      return true;
    };
    wiring.restore = () => restoreModes(0, modes);
    setModes(0, rawModes(modes));
    wiring.resize();
  }
}

/** Notes the interrupt key, which is to end also a program that would ignore its signal. */
const watchInterrupts = (wiring: Wiring, master: number) => (keys: Uint8Array) => {
  const group = interruptedGroup(master, keys);
  if (group !== undefined) wiring.onInterrupt(group);
};

/** For a container with a monitor: pipes or a terminal, whose other ends only the monitor holds. */
export function wireToMonitor(
  { terminal, interactive, stderrApart }: { terminal: boolean; interactive: boolean; stderrApart: boolean },
  owner: Owner,
  tap: Tap,
  held: () => boolean,
): Wiring {
  const wiring = unconnected();
  const listen = (from: number, stream: 1 | 2): void =>
    void wiring.pumps.push({ from, held, onData: (bytes) => tap(stream, bytes), onEnd: () => close(from) });
  const listenToPipe = (stream: 1 | 2) => {
    const ends = pipeOf(owner);
    wiring.inside[stream] = ends.write;
    listen(ends.read, stream);
  };
  if (terminal) {
    if (stderrApart) listenToPipe(2);
    wiring.connect = (master) => {
      wiring.input = master;
      wiring.typed = watchInterrupts(wiring, master);
      listen(master, 1);
      wiring.endInput = () => {
        wiring.idle = endOfInput(master);
      };
    };
    return wiring;
  }
  if (interactive) {
    const stdin = pipeOf(owner);
    wiring.inside[0] = stdin.read;
    wiring.input = stdin.write;
    wiring.endInput = () => {
      delete wiring.input;
      close(stdin.write);
      wiring.endInput = () => {};
    };
  }
  listenToPipe(1);
  listenToPipe(2);
  return wiring;
}
