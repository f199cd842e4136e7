/**
 * Packs a directory tree into a tar, the counterpart of extract.ts: owners, modes, times, hard links, devices, holes and the
 * attributes that belong to a file. Walks by descriptors and follows no symbolic link, because a container may be changing the tree.
 */

import { hasCode, InvalidError, UnsupportedError } from "../errors.ts";
import {
  type ByteName,
  byteName,
  byteNameOf,
  isOnKernelFileSystem,
  openAt,
  pread,
  readlinkAt,
  textOf,
} from "../linux/at.ts";
import { cwd, type Fd, fstat, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, owned, type Stat } from "../linux/file.ts";
import { dataRanges } from "../linux/holes.ts";
import { memory } from "../linux/libc.ts";
import { listAt } from "../linux/tree.ts";
import { listXattrs, readXattr } from "../linux/xattr.ts";
import { isWhiteout, timeOf } from "./parents.ts";
import { blockBytes } from "./tar-header.ts";
import { createTarWriter, type TarMember } from "./tar-writer.ts";

export interface PackOptions {
  /** The tree is a layer in overlayfs's form: its signs for what is deleted become the tar's (`.wh.name`, `.wh..wh..opq`). */
  layer: boolean;
  /** Where the tree begins in the tar; "." if not given. */
  name?: ByteName;
  /** Leave out the holes of sparse files. Only for our own extractor: podman and Docker cannot save a layer that does. */
  holes?: boolean;
  /** What is left out. */
  omit?: (path: ByteName) => boolean;
}

/** Packs what an open descriptor (O_PATH is enough) names, with everything below it. */
export function packTree(
  fd: Fd,
  { layer, name = byteName`.`, holes = false, omit = () => false }: PackOptions,
  write: (bytes: Uint8Array) => void,
): void {
  const writer = createTarWriter(write);
  const linked = new Map<string, ByteName>();
  const buffer = memory(1 << 20);

  function pack(fd: Fd, path: ByteName): void {
    const stat = fstat(fd);
    if (omit(path)) return;
    if (stat.type === "socket") return; // a tar has no such thing, and without its process it is nothing
    if (layer && isWhiteout(stat)) {
      const [parent, base] = splitLast(path);
      writer.member({ type: "file", path: byteName`${parent}.wh.${base}`, mode: 0 });
      return;
    }
    if (layer && /(^|\/)\.wh\.[^/]*$/.test(path))
      throw new InvalidError(
        `${textOf(path)} cannot be in a layer: names that begin with .wh. mean deleted files there`,
      );
    const member: TarMember = {
      type: stat.type,
      path,
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      mtime: timeOf(stat.mtimeNs),
    };
    if (stat.type !== "directory" && stat.nlink > 1) {
      const inode = `${stat.device} ${stat.ino}`;
      const first = linked.get(inode);
      if (first !== undefined) {
        writer.member({ ...member, type: "hardlink", linkPath: first });
        return;
      }
      linked.set(inode, path);
    }
    if (stat.type === "directory") reopened(fd, path, (open) => directory(open, path, member));
    else if (stat.type === "file") reopened(fd, path, (open) => file(open, path, stat, member));
    else if (stat.type === "symlink") writer.member({ ...member, linkPath: readlinkAt(fd, byteName``, path) });
    else writer.member({ ...member, ...deviceOf(stat) });
  }

  function directory(fd: Fd, path: ByteName, member: TarMember): void {
    const { xattrs, opaque } = attributes(fd, path);
    writer.member({ ...member, xattrs });
    const below = path === "." ? byteName`` : byteName`${path}/`;
    if (isOnKernelFileSystem(fd, path)) return; // the mount point, and nothing of /proc or /sys
    if (opaque) writer.member({ type: "file", path: byteName`${below}.wh..wh..opq`, mode: 0 });
    const names = listAt(fd, path).map(({ name }) => name);
    // Sorted, so that the same tree always is the same tar.
    for (const name of names.sort()) {
      const path = byteName`${below}${name}`;
      using entry = owned(openIfThere(fd, name, path));
      if (entry) pack(entry.fd, path);
    }
  }

  function file(fd: Fd, path: ByteName, stat: Stat, member: TarMember): void {
    const { xattrs } = attributes(fd, path);
    const ranges = holes && stat.blocks * blockBytes < stat.size ? dataRanges(fd, stat.size, textOf(path)) : undefined;
    const sparse = ranges && isWorthAMap(ranges, stat.size) ? { sparse: ranges } : {};
    writer.member({ ...member, size: stat.size, xattrs, ...sparse });
    const pieces = sparse.sparse ?? [0, stat.size];
    for (let i = 0; i < pieces.length; i += 2) copy(fd, pieces[i] as number, pieces[i + 1] as number, path);
  }

  /** Exactly as many bytes as announced: what a running program has cut off meanwhile is zeros. */
  function copy(fd: Fd, offset: number, length: number, path: ByteName): void {
    for (let done = 0; done < length; ) {
      const wanted = buffer.subarray(0, Math.min(buffer.length, length - done));
      const count = pread(fd, wanted, offset + done, textOf(path));
      if (count === 0) wanted.fill(0);
      const bytes = count === 0 ? wanted : wanted.subarray(0, count);
      writer.content(bytes);
      done += bytes.length;
    }
  }

  function attributes(fd: Fd, path: ByteName): { xattrs: Map<ByteName, Uint8Array>; opaque: boolean } {
    const xattrs = new Map<ByteName, Uint8Array>();
    let opaque = false;
    for (const key of listXattrs(fd, path)) {
      const value = () => readXattr(fd, key, path);
      if (key === "security.capability" || (key.startsWith("user.") && !key.startsWith("user.overlay."))) {
        const found = value();
        if (found) xattrs.set(key, found);
      } else if (layer && key === "trusted.overlay.opaque")
        opaque = value()?.[0] === 0x79; // "y"
      else if (layer && (key === "trusted.overlay.redirect" || key === "trusted.overlay.metacopy"))
        throw new UnsupportedError(
          `${textOf(path)} was renamed or copied up by overlayfs in a way that a layer cannot express`,
          "turn off redirect_dir and metacopy of the overlay module",
        );
    }
    return { xattrs, opaque };
  }

  pack(fd, name);
  writer.finish();
}

/** Holes below this are not worth a map. */
const leastHoles = 1 << 20;

function isWorthAMap(ranges: number[], size: number): boolean {
  let data = 0;
  for (let i = 1; i < ranges.length; i += 2) {
    // GNU tar begins each piece at a block of the tar, others do not: pieces of whole blocks are the same to both.
    const [offset, length] = [ranges[i - 1] as number, ranges[i] as number];
    if (length % blockBytes !== 0 && offset + length !== size) return false;
    data += length;
  }
  return size - data >= leastHoles;
}

function splitLast(path: ByteName): [parent: ByteName, base: ByteName] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash + 1), path.slice(slash + 1)];
}

/** The same file or directory for reading: by the magic link of the O_PATH descriptor, so that nobody can put another in its place. */
function reopened(fd: Fd, path: ByteName, use: (fd: Fd) => void): void {
  using readable = owned(openAt(cwd, byteNameOf(`/proc/self/fd/${fd}`), O_RDONLY | O_NONBLOCK, path));
  use(readable.fd);
}

function openIfThere(directory: Fd, name: ByteName, path: ByteName): Fd | undefined {
  try {
    return openAt(directory, name, O_PATH | O_NOFOLLOW, path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined; // a running program took it away
    throw error;
  }
}

function deviceOf({ type, rdev }: Stat): { major?: number; minor?: number } {
  if (type !== "char" && type !== "block") return {};
  const [major, minor] = rdev.split(":").map(Number) as [number, number];
  return { major, minor };
}
