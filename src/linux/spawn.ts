/** posix_spawn(3): a child made by libc alone. */

import type { Fd } from "./file.ts";
import { bind, check, cstr, memory, syscallError } from "./libc.ts";
import { closeAll, dupCloexec } from "./poll.ts";
import type { StringVector } from "./process.ts";

const libc = bind({
  posix_spawn: ["int", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr"],
  posix_spawnattr_init: ["int", "ptr"],
  posix_spawnattr_setflags: ["int", "ptr", "int"],
  posix_spawnattr_setsigdefault: ["int", "ptr", "ptr"],
  posix_spawnattr_setsigmask: ["int", "ptr", "ptr"],
  posix_spawn_file_actions_init: ["int", "ptr"],
  posix_spawn_file_actions_adddup2: ["int", "ptr", "int", "int"],
  prctl: ["int", "int", "long", "long", "long", "long"],
});

const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
const POSIX_SPAWN_SETSID = 0x80;

/**
 * posix_spawn(3): a program as our child, with default signals, none blocked, and a process group of its own, or a session.
 * libc does it without running anything of ours in the child, so threads we may have do not matter.
 * @param options.fds descriptors that become 0, 1, 2 and so on; without them it has ours. @returns its pid.
 */
export function posixSpawn(
  path: string,
  argv: StringVector,
  envp: StringVector,
  { fds = [], session = false }: { fds?: Fd[]; session?: boolean } = {},
): number {
  // posix_spawnattr_t has 336 bytes in glibc and musl, posix_spawn_file_actions_t 80; a sigset_t has 128.
  const attributes = memory(512);
  const actions = memory(128);
  const pid = new Int32Array(new ArrayBuffer(4));
  libc.posix_spawnattr_init(attributes);
  const group = session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  libc.posix_spawnattr_setflags(attributes, group | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  libc.posix_spawnattr_setsigdefault(attributes, memory(128).fill(0xff));
  libc.posix_spawnattr_setsigmask(attributes, memory(128));
  libc.posix_spawn_file_actions_init(actions);
  // First out of the way of each other: a descriptor that is to move may be where another is to go.
  const copies = fds.map((fd) => dupCloexec(fd));
  copies.forEach((fd, index) => {
    libc.posix_spawn_file_actions_adddup2(actions, fd, index);
  });
  const errno = libc.posix_spawn(pid, cstr(path), actions, attributes, argv.pointers, envp.pointers);
  closeAll(copies);
  if (errno !== 0) throw syscallError("execute", path, errno);
  return pid[0]!;
}

const PR_SET_CHILD_SUBREAPER = 36;

/** prctl(2): what our children have started becomes our own child when they end. */
export const becomeSubreaper = (): void =>
  void check("become", "a subreaper", libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
