/** What is in an image file, without loading it and without root: for plans and explanations. */

import { InvalidError } from "../errors.ts";
import { textOf } from "../linux/byte-name.ts";
import { hostArchitecture, type ImageConfig, parseImageConfig } from "../oci/image.ts";
import { maxJsonBytes } from "../oci/json.ts";
import { looksLikeArchive, readArchive } from "./archive.ts";
import { type ArchivedImage, type ArchiveFiles, entryName, indexArchive, namesOfRootfs } from "./archive-files.ts";
import { type ByteRange, readCompressed, sniffRange } from "./compression.ts";
import { openInput } from "./input.ts";
import { referenceOfFile } from "./reference.ts";
import { createTarReader } from "./tar/reader.ts";

export interface PeekedImage {
  kind: "rootfs" | "archive" | "layout";
  /** What `loadImages` would call it. */
  references: string[];
  /** Of a root filesystem: an empty one without diff ids, which only reading all of it would tell. */
  config: ImageConfig;
  layerCount: number;
}

/** @throws InvalidError if the file is no image; it may still break its promises where this does not look */
export async function peekImages(file: string): Promise<PeekedImage[]> {
  const input = openInput(file);
  try {
    const images = input.range ? await peekRange(input.range) : input.images;
    if (!images) return [{ kind: "rootfs", references: [referenceOfFile(file)], config: emptyConfig, layerCount: 1 }];
    return images.map((image) => ({
      kind: input.range ? "archive" : "layout",
      references: image.references,
      config: parseImageConfig(image.config, `image configuration of ${file}`),
      layerCount: image.layers.length,
    }));
  } finally {
    input.close();
  }
}

const emptyConfig: ImageConfig = {
  architecture: hostArchitecture,
  os: "linux",
  config: {},
  rootfs: { type: "layers", diff_ids: [] },
};

async function peekRange(range: ByteRange): Promise<ArchivedImage[] | undefined> {
  const compression = sniffRange(range);
  if (compression === "none") return readArchive(indexArchive(range));
  const files = await readSmallFiles(range, compression);
  return files && readArchive(files);
}

class RootfsFound extends Error {}

const maxKept = 64 << 20;

/** The small files of a compressed archive, kept in memory; undefined as soon as it is surely a root filesystem. */
async function readSmallFiles(
  range: ByteRange,
  compression: ReturnType<typeof sniffRange>,
): Promise<ArchiveFiles | undefined> {
  const kept = new Map<string, Uint8Array>();
  let keptBytes = 0;
  let entries = 0;
  let current: Uint8Array | undefined;
  let archive = false;
  const reader = createTarReader(
    {
      entry(entry) {
        const name = entryName(textOf(entry.path));
        archive ||= entries++ < 2 && looksLikeArchive(name);
        if (!archive && namesOfRootfs.has(name)) throw new RootfsFound();
        if (entry.type !== "file" || entry.sparse || entry.size > maxJsonBytes) return false;
        keptBytes += entry.size;
        if (keptBytes > maxKept) throw new InvalidError(`${range.subject} holds too many small files for an archive`);
        current = new Uint8Array(entry.size);
        kept.set(name, current);
        return true;
      },
      content: (bytes, offset) => void current?.set(bytes, offset),
      end() {},
    },
    range.subject,
  );
  try {
    await readCompressed(range, compression, { content: reader.write });
    reader.finish();
  } catch (error) {
    if (error instanceof RootfsFound) return undefined;
    throw error;
  }
  if (entries === 0) throw new InvalidError(`${range.subject} is empty: there is no file in it`);
  return {
    subject: range.subject,
    looksLikeRootfs: false,
    has: (name) => kept.has(entryName(name)),
    range: () => undefined,
    read(name) {
      const content = kept.get(entryName(name));
      if (!content) throw new InvalidError(`${range.subject} has no ${name}`);
      return content;
    },
  };
}
