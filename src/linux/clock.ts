/** The time of day to the nanosecond (clock_gettime(2)). */

import { bind } from "./libc.ts";

const libc = bind({ clock_gettime: ["int", "int", "ptr"] });

const CLOCK_REALTIME = 0;
const timespec = new BigInt64Array(new ArrayBuffer(16));

/** Seconds since 1970, and the nanoseconds since the last of them. */
export function realTime(): { seconds: number; nanoseconds: number } {
  libc.clock_gettime(CLOCK_REALTIME, timespec);
  return { seconds: Number(timespec[0]), nanoseconds: Number(timespec[1]) };
}
