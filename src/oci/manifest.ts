/**
 * What binds blobs into images: OCI and Docker v2 manifests and indexes, and the manifest.json of `docker save`. No I/O.
 * @see https://github.com/opencontainers/image-spec/blob/main/manifest.md
 */

import { InvalidError, UnsupportedError } from "../errors.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { count, fields, list, need, parseJson, record, text } from "./json.ts";

/** A pointer to a blob. */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  annotations: Record<string, string>;
  platform?: Platform;
  /** Of what is no image: a signature, a chart. */
  artifactType?: string;
  /** Where a layer is that its registry may not give away. */
  urls?: string[];
}

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

/** One image for one platform. */
export interface Manifest {
  kind: "manifest";
  config: Descriptor;
  layers: Descriptor[];
  artifactType?: string;
}

/** Several images, or one image for several platforms. */
export interface Index {
  kind: "index";
  manifests: Descriptor[];
}

const platform = (value: unknown, where: string): Platform => {
  const found = fields(value, where, { os: text, architecture: text, variant: text });
  return {
    os: found.os ?? "",
    architecture: found.architecture ?? "",
    ...(found.variant ? { variant: found.variant } : {}),
  };
};

function descriptor(value: unknown, where: string): Descriptor {
  const found = fields(value, where, {
    mediaType: text,
    digest: parseDigest,
    size: count,
    annotations: record(text),
    platform,
    artifactType: text,
    urls: list(text),
  });
  return {
    mediaType: found.mediaType ?? "",
    digest: need(found.digest, `${where}: digest`),
    size: need(found.size, `${where}: size`),
    annotations: found.annotations ?? {},
    ...(found.platform ? { platform: found.platform } : {}),
    ...(found.artifactType ? { artifactType: found.artifactType } : {}),
    ...(found.urls?.length ? { urls: found.urls } : {}),
  };
}

/** A manifest or an index, told apart by what they hold: media types are missing or wrong too often. */
export function parseManifest(content: Uint8Array, subject: string): Manifest | Index {
  const found = fields(parseJson(content, subject), subject, {
    schemaVersion: count,
    config: descriptor,
    layers: list(descriptor),
    manifests: list(descriptor),
    artifactType: text,
  });
  if (found.schemaVersion === 1)
    throw new UnsupportedError(`${subject} has the old schema 1`, "save the image again with a current tool");
  if (found.manifests && !found.layers) return { kind: "index", manifests: found.manifests };
  if (!found.config || !found.layers || found.manifests)
    throw new InvalidError(`${subject} is neither an image manifest nor an index`);
  const { config, layers, artifactType } = found;
  return { kind: "manifest", config, layers, ...(artifactType && { artifactType }) };
}

/**
 * What a manifest is of, if not of an image: registries and layouts hold signatures, charts and lists of materials in the form
 * of images, some with an image's configuration but layers of another kind.
 */
export function artifactOf({ config, layers, artifactType }: Manifest): string | undefined {
  if (artifactType) return artifactType;
  if (!imageConfigs.test(config.mediaType)) return config.mediaType;
  return layers.find(({ mediaType }) => !imageLayers.test(mediaType))?.mediaType;
}

const imageConfigs =
  /^(application\/(vnd\.oci\.image\.config\.v1\+json|vnd\.docker\.container\.image\.v1\+json|json|octet-stream))?$/;
const imageLayers = /^$|\btar\b|octet-stream/;

/** One image of a `docker save` archive: its parts are names of entries of the archive. */
export interface ArchivedImage {
  config: string;
  /** `name:tag`, as saved. */
  references: string[];
  /** Bottom first. */
  layers: string[];
}

/** The manifest.json of a `docker save` archive. @see https://github.com/moby/docker-image-spec */
export function parseArchiveManifest(content: Uint8Array, subject: string): ArchivedImage[] {
  const image = (value: unknown, where: string): ArchivedImage => {
    const found = fields(value, where, { Config: text, RepoTags: list(text), Layers: list(text) });
    return {
      config: need(found.Config, `${where}: Config`),
      references: found.RepoTags ?? [],
      layers: found.Layers ?? [],
    };
  };
  return list(image)(parseJson(content, subject), subject);
}
