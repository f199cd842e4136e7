/** Lists of a registry, page by page: the tags of a repository, and the repositories of a registry. */

import { UnsupportedError } from "../errors.ts";
import { fields, list, parseJson, text } from "../oci/json.ts";
import { failureOf } from "./answers.ts";
import { lie } from "./failure.ts";
import { nextLink } from "./headers.ts";
import { ask, type Opened, type Place } from "./place.ts";

const pageSize = 1000;
const maxPageBytes = 8 << 20;
/** A list that never ends is not read to its end. */
const maxPages = 10_000;

const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Of the registry itself: a mirror may not know all of them. What no tag may look like is left out. */
export async function* readTags({ name, places }: Opened): AsyncIterable<string> {
  const place = places.at(-1)!;
  const path = `/v2/${place.endpoint.path}/tags/list?n=${pageSize}`;
  for await (const tag of pages(place, path, "tags", `list the tags of ${name}`)) if (tagPattern.test(tag)) yield tag;
}

/** Each of a list. @param key what the list is called in its pages */
export async function* pages(
  place: Place,
  path: string,
  key: "tags" | "repositories",
  subject: string,
): AsyncIterable<string> {
  const { host } = place.endpoint;
  const seen = new Set<string>();
  let at: string | URL = path;
  for (let count = 0; count < maxPages; count++) {
    const answer = await ask(place, { method: "GET", path: at, subject });
    if (answer.status !== 200) throw await failureOf(place, subject, answer);
    const content = await answer.bytes(maxPageBytes);
    if (content === undefined) throw lie(subject, host, `has a list with pages larger than ${maxPageBytes >> 20} MiB`);
    const where = `the list of ${host}`;
    // Null stands for a repository without any.
    const found = fields(parseJson(content, where), where, { [key]: list(text) })[key] ?? [];
    yield* found;
    const link = nextLink(answer.headers.get("link"));
    if (link === undefined) return;
    const next = URL.parse(link, answer.url.href);
    if (!next || next.origin !== answer.url.origin || seen.has(next.href))
      throw new UnsupportedError(`cannot ${subject}: ${host} leads to a next page that is not one of its own`);
    seen.add(next.href);
    at = next;
  }
  throw lie(subject, host, "has a list that does not end");
}
