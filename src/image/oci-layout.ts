/**
 * OCI image layouts, as a directory or in a tar: index.json leads to manifests, manifests to blobs by digest.
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */

import { InvalidError, UnsupportedError } from "../errors.ts";
import { digestOf, hexOf } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image.ts";
import { fields, maxJsonBytes, parseJson, text } from "../oci/json.ts";
import { artifactOf, type Descriptor, type Manifest, type Platform, parseManifest } from "../oci/manifest.ts";
import type { ArchivedImage, ArchiveFiles } from "./archive-files.ts";
import { chooseDescriptor, isAttestation, maxNesting } from "./choice.ts";
import { parseReference, referenceOfFile, savedReference } from "./reference.ts";

/** @param asked the platform that is wanted of several; without it the one for this machine. */
export function readLayout(files: ArchiveFiles, asked?: Partial<Platform>): ArchivedImage[] {
  const mark = fields(parseJson(files.read("oci-layout", maxJsonBytes), "oci-layout"), "oci-layout", {
    imageLayoutVersion: text,
  });
  if (!mark.imageLayoutVersion?.startsWith("1."))
    throw new UnsupportedError(`${files.subject} is an OCI layout of version ${mark.imageLayoutVersion}`);
  const subject = `index.json of ${files.subject}`;
  const index = parseManifest(files.read("index.json", maxJsonBytes), subject);
  if (index.kind !== "index") throw new InvalidError(`${subject} is a manifest, not an index`);

  const images = new Map<string, ArchivedImage>(); // by configuration: one image may have several names
  const others: string[] = [];
  for (const [name, descriptors] of groupByName(index.manifests, files.subject)) {
    const manifest = choose({ files, asked }, descriptors, 0);
    const other = typeof manifest === "string" ? manifest : artifactOf(manifest);
    if (typeof manifest === "string" || other !== undefined) {
      others.push(other!);
      continue;
    }
    const image = readImage(files, manifest);
    const known = images.get(digestOf(image.config)) ?? image;
    if (name) known.references.push(name);
    images.set(digestOf(image.config), known);
  }
  const what = others.length > 0 ? `, only ${[...new Set(others)].join(", ")}` : "";
  if (images.size === 0) throw new InvalidError(`${subject} lists no image${what}`);
  return [...images.values()];
}

/** Descriptors with the same name, or with none but each a platform, are one image for several platforms. */
function groupByName(descriptors: Descriptor[], subject: string): [name: string | undefined, Descriptor[]][] {
  const groups = new Map<string, [string | undefined, Descriptor[]]>();
  for (const [position, descriptor] of descriptors.entries()) {
    if (isAttestation(descriptor)) continue;
    const name = nameOf(descriptor, subject);
    const key = name ?? (descriptor.platform ? "by platform" : `#${position}`);
    const group = groups.get(key) ?? [name, []];
    group[1].push(descriptor);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** containerd and Docker write the full name; `ref.name` is a full name or, by skopeo and umoci, just a tag. */
function nameOf({ annotations }: Descriptor, subject: string): string | undefined {
  const full = annotations["io.containerd.image.name"];
  if (full) return savedReference(full, subject);
  const name = annotations["org.opencontainers.image.ref.name"];
  if (!name) return undefined;
  if (/[/:@]/.test(name)) return savedReference(name, subject);
  return savedReference(`${parseReference(referenceOfFile(subject)).name}:${name}`, subject);
}

interface Wanted {
  files: ArchiveFiles;
  asked: Partial<Platform> | undefined;
}

/** Follows indexes to the manifest that is wanted. @returns the type of what is there if it can be no image. */
function choose(wanted: Wanted, descriptors: Descriptor[], depth: number): Manifest | string {
  const { files, asked } = wanted;
  if (depth > maxNesting) throw new InvalidError(`${files.subject} has indexes nested deeper than ${maxNesting}`);
  const descriptor = chooseDescriptor(descriptors, asked, files.subject);
  if (typeof descriptor === "string") return descriptor;
  const content = readBlob(files, descriptor);
  const found = parseManifest(content, `${descriptor.digest} of ${files.subject}`);
  return found.kind === "manifest" ? found : choose(wanted, found.manifests, depth + 1);
}

const blobName = (descriptor: Descriptor): string => `blobs/sha256/${hexOf(descriptor.digest)}`;

/** A small blob, checked against its descriptor. */
function readBlob(files: ArchiveFiles, descriptor: Descriptor): Uint8Array {
  const content = files.read(blobName(descriptor), maxJsonBytes);
  if (content.length !== descriptor.size || digestOf(content) !== descriptor.digest)
    throw new InvalidError(`${descriptor.digest} of ${files.subject} has other content than its digest says`);
  return content;
}

function readImage(files: ArchiveFiles, manifest: Manifest): ArchivedImage {
  const config = readBlob(files, manifest.config);
  const { rootfs } = parseImageConfig(config, `${manifest.config.digest} of ${files.subject}`);
  if (rootfs.diff_ids.length !== manifest.layers.length)
    throw new InvalidError(
      `${files.subject}: the manifest lists ${manifest.layers.length} layers, the configuration ${rootfs.diff_ids.length}`,
    );
  const layers = manifest.layers.map((layer) => {
    const range = files.range(blobName(layer));
    if (range && range.length !== layer.size)
      throw new InvalidError(`${layer.digest} of ${files.subject} has ${range.length} bytes, not ${layer.size}`);
    return { range, digest: layer.digest, mediaType: layer.mediaType };
  });
  return { config, layers, references: [] };
}
