/** The profile that AppArmor holds containers to for which nobody names another. Pure. */

export const defaultProfileName = "tinydocker-default";

/** What `--security-opt apparmor=` says of a container that has no profile. */
export const unconfined = "unconfined";

/**
 * Its text for apparmor_parser(8), of the same meaning as Docker's `docker-default`: files, capabilities and the network are for
 * others to bound; nothing is mounted; of /proc and /sys the host's part is not written to, whatever is mounted there and however;
 * and processes of other profiles are neither traced nor signalled. It includes nothing, as a host may have the parser alone.
 * @see https://gitlab.com/apparmor/apparmor/-/wikis/QuickProfileLanguage
 */
export const defaultProfile = `profile ${defaultProfileName} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,

  # The host stops containers, and what is in one may do so to all of it.
  signal (receive) peer=unconfined,
  signal (send, receive) peer=${defaultProfileName},
  ptrace (trace, read, tracedby, readby) peer=${defaultProfileName},

  deny mount,

  # Below /proc processes may write to what is theirs, and to the settings of shared memory in their IPC namespace.
  deny /proc/* w,
  deny /proc/[^0-9s]*/** w,
  deny /proc/s[^y]*/** w,
  deny /proc/sys/[^k]*/** w,
  deny /proc/sys/k[^e]*/** w,
  deny /proc/sys/kernel/[^s]** w,
  deny /proc/sys/kernel/s[^h]** w,
  deny /proc/sys/kernel/sh[^m]** w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,

  # Below /sys to nothing but its cgroups.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
