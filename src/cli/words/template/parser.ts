/** Templates as trees, with the errors of Go's text/template/parse. Pure. */

import { lex, type Token, type TokenKind } from "./lexer.ts";
import { characterCode, parseNumber, quote, unquote } from "./literal.ts";
import { type Command, type Node, type Operand, type Pipe, type Place, TemplateError } from "./tree.ts";

/** How deep parentheses and blocks may be nested: the rest is somebody who wants to see the stack end. */
const maxDepth = 100;

/** @param known the names of the functions. @throws TemplateError naming the line */
export function parse(text: string, known: ReadonlySet<string>): Node[] {
  const parser: Parser = { text, known, tokens: lex(text), next: 0, depth: 0, ranges: 0, variables: ["$"] };
  const { nodes, end } = parseList(parser);
  if (end !== "") fail(parser, `unexpected {{${end}}}`);
  return nodes;
}

interface Parser {
  text: string;
  known: ReadonlySet<string>;
  /** The last one is the end or an error, and is read as often as asked for. */
  tokens: Token[];
  /** Index in `tokens`. */
  next: number;
  /** Parentheses and blocks that are open. */
  depth: number;
  /** Ranges whose body is being read. */
  ranges: number;
  /** Those in scope. */
  variables: string[];
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

function parsePipe(parser: Parser, context: string, end: "close" | ")"): Pipe {
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

const peek = ({ tokens, next }: Parser): Token => tokens[Math.min(next, tokens.length - 1)]!;

function take(parser: Parser): Token {
  const token = peek(parser);
  parser.next++;
  return token;
}

function skipSpace(parser: Parser): Token {
  while (peek(parser).kind === "space") parser.next++;
  return peek(parser);
}

function expect(parser: Parser, kind: TokenKind, context: string): Token {
  skipSpace(parser);
  const token = take(parser);
  return token.kind === kind ? token : unexpected(parser, token, context);
}

function nested<Result>(parser: Parser, read: () => Result): Result {
  if (++parser.depth > maxDepth) fail(parser, `nested deeper than ${maxDepth} levels`);
  const result = read();
  parser.depth--;
  return result;
}

/** Of what was read since `from`. */
function placeOf({ text, tokens, next }: Parser, at: number, from = at): Place {
  const last = tokens[next - 1]!;
  return { at, source: text.slice(from, last.at + last.text.length) };
}

function unexpected(parser: Parser, token: Token, context: string): never {
  if (token.kind === "error") fail(parser, token.text, token.at);
  fail(parser, `unexpected ${shown(token)} in ${context}`, token.at);
}

function fail(parser: Parser, message: string, at = peek(parser).at): never {
  throw new TemplateError(`:${parser.text.slice(0, at).split("\n").length}: ${message}`);
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

/** A token as Go's messages show it. */
function shown({ kind, text }: Token): string {
  if (kind === "eof") return "EOF";
  if (kind === "keyword" || kind === "dot" || kind === "nil") return `<${text}>`;
  return text.length > 10 ? `${quote(text.slice(0, 10))}...` : quote(text);
}
