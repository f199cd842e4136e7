/** Requests to endpoints, endpoints to answers. */

import { Failure, InvalidError, isFull } from "../../errors.ts";
import { checkAccess, type Policy } from "./access.ts";
import { deleteBlob, getBlob } from "./blobs.ts";
import { listCatalog, listReferrers, listTagsOf } from "./lists.ts";
import { deleteManifest, getManifest } from "./manifests.ts";
import { Problem, problemResponse, versionHeader } from "./problem.ts";
import { putManifest } from "./receive.ts";
import { type Route, routeOf } from "./route.ts";
import type { Service } from "./service.ts";
import { cancelUpload, continueUpload, finishUpload, startUpload, uploadStatus } from "./uploads.ts";

/** Answers a request, whatever it asks for. @param onFault is told of what is our fault */
export async function answer(
  service: Service,
  policy: Policy,
  request: Request,
  bun: Bun.Server<undefined>,
  onFault: (error: unknown) => void,
): Promise<Response> {
  try {
    const url = new URL(request.url);
    await checkAccess(policy, request, bun.requestIP(request));
    const route = routeOf(url.pathname);
    if (!route) throw new Problem("UNSUPPORTED", "not an endpoint of a registry", { status: 404 });
    const act = endpoints[route.endpoint][request.method] as Act | undefined;
    if (!act) throw notAllowed(Object.keys(endpoints[route.endpoint]));
    // Unpacking a large image, and making the layers of one, takes longer than a client may be silent.
    if (route.endpoint === "manifest") bun.timeout(request, 0);
    return await act(service, request, url, route);
  } catch (error) {
    return problemResponse(problemOf(error, onFault), request.method === "HEAD");
  }
}

const notAllowed = (methods: string[]) =>
  new Problem("UNSUPPORTED", "the method is not supported here", { headers: { Allow: methods.join(", ") } });

function problemOf(error: unknown, onFault: (error: unknown) => void): Problem {
  if (error instanceof Problem) return error;
  if (isFull(error)) return new Problem("DENIED", "the disk of this registry is full", { status: 507 });
  // A client that went away is no fault, and reads no answer.
  if (isGone(error)) return new Problem("BLOB_UPLOAD_INVALID", "the connection was closed");
  onFault(error);
  if (error instanceof InvalidError) return new Problem("MANIFEST_UNKNOWN", error.message);
  return fault(error);
}

/** The answer to what is our fault. */
export const fault = (error?: unknown) =>
  new Problem("UNSUPPORTED", error instanceof Failure ? error.message : "internal error", { status: 500 });

const isGone = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === "AbortError" || /abort|closed|reset/i.test((error as { code?: string }).code ?? ""));

type Act<One extends Route = Route> = (
  service: Service,
  request: Request,
  url: URL,
  route: One,
) => Response | Promise<Response>;

/** What each endpoint does for each method. */
const endpoints: { [Name in Route["endpoint"]]: Record<string, Act<Extract<Route, { endpoint: Name }>>> } = {
  base: { GET: base, HEAD: base },
  catalog: { GET: (service, _, url) => listCatalog(service, url) },
  tags: { GET: (service, _, url, { repository }) => listTagsOf(service, repository, url) },
  referrers: { GET: (service, _, url, { repository, digest }) => listReferrers(service, repository, digest, url) },
  manifest: {
    GET: (service, request, _, { repository, reference }) => getManifest(service, repository, reference, request),
    HEAD: (service, request, _, { repository, reference }) => getManifest(service, repository, reference, request),
    PUT: (service, request, _, { repository, reference }) => putManifest(service, repository, reference, request),
    DELETE: (service, _, __, { repository, reference }) => deleteManifest(service, repository, reference),
  },
  blob: {
    GET: (service, _, __, { repository, digest }) => getBlob(service, repository, digest, false),
    HEAD: (service, _, __, { repository, digest }) => getBlob(service, repository, digest, true),
    DELETE: (service, _, __, { repository, digest }) => deleteBlob(service, repository, digest),
  },
  uploads: { POST: (service, request, url, { repository }) => startUpload(service, repository, request, url) },
  upload: {
    GET: (service, _, __, { repository, session }) => uploadStatus(service, repository, session),
    PATCH: (service, request, _, { repository, session }) => continueUpload(service, repository, session, request),
    PUT: (service, request, url, { repository, session }) => finishUpload(service, repository, session, request, url),
    DELETE: (service, _, __, { repository, session }) => cancelUpload(service, repository, session),
  },
};

function base(): Response {
  return new Response("{}", { headers: { ...versionHeader, "Content-Type": "application/json" } });
}
