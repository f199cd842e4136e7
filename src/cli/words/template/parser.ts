/** Templates as trees, with the errors of Go's text/template/parse. Pure. */

import { lex, type Token } from "./lexer.ts";
import { quote, unquote } from "./literal.ts";
import { parsePipe } from "./pipe.ts";
import { expect, fail, nested, type Parser, placeOf, skipSpace, take, unexpected } from "./reader.ts";
import type { Node, Place, Tree } from "./tree.ts";

/** @param known the names of the functions. @throws TemplateError naming the line */
export function parse(text: string, known: ReadonlySet<string>): Tree {
  const templates = new Map<string, Node[]>();
  const parser: Parser = { text, known, tokens: lex(text), next: 0, depth: 0, ranges: 0, variables: ["$"], templates };
  const { nodes, end } = parseList(parser);
  if (end !== "") fail(parser, `unexpected {{${end}}}`);
  return { nodes, templates };
}

/** Nodes up to the action that ends their block, of which this is the keyword; "" at the end of the text. */
function parseList(parser: Parser): { nodes: Node[]; end: "end" | "else" | "" } {
  const nodes: Node[] = [];
  for (;;) {
    const token = take(parser);
    if (token.kind === "eof") return { nodes, end: "" };
    if (token.kind === "text") nodes.push({ kind: "text", text: token.text });
    else if (token.kind !== "open") unexpected(parser, token, "input");
    else {
      const word = skipSpace(parser);
      if (word.kind === "keyword" && (word.text === "end" || word.text === "else")) {
        parser.next++;
        return { nodes, end: word.text };
      }
      nodes.push(
        word.kind === "keyword"
          ? parseKeyword(parser, take(parser))
          : { kind: "action", pipe: parsePipe(parser, "command", "close") },
      );
    }
  }
}

function parseKeyword(parser: Parser, { text: word, at }: Token): Node {
  if (word === "if" || word === "with" || word === "range") return nested(parser, () => parseBlock(parser, word));
  if (word === "break" || word === "continue") {
    if (parser.ranges === 0) fail(parser, `{{${word}}} outside {{range}}`, at);
    expect(parser, "close", `{{${word}}}`);
    return { kind: word };
  }
  if (word === "define" && parser.depth === 0) {
    define(parser, parseName(parser, "define clause"), "define clause");
    return { kind: "text", text: "" };
  }
  if (word === "template") {
    const name = parseName(parser, "template clause");
    const pipe = skipSpace(parser).kind === "close" ? undefined : parsePipe(parser, "template clause", "close");
    if (!pipe) parser.next++;
    return { kind: "template", name, pipe, ...invocationAt(parser, at) };
  }
  if (word === "block") {
    const name = parseName(parser, "block clause");
    const pipe = parsePipe(parser, "block clause", "close");
    const place = invocationAt(parser, at);
    parser.next--; // the closing braces, which `define` expects
    nested(parser, () => define(parser, name, "block clause"));
    return { kind: "template", name, pipe, ...place };
  }
  fail(parser, `unexpected <${word}> in command`, at);
}

/** As Go names it: with its braces, and where its keyword is. */
function invocationAt(parser: Parser, at: number): Place {
  const { source } = placeOf(parser, at);
  return { at, source: `{{${source}` };
}

function parseName(parser: Parser, context: string): string {
  skipSpace(parser);
  const token = take(parser);
  if (token.kind !== "string") unexpected(parser, token, context);
  return unquote(token.text) ?? fail(parser, "invalid syntax", token.at);
}

/** Reads a list that has a name, in which nothing of what is around it is known. Of two with one name one has to be empty. */
function define(parser: Parser, name: string, context: string): void {
  expect(parser, "close", context);
  const { variables, ranges, templates } = parser;
  Object.assign(parser, { variables: ["$"], ranges: 0 });
  const { nodes, end } = parseList(parser);
  Object.assign(parser, { variables, ranges });
  if (end === "") fail(parser, "unexpected EOF");
  if (end === "else") fail(parser, `unexpected {{else}} in ${context}`);
  expect(parser, "close", "end");
  if (isEmpty(nodes) && templates.has(name)) return;
  if (!isEmpty(templates.get(name) ?? [])) fail(parser, `template: multiple definition of template ${quote(name)}`);
  templates.set(name, nodes);
}

const isEmpty = (nodes: Node[]): boolean => nodes.every((node) => node.kind === "text" && node.text.trim() === "");

function parseBlock(parser: Parser, kind: "if" | "with" | "range"): Node {
  const scope = parser.variables.length;
  const pipe = parsePipe(parser, kind, "close");
  if (kind === "range") parser.ranges++;
  const { nodes: body, end } = parseList(parser);
  if (kind === "range") parser.ranges--;
  if (end === "") fail(parser, "unexpected EOF");
  if (end === "end") expect(parser, "close", "end");
  const otherwise = end === "else" ? parseElse(parser, kind) : [];
  parser.variables.length = scope;
  return { kind, pipe, body, otherwise };
}

/** What follows `{{else`: another condition, which ends both, or the closing braces and a list. */
function parseElse(parser: Parser, kind: string): Node[] {
  const word = skipSpace(parser);
  if (word.kind === "keyword" && word.text === kind && kind !== "range") {
    parser.next++;
    return [nested(parser, () => parseBlock(parser, kind as "if" | "with"))];
  }
  expect(parser, "close", "else");
  const { nodes, end } = parseList(parser);
  if (end === "") fail(parser, "unexpected EOF");
  if (end === "else") fail(parser, "expected end; found {{else}}");
  expect(parser, "close", "end");
  return nodes;
}
