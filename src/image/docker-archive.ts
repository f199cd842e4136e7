/** The archives of `docker save`, `podman save` and skopeo's docker-archive: manifest.json names everything else. */

import { InvalidError } from "../errors.ts";
import { hexOf, isDigest } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image.ts";
import { maxJsonBytes } from "../oci/json.ts";
import { parseArchiveManifest } from "../oci/manifest.ts";
import type { ArchivedImage, ArchiveFiles, LayerBlob } from "./archive-files.ts";
import { savedReference } from "./reference.ts";

export function readDockerArchive(files: ArchiveFiles): ArchivedImage[] {
  const name = `manifest.json of ${files.subject}`;
  const images = parseArchiveManifest(files.read("manifest.json", maxJsonBytes), name);
  if (images.length === 0) throw new InvalidError(`${name} lists no image`);
  return images.map((image) => {
    const config = files.read(image.config, maxJsonBytes);
    const { rootfs } = parseImageConfig(config, `${image.config} of ${files.subject}`);
    if (rootfs.diff_ids.length !== image.layers.length)
      throw new InvalidError(
        `${name} lists ${image.layers.length} layers, but ${image.config} has ${rootfs.diff_ids.length}`,
      );
    return {
      config,
      layers: image.layers.map((layer) => layerBlob(files, layer)),
      references: image.references.filter((text) => text !== "<none>:<none>").map((text) => savedReference(text, name)),
    };
  });
}

/** Newer archives keep layers under blobs/sha256/, which is a promise about their bytes. */
function layerBlob(files: ArchiveFiles, name: string): LayerBlob {
  const digest = name.replace(/^blobs\/sha256\//, "sha256:");
  return { range: files.range(name), ...(isDigest(digest) && name.endsWith(hexOf(digest)) ? { digest } : {}) };
}
