/** The descriptors by which system calls are reported (seccomp_unotify(2)). */

import { SyscallError } from "../../errors.ts";
import { type Fd, owned } from "../file.ts";
import { check, syscall } from "../libc.ts";
import { readlink } from "../names.ts";

const kind = "anon_inode:seccomp notify";

/** A copy, closed at execve, of that of a process which we may trace; by its number there. @throws SyscallError for any other */
export function takeListener(pidfd: Fd, number: number): Fd {
  const subject = `descriptor ${number} of the process`;
  using copy = owned(check("pidfd_getfd", subject, syscall("pidfd_getfd", pidfd, number, 0)) as Fd);
  if (readlink(`/proc/self/fd/${copy.fd}`) !== kind)
    throw new SyscallError("take", subject, "EINVAL", "another kind of descriptor");
  return copy.handOff();
}
