/** Capabilities: the sets of this process (capabilities(7), capset(2)). */

import { check, syscall } from "./libc.ts";
import { dropFromBoundingSet, prctl } from "./process.ts";

/** Capabilities by number, CAP_CHOWN is 0. */
type Set64 = number[];

const bits = (numbers: Set64): bigint => numbers.reduce((set, number) => set | (1n << BigInt(number)), 0n);

const highest = 63;

/** Removes every capability that is not listed from the bounding set; what is removed can never come back. */
export function limitBoundingSet(keep: Set64): void {
  for (let number = 0; number <= highest; number++) {
    // Past the last capability that this kernel knows there is nothing to drop.
    if (!keep.includes(number) && !dropFromBoundingSet(number)) return;
  }
}

const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/** capset(2): the three sets of this process. */
export function setCapabilities(sets: { effective: Set64; permitted: Set64; inheritable: Set64 }): void {
  const header = Uint32Array.of(LINUX_CAPABILITY_VERSION_3, 0);
  const [e, p, i] = [bits(sets.effective), bits(sets.permitted), bits(sets.inheritable)];
  const low = (set: bigint) => Number(set & 0xffffffffn);
  const high = (set: bigint) => Number(set >> 32n);
  const data = Uint32Array.of(low(e), low(p), low(i), high(e), high(p), high(i));
  check("capset", "", syscall("capset", header, data));
}

/** The ambient set: capabilities that survive an execve without file capabilities. Those listed must be inheritable. */
export function setAmbientCapabilities(numbers: Set64): void {
  prctl("CAP_AMBIENT", PR_CAP_AMBIENT_CLEAR_ALL);
  for (const number of numbers) prctl("CAP_AMBIENT", PR_CAP_AMBIENT_RAISE, number);
}
