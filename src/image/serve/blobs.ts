/** The endpoints of blobs: what is in the store under its digest, straight from the file. */

import { unlink } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { type Digest, hexOf } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { collectUnused } from "../garbage.ts";
import { blobLink, listBlobLinks, listManifests } from "../repository/records.ts";
import { emptyTrash, withStoreLock } from "../staging.ts";
import { Problem, versionHeader } from "./problem.ts";
import type { Repository } from "./route.ts";
import type { Service } from "./service.ts";
import { requireRepository } from "./view.ts";

export const blobFile = (paths: Paths, digest: Digest): string => `${paths.blobs}/${hexOf(digest)}`;

export const hasBlob = (paths: Paths, digest: Digest): boolean => blobSize(paths, digest) !== undefined;

export function blobSize(paths: Paths, digest: Digest): number | undefined {
  const found = statIfAny(blobFile(paths, digest), { follow: false });
  return found?.type === "file" ? found.size : undefined;
}

const unknown = (digest: Digest) => new Problem("BLOB_UNKNOWN", "blob unknown to registry", { details: [{ digest }] });

/** GET and HEAD. Bun answers a Range itself where the body is a whole file, and sends it by the kernel. */
export function getBlob({ paths }: Service, repository: Repository, digest: Digest, head: boolean): Response {
  requireRepository(paths, repository);
  const size = blobSize(paths, digest);
  if (size === undefined) throw unknown(digest);
  const headers = {
    ...versionHeader,
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    // It is what it is called, for ever.
    ETag: `"${digest}"`,
    "Cache-Control": "private, max-age=31536000, immutable",
  };
  if (!head) return new Response(Bun.file(blobFile(paths, digest)), { headers });
  return new Response(null, { headers: { ...headers, "Content-Length": String(size), "Accept-Ranges": "bytes" } });
}

/** DELETE: of a blob that no manifest of the repository has. What other repositories and images need of it stays. */
export function deleteBlob({ paths }: Service, repository: Repository, digest: Digest): Response {
  const { name } = repository;
  requireRepository(paths, repository);
  withStoreLock(paths, "exclusive", () => {
    if (!hasBlob(paths, digest)) throw unknown(digest);
    const user = listManifests(paths, name).find(({ blobs }) => blobs.includes(digest))?.digest;
    if (user) throw inUse(`the manifest ${user} has this blob: delete that first`);
    const linked = listBlobLinks(paths, name).includes(digest);
    if (linked) unlink(blobLink(paths, name, digest));
    collectUnused(paths);
    if (!linked && hasBlob(paths, digest)) throw inUse("an image has this blob: delete its manifest first");
  });
  emptyTrash(paths);
  return new Response(null, { status: 202, headers: versionHeader });
}

const inUse = (message: string) => new Problem("DENIED", message, { status: 405 });
