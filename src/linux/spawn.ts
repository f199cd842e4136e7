/** posix_spawn(3): a child made by libc alone. */

import { bind, cstr, memory, syscallError } from "./libc.ts";
import type { StringVector } from "./process.ts";

const libc = bind({
  posix_spawn: ["int", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr"],
  posix_spawnattr_init: ["int", "ptr"],
  posix_spawnattr_setflags: ["int", "ptr", "int"],
  posix_spawnattr_setsigdefault: ["int", "ptr", "ptr"],
  posix_spawnattr_setsigmask: ["int", "ptr", "ptr"],
});

const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;

/**
 * posix_spawn(3): a program as our child, with default signals, none blocked, and a process group of its own.
 * libc does it without running anything of ours in the child, so threads we may have do not matter. @returns its pid.
 */
export function posixSpawn(path: string, argv: StringVector, envp: StringVector): number {
  // posix_spawnattr_t has 336 bytes in glibc and musl; a sigset_t has 128.
  const attributes = memory(512);
  const pid = new Int32Array(new ArrayBuffer(4));
  libc.posix_spawnattr_init(attributes);
  libc.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  libc.posix_spawnattr_setsigdefault(attributes, memory(128).fill(0xff));
  libc.posix_spawnattr_setsigmask(attributes, memory(128));
  const errno = libc.posix_spawn(pid, cstr(path), null, attributes, argv.pointers, envp.pointers);
  if (errno !== 0) throw syscallError("execute", path, errno);
  return pid[0]!;
}
