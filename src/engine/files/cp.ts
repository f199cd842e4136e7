/**
 * Copying between a container and the host. Whatever the two ends are, one side is packed and the other extracts, in memory:
 * both walk by descriptors, follow no symbolic link and never leave their directory, even while a program in the container
 * changes the tree under them (docs/security.md R25).
 */

import { ConflictError, InvalidError } from "../../errors.ts";
import { readCompressed, sniffRange } from "../../image/compression.ts";
import { createExtractor } from "../../image/extract.ts";
import { defaultLimits } from "../../image/extraction.ts";
import { openInput } from "../../image/input.ts";
import { packTree } from "../../image/pack.ts";
import { createStaging, prepareStore } from "../../image/staging.ts";
import type { TarEntry } from "../../image/tar/entry.ts";
import { createTarReader } from "../../image/tar/reader.ts";
import { type ByteName, byteNameOf, textOf } from "../../linux/byte-name.ts";
import { type Fd, owned } from "../../linux/file.ts";
import { fstat } from "../../linux/stat.ts";
import { freeBytes, isOnKernelFileSystem } from "../../linux/statfs.ts";
import type { Adapt as Owners } from "../../linux/tree/copy.ts";
import type { Paths } from "../../paths.ts";
import { endIfInterrupted } from "../image/interrupt.ts";
import { withOutput } from "../image/output.ts";
import { type Container, emitContainerEvent, findContainer } from "../record/container.ts";
import { insideOf, withRoot } from "../record/rootfs.ts";
import { openDirectory, openSource, openTarget, type Side, type Source } from "./cp-path.ts";

export interface CopyOptions {
  /** Keep owners, and what a copy to the host leaves out otherwise: set-user-id bits, capabilities, devices. */
  archive: boolean;
  /** Copy what a symbolic link leads to. */
  followLink: boolean;
  warn(text: string): void;
  /** How many bytes of the tar have been copied so far. */
  onProgress(bytes: number): void;
}

/** A path in a container. */
export interface ContainerPath {
  container: string;
  path: string;
}

/** @param to a path of the host, or "-" for a tar on stdout. @returns how many bytes the copy's tar has. */
export async function copyFromContainer(
  paths: Paths,
  from: ContainerPath,
  to: string,
  options: CopyOptions,
): Promise<number> {
  const container = findContainer(paths, from.container);
  const bytes = await withRoot(paths, container, async (root) => {
    const side = containerSide(root, from.container);
    const path = inContainer(from.path);
    const source = openSource(side, path, options.followLink);
    using opened = owned(source.fd);
    refuseKernelView(side, path, opened.fd);
    if (to !== "-" && !options.archive) refuseDevice(side, path, opened.fd);
    const inside = insideOf(container);
    if (to === "-") return await withOutput(undefined, (write) => pack(source, source.name, false, write, inside));
    const { directory, name } = openTarget(host, to, source);
    using target = owned(directory);
    refuseKernelView(host, to, target.fd);
    const adapt = options.archive ? keep : forHost(options.warn);
    return await extract(target.fd, adapt, options, (write) => pack(source, name, true, write, inside));
  });
  emitContainerEvent(paths, container.record, "copy", { from: from.path });
  return bytes;
}

/** @param from a path of the host, or "-" for a tar on stdin. @returns how many bytes the copy's tar has. */
export async function copyToContainer(
  paths: Paths,
  from: string,
  to: ContainerPath,
  options: CopyOptions,
): Promise<number> {
  const container = findContainer(paths, to.container);
  const source = from === "-" ? undefined : openSource(host, from, options.followLink);
  const bytes = await withRoot(paths, container, async (root) => {
    const side = containerSide(root, to.container);
    const path = inContainer(to.path);
    const { directory, name } = source ? openTarget(side, path, source) : { directory: openDirectory(side, path) };
    refuseKernelView(side, path, directory);
    // Volumes in a read-only root may be written to.
    if (container.record.options.readOnly && fstat(directory).device === fstat(root).device)
      throw new ConflictError(`the root file system of container ${to.container} is read-only`);
    using owners = ownersIn(container);
    const feed: Feed = source
      ? (write) => pack(source, name, true, write)
      : (write) => readTar(paths, "/dev/stdin", write);
    const adapt = owners.adapt(!source || options.archive ? keep : ownedBy(0, 0));
    return await extract(directory, adapt, options, feed, source ? undefined : "stdin");
  });
  emitContainerEvent(paths, container.record, "copy", { to: to.path });
  return bytes;
}

const host: Side = { describe: (path) => path };

const containerSide = (root: Fd, container: string): Side => ({
  root,
  describe: (path) => `${path} in container ${container}`,
});

/** What the kernel shows there is no copy of a file, and takes none. */
function refuseKernelView(side: Side, path: string, fd: Fd): void {
  if (!isOnKernelFileSystem(fd, byteNameOf(path))) return;
  const file = side.root === undefined ? "a file" : "a file of the container";
  throw new ConflictError(`${side.describe(path)} is not ${file} but a view of the kernel`);
}

/** In a directory it is left out with a warning (`forHost`); alone there would be nothing left to copy. */
function refuseDevice(side: Side, path: string, fd: Fd): void {
  const { type } = fstat(fd);
  if (type === "char" || type === "block")
    throw new ConflictError(`${side.describe(path)} is a device`, "cp -a copies devices");
}

/** @param name what the source is called in the tar; without one, its content stands there alone. @param adapt of owners. */
const pack = (
  { fd }: Source,
  name: ByteName | undefined,
  holes: boolean,
  write: (chunk: Uint8Array) => void,
  adapt?: Owners,
): void => packTree(fd, { layer: false, holes, ...(name !== undefined && { name }), ...(adapt && { adapt }) }, write);

/** In a container with a user namespace: what is made belongs to its root, and to the host's numbers of its ids. */
function ownersIn({ record: { options } }: Container): Disposable & { adapt(by: Adapt): Adapt } {
  const { userns } = options;
  if (!userns) return { adapt: (by) => by, [Symbol.dispose]: () => {} };
  const { ownerOnHost, startAsRoot } =
    require("../../runtime/userns/ids.ts") as typeof import("../../runtime/userns/ids.ts");
  const adapt =
    (by: Adapt): Adapt =>
    (found) => {
      const entry = by(found);
      return entry && { ...entry, ...ownerOnHost(userns, entry, textOf(entry.path)) };
    };
  return { adapt, [Symbol.dispose]: startAsRoot(userns) };
}

/** Relative paths of a container are relative to its root. */
const inContainer = (path: string): string => (path.startsWith("/") ? path : `/${path}`);

/** Changes an entry on its way, or leaves it out. */
type Adapt = (entry: TarEntry) => TarEntry | undefined;

export const keep: Adapt = (entry) => entry;

const ownedBy =
  (uid: number, gid: number): Adapt =>
  (entry) => ({ ...entry, uid, gid });

/**
 * As cp(1) without -p: the copies belong to whoever copies, and a program that would run with more rights than its caller does
 * not come out of a container as one.
 */
const forHost =
  (warn: (text: string) => void): Adapt =>
  (entry) => {
    if (entry.type === "char" || entry.type === "block") {
      warn(`${textOf(entry.path)} is a device: left out (-a copies devices)`);
      return undefined;
    }
    const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
    return { ...entry, uid, gid, mode: entry.mode & 0o777, xattrs: new Map() };
  };

export type Feed = (write: (chunk: Uint8Array) => void) => void | Promise<void>;

/** Extracts the tar that `feed` writes into an open directory. @param subject names it in errors. @returns its size. */
export async function extract(
  directory: Fd,
  adapt: Adapt,
  { onProgress }: Pick<CopyOptions, "onProgress">,
  feed: Feed,
  subject = "the tar",
): Promise<number> {
  const limits = { ...defaultLimits, freeBytes: freeBytes(directory, "the target") };
  const extractor = createExtractor(directory, { lowers: [], limits, merge: true });
  const entry = (found: TarEntry) => {
    const adapted = adapt(found);
    return adapted !== undefined && extractor.entry(adapted);
  };
  const reader = createTarReader({ ...extractor, entry }, subject);
  let bytes = 0;
  try {
    await feed((chunk) => {
      endIfInterrupted();
      bytes += chunk.length;
      reader.write(chunk);
      onProgress(bytes);
    });
    endIfInterrupted();
    reader.finish();
    extractor.finish();
    return bytes;
  } catch (error) {
    // What an image may be is nothing to be told here.
    throw error instanceof InvalidError && error.hint ? new InvalidError(error.message) : error;
  } finally {
    extractor.close();
  }
}

/** A tar on stdin or in a file, which may be compressed. */
export async function readTar(paths: Paths, file: string, write: (chunk: Uint8Array) => void): Promise<void> {
  prepareStore(paths);
  const staging = createStaging(paths);
  try {
    const input = openInput(file, `${staging.path}/input`, "tar");
    await readCompressed(input.range!, sniffRange(input.range!), { content: write });
    input.close();
  } finally {
    staging.discard();
  }
}
