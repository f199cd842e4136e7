/** A template that is being read: its tokens one after the other, and the errors that name where it stands. Pure. */

import type { Token, TokenKind } from "./lexer.ts";
import { quote } from "./literal.ts";
import { type Node, type Place, TemplateError } from "./tree.ts";

/** How deep parentheses and blocks may be nested: the rest is somebody who wants to see the stack end. */
const maxDepth = 100;

export interface Parser {
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
  /** Those that were defined until now. */
  templates: Map<string, Node[]>;
}

export const peek = ({ tokens, next }: Parser): Token => tokens[Math.min(next, tokens.length - 1)]!;

export function take(parser: Parser): Token {
  const token = peek(parser);
  parser.next++;
  return token;
}

export function skipSpace(parser: Parser): Token {
  while (peek(parser).kind === "space") parser.next++;
  return peek(parser);
}

export function expect(parser: Parser, kind: TokenKind, context: string): Token {
  skipSpace(parser);
  const token = take(parser);
  return token.kind === kind ? token : unexpected(parser, token, context);
}

export function nested<Result>(parser: Parser, read: () => Result): Result {
  if (++parser.depth > maxDepth) fail(parser, `nested deeper than ${maxDepth} levels`);
  const result = read();
  parser.depth--;
  return result;
}

/** Of what was read since `from`. */
export function placeOf({ text, tokens, next }: Parser, at: number, from = at): Place {
  const last = tokens[next - 1]!;
  return { at, source: text.slice(from, last.at + last.text.length) };
}

export function unexpected(parser: Parser, token: Token, context: string): never {
  if (token.kind === "error") fail(parser, token.text, token.at);
  fail(parser, `unexpected ${shown(token)} in ${context}`, token.at);
}

export function fail(parser: Parser, message: string, at = peek(parser).at): never {
  throw new TemplateError(`:${parser.text.slice(0, at).split("\n").length}: ${message}`);
}

/** A token as Go's messages show it. */
function shown({ kind, text }: Token): string {
  if (kind === "eof") return "EOF";
  if (kind === "keyword" || kind === "dot" || kind === "nil") return `<${text}>`;
  return text.length > 10 ? `${quote(text.slice(0, 10))}...` : quote(text);
}
