/** `tinydocker search`: images of registries by a word. */

import { type SearchResult, search } from "../../engine/image/search.ts";
import { UsageError } from "../../errors.ts";
import { defineCommand } from "../words/command.ts";
import { booleanFilter, type Filters, parseFilters } from "../words/filter.ts";
import { type Listing, listArgs, printList } from "../words/list.ts";
import { notice } from "../words/print.ts";
import { tlsArgs } from "../words/tls.ts";

const { quiet: _, ...searchArgs } = listArgs;

export default defineCommand({
  meta: { name: "search", group: "Images", description: "Search a registry for images" },
  args: {
    term: { type: "positional", required: true, description: "Part of a name (Docker Hub); HOST/TERM for another" },
    limit: { type: "string", valueHint: "number", default: "25", description: "At most so many results, up to 100" },
    ...searchArgs,
    ...tlsArgs,
  },
  examples: ["tinydocker search alpine", "tinydocker search --filter is-official=true --limit 5 registry.example/app"],
  run: async ({ term, limit, filter, "no-trunc": full = false, format, "tls-verify": verifyTls }) => {
    const keep = parseFilters(filter, filters);
    const number = /^\d{1,3}$/.test(limit) ? Number(limit) : 0;
    if (number < 1 || number > 100)
      throw new UsageError(`--limit: ${JSON.stringify(limit)} is not a number from 1 to 100`);
    const found = await search(term, number, { verifyTls, notice });
    printList(listing(full), found.filter(keep), { format });
    return 0;
  },
});

const filters: Filters<SearchResult> = {
  "is-official": booleanFilter("is-official", ({ isOfficial }) => isOfficial),
  "is-automated": booleanFilter("is-automated", ({ isAutomated }) => isAutomated),
  stars: (text) => {
    if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--filter: stars=${text} is not a number`);
    return ({ stars }) => stars >= Number(text);
  },
};

const width = 45;

const listing = (full: boolean): Listing<SearchResult> => ({
  type: "search result",
  columns: {
    Name: ["NAME", ({ name }) => name],
    Description: ["DESCRIPTION", ({ description }) => (full ? oneLine(description) : shortened(oneLine(description)))],
    StarCount: ["STARS", ({ stars }) => String(stars)],
    IsOfficial: ["OFFICIAL", ({ isOfficial }) => (isOfficial ? "[OK]" : "")],
    IsAutomated: ["AUTOMATED", ({ isAutomated }) => (isAutomated ? "[OK]" : "")],
  },
  table: ["Name", "Description", "StarCount", "IsOfficial"],
  quiet: "Name",
});

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();
const shortened = (text: string): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);
