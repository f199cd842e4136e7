/** How the container's stdin, stdout and stderr meet the caller's: handed on, through a pipe, or through a terminal. */

import { close, O_RDONLY, open, writeAll } from "../linux/file.ts";
import { duplicate, pipe } from "../linux/poll.ts";
import { getModes, getSize, interruptedGroup, rawModes, restoreModes, setModes, setSize } from "../linux/tty.ts";
import type { Pump } from "./relay.ts";

/**
 * For each of stdin, stdout and stderr. "relay" is a pipe: for a caller's terminal, which a container must never hold
 * (SECURITY R13). "terminal" is the pty of the container's own.
 */
export type Stdio = ("inherit" | "relay" | "null" | "terminal")[];

/** The descriptors made for one container, and what to do with them. */
export interface Wiring {
  /** What init puts on 0, 1 and 2; absent where it keeps what it has, or opens a terminal. */
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
}

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

/** @param callerIsTerminal stdin is a terminal: then keys are passed on raw, so that Ctrl-C is the container's. */
export function wire(stdio: Stdio, callerIsTerminal: boolean): Wiring {
  const wiring: Wiring = {
    inside: [],
    pumps: [],
    connect,
    resize: () => false,
    restore: () => {},
    onInterrupt: () => {},
  };
  stdio.forEach((how, fd) => {
    if (how === "null") wiring.inside[fd] = open("/dev/null", O_RDONLY);
    if (how === "relay") relayThroughPipe(fd);
    // Beside a terminal, what is handed on is handed over by name: the others become the terminal.
    if (how === "inherit" && stdio.includes("terminal")) wiring.inside[fd] = duplicate(fd);
  });
  return wiring;

  function relayThroughPipe(fd: number): void {
    const ends = pipe();
    const [inside, outside] = fd === 0 ? [ends.read, ends.write] : [ends.write, ends.read];
    wiring.inside[fd] = inside;
    const [from, to] = fd === 0 ? [0, outside] : [outside, fd];
    wiring.pumps.push({ from, to, onEnd: () => close(outside) });
  }

  function connect(master: number): void {
    const keys: Pump = {
      from: 0,
      to: master,
      onData: (bytes) => {
        const group = interruptedGroup(master, bytes);
        if (group !== undefined) wiring.onInterrupt(group);
      },
      onEnd: (ended) => {
        if (ended === "from") wiring.idle = endOfInput(master);
      },
    };
    const screen: Pump = {
      from: master,
      to: 1,
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
