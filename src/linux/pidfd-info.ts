/** How a process has ended that is no child of ours: PIDFD_GET_INFO (ioctl_pidfd(2)), since Linux 6.15. */

import type { Exit } from "./clone.ts";
import { EINVAL, ESRCH, errnos } from "./errno.ts";
import type { Fd } from "./file.ts";
import { allow, bind, memory } from "./libc.ts";

const libc = bind({ ioctl: ["int", "int", "long", "ptr"] });

/** struct pidfd_info in its first version: u64 mask, u64 cgroup, eleven ids of 4 bytes, i32 wait status. */
const infoBytes = 64;
const statusAt = 60;
/** _IOWR(0xff, 11, struct pidfd_info) */
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 1 << 3;

/** Undefined while its parent has not waited for it; "unknown" where the kernel does not tell. */
export function exitOf(pidfd: Fd): Exit | "unknown" | undefined {
  const info = memory(infoBytes);
  const view = new DataView(info.buffer);
  view.setUint32(0, PIDFD_INFO_EXIT, true);
  const result = allow(
    [EINVAL, errnos.ENOTTY, ESRCH],
    "get the exit of",
    "a process",
    libc.ioctl(pidfd, PIDFD_GET_INFO, info),
  );
  if (result === -1) return "unknown";
  if (!(view.getUint32(0, true) & PIDFD_INFO_EXIT)) return undefined;
  const status = view.getInt32(statusAt, true);
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
}
