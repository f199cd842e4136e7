/** Counts by row and by part of the course (life.ts), and how they are printed. */

import { type Column, columns } from "./life.ts";

export type Matrix = Map<string, Map<Column, number>>;

export function add(matrix: Matrix, row: string, column: Column, amount = 1): void {
  const cells = matrix.get(row) ?? new Map<Column, number>();
  matrix.set(row, cells);
  cells.set(column, (cells.get(column) ?? 0) + amount);
}

export const total = (cells: Map<Column, number>): number => [...cells.values()].reduce((sum, value) => sum + value, 0);

export interface Shown {
  title: string;
  /** What one count is of the unit that the title names, in one run. */
  scale: number;
  digits: number;
  /** Further rows are added up as one. */
  mostRows: number;
  /** A last column: its title, and what it says of a row. */
  last?: [title: string, of: (row: string) => string];
}

/** A table in Markdown, the largest rows first, without the columns in which there is nothing. */
export function print(matrix: Matrix, { title, scale, digits, mostRows, last }: Shown): void {
  const rows = [...matrix].toSorted(([, a], [, b]) => total(b) - total(a));
  const sum = (list: typeof rows): Map<Column, number> => {
    const cells: Matrix = new Map();
    for (const [, values] of list) for (const [column, value] of values) add(cells, "", column, value);
    return cells.get("") ?? new Map();
  };
  const all = sum(rows);
  const used = columns.filter((column) => all.has(column));
  const figure = (value: number) => (value === 0 ? "" : (value * scale).toFixed(digits));
  const line = (name: string, cells: Map<Column, number>, end: string[]) =>
    console.log(
      `| ${[name, ...[total(cells), ...used.map((each) => cells.get(each) ?? 0)].map(figure), ...end].join(" | ")} |`,
    );
  const ends = (text: string) => (last ? [text] : []);
  console.log(`\n| ${[title, "all", ...used, ...ends(last?.[0] ?? "")].join(" | ")} |`);
  console.log(`|---|${"---:|".repeat(used.length + 1 + ends("").length)}`);
  line("all", all, ends(""));
  for (const [name, cells] of rows.slice(0, mostRows)) line(name, cells, ends(last?.[1](name) ?? ""));
  const others = rows.slice(mostRows);
  if (others.length > 0) line(`${others.length} others`, sum(others), ends(""));
}
