/**
 * Packs a directory tree into a tar, the counterpart of extract.ts: owners, modes, times, hard links, devices, holes and the
 * attributes that belong to a file. Walks by descriptors and follows no symbolic link, because a container may be changing the tree.
 */

import { hasCode, InvalidError, UnsupportedError } from "../errors.ts";
import { openAt, readlinkAt } from "../linux/at.ts";
import { type ByteName, byteName, byteNameOf, textOf } from "../linux/byte-name.ts";
import { cwd, type Fd, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, owned } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { pread } from "../linux/pread.ts";
import { fstat, type Stat } from "../linux/stat.ts";
import { isOnKernelFileSystem } from "../linux/statfs.ts";
import type { Adapt } from "../linux/tree/copy.ts";
import { Descent } from "../linux/tree/descent.ts";
import { dataRanges } from "../linux/tree/holes.ts";
import { timeOf } from "../linux/tree/metadata.ts";
import { listAt } from "../linux/tree/tree.ts";
import { belongsToFile, listXattrs, readXattr } from "../linux/tree/xattr.ts";
import { maxPath } from "./entry-path.ts";
import { isWhiteout } from "./overlay.ts";
import { blockBytes } from "./tar/header.ts";
import { createTarWriter, type TarMember, type TarWriter } from "./tar/writer.ts";

export interface PackOptions {
  /** The tree is a layer in overlayfs's form: its signs for what is deleted become the tar's (`.wh.name`, `.wh..wh..opq`). */
  layer: boolean;
  /** Where the tree begins in the tar; "." if not given. */
  name?: ByteName;
  /** Leave out the holes of sparse files. Only for our own extractor: podman and Docker cannot save a layer that does. */
  holes?: boolean;
  /** What owners and capabilities become in the tar; absent where they stay as they are. */
  adapt?: Adapt;
  /** What is left out. */
  omit?: (path: ByteName) => boolean;
  /** Hears of what cannot be in a layer; where it is not given, that is refused. */
  leaveOut?: (path: ByteName, why: string) => void;
}

/** Packs what an open descriptor (O_PATH is enough) names, with everything below it, however deep. */
export function packTree(fd: Fd, options: PackOptions, write: (bytes: Uint8Array) => void): void {
  const { layer, name = byteName`.`, holes = false, omit = () => false, leaveOut, adapt } = options;
  const writer = createTarWriter(write);
  const packing: Packing = {
    ...{ layer, holes, omit, writer, linked: new Map(), buffer: memory(1 << 20) },
    ...(leaveOut && { leaveOut }),
    ...(adapt && { adapt }),
  };
  using root = owned(packEntry(packing, fd, name));
  if (root) packBelow(packing, root.fd, name);
  writer.finish();
}

interface Packing
  extends Required<Pick<PackOptions, "layer" | "holes" | "omit">>,
    Pick<PackOptions, "leaveOut" | "adapt"> {
  writer: TarWriter;
  /** The first name of files that have several, by inode. */
  linked: Map<string, ByteName>;
  buffer: Uint8Array;
}

/** Each directory before what is in it. */
function packBelow(packing: Packing, root: Fd, name: ByteName): void {
  using descent = new Descent(root, name);
  const open = [{ below: name === "." ? byteName`` : byteName`${name}/`, pending: namesIn(root, name) }];
  for (let at = open.at(-1); at; at = open.at(-1)) {
    const entry = at.pending.pop();
    if (entry === undefined) {
      open.pop();
      if (open.length > 0) descent.leave();
      continue;
    }
    const path = byteName`${at.below}${entry}`;
    using found = owned(openIfThere(descent.fd, entry, path));
    const directory = found && packEntry(packing, found.fd, path);
    if (directory === undefined) continue;
    descent.enter(entry, directory);
    open.push({ below: byteName`${path}/`, pending: namesIn(directory, path) });
  }
}

/** Sorted, so that the same tree always is the same tar; the first at the end. */
const namesIn = (fd: Fd, path: ByteName): ByteName[] =>
  isOnKernelFileSystem(fd, path) // the mount point, and nothing of /proc or /sys
    ? []
    : listAt(fd, path)
        .map(({ name }) => name)
        .sort()
        .reverse();

/** @returns a directory to go on in, open for reading. */
function packEntry(packing: Packing, fd: Fd, path: ByteName): Fd | undefined {
  const { layer, omit, leaveOut, linked, writer } = packing;
  const stat = fstat(fd);
  if (omit(path)) return undefined;
  if (stat.type === "socket") return undefined; // a tar has no such thing, and without its process it is nothing
  if (path.length > maxPath)
    throw new InvalidError(
      `${textOf(path.slice(0, 60))}...: a path of more than ${maxPath} bytes, which no tar can have`,
    );
  if (layer && isWhiteout(stat)) {
    const [parent, base] = splitLast(path);
    writer.member({ type: "file", path: byteName`${parent}.wh.${base}`, mode: 0 });
    return undefined;
  }
  if (layer && splitLast(path)[1].startsWith(".wh.")) {
    const why = "names that begin with .wh. mean deleted files in a layer";
    if (!leaveOut) throw new InvalidError(`${textOf(path)} cannot be in a layer: ${why}`);
    leaveOut(path, why);
    return undefined;
  }
  const { mode } = stat;
  const { uid, gid } = packing.adapt ? packing.adapt.owner(stat) : stat;
  const member: TarMember = { type: stat.type, path, mode, uid, gid, mtime: timeOf(stat.mtimeNs) };
  if (stat.type !== "directory" && stat.nlink > 1) {
    const inode = `${stat.device} ${stat.ino}`;
    const first = linked.get(inode);
    if (first !== undefined) {
      writer.member({ ...member, type: "hardlink", linkPath: first });
      return undefined;
    }
    linked.set(inode, path);
  }
  if (stat.type === "directory") return packDirectory(packing, fd, path, member);
  if (stat.type === "file") packFile(packing, fd, path, stat, member);
  else if (stat.type === "symlink") writer.member({ ...member, linkPath: readlinkAt(fd, byteName``, path) });
  else writer.member({ ...member, ...deviceOf(stat) });
  return undefined;
}

function packDirectory(packing: Packing, fd: Fd, path: ByteName, member: TarMember): Fd {
  using readable = owned(reopen(fd, path));
  const { xattrs, opaque } = attributes(packing, readable.fd, path);
  packing.writer.member({ ...member, xattrs });
  const below = path === "." ? byteName`` : byteName`${path}/`;
  if (opaque) packing.writer.member({ type: "file", path: byteName`${below}.wh..wh..opq`, mode: 0 });
  return readable.handOff();
}

function packFile(packing: Packing, fd: Fd, path: ByteName, stat: Stat, member: TarMember): void {
  using readable = owned(reopen(fd, path));
  const { xattrs } = attributes(packing, readable.fd, path);
  const isSparse = packing.holes && stat.blocks * blockBytes < stat.size;
  const ranges = isSparse ? dataRanges(readable.fd, stat.size, textOf(path)) : undefined;
  const sparse = ranges && isWorthAMap(ranges, stat.size) ? { sparse: ranges } : {};
  packing.writer.member({ ...member, size: stat.size, xattrs, ...sparse });
  const pieces = sparse.sparse ?? [0, stat.size];
  for (let i = 0; i < pieces.length; i += 2)
    copy(packing, readable.fd, pieces[i] as number, pieces[i + 1] as number, path);
}

/** Exactly as many bytes as announced: what a running program has cut off meanwhile is zeros. */
function copy({ buffer, writer }: Packing, fd: Fd, offset: number, length: number, path: ByteName): void {
  for (let done = 0; done < length; ) {
    const wanted = buffer.subarray(0, Math.min(buffer.length, length - done));
    const count = pread(fd, wanted, offset + done, textOf(path));
    if (count === 0) wanted.fill(0);
    const bytes = count === 0 ? wanted : wanted.subarray(0, count);
    writer.content(bytes);
    done += bytes.length;
  }
}

function attributes(
  { layer, adapt }: Packing,
  fd: Fd,
  path: ByteName,
): { xattrs: Map<ByteName, Uint8Array>; opaque: boolean } {
  const xattrs = new Map<ByteName, Uint8Array>();
  let opaque = false;
  for (const key of listXattrs(fd, path)) {
    const value = () => readXattr(fd, key, path);
    if (belongsToFile(key)) {
      const found = value();
      if (found) xattrs.set(key, key === "security.capability" ? (adapt?.capability?.(found) ?? found) : found);
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
const reopen = (fd: Fd, path: ByteName): Fd =>
  openAt(cwd, byteNameOf(`/proc/self/fd/${fd}`), O_RDONLY | O_NONBLOCK, path);

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
