/** Directories and files made below a root that must not be left: init trusts no rootfs (docs/security.md R15). */

import { SyscallError } from "../../errors.ts";
import * as at from "../at.ts";
import { type ByteName, byteName, byteNameOf, textOf } from "../byte-name.ts";
import { close, type Fd, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_WRONLY, owned } from "../file.ts";
import { fstat, type Stat } from "../stat.ts";

/** Opens a directory below root (O_PATH), creating what is missing of its path, also where a symbolic link leads to. */
export const ensureDirectory = (root: Fd, path: string, mode = 0o755): Fd =>
  ensure(root, path, O_PATH | O_DIRECTORY, (parent, name, whole) => at.mkdirAt(parent, name, mode, whole));

/** Opens what a path below root names (O_PATH), creating an empty file where there is nothing. */
export const ensureFile = (root: Fd, path: string): Fd =>
  ensure(root, path, O_PATH, (parent, name, whole) =>
    close(at.openAt(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, whole, 0o644)),
  );

/** @param whole the whole path, for errors. */
type Create = (parent: Fd, name: ByteName, whole: ByteName) => void;

function ensure(root: Fd, path: string, flags: number, create: Create): Fd {
  const bytes = byteNameOf(path);
  const found = at.openInRootIfAny(root, bytes, flags);
  if (found !== undefined) return found;
  const missing = walk(root, bytes, create);
  return at.openInRoot(root, missing, flags);
}

const maxLinks = 40; // as path_resolution(7)

/** Makes what is missing on the way to a path. @returns the path without symbolic links */
function walk(root: Fd, path: ByteName, create: Create): ByteName {
  const pending = path.split("/").reverse();
  const done: ByteName[] = [];
  for (let links = 0; pending.length > 0; ) {
    const name = pending.pop()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      done.pop();
      continue;
    }
    const { stat, target } = look(root, join([...done, name]));
    if (target !== undefined) {
      if (++links > maxLinks) throw new SyscallError("open", textOf(path), "ELOOP", "too many symbolic links");
      if (target.startsWith("/")) done.length = 0;
      pending.push(...target.split("/").reverse());
      continue;
    }
    if (!stat) {
      using parent = owned(at.openInRoot(root, join(done), O_PATH | O_DIRECTORY));
      const isLast = pending.every((part) => part === "" || part === ".");
      try {
        if (isLast) create(parent.fd, name, path);
        else at.mkdirAt(parent.fd, name, 0o755, path);
      } catch (error) {
        // Somebody was quicker: opening it tells.
        if (!(error instanceof SyscallError && error.code === "EEXIST")) throw error;
      }
    }
    done.push(name);
  }
  return join(done);
}

const join = (names: ByteName[]): ByteName => names.reduce((path, name) => byteName`${path}/${name}`, byteName`.`);

/** What is at a path that leads through no symbolic link, and where it points to if it is one. */
function look(root: Fd, path: ByteName): { stat?: Stat; target?: ByteName } {
  using entry = owned(at.openInRootIfAny(root, path, O_PATH | O_NOFOLLOW));
  if (!entry) return {};
  const stat = fstat(entry.fd);
  return stat.type === "symlink" ? { stat, target: at.readlinkAt(entry.fd, byteName``, path) } : { stat };
}

/** True if there is nothing at a path below root, and a symbolic link on the way is why. */
export function leadsNowhere(root: Fd, path: string): boolean {
  const parts = path.split("/").filter(Boolean);
  for (let length = 1; length <= parts.length; length++) {
    const { stat, target } = look(root, byteNameOf(parts.slice(0, length).join("/")));
    if (!stat) return false;
    if (target === undefined) continue;
    using led = owned(at.openInRootIfAny(root, byteNameOf(parts.slice(0, length).join("/")), O_PATH));
    if (!led) return true;
  }
  return false;
}
