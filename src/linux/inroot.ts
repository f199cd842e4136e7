/** Files below a root that must not be left: what init creates in a rootfs it does not trust (SECURITY R15). */

import { hasCode, SyscallError } from "../errors.ts";
import { close, fstat, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_WRONLY, openat } from "./file.ts";
import { bind, check, cstr } from "./libc.ts";
import { openInRoot } from "./mount.ts";

const libc = bind({
  mkdirat: ["int", "int", "ptr", "int"],
  mknodat: ["int", "int", "ptr", "int", "long"],
  symlinkat: ["int", "ptr", "int", "ptr"],
  fchmodat: ["int", "int", "ptr", "int", "int"],
  fchownat: ["int", "int", "ptr", "int", "int", "int"],
});

/** Opens a directory below root (O_PATH), creating what is missing of its path. */
export function ensureDirectory(root: number, path: string, mode = 0o755): number {
  try {
    return openInRoot(root, path, O_PATH | O_DIRECTORY);
  } catch (error) {
    if (!hasCode(error, "ENOENT") || path === "/" || path === "") throw error;
  }
  within(root, path, mode, (parent, name) => {
    try {
      check("mkdir", path, libc.mkdirat(parent, cstr(name), mode));
    } catch (error) {
      // A dangling symbolic link: openInRoot below says what is wrong with it.
      if (!hasCode(error, "EEXIST")) throw error;
    }
  });
  return openInRoot(root, path, O_PATH | O_DIRECTORY);
}

/** Opens what a path below root names (O_PATH), creating an empty file where there is nothing. */
export function ensureFile(root: number, path: string): number {
  try {
    return openInRoot(root, path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  within(root, path, 0o755, (parent, name) => {
    close(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644));
  });
  return openInRoot(root, path);
}

/** mknod(2) of a device with an exact mode and owner. */
export function makeDevice(
  root: number,
  path: string,
  device: { type: "c" | "b" | "p"; major: number; minor: number; mode: number; uid: number; gid: number },
): void {
  const kind = { c: 0o020000, b: 0o060000, p: 0o010000 }[device.type];
  within(root, path, 0o755, (parent, name) => {
    const file = cstr(name);
    check("mknod", path, libc.mknodat(parent, file, kind | device.mode, makedev(device.major, device.minor)));
    // The umask took bits away.
    check("chmod", path, libc.fchmodat(parent, file, device.mode, 0));
    if (device.uid || device.gid) check("chown", path, libc.fchownat(parent, file, device.uid, device.gid, 0));
  });
}

/** makedev(3): the numbers as the kernel's dev_t wants them. */
const makedev = (major: number, minor: number): number => (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);

/** symlink(2). A link that is there already stays, if it has the same meaning or not: the image's author wanted it. */
export function makeSymlink(root: number, path: string, target: string): void {
  within(root, path, 0o755, (parent, name) => {
    try {
      check("symlink", path, libc.symlinkat(cstr(target), parent, cstr(name)));
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
  });
}

/** Calls `use` with the open parent directory of a path below root and the last component, so that one call acts on it. */
function within(root: number, path: string, mode: number, use: (parent: number, name: string) => void): void {
  const clean = path.replace(/\/+$/, "");
  const slash = clean.lastIndexOf("/");
  const name = clean.slice(slash + 1);
  if (name === "" || name === "." || name === "..")
    throw new SyscallError("create", path, "EINVAL", "the path has no last component");
  const parent = ensureDirectory(root, clean.slice(0, slash + 1) || "/", mode);
  try {
    use(parent, name);
  } finally {
    close(parent);
  }
}

/** True if the descriptor is the null device: what masks are made of must not be somebody's file (CVE-2025-31133). */
export function isNullDevice(fd: number): boolean {
  const { type, rdev } = fstat(fd);
  return type === "char" && rdev === "1:3";
}
