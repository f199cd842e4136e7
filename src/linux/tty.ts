/** Terminals: raw mode, sizes, and pseudo-terminals (termios(3), pty(7), ioctl_tty(2)). */

import { hasCode } from "../errors.ts";
import type { Fd } from "./file.ts";
import { bind, check, memory } from "./libc.ts";

const libc = bind({
  isatty: ["int", "int"],
  tcgetattr: ["int", "int", "ptr"],
  tcsetattr: ["int", "int", "int", "ptr"],
  cfmakeraw: ["void", "ptr"],
  ioctl: ["int", "int", "long", "ptr"],
});

/** True if the descriptor is a terminal. */
export const isatty = (fd: Fd): boolean => libc.isatty(fd) === 1;

/** A terminal's modes, to be given back as they were. */
export type Modes = Uint8Array;

const TCSADRAIN = 1;

/** tcgetattr(3). struct termios is 60 bytes in glibc and musl. */
export function getModes(fd: Fd): Modes {
  const modes = memory(64);
  check("tcgetattr", `fd ${fd}`, libc.tcgetattr(fd, modes));
  return modes;
}

/** tcsetattr(3), after what was written has been shown. */
export const setModes = (fd: Fd, modes: Modes): void =>
  void check("tcsetattr", `fd ${fd}`, libc.tcsetattr(fd, TCSADRAIN, modes));

/** tcsetattr(3) at the end: a terminal that was closed meanwhile has no modes to give back. */
export function restoreModes(fd: Fd, modes: Modes): void {
  try {
    setModes(fd, modes);
  } catch (error) {
    if (!hasCode(error, "EIO", "ENOTTY", "EBADF")) throw error;
  }
}

const lflagOffset = 12;
const ccOffset = 17;
const ISIG = 1;
/** Places of control characters, and the signals that the keys of theirs send. */
const signalKeys = [
  [0, "SIGINT"], // VINTR
  [1, "SIGQUIT"], // VQUIT
] as const;

/**
 * What a pty signals for the interrupt or the quit key, and to which process group, if such a key is among these bytes.
 * struct termios: u32 iflag, oflag, cflag, lflag, u8 line, then the control characters.
 */
export function signalOfKeys(
  master: Fd,
  keys: Uint8Array,
): { signal: "SIGINT" | "SIGQUIT"; group: number } | undefined {
  const modes = getModes(master);
  const takesSignals = (new DataView(modes.buffer).getUint32(lflagOffset, true) & ISIG) !== 0;
  // 0 is no key: that one is turned off.
  const isTyped = (key: number) => key !== 0 && keys.includes(key);
  const signal = signalKeys.find(([place]) => isTyped(modes[ccOffset + place]!))?.[1];
  if (!takesSignals || signal === undefined) return undefined;
  const group = new Int32Array(new ArrayBuffer(4));
  return libc.ioctl(master, TIOCGPGRP, group) === -1 ? undefined : { signal, group: group[0]! };
}

/** The same modes without echo, line editing, signals from keys and translation of new lines (cfmakeraw). */
export function rawModes(modes: Modes): Modes {
  const raw = memory(modes.length);
  raw.set(modes);
  libc.cfmakeraw(raw);
  return raw;
}

/** A terminal's size in characters. */
export interface Size {
  rows: number;
  columns: number;
}

const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCGPGRP = 0x540f;

export function getSize(fd: Fd): Size {
  const size = new Uint16Array(new ArrayBuffer(8));
  check("get the size of", "the terminal", libc.ioctl(fd, TIOCGWINSZ, size));
  return { rows: size[0]!, columns: size[1]! };
}

export const setSize = (fd: Fd, { rows, columns }: Size): void =>
  void check("set the size of", "the terminal", libc.ioctl(fd, TIOCSWINSZ, Uint16Array.of(rows, columns, 0, 0)));
