/** The endpoints of manifests: which one a tag or a digest means, and its bytes. */

import { ConflictError } from "../../errors.ts";
import { unlink } from "../../linux/names.ts";
import type { Digest } from "../../oci/digest.ts";
import { isIndexType } from "../../oci/media-types.ts";
import type { Paths } from "../../paths.ts";
import { readKeptFile } from "../../record-file.ts";
import { collectUnused } from "../garbage.ts";
import { imageNamed } from "../named.ts";
import { readRecord } from "../record.ts";
import { outgoingManifest } from "../registry/making.ts";
import { removeImage } from "../remove.ts";
import { listTags, manifestFile, readManifestRecord, readTag, tagFile } from "../repository/records.ts";
import { emptyTrash, withStoreLock } from "../staging.ts";
import { blobFile, hasBlob } from "./blobs.ts";
import { acceptable, mediaTypeOf } from "./media-type.ts";
import { Problem, versionHeader } from "./problem.ts";
import { type Repository, referenceIn } from "./route.ts";
import type { Service } from "./service.ts";
import { findTag, imagesIn, requireRepository } from "./view.ts";

type Reference = { digest: Digest } | { tag: string };

/** A manifest as it is sent. */
export interface Served {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
}

/** GET and HEAD */
export async function getManifest(
  service: Service,
  repository: Repository,
  reference: Reference,
  request: Request,
): Promise<Response> {
  requireRepository(service.paths, repository);
  const found = await findManifest(service, repository, reference);
  if (!found) throw unknown(reference);
  const accepts = request.headers.get("accept");
  const chosen = "tag" in reference ? forOldClients(service.paths, found, accepts) : found;
  const { digest, mediaType, bytes } = chosen;
  const headers = {
    ...versionHeader,
    "Content-Type": mediaType,
    "Content-Length": String(bytes.length),
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
  };
  const known = request.headers
    .get("if-none-match")
    ?.split(",")
    .some((tag) => tag.trim().replace(/^W\//, "") === `"${digest}"`);
  if (known) return new Response(null, { status: 304, headers: { ...versionHeader, ETag: `"${digest}"` } });
  return new Response(request.method === "HEAD" ? null : bytes, { headers });
}

const unknown = (reference: Reference) => new Problem("MANIFEST_UNKNOWN", "manifest unknown", { details: [reference] });

/** @returns undefined for what is not here. */
export async function findManifest(
  service: Service,
  repository: Repository,
  reference: Reference,
): Promise<Served | undefined> {
  const { paths } = service;
  if ("digest" in reference) return findByDigest(service, repository, reference.digest);
  const found = findTag(paths, repository, reference.tag);
  if (!found) return undefined;
  const served = found.record && readServed(paths, found.record.manifest);
  if (served || found.image === undefined) return served;
  return await manifestOfImage(service, found.image);
}

async function findByDigest(service: Service, repository: Repository, digest: Digest): Promise<Served | undefined> {
  const { paths } = service;
  const kept =
    readManifestRecord(paths, repository.name, digest) !== undefined ||
    imageNamed(paths, referenceIn(repository, { digest })) !== undefined ||
    imagesIn(paths, repository).some((id) => isOf(paths, id, digest));
  return kept ? readServed(paths, digest) : undefined;
}

/** True for a manifest that an image came by, and for the indexes that led to it. */
const isOf = (paths: Paths, id: Digest, wanted: Digest): boolean =>
  readRecord(paths, id)?.manifests.some(({ digest, indexes }) => digest === wanted || indexes.includes(wanted)) ??
  false;

export function readServed(paths: Paths, digest: Digest): Served | undefined {
  if (!hasBlob(paths, digest)) return undefined;
  const bytes = readKeptFile(blobFile(paths, digest));
  const mediaType = mediaTypeOf(bytes);
  return mediaType === undefined ? undefined : { digest, mediaType, bytes };
}

/** What an image came by; or, of one that was loaded or made here, what is made of it once, and kept. */
async function manifestOfImage({ paths, making }: Service, id: Digest): Promise<Served> {
  let made = making.get(id) as Promise<Served> | undefined;
  if (!made) {
    made = outgoingManifest(paths, id).finally(() => making.delete(id));
    making.set(id, made);
  }
  return await made;
}

/** Clients that know no lists of platforms get the image for linux/amd64, as they do from Docker's registry. */
function forOldClients(paths: Paths, served: Served, accepts: string | null): Served {
  if (!isIndexType(served.mediaType) || acceptable(accepts, served.mediaType)) return served;
  const { manifests } = JSON.parse(new TextDecoder().decode(served.bytes)) as {
    manifests: { digest: Digest; platform?: { os?: string; architecture?: string } }[];
  };
  const usual = manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === "amd64");
  return (usual && readServed(paths, usual.digest)) ?? served;
}

/** DELETE: a tag alone, or a manifest with all tags that name it. With its last name an image goes as by `rmi`. */
export function deleteManifest(service: Service, repository: Repository, reference: Reference): Response {
  const { paths } = service;
  requireRepository(paths, repository);
  const tags = "tag" in reference ? [reference.tag] : tagsOfManifest(paths, repository, reference.digest);
  const known =
    "tag" in reference
      ? findTag(paths, repository, reference.tag) !== undefined
      : isHere(paths, repository, reference.digest);
  if (!known) throw unknown(reference);
  for (const tag of tags) removeTag(service, repository, tag);
  if ("digest" in reference) removeManifest(service, repository, reference.digest);
  return new Response(null, { status: 202, headers: versionHeader });
}

const isHere = (paths: Paths, repository: Repository, digest: Digest): boolean =>
  readManifestRecord(paths, repository.name, digest) !== undefined ||
  imagesIn(paths, repository).some((id) => isOf(paths, id, digest));

/** Tags that would be answered with this manifest. */
function tagsOfManifest(paths: Paths, repository: Repository, digest: Digest): string[] {
  const pushed = listTags(paths, repository.name).filter(
    (tag) => readTag(paths, repository.name, tag)?.manifest === digest,
  );
  return pushed.filter((tag) => findTag(paths, repository, tag)?.record?.manifest === digest);
}

function removeTag(service: Service, repository: Repository, tag: string): void {
  const { paths } = service;
  const reference = referenceIn(repository, { tag });
  if (imageNamed(paths, reference) !== undefined) removeName(service, reference);
  withStoreLock(paths, "exclusive", () => {
    unlink(tagFile(paths, repository.name, tag));
    collectUnused(paths);
  });
  emptyTrash(paths);
}

/** @throws Problem for an image that a container uses */
function removeName({ paths, inUse, onEvent }: Service, reference: string): void {
  const user = (id: Digest) => inUse(id);
  try {
    const { id, untagged, deleted } = removeImage(paths, reference, { isName: true, inUse: user });
    for (const name of untagged) if (id) onEvent({ action: "untag", id, name });
    if (deleted) onEvent({ action: "delete", id: deleted, name: reference });
  } catch (error) {
    if (error instanceof ConflictError) throw new Problem("DENIED", error.message, { status: 405 });
    throw error;
  }
}

function removeManifest(service: Service, repository: Repository, digest: Digest): void {
  const { paths } = service;
  const reference = referenceIn(repository, { digest });
  if (imageNamed(paths, reference) !== undefined) removeName(service, reference);
  withStoreLock(paths, "exclusive", () => {
    unlink(manifestFile(paths, repository.name, digest));
    collectUnused(paths);
  });
  emptyTrash(paths);
}
