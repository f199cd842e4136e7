/** The profile of containers for which nobody says anything: Docker's, and a little stricter. Pure. */

import { EPERM } from "../../linux/errno.ts";
import type { ProfileCalls, SeccompProfile } from "../../oci/seccomp.ts";
import moby from "./moby/default.json";

/** Where an argument is an int, the kernel does not look at the upper half: nor may a rule, or it could be passed. */
const int = 0xffffffff;

const refused = (name: string, index: number, value: number, comment: string): ProfileCalls & { comment: string } => ({
  names: [name],
  action: "SCMP_ACT_ERRNO",
  errnoRet: EPERM,
  args: [{ index, op: "SCMP_CMP_MASKED_EQ", value: int, valueTwo: value }],
  comment,
});

const own: ProfileCalls[] = [
  refused("ioctl", 1, 0x5412, "TIOCSTI: types into a terminal that others read from"),
  refused("ioctl", 1, 0x541c, "TIOCLINUX: pastes into a console"),
  refused("socket", 0, 38, "AF_ALG: the kernel's ciphers, in which the faults are that nobody else meets"),
  refused("socket", 0, 40, "AF_VSOCK: the machine's own hypervisor; Docker's rule looks at 64 bits of an int"),
];

const { archMap: _, ...docker } = moby as SeccompProfile & { archMap: unknown };

/** Only the machine's own calls: Docker's profile lets 32-bit programs make theirs, too. */
export const builtinProfile: SeccompProfile = { ...docker, syscalls: [...docker.syscalls!, ...own] };
