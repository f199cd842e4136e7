/** Which images a file on disk was loaded as, so that a second `run busybox.tar` neither extracts nor hashes anything. */

import { ConflictError } from "../errors.ts";
import { O_PATH, openIfAny, owned } from "../linux/file.ts";
import { readlink } from "../linux/names.ts";
import { fstat, type Stat } from "../linux/stat.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import type { Paths } from "../paths.ts";
import { readRecordFile } from "../record-file.ts";
import { formatRecord, kindOf, list, parseRecord, text } from "../schema.ts";
import { digest } from "./record.ts";
import { type Image, readAnyImage } from "./store.ts";

/** Everything that changes when a file is replaced or written to; a directory goes by its index.json. */
export interface SourceIdentity {
  /** The real path, without symbolic links. */
  path: string;
  /** Device, inode, size, modification and change time (ns), as one text. */
  stamp: string;
}

/**
 * The image that a tar file or an OCI layout directory was loaded as, if it has not changed since and the image is still there.
 * @throws ConflictError if the file holds several images
 */
export function findSource(paths: Paths, file: string): Image | undefined {
  const identity = identifySource(file);
  if (!identity) return undefined;
  const recordFile = sourceFile(paths, identity.path);
  // What is damaged is loaded again, which makes it whole.
  const record = parseRecord(sourceKind, readRecordFile(recordFile), recordFile).value;
  if (record?.stamp !== identity.stamp) return undefined;
  const images = record.images.map((id) => readAnyImage(paths, id));
  if (images.some((image) => !image || image.damage !== undefined)) return undefined;
  if (images.length > 1)
    throw severalImages(
      file,
      (images as Image[]).flatMap((image) => image.references),
    );
  return images[0];
}

/** The refusal to choose among the images of one file. */
export const severalImages = (file: string, references: readonly string[]): ConflictError =>
  new ConflictError(
    `${file} holds several images: ${references.join(", ")}`,
    "load the file and run one of them by name",
  );

/** What to recognise a file by; undefined for what can't be recognised (pipes, other directories, nothing at all). */
export function identifySource(file: string): SourceIdentity | undefined {
  const found = identify(file);
  if (found?.stat.type !== "directory") return found && found.stat.type === "file" ? identityOf(found) : undefined;
  const index = identify(`${found.path}/index.json`);
  return index?.stat.type === "file" ? identityOf({ path: found.path, stat: index.stat }) : undefined;
}

const identityOf = ({ path, stat: s }: { path: string; stat: Stat }): SourceIdentity => ({
  path,
  stamp: [s.device, s.ino, s.size, s.mtimeNs, s.ctimeNs].join(" "),
});

function identify(file: string): { path: string; stat: Stat } | undefined {
  using opened = owned(openIfAny(file, O_PATH));
  return opened && { path: readlink(`/proc/self/fd/${opened.fd}`), stat: fstat(opened.fd) };
}

/** The record's place: real paths can be longer than file names. */
export const sourceFile = (paths: Paths, path: string): string => `${paths.sources}/${hexOf(digestOf(path))}`;

const sourceKind = kindOf<SourceIdentity & { images: Digest[] }>({ path: text, stamp: text, images: list(digest) });

export const formatSource = ({ path, stamp }: SourceIdentity, images: Digest[]): string =>
  `${formatRecord(sourceKind, { path, stamp, images })}\n`;
