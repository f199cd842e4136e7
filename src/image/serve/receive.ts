/**
 * PUT of a manifest: all that it refers to must be here. An image for this machine is unpacked and has its name here from then
 * on, so it can be run; anything else is kept as it came.
 */

import { InvalidError, isFull } from "../../errors.ts";
import { close, O_NOFOLLOW, O_RDONLY, open } from "../../linux/file.ts";
import { mkdirAll, unlink } from "../../linux/names.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseImageConfig } from "../../oci/image.ts";
import { artifactOf, type Manifest } from "../../oci/manifest.ts";
import type { Paths } from "../../paths.ts";
import { readKeptFile } from "../../record-file.ts";
import { type BuiltImage, installImages } from "../install.ts";
import { chainIdOf, describeLayer, extractLayer, findLayer, type LayerMeta, layerDirectory, metaOf } from "../layer.ts";
import { bestForHost, isForHost } from "../platform.ts";
import {
  formatManifest,
  formatTag,
  type ManifestRecord,
  manifestFile,
  readManifestRecord,
  repositoryDirectories,
  tagFile,
} from "../repository/records.ts";
import { createStaging, type Staging, withStoreLock } from "../staging.ts";
import { formatRef, refFile } from "../store.ts";
import { blobFile, blobSize, hasBlob } from "./blobs.ts";
import { Problem, versionHeader } from "./problem.ts";
import { type Pushed, parsePushed } from "./pushed.ts";
import { type Repository, referenceIn } from "./route.ts";
import type { Service } from "./service.ts";

/** The spec's least. */
const maxManifestBytes = 4 << 20;

export async function putManifest(
  service: Service,
  repository: Repository,
  reference: { digest: Digest } | { tag: string },
  request: Request,
): Promise<Response> {
  const bytes = await readBody(request);
  const pushed = parsePushed(bytes, request.headers.get("content-type"));
  const { digest, subject } = pushed.record;
  if ("digest" in reference && reference.digest !== digest)
    throw new Problem("DIGEST_INVALID", `the manifest that came is ${digest}`, { details: [reference] });
  const names = [
    referenceIn(repository, { digest }),
    ...("tag" in reference ? [referenceIn(repository, reference)] : []),
  ];
  const { paths } = service;
  const staging = createStaging(paths); // while it lives, nobody collects what is found here
  try {
    requireAll(paths, repository, pushed);
    const staged = new Map<Digest, { directory: string }>();
    const image = await unpackForHost(paths, staging, pushed, names, staged);
    const id = image?.id ?? imageOfIndex(paths, repository, pushed);
    const record = { ...pushed.record, ...(id && { image: id }) };
    install(paths, staging, staged, repository, { record, bytes, names, image, reference });
    if (id) service.onEvent({ action: "push", id, name: names.at(-1)! });
  } finally {
    staging.discard();
  }
  const place = "tag" in reference ? reference.tag : digest;
  return new Response(null, {
    status: 201,
    headers: {
      ...versionHeader,
      Location: `/v2/${repository.asked}/manifests/${place}`,
      "Docker-Content-Digest": digest,
      ...(subject && { "OCI-Subject": subject }),
    },
  });
}

async function readBody(request: Request): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of request.body ?? []) {
    size += piece.length;
    if (size > maxManifestBytes)
      throw new Problem("MANIFEST_INVALID", "a manifest may have 4 MiB at most", { status: 413 });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** @throws Problem MANIFEST_BLOB_UNKNOWN with each that is not here, SIZE_INVALID */
function requireAll(paths: Paths, repository: Repository, { parsed, needed }: Pushed): void {
  const isMissing = (digest: Digest) => !hasBlob(paths, digest);
  const manifests = parsed.kind === "index" ? parsed.manifests : [];
  const missing = [...needed, ...manifests].map(({ digest }) => digest).filter(isMissing);
  if (missing.length > 0)
    throw new Problem("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", {
      details: [...new Set(missing)].map((digest) => ({ name: repository.asked, digest })),
    });
  const wrong = [...needed, ...manifests].find(({ digest, size }) => blobSize(paths, digest) !== size);
  if (wrong)
    throw new Problem("SIZE_INVALID", `${wrong.digest} has not the ${wrong.size} bytes that the manifest says`);
}

/** The image with its new layers, for an image that this machine can run. @throws Problem for one that breaks its format */
async function unpackForHost(
  paths: Paths,
  staging: Staging,
  { parsed, record }: Pushed,
  names: string[],
  staged: Map<Digest, { directory: string }>,
): Promise<BuiltImage | undefined> {
  if (parsed.kind === "index" || artifactOf(parsed) !== undefined) return undefined;
  const config = readKeptFile(blobFile(paths, parsed.config.digest));
  try {
    const { rootfs, ...platform } = parseImageConfig(config, `the configuration ${parsed.config.digest}`);
    if (!isForHost(platform) || parsed.layers.some(({ digest }) => !hasBlob(paths, digest))) return undefined;
    if (rootfs.diff_ids.length !== parsed.layers.length)
      throw new InvalidError(
        `the manifest lists ${parsed.layers.length} layers, the configuration ${rootfs.diff_ids.length}`,
      );
    const layers = await unpack(paths, staging, parsed, rootfs.diff_ids, staged);
    const { digest, mediaType } = record;
    const manifest = {
      digest,
      mediaType,
      indexes: [],
      layers: parsed.layers.map((layer) => layer.digest),
      contents: new Map(),
    };
    return { id: parsed.config.digest, config, layers, references: names, manifest };
  } catch (error) {
    if (error instanceof InvalidError) throw new Problem("MANIFEST_INVALID", error.message);
    if (isFull(error)) throw new Problem("DENIED", "the disk of this registry is full", { status: 507 });
    throw error;
  }
}

async function unpack(
  paths: Paths,
  staging: Staging,
  { layers: blobs }: Manifest,
  diffIds: readonly Digest[],
  staged: Map<Digest, { directory: string }>,
): Promise<LayerMeta[]> {
  const layers: LayerMeta[] = [];
  const filesOf = ({ chainId }: LayerMeta) => `${staged.get(chainId)?.directory ?? layerDirectory(paths, chainId)}/fs`;
  for (const [index, { digest, size, mediaType }] of blobs.entries()) {
    const diffId = diffIds[index]!;
    const parent = layers.at(-1)?.chainId;
    const known = findLayer(paths, chainIdOf(parent, diffId));
    if (known) {
      layers.push(known);
      continue;
    }
    const directory = `${staging.path}/layer${index}`;
    const fd = open(blobFile(paths, digest), O_RDONLY | O_NOFOLLOW);
    try {
      const range = { fd, offset: 0, length: size, subject: `the layer ${digest}` };
      const built = await extractLayer({ range, digest }, directory, { lowers: layers.map(filesOf), diffId });
      const meta = describeLayer(paths, directory, { ...metaOf(built, parent), digest, mediaType });
      staged.set(meta.chainId, { directory });
      layers.push(meta);
    } finally {
      close(fd);
    }
  }
  return layers;
}

/** The image that this machine takes of several that were unpacked. */
function imageOfIndex(paths: Paths, { name }: Repository, { parsed }: Pushed): Digest | undefined {
  if (parsed.kind !== "index") return undefined;
  const records = new Map(parsed.manifests.map(({ digest }) => [digest, readManifestRecord(paths, name, digest)]));
  const unpacked = parsed.manifests.filter(({ digest }) => records.get(digest)?.image !== undefined);
  const best = bestForHost(unpacked, ({ platform }) => platform) ?? unpacked.find(({ platform }) => !platform);
  return best && records.get(best.digest)?.image;
}

interface Arrived {
  record: ManifestRecord;
  bytes: Uint8Array;
  names: string[];
  image: BuiltImage | undefined;
  reference: { digest: Digest } | { tag: string };
}

/** Puts all of it in place at once, the names last. */
function install(
  paths: Paths,
  staging: Staging,
  staged: Map<Digest, { directory: string }>,
  repository: Repository,
  { record, bytes, names, image, reference }: Arrived,
): void {
  const { name } = repository;
  const { digest, image: id } = record;
  for (const directory of repositoryDirectories(paths, name)) mkdirAll(directory);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const more: [string, string][] = [
    [blobFile(paths, digest), text],
    [manifestFile(paths, name, digest), formatManifest(record)],
  ];
  if (id && !image) for (const one of names) more.push([refFile(paths, one), formatRef(one, id)]);
  if ("tag" in reference)
    more.push([tagFile(paths, name, reference.tag), formatTag({ manifest: digest, ...(id && { image: id }) })]);
  installImages(paths, staging, staged, image ? [image] : [], more);
  // The name of an image that was there means something else now.
  if (!id && "tag" in reference)
    withStoreLock(paths, "shared", () => unlink(refFile(paths, referenceIn(repository, reference))));
}
