/**
 * Lists: `ps`, `images` and the like as a table, by `--format`, or as ids.
 *
 * A command says once what its columns are (`Listing`), takes the options `listArgs`, and calls `printList`. Templates see a
 * row as its columns (`{{.Repository}}`) and methods (`{{.Label "name"}}`), and `json` prints all columns.
 */

import { InvalidError } from "../../errors.ts";
import { isatty } from "../../linux/tty.ts";
import type { Arguments } from "./command.ts";
import { harmless, plain, printLine, printStyled, warn } from "./print.ts";
import { headingFunctions } from "./template/functions.ts";
import { TemplateError } from "./template/tree.ts";
import { compile } from "./template.ts";

/** What can be said of an object, and how the table says it. */
export interface Listing<Row> {
  /** What a row is, in errors: `image`. */
  type: string;
  /** By the name templates use: the heading in tables, and what stands below it. */
  columns: Record<string, [heading: string, cell: (row: Row) => string]>;
  /** Columns with an argument: `{{.Label "name"}}`. */
  methods?: Record<string, (row: Row, name: string) => string>;
  /** The columns of the table when nothing else is asked for. */
  table: string[];
  /** The column that `-q` prints; each value once. */
  quiet: string;
}

/** The options every list has. */
export const listArgs = {
  format: {
    type: "string",
    valueHint: "template",
    description: "Output format: table, 'table TEMPLATE', json, or a Go template",
  },
  "no-trunc": { type: "boolean", description: "Do not truncate output" },
  quiet: { type: "boolean", alias: "q", description: "Print only ids" },
  filter: {
    type: "string",
    alias: "f",
    multiple: true,
    empty: "none",
    valueHint: "key=value",
    description: "List only what matches, such as name=web or label=test",
  },
} as const satisfies Arguments;

/**
 * Prints rows by `--format` (a template, `table`, `table TEMPLATE` or `json`) or `-q`; without either as the usual table.
 * @throws TemplateError also when there is no row, if a field of the template does not exist
 */
export function printList<Row>(
  listing: Listing<Row>,
  rows: Row[],
  { format = "", quiet = false }: { format?: string | undefined; quiet?: boolean | undefined },
): void {
  if (quiet) {
    if (format !== "") warn("--format is ignored, because of --quiet");
    const [, cell] = listing.columns[listing.quiet]!;
    for (const id of new Set(rows.map(cell))) printLine(id);
    return;
  }
  // Cleaned already, but for the template's own words.
  const text = renderList(listing, rows, format);
  if (text !== "") printStyled(text.replace(/\n$/, ""));
}

/** The same as text. */
export function renderList<Row>(listing: Listing<Row>, rows: Row[], format = ""): string {
  const { template, table } = parseFormat(format, listing);
  if (table && template === usualTemplate(listing)) return usualTable(listing, rows);
  const render = compile(template);
  const head = () => render(headingsOf(listing), { type: listing.type, functions: headingFunctions });
  const headings = table ? [head()] : [];
  if (!table && rows.length === 0) checkFields(head);
  // In a table a stranger's tab or line feed would make cells and rows of its own.
  const cleaned = table || isatty(1);
  const show = { type: listing.type, ...(cleaned && !table && { show: harmless }) };
  const lines = rows.map((row) => render(fieldsOf(listing, row, table ? plain : String), show));
  const text = [...headings, ...lines].map((line) => `${line}\n`).join("");
  return table ? alignColumns(text) : text;
}

/** A field that does not exist is a mistake also where there is no row. What else the headings are not good for, rows may be. */
function checkFields(head: () => string): void {
  try {
    head();
  } catch (error) {
    if (error instanceof TemplateError && error.message.includes("can't evaluate field")) throw error;
  }
}

/** What that template makes, a good deal faster: there may be many rows. */
function usualTable<Row>({ columns, table }: Listing<Row>, rows: Row[]): string {
  const shownColumns = table.map((name) => columns[name]!);
  const headings = shownColumns.map(([heading]) => heading);
  const lines = rows.map((row) => shownColumns.map(([, cell]) => plain(cell(row))));
  return alignColumns([headings, ...lines].map((cells) => `${cells.join("\t")}\n`).join(""));
}

/** In a shell's quotes "\t" is two characters, and Docker takes them for one. */
function parseFormat<Row>(format: string, listing: Listing<Row>): { template: string; table: boolean } {
  const text = format.trim().replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  if (text === "json") return { template: "{{json .}}", table: false };
  if (!/^table(\s|$|\{)/.test(text) && text !== "") return { template: text, table: false };
  const template = text.slice("table".length).trim();
  return { template: template || usualTemplate(listing), table: true };
}

const usualTemplate = <Row>({ table }: Listing<Row>): string => table.map((name) => `{{.${name}}}`).join("\t");

function headingsOf<Row>({ columns, methods = {} }: Listing<Row>): Record<string, unknown> {
  const headings: [string, unknown][] = Object.entries(columns).map(([name, [heading]]) => [name, heading]);
  // As Docker: the last word of a label's name.
  const last = (name: unknown) => String(name).split(".").at(-1)!.replace(/[-_]/g, " ");
  return Object.fromEntries([...headings, ...Object.keys(methods).map((name) => [name, last])]);
}

type Labels = Record<string, string>;

/** All labels in one cell: `a=1,b=2`. */
export const labelsText = (labels: Labels): string =>
  Object.entries(labels)
    .map((label) => label.join("="))
    .join(",");

/** `{{.Label "name"}}`: empty where there is none. */
export const labelOf = (labels: Labels, name: string): string => (Object.hasOwn(labels, name) ? labels[name]! : "");

/** Columns of one kind of row for another that has such a row in it. */
export const columnsFor = <Row, Other>(
  columns: Listing<Row>["columns"],
  rowOf: (other: Other) => Row,
): Listing<Other>["columns"] =>
  Object.fromEntries(
    Object.entries(columns).map(([name, [heading, cell]]) => [name, [heading, (other) => cell(rowOf(other))]]),
  );

/** A row as a template sees it: cells are worked out when they are asked for; json has them by name. */
export function fieldsOf<Row>(
  { columns, methods = {} }: Listing<Row>,
  row: Row,
  clean: (text: string) => string = String,
): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const name of Object.keys(columns).sort()) fields[name] = () => clean(columns[name]![1](row));
  for (const name in methods) {
    fields[name] = (argument: unknown) => {
      if (typeof argument !== "string")
        throw new InvalidError(`.${name} takes a name in quotes`, `{{.${name} "name"}}`);
      return clean(methods[name]!(row, argument));
    };
  }
  return fields;
}

const leastWidth = 10;
const gap = 3;

/**
 * Text with tabs as columns, as Go's tabwriter: a column is as wide as the widest cell of the lines below one another
 * that have it, ten at least. What comes after the last tab of a line is in no column.
 */
export function alignColumns(text: string): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const columns = Math.max(...lines.map((cells) => cells.length)) - 1;
  for (let column = 0; column < columns; column++) {
    for (let first = 0; first < lines.length; first++) {
      const rest = lines.slice(first);
      const end = rest.findIndex((cells) => cells.length <= column + 1);
      const block = end < 0 ? rest : rest.slice(0, end);
      const widths = block.map((cells) => widthOf(cells[column]!));
      const width = Math.max(leastWidth, ...widths.map((each) => each + gap));
      block.forEach((cells, index) => {
        cells[column] += " ".repeat(width - widths[index]!);
      });
      first += block.length;
    }
  }
  return lines.map((cells) => cells.join("").trimEnd()).join("\n");
}

const widthOf = (text: string): number => [...text].length;
