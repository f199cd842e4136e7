/** The endpoints that blobs are pushed by: begin, go on, end, ask and cancel; in one request, in two, in many; or from another repository. */

import { writeNewFile } from "../../linux/file.ts";
import { mkdirAll, rename } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { type Digest, hexOf } from "../../oci/digest.ts";
import { blobLink, repositoryDirectories } from "../repository/records.ts";
import { withStoreLock } from "../staging.ts";
import { hasBlob } from "./blobs.ts";
import { Problem, versionHeader } from "./problem.ts";
import { checkDigest, checkName, type Repository } from "./route.ts";
import type { Service } from "./service.ts";
import { append, beginUpload, cancel, findUpload, type Session, seal, whileBusy } from "./sessions.ts";

/** POST /v2/NAME/blobs/uploads/ */
export async function startUpload(
  service: Service,
  repository: Repository,
  request: Request,
  url: URL,
): Promise<Response> {
  const { searchParams: query } = url;
  const mounted = query.get("mount");
  if (mounted !== null && mount(service, repository, mounted, query.get("from"))) return created(repository, mounted);
  const digest = query.get("digest");
  const wanted = digest === null ? undefined : checkDigest(digest);
  const session = beginUpload(service.sessions, repository.name);
  if (wanted === undefined) return accepted(repository, session, 202);
  try {
    return await whileBusy(session, () => finish(service, repository, session, request, wanted));
  } catch (error) {
    cancel(service.sessions, session); // nobody knows its name to go on
    throw error;
  }
}

/** True if the blob is here: it is part of this repository from now on. Without `from` any repository will do. */
function mount({ paths }: Service, repository: Repository, text: string, from: string | null): boolean {
  try {
    const digest = checkDigest(text);
    if (from !== null) checkName(from);
    return withStoreLock(paths, "shared", () => {
      if (!hasBlob(paths, digest)) return false;
      addLink({ paths }, repository, digest);
      return true;
    });
  } catch (error) {
    if (error instanceof Problem) return false; // as the spec has it: what cannot be mounted is to be uploaded
    throw error;
  }
}

function addLink({ paths }: Pick<Service, "paths">, { name }: Repository, digest: Digest): void {
  for (const directory of repositoryDirectories(paths, name)) mkdirAll(directory);
  const file = blobLink(paths, name, digest);
  if (!statIfAny(file)) writeNewFile(file, "");
}

/** PATCH: the next bytes. */
export async function continueUpload(
  service: Service,
  repository: Repository,
  id: string,
  request: Request,
): Promise<Response> {
  const session = findUpload(service.sessions, repository.name, id);
  await whileBusy(session, () => take(service, repository, session, request));
  return accepted(repository, session, 202);
}

/** PUT: the last bytes, if there are any left, and the digest of all. */
export async function finishUpload(
  service: Service,
  repository: Repository,
  id: string,
  request: Request,
  url: URL,
): Promise<Response> {
  const session = findUpload(service.sessions, repository.name, id);
  const digest = checkDigest(url.searchParams.get("digest") ?? "");
  return await whileBusy(session, () => finish(service, repository, session, request, digest));
}

/** GET: how much of it is here. */
export const uploadStatus = (service: Service, repository: Repository, id: string): Response =>
  accepted(repository, findUpload(service.sessions, repository.name, id), 204);

/** DELETE */
export function cancelUpload(service: Service, repository: Repository, id: string): Response {
  const session = findUpload(service.sessions, repository.name, id);
  if (session.busy)
    throw new Problem("BLOB_UPLOAD_INVALID", "another request is writing to this upload", { status: 409 });
  cancel(service.sessions, session);
  return new Response(null, { status: 204, headers: versionHeader });
}

async function take(service: Service, repository: Repository, session: Session, request: Request): Promise<void> {
  const length = lengthOf(request);
  const range = request.headers.get("content-range");
  if (range !== null) {
    const [, first, last] = /^(?:bytes )?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(range) ?? [];
    const expected = Number(last) - Number(first) + 1;
    if (first === undefined || Number(first) !== session.size || expected < 1)
      throw new Problem("BLOB_UPLOAD_INVALID", `the next byte is ${session.size}, and not ${range.slice(0, 100)}`, {
        status: 416,
        headers: locationOf(repository, session),
      });
    if (length !== undefined && length !== expected)
      throw new Problem("SIZE_INVALID", `Content-Range says ${expected} bytes, Content-Length ${length}`);
  }
  await append(service.sessions, session, request.body, length);
}

function lengthOf(request: Request): number | undefined {
  const text = request.headers.get("content-length");
  return text === null || !/^\d+$/.test(text) ? undefined : Number(text);
}

async function finish(
  service: Service,
  repository: Repository,
  session: Session,
  request: Request,
  digest: Digest,
): Promise<Response> {
  await take(service, repository, session, request);
  await seal(service.sessions, session, digest);
  const { paths } = service;
  // Whoever collects sees the blob with the link that keeps it, or neither.
  withStoreLock(paths, "shared", () => {
    addLink(service, repository, digest);
    rename(session.file, `${paths.blobs}/${hexOf(digest)}`);
  });
  cancel(service.sessions, session);
  return created(repository, digest);
}

const created = (repository: Repository, digest: string): Response =>
  new Response(null, {
    status: 201,
    headers: { ...versionHeader, Location: `/v2/${repository.asked}/blobs/${digest}`, "Docker-Content-Digest": digest },
  });

const accepted = (repository: Repository, session: Session, status: number): Response =>
  new Response(null, { status, headers: { ...versionHeader, ...locationOf(repository, session) } });

/** Where to go on, and from where: the last byte that is here, or 0 before there is one. */
const locationOf = ({ asked }: Repository, { id, size }: Session): Record<string, string> => ({
  Location: `/v2/${asked}/blobs/uploads/${id}`,
  Range: `0-${Math.max(0, size - 1)}`,
  "Docker-Upload-UUID": id,
});
