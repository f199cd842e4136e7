/** Templates as trees, with the errors of Go's text/template/parse. Pure. */

import { lex, type Token } from "./lexer.ts";
import { parsePipe } from "./pipe.ts";
import { expect, fail, nested, type Parser, skipSpace, take, unexpected } from "./reader.ts";
import type { Node } from "./tree.ts";

/** @param known the names of the functions. @throws TemplateError naming the line */
export function parse(text: string, known: ReadonlySet<string>): Node[] {
  const parser: Parser = { text, known, tokens: lex(text), next: 0, depth: 0, ranges: 0, variables: ["$"] };
  const { nodes, end } = parseList(parser);
  if (end !== "") fail(parser, `unexpected {{${end}}}`);
  return nodes;
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
  fail(parser, `{{${word}}} is not supported`, at);
}

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
