/** What `--security-opt` says of a container. Absent is what nobody said. Pure. */

export interface SecurityOptions {
  /** The text of a profile, in JSON, or one of two words. */
  seccomp?: string;
  noNewPrivileges?: boolean;
  /** A profile that the kernel has, or `unconfined`. */
  apparmor?: string;
  /** The text of a file of rules for Landlock, in JSON. */
  landlock?: string;
  /** No labels of SELinux (`label=disable`). */
  labelDisabled?: boolean;
  /** What else was said of labels: `type:svirt_t`, `nested`. */
  labels?: string[];
  /** Nothing in /proc and /sys is masked or read-only (`systempaths=unconfined`). */
  systemPathsUnconfined?: boolean;
  /** Paths to mask beside those that always are. */
  mask?: string[];
  /** Paths that are not masked, nor read-only: with `*`, or `ALL`. */
  unmask?: string[];
}

/** Words of `--security-opt seccomp=` that are no file. */
export const seccompWords = ["unconfined", "builtin"];
