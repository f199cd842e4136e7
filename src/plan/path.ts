/** The search path of who has no other. Pure. */

/** As an entry of the environment. */
export const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Beside a container's `upper`, where that is a copy of all its layers (runtime/mount/copied-root.ts). */
export const copiedMark = "copied";
