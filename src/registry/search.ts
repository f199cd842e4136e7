/**
 * What a registry has by a word: Docker Hub and its like look it up themselves (`/v1/search`), of others the list of repositories is
 * gone through.
 */

import { Failure } from "../errors.ts";
import { count, fields, flag, list, parseJson, text } from "../oci/json.ts";
import { failureOf } from "./answers.ts";
import { ConnectionError, lie, RegistryError } from "./failure.ts";
import { mediaTypeOf } from "./headers.ts";
import { type Endpoint, endpointsOf, isHub } from "./names.ts";
import { ask, newPlace } from "./place.ts";
import type { RegistrySettings } from "./settings.ts";
import { pages } from "./tags.ts";

export interface SearchResult {
  /** As it is pulled: without a host of Docker Hub. */
  name: string;
  description: string;
  stars: number;
  isOfficial: boolean;
  isAutomated: boolean;
}

const maxBytes = 8 << 20;

/** @param limit of results. @throws Failure where the registry has neither a search nor a list */
export async function searchRegistry(
  host: string,
  term: string,
  limit: number,
  settings: RegistrySettings,
): Promise<SearchResult[]> {
  const own = endpointsOf({ host, path: "" }, settings).at(-1)!;
  const place = newPlace(settings, isHub(host) ? { ...own, address: "index.docker.io" } : own);
  const subject = `search ${host} for ${JSON.stringify(term)}`;
  const query = new URLSearchParams({ q: term, n: String(limit) });
  const answer = await ask(place, { method: "GET", path: `/v1/search?${query}`, subject });
  if (answer.status === 200 && mediaTypeOf(answer.headers) === "application/json") {
    const content = await answer.bytes(maxBytes);
    if (content === undefined) throw lie(subject, host, `answers with more than ${maxBytes >> 20} MiB`);
    return readResults(content, host).slice(0, limit);
  }
  if (isHub(host)) throw await failureOf(place, subject, answer);
  await answer.drop();
  return await searchCatalog(own, term, limit, settings, subject);
}

function readResults(content: Uint8Array, host: string): SearchResult[] {
  const where = `the answer of ${host}`;
  const result = (value: unknown, at: string): SearchResult => {
    const found = fields(value, at, {
      name: text,
      description: text,
      star_count: count,
      is_official: flag,
      is_automated: flag,
    });
    return {
      name: isHub(host) ? (found.name ?? "") : `${host}/${found.name ?? ""}`,
      description: found.description ?? "",
      stars: found.star_count ?? 0,
      isOfficial: found.is_official ?? false,
      isAutomated: found.is_automated ?? false,
    };
  };
  return fields(parseJson(content, where), where, { results: list(result) }).results ?? [];
}

async function searchCatalog(
  endpoint: Endpoint,
  term: string,
  limit: number,
  settings: RegistrySettings,
  subject: string,
): Promise<SearchResult[]> {
  const { host } = endpoint;
  const results: SearchResult[] = [];
  const place = newPlace(settings, endpoint);
  place.scopes = ["registry:catalog:*"];
  try {
    for await (const name of pages(place, "/v2/_catalog?n=1000", "repositories", subject)) {
      if (results.length >= limit) break;
      if (name.includes(term))
        results.push({ name: `${host}/${name}`, description: "", stars: 0, isOfficial: false, isAutomated: false });
    }
  } catch (error) {
    // A list of all is what most registries for many people do not give.
    if (error instanceof ConnectionError || (error instanceof RegistryError && error.status !== 405)) throw error;
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`cannot ${subject}: it has no search, and gives no list of what it has`, error.message);
  }
  return results;
}
