/** What registries have by a word. */

import { UsageError } from "../../errors.ts";
import { isHost } from "../../image/reference.ts";
import { type SearchResult, searchRegistry } from "../../registry/search.ts";
import { readConfig } from "../record/config.ts";
import { type RegistryOptions, registrySettings } from "./registries.ts";

export type { SearchResult };

/**
 * @param text a word, or a host and a word: `registry.example/app`. Without a host all are asked that names without one are looked
 * for in; their results have the host before them, so that nobody mistakes one for another.
 */
export async function search(text: string, limit: number, options: RegistryOptions): Promise<SearchResult[]> {
  const settings = registrySettings(options);
  const slash = text.indexOf("/");
  const host = slash === -1 ? undefined : text.slice(0, slash);
  const isOf = host !== undefined && isHost(host);
  const term = isOf ? text.slice(slash + 1) : text;
  if (/[\s\p{Cc}]/u.test(text)) throw new UsageError(`${JSON.stringify(text)} is not a word to search for`);
  if (term === "" && !isOf) throw new UsageError("nothing to search for");
  const hosts = isOf ? [host] : (readConfig().registries?.unqualifiedSearch ?? ["docker.io"]);
  const found: SearchResult[] = [];
  for (const one of hosts) found.push(...(await searchRegistry(one, term, limit, settings)));
  return found;
}
