/** A pseudo-terminal's slave, opened by its master: in the product only a program of system calls does that. */

import { type Fd, O_CLOEXEC, O_NOCTTY, O_RDWR } from "../../src/linux/file.ts";
import { bind, check } from "../../src/linux/libc.ts";

const libc = bind({ ioctl: ["int", "int", "long", "ptr"] });
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCGPTN = 0x80045430;

/** @returns the slave's descriptor and its number in /dev/pts. */
export function openSlave(master: Fd): { slave: Fd; index: number } {
  check("unlock", "the pty", libc.ioctl(master, TIOCSPTLCK, Int32Array.of(0)));
  const index = new Int32Array(new ArrayBuffer(4));
  check("number", "the pty", libc.ioctl(master, TIOCGPTN, index));
  // The request takes open(2) flags where others take a pointer.
  const flags = (O_RDWR | O_NOCTTY | O_CLOEXEC) as never;
  return { slave: check("open", "the pty", libc.ioctl(master, TIOCGPTPEER, flags)) as Fd, index: index[0]! };
}
