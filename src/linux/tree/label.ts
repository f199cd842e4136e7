/** The label of a file for SELinux, which is an extended attribute: setxattr(2), of what is open as a path only too. */

import { done } from "../at.ts";
import type { ByteName } from "../byte-name.ts";
import type { Fd } from "../file.ts";
import { bind, cstr, memory } from "../libc.ts";

const libc = bind({
  setxattr: ["int", "ptr", "ptr", "ptr", "long", "int"],
  getxattr: ["long", "ptr", "ptr", "ptr", "long"],
});

const key = cstr("security.selinux");
/** The link leads to the very file, also where that is a symbolic link. */
const pathOf = (fd: Fd) => cstr(`/proc/self/fd/${fd}`);
const encoder = new TextEncoder();

export function setLabel(fd: Fd, label: string, subject: ByteName): void {
  const value = encoder.encode(`${label}\0`);
  done("set the label of", subject, libc.setxattr(pathOf(fd), key, value, value.length, 0));
}

/** undefined where the file system has none. */
export function labelOf(fd: Fd): string | undefined {
  const value = memory(4096);
  const length = libc.getxattr(pathOf(fd), key, value, value.length);
  return length < 0 ? undefined : new TextDecoder().decode(value.subarray(0, length)).replace(/\0$/, "");
}
