/** What the prune commands have in common: which labels they go by, and what they say in the end. */

import { type Filters, labelFilter, parseFilters } from "./filter.ts";
import { humanSize, printLine } from "./print.ts";
import { parseTime } from "./time.ts";

export const pruneArgs = {
  force: { type: "boolean", alias: "f", description: "Do not ask for confirmation" },
  filter: {
    type: "string",
    multiple: true,
    empty: "none",
    valueHint: "label=value",
    description: "Remove only what matches: label=, label!=",
  },
} as const;

/** As `pruneArgs`, of things that go by when they were made, too. */
export const datedPruneArgs = {
  force: pruneArgs.force,
  filter: {
    ...pruneArgs.filter,
    valueHint: "key=value",
    description: "Remove only what matches: label=, label!=, until= (created before a time, or that long ago)",
  },
} as const;

/** `--filter until=24h`: what was made before a time, or that long ago. */
export const untilFilter: Filters<{ created: string }> = {
  until: (text) => {
    const ms = parseTime("--filter until", text, Date.now());
    return ({ created }) => Date.parse(created) < ms;
  },
};

interface Labelled {
  labels: Record<string, string> | undefined;
}

/** What `--filter label=...` and `label!=...` choose. */
export function parsePruneFilter<Row extends Labelled>(
  words: string[],
  more: Filters<Row> = {},
): (object: Row) => boolean {
  const withLabel = labelFilter<Row>(({ labels }) => labels);
  const without: Filters<Row>[string] = (text) => {
    const has = withLabel(text);
    return (object) => !has(object);
  };
  return parseFilters(words, { label: withLabel, "label!": without, ...more });
}

/** A list under its heading, if there is anything in it. */
export function printRemoved(heading: string, names: string[]): void {
  if (names.length > 0) printLine([heading, ...names, ""].join("\n"));
}

export const printReclaimed = (bytes: number): void => printLine(`Total reclaimed space: ${humanSize(bytes)}`);
