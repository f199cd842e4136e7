/** Capabilities: their names and the sets of this process (capabilities(7), capset(2)). */

import { hasCode } from "../errors.ts";
import { check, syscall } from "./libc.ts";
import { prctl } from "./process.ts";

/** Every capability by its number. */
export const capabilityNames = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** A set of capabilities as the bits of /proc/PID/status. */
const bits = (names: string[]): bigint =>
  names.reduce((set, name) => set | (1n << BigInt(capabilityNames.indexOf(name as never))), 0n);

/** Removes every capability that is not named from the bounding set; what is removed can never come back. */
export function limitBoundingSet(names: string[]): void {
  const keep = new Set(names);
  capabilityNames.forEach((name, number) => {
    if (keep.has(name)) return;
    try {
      prctl("CAPBSET_DROP", number);
    } catch (error) {
      // An older kernel does not know the newest capabilities.
      if (!hasCode(error, "EINVAL")) throw error;
    }
  });
}

const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/** capset(2): the three sets of this process. */
export function setCapabilities(sets: { effective: string[]; permitted: string[]; inheritable: string[] }): void {
  const header = Uint32Array.of(LINUX_CAPABILITY_VERSION_3, 0);
  const [e, p, i] = [bits(sets.effective), bits(sets.permitted), bits(sets.inheritable)];
  const low = (set: bigint) => Number(set & 0xffffffffn);
  const high = (set: bigint) => Number(set >> 32n);
  const data = Uint32Array.of(low(e), low(p), low(i), high(e), high(p), high(i));
  check("capset", "", syscall("capset", header, data));
}

/** The ambient set: capabilities that survive an execve without file capabilities. Those named must be inheritable. */
export function setAmbientCapabilities(names: string[]): void {
  prctl("CAP_AMBIENT", PR_CAP_AMBIENT_CLEAR_ALL);
  for (const name of names) prctl("CAP_AMBIENT", PR_CAP_AMBIENT_RAISE, capabilityNames.indexOf(name as never));
}
