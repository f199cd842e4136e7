/** What stands in an action of a template: a pipe of commands, of operands, of values. Pure. */

import type { Token, TokenKind } from "./lexer.ts";
import { characterCode, parseNumber, quote, unquote } from "./literal.ts";
import { fail, nested, type Parser, peek, placeOf, skipSpace, take, unexpected } from "./reader.ts";
import type { Command, Operand, Pipe } from "./tree.ts";

export function parsePipe(parser: Parser, context: string, end: "close" | ")"): Pipe {
  const start = skipSpace(parser).at;
  const { names, declares } = parseVariables(parser, context);
  const commands: Command[] = [];
  for (;;) {
    const token = skipSpace(parser);
    if (token.kind === end) break;
    if (!startsOperand.has(token.kind)) unexpected(parser, token, context);
    commands.push(parseCommand(parser));
  }
  if (commands.length === 0) fail(parser, `missing value for ${context}`);
  // Only the first command may be a value: later ones take the result of those before.
  const odd = commands.slice(1).findIndex(({ operands }) => ["literal", "nil", "dot"].includes(operands[0]!.kind));
  if (odd >= 0) fail(parser, `non executable command in pipeline stage ${odd + 2}`);
  const pipe = { ...placeOf(parser, start), variables: names, declares, commands };
  parser.next++; // the end
  parser.variables.push(...(declares ? names : []));
  return pipe;
}

/** `$x :=`, `$x =`, and of a range `$index, $element :=`. */
function parseVariables(parser: Parser, context: string): { names: string[]; declares: boolean } {
  const start = parser.next;
  const names: string[] = [];
  while (skipSpace(parser).kind === "variable") {
    names.push(take(parser).text);
    const sign = skipSpace(parser);
    if (sign.kind === "declare" || sign.kind === "assign") {
      parser.next++;
      const undefinedOne = names.find((name) => sign.kind === "assign" && !parser.variables.includes(name));
      if (undefinedOne) fail(parser, `undefined variable ${quote(undefinedOne)}`);
      return { names, declares: sign.kind === "declare" };
    }
    if (sign.kind !== ",") break;
    if (context !== "range" || names.length > 1) fail(parser, `too many declarations in ${context}`);
    parser.next++;
  }
  parser.next = start;
  return { names: [], declares: false };
}

function parseCommand(parser: Parser): Command {
  const start = peek(parser).at;
  const operands: Operand[] = [];
  for (;;) {
    skipSpace(parser);
    if (!startsOperand.has(peek(parser).kind)) break;
    operands.push(parseOperand(parser));
    if (peek(parser).kind !== "space") break;
  }
  const command = { ...placeOf(parser, start), operands };
  command.source = command.source.trimEnd();
  const token = skipSpace(parser);
  if (token.kind === "pipe") parser.next++;
  else if (token.kind !== "close" && token.kind !== ")") unexpected(parser, token, "operand");
  return command;
}

function parseOperand(parser: Parser): Operand {
  const start = peek(parser).at;
  const first = parseTerm(parser);
  const at = peek(parser).at;
  const names: string[] = [];
  while (peek(parser).kind === "field") names.push(take(parser).text.slice(1));
  if (names.length === 0) return first;
  const place = placeOf(parser, at, start);
  if (first.kind === "field") return { kind: "field", names: [...first.names, ...names], ...place };
  if (first.kind === "variable") return { ...first, names: [...first.names, ...names], ...place };
  if (first.kind === "literal" || first.kind === "nil" || first.kind === "dot")
    fail(parser, `unexpected . after term ${quote(first.source)}`, start);
  return { kind: "chain", of: first, names, ...place };
}

function parseTerm(parser: Parser): Operand {
  const token = take(parser);
  const { kind, text: word, at } = token;
  if (kind === "(") {
    const pipe = nested(parser, () => parsePipe(parser, "parenthesized pipeline", ")"));
    return { kind: "pipe", pipe, ...placeOf(parser, at) };
  }
  const place = placeOf(parser, at);
  if (kind === "identifier") {
    if (!parser.known.has(word)) fail(parser, `function ${quote(word)} not defined`, at);
    return { kind: "function", name: word, ...place };
  }
  if (kind === "variable") {
    if (!parser.variables.includes(word)) fail(parser, `undefined variable ${quote(word)}`, at);
    return { kind, name: word, names: [], ...place };
  }
  if (kind === "field") return { kind, names: [word.slice(1)], ...place };
  if (kind === "dot" || kind === "nil") return { kind, ...place };
  return { kind: "literal", value: parseLiteral(parser, token), ...place };
}

function parseLiteral(parser: Parser, { kind, text: word, at }: Token): string | number | boolean {
  if (kind === "true" || kind === "false") return kind === "true";
  if (kind === "string") return unquote(word) ?? fail(parser, "invalid syntax", at);
  if (kind === "character") return characterCode(word) ?? fail(parser, `malformed character constant: ${word}`, at);
  return parseNumber(word) ?? fail(parser, `${/\d/.test(word) ? "bad" : "illegal"} number syntax: ${quote(word)}`, at);
}

const startsOperand = new Set<TokenKind>([
  "(",
  "character",
  "dot",
  "false",
  "field",
  "identifier",
  "nil",
  "number",
  "string",
  "true",
  "variable",
]);
