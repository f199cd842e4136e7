/** The endpoints that list: tags, repositories and referrers, in pages. */

import type { Digest } from "../../oci/digest.ts";
import { indexType } from "../../oci/media-types.ts";
import { listManifests, type ManifestRecord } from "../repository/records.ts";
import { Problem, versionHeader } from "./problem.ts";
import type { Repository } from "./route.ts";
import type { Service } from "./service.ts";
import { repositories, requireRepository, tagsIn } from "./view.ts";

/** GET /v2/NAME/tags/list */
export function listTagsOf({ paths }: Service, repository: Repository, url: URL): Response {
  requireRepository(paths, repository);
  const { items, headers } = page(tagsIn(paths, repository).sort(inOrder), url);
  return Response.json({ name: repository.asked, tags: items }, { headers: { ...versionHeader, ...headers } });
}

/** GET /v2/_catalog */
export function listCatalog({ paths }: Service, url: URL): Response {
  const { items, headers } = page(repositories(paths).sort(inOrder), url);
  return Response.json({ repositories: items }, { headers: { ...versionHeader, ...headers } });
}

/**
 * The items after `last`, at most `n`; a Link to the next ones where there are more.
 * @throws Problem UNSUPPORTED for an `n` that is no number
 */
export function page(sorted: readonly string[], url: URL): { items: string[]; headers: Record<string, string> } {
  const last = url.searchParams.get("last");
  const text = url.searchParams.get("n");
  if (text !== null && !/^\d{1,9}$/.test(text))
    throw new Problem("UNSUPPORTED", `n is not a number: ${text.slice(0, 100)}`, { status: 400 });
  const rest = last === null ? sorted : sorted.filter((item) => inOrder(item, last) > 0);
  const items = text === null ? [...rest] : rest.slice(0, Number(text));
  const end = items.at(-1);
  if (end === undefined || items.length === rest.length) return { items, headers: {} };
  const query = new URLSearchParams({ n: text!, last: end });
  return { items, headers: { Link: `<${url.pathname}?${query}>; rel="next"` } };
}

/** The order of the spec: letters as if they were small; those that then are equal by their codes. */
export function inOrder(a: string, b: string): number {
  const [small, other] = [a.toLowerCase(), b.toLowerCase()];
  return small < other ? -1 : small > other ? 1 : a < b ? -1 : a > b ? 1 : 0;
}

/** GET /v2/NAME/referrers/DIGEST: what is about a manifest, also of one that is not here. */
export function listReferrers({ paths }: Service, { name }: Repository, digest: Digest, url: URL): Response {
  const wanted = url.searchParams.getAll("artifactType").filter((type) => type !== "");
  const found = listManifests(paths, name).filter(({ subject }) => subject === digest);
  const chosen = found.filter(({ artifactType = "" }) => wanted.length === 0 || wanted.includes(artifactType));
  const index = { schemaVersion: 2, mediaType: indexType, manifests: chosen.map(descriptorOf) };
  return new Response(JSON.stringify(index), {
    headers: {
      ...versionHeader,
      "Content-Type": indexType,
      ...(wanted.length > 0 && { "OCI-Filters-Applied": "artifactType" }),
    },
  });
}

const descriptorOf = ({ mediaType, digest, size, artifactType, annotations }: ManifestRecord) => ({
  mediaType,
  digest,
  size,
  ...(artifactType !== undefined && { artifactType }),
  ...(annotations !== undefined && { annotations }),
});
