/**
 * Templates for `--format`: the part of Go's text/template that Docker documents, with Docker's functions and messages.
 * template/ has the tokens (lexer), the tree (parser), what it means (execute), and what can be called (functions). Pure.
 */

import type { ExecuteOptions } from "./template/evaluate.ts";
import { execute } from "./template/execute.ts";
import { functionNames } from "./template/functions.ts";
import { parse } from "./template/parser.ts";
import type { Value } from "./template/value.ts";

/** A template that was read and can be applied to any number of values. */
export type Template = (data: Value, options: ExecuteOptions) => string;

/**
 * Reads a template once.
 *
 *     compile("{{.ID}}\t{{json .Labels}}")({ ID: "4f2", Labels: new Map([["a", "1"]]) }, { type: "image" })
 *
 * Data: a plain object is a struct (a field that is missing is an error), a Map is a map (a key that is missing is
 * `<no value>`), a function is a field that is worked out when asked for, or with a parameter a method (`.Label "name"`).
 * @throws TemplateError `template parsing error: template: :1: function "foo" not defined`
 */
export function compile(text: string): Template {
  const tree = parse(text, functionNames);
  return (data, options) => execute(tree, text, data, options);
}
