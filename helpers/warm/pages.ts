/** Which pages every command touches, as warm.c is told: measured (measure.ts) and kept in pages.json. */

/** First page and how many. */
export type Pages = [page: number, pages: number];

export interface Mapping {
  /** By which it is known. */
  bytes: number;
  /** Pages count from the first address that is a multiple of it. */
  alignment: number;
  /** That commands touch. */
  pages: Pages[];
  /** Numbers of the parts, as large as a huge page, that they fill to a third and more; and of the others, as far as they fill any to an eighth. */
  dense: number[];
  sparse: number[];
}

export interface WarmPages {
  /** The version of Bun that they were measured with: in another one they lie elsewhere. */
  bun: string;
  /** Of the file, by address. */
  read: Pages[];
  written: Pages[];
  /** In the order in which they are made. */
  mappings: Mapping[];
}

export const pagesOfHugePage = 512;

/** The numbers in one part, and those that lie in none. */
export function among(pages: Pages[], blocks: number[]): Pages[] {
  return pages.filter(([page]) => blocks.includes(Math.floor(page / pagesOfHugePage)));
}

/** As ranges, a few pages that nobody needs included: each range is a call. @param gap so many at most between two. */
export function rangesOf(pages: Iterable<number>, gap: number): Pages[] {
  const ranges: Pages[] = [];
  for (const page of [...pages].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    // None reaches from one huge page into the next.
    const isNear = last && page - (last[0] + last[1]) <= gap && page % pagesOfHugePage !== 0;
    if (isNear) last[1] = page - last[0] + 1;
    else ranges.push([page, 1]);
  }
  return ranges;
}
