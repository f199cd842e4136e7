/** Image archives for tests: `docker save` and OCI layouts, right and wrong ones. */

import { createHash } from "node:crypto";
import { type RawEntry, tarOf } from "./tars.ts";

export const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

export const architecture = process.arch === "arm64" ? "arm64" : "amd64";

/** A configuration for layers given as uncompressed tars. */
export const configOf = (layers: Buffer[], extra: object = {}): string =>
  JSON.stringify({
    architecture,
    os: "linux",
    created: "2024-01-02T03:04:05Z",
    config: { Cmd: ["/bin/sh"], Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    ...extra,
  });

export interface ImageParts {
  config: string;
  layers: Buffer[];
  tags?: string[] | null;
}

/** The entries of a `docker save` archive. */
export function dockerArchive(...images: ImageParts[]): RawEntry[] {
  const entries: RawEntry[] = [];
  const manifest = images.map(({ config, layers, tags }) => {
    const name = `${sha256(config)}.json`;
    entries.push({ name, content: config });
    const names = layers.map((layer) => `${sha256(layer)}/layer.tar`);
    for (const [i, layer] of layers.entries()) entries.push({ name: names[i] as string, content: layer });
    return { Config: name, RepoTags: tags, Layers: names };
  });
  return [...entries, { name: "manifest.json", content: JSON.stringify(manifest) }];
}

export interface LayoutParts extends ImageParts {
  /** What the blobs are; the layers themselves unless given. */
  blobs?: Buffer[];
  annotations?: Record<string, string>;
  platform?: object;
  mediaType?: string;
  configType?: string;
}

/** The files of an OCI layout. */
export function ociLayout(...images: LayoutParts[]): Map<string, string | Buffer> {
  const files = new Map<string, string | Buffer>([["oci-layout", '{"imageLayoutVersion":"1.0.0"}']]);
  const add = (content: string | Buffer, mediaType: string) => {
    const digest = sha256(content);
    files.set(`blobs/sha256/${digest}`, content);
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(content) };
  };
  const manifests = images.map(({ config, layers, blobs, annotations, platform, mediaType, configType }) => {
    const manifest = {
      schemaVersion: 2,
      config: add(config, configType ?? "application/vnd.oci.image.config.v1+json"),
      layers: (blobs ?? layers).map((blob) => add(blob, mediaType ?? "application/vnd.oci.image.layer.v1.tar")),
    };
    return { ...add(JSON.stringify(manifest), "application/vnd.oci.image.manifest.v1+json"), annotations, platform };
  });
  files.set("index.json", JSON.stringify({ schemaVersion: 2, manifests }));
  return files;
}

export const entriesOf = (files: Map<string, string | Buffer>): RawEntry[] =>
  [...files].map(([name, content]) => ({ name, content }));

/** A small root filesystem. */
export const rootfs = (...more: RawEntry[]): Buffer =>
  tarOf({ name: "./", mode: 0o755 }, { name: "bin/" }, { name: "bin/sh", content: "#!", mode: 0o755 }, ...more);
