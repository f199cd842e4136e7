/** Directories and files made below a root that must not be left: init trusts no rootfs (docs/security.md R15). */

import { hasCode, SyscallError } from "../errors.ts";
import * as at from "./at.ts";
import { close, type Fd, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_WRONLY, owned } from "./file.ts";

/** Opens a directory below root (O_PATH), creating what is missing of its path. */
export function ensureDirectory(root: Fd, path: string, mode = 0o755): Fd {
  return ensure(root, path, O_PATH | O_DIRECTORY, (parent, name, whole) => at.mkdirAt(parent, name, mode, whole));
}

/** Opens what a path below root names (O_PATH), creating an empty file where there is nothing. */
export function ensureFile(root: Fd, path: string): Fd {
  return ensure(root, path, O_PATH, (parent, name, whole) =>
    close(at.openAt(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, whole, 0o644)),
  );
}

function ensure(root: Fd, path: string, flags: number, create: Create): Fd {
  const bytes = at.byteNameOf(path);
  const found = at.openInRootIfAny(root, bytes, flags);
  if (found !== undefined) return found;
  try {
    within(root, path, create);
  } catch (error) {
    // A symbolic link that leads nowhere, or somebody was quicker: opening it tells.
    if (!hasCode(error, "EEXIST")) throw error;
  }
  return at.openInRoot(root, bytes, flags);
}

/** @param whole the whole path, for errors. */
type Create = (parent: Fd, name: at.ByteName, whole: at.ByteName) => void;

/** Calls `use` with the open parent directory of a path below root and the last component, so that one call acts on it. */
function within(root: Fd, path: string, use: Create): void {
  let clean = path;
  while (clean.endsWith("/")) clean = clean.slice(0, -1);
  const slash = clean.lastIndexOf("/");
  const name = clean.slice(slash + 1);
  if (name === "" || name === "." || name === "..")
    throw new SyscallError("create", path, "EINVAL", "the path has no last component");
  using parent = owned(ensureDirectory(root, clean.slice(0, slash + 1) || "/"));
  use(parent.fd, at.byteNameOf(name), at.byteNameOf(path));
}
