/** What /proc/PID/exe of a process shows that is to become a container's: an empty file that nobody can fill or start. */

import { hasCode, type SyscallError } from "../../errors.ts";
import { EINVAL } from "../errno.ts";
import { type Fd, owned } from "../file.ts";
import { allow, bind, check, cstr, syscall } from "../libc.ts";

const libc = bind({
  fchmod: ["int", "int", "int"],
  fcntl: ["int", "int", "int", "long"],
});

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE. */
const everySeal = 0xf;

/** A sealed memfd (memfd_create(2), fcntl(2)). The kernel wants one that may be executed; there is nothing in it to execute. */
export function sealedExeFile(): Fd {
  const name = cstr("tinydocker");
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  try {
    // Before Linux 6.3 there is no such flag, and every memfd may be executed.
    let fd = allow([EINVAL], "memfd_create", "an empty file", syscall("memfd_create", name, flags | MFD_EXEC));
    if (fd === -1) fd = check("memfd_create", "an empty file", syscall("memfd_create", name, flags));
    using file = owned(fd as Fd);
    check("chmod", "an empty file", libc.fchmod(fd, 0o500));
    check("seal", "an empty file", libc.fcntl(fd, F_ADD_SEALS, everySeal));
    return file.handOff();
  } catch (error) {
    if (!hasCode(error, "EACCES")) throw error;
    throw (error as SyscallError).withHint(
      "this host forbids files in memory that may be executed: sysctl vm.memfd_noexec=1",
    );
  }
}
