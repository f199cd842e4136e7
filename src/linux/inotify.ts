/** Hearing of changes in a directory (inotify(7)). */

import { type Fd, O_CLOEXEC, owned } from "./file.ts";
import { bind, check, cstr } from "./libc.ts";

const libc = bind({
  inotify_init1: ["int", "int"],
  inotify_add_watch: ["int", "int", "ptr", "int"],
});

const IN_MODIFY = 0x2;
const IN_MOVED_TO = 0x80;
const IN_CREATE = 0x100;

/**
 * A descriptor that becomes readable when a file of the directory is made, written to or renamed. What can be read from it
 * tells which; who looks himself reads it and throws it away.
 */
export function watchDirectory(path: string): Fd {
  using watch = owned(check("inotify_init", "", libc.inotify_init1(O_CLOEXEC)) as Fd);
  check("watch", path, libc.inotify_add_watch(watch.fd, cstr(path), IN_MODIFY | IN_MOVED_TO | IN_CREATE));
  return watch.handOff();
}
