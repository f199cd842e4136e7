/** What `inspect` prints: objects as a list in JSON, or each by `--format`. */

import { NotFoundError } from "../../errors.ts";
import { isatty } from "../../linux/tty.ts";
import type { Arguments } from "./command.ts";

import { harmless, printLine, printStyled } from "./print.ts";
import { type Struct, toJson } from "./template/value.ts";
import { compile } from "./template.ts";

/** The options every `inspect` has. */
export const inspectArgs = {
  format: {
    type: "string",
    alias: "f",
    valueHint: "template",
    description: "Output format: json or a Go template",
  },
} as const satisfies Arguments;

/**
 * Prints what `find` knows of each name, also when others are unknown, as Docker does; those are an error in the end.
 * In an object a record whose keys are data (labels, ports) has to be a Map: asking a template for a key that it does not
 * have is `<no value>` then, and for a field that no such object has an error (template.ts).
 */
export function printObjects(
  type: string,
  names: string[],
  find: (name: string) => Struct | undefined,
  format = "",
): void {
  const render = format === "" || format === "json" ? undefined : compile(format);
  const found = names.map((name) => ({ name, object: find(name) }));
  const objects = found.flatMap(({ object }) => object ?? []);
  if (!render) printLine(toJson(objects, format === "json" ? "" : "    "));
  else for (const object of objects) printStyled(render(object, { type, ...(isatty(1) && { show: harmless }) }));
  const missing = found.filter(({ object }) => !object).map(({ name }) => name);
  if (missing.length > 0) throw new NotFoundError(`no such ${type}: ${missing.join(", ")}`, hintFor(type));
}

/** Prints the one object that there is. */
export function printByFormat(type: string, object: Struct, format: string): void {
  const render = format === "json" ? undefined : compile(format);
  if (!render) printLine(toJson(object, ""));
  else printStyled(render(object, { type, ...(isatty(1) && { show: harmless }) }));
}

const hintFor = (type: string): string =>
  type === "object"
    ? "tinydocker ps -a, images and volume ls list what there is"
    : `tinydocker ${type} ls lists what there is`;
