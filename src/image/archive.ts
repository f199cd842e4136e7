/** What an image file is (a root filesystem, a `docker save` archive, an OCI layout), and the images in it. */

import { InvalidError, UnsupportedError } from "../errors.ts";
import type { Platform } from "../oci/manifest.ts";
import type { ArchivedImage, ArchiveFiles } from "./archive-files.ts";
import { readDockerArchive } from "./docker-archive.ts";
import { readLayout } from "./oci-layout.ts";
import type { TarEntry } from "./tar/entry.ts";

/** The images of an archive, or undefined if the files are a plain root filesystem. @param platform of several. */
export function readArchive(files: ArchiveFiles, platform?: Partial<Platform>): ArchivedImage[] | undefined {
  if (files.has("oci-layout") && files.has("index.json")) return readLayout(files, platform);
  if (!files.has("manifest.json")) {
    if (files.has("repositories") && !files.looksLikeRootfs) throw oldFormat(files);
    return undefined;
  }
  try {
    return readDockerArchive(files);
  } catch (error) {
    // A root filesystem may have a file of this name, too.
    if (error instanceof InvalidError && files.looksLikeRootfs) return undefined;
    throw error;
  }
}

const oldFormat = ({ subject }: ArchiveFiles) =>
  new UnsupportedError(
    `${subject} is an archive of images in the format of Docker before 1.10, without manifest.json`,
    "load it with Docker or podman, and save it again",
  );

/** True for the first entry of a tar that is more likely an archive of images than a root filesystem. */
export function looksLikeArchive(path: string): boolean {
  return /^(?:blobs|oci-layout|index\.json|manifest\.json|repositories|(?:sha256:)?[0-9a-f]{64}(?:\.json|\.tar(?:\.gz)?)?)(?:\/|$)/.test(
    path.replace(/^(?:\.?\/)+/, ""),
  );
}

/** True for the files that only archives of images have: on seeing one, a rootfs may turn out to be none. */
export const isArchiveMark = (entry: TarEntry): boolean =>
  entry.type === "file" && /^(?:\.?\/)*(?:manifest\.json|oci-layout)$/.test(entry.path);
