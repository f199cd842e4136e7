/** The words of a template: what Go's text/template/parse reads one out of. Pure. */

/** What a token is; `error` is the last one, and its text says what is wrong. */
export type TokenKind =
  | "text"
  | "open"
  | "close"
  | "space"
  | "field"
  | "variable"
  | "identifier"
  | "keyword"
  | "string"
  | "number"
  | "character"
  | "dot"
  | "nil"
  | "true"
  | "false"
  | "pipe"
  | "declare"
  | "assign"
  | "("
  | ")"
  | ","
  | "symbol"
  | "eof"
  | "error";

export interface Token {
  kind: TokenKind;
  /** As it stands in the template. */
  text: string;
  /** Where it begins, in UTF-16 units. */
  at: number;
}

const keywords = new Set(["if", "else", "end", "range", "with", "break", "continue", "define", "block", "template"]);
const constants = new Set(["nil", "true", "false"]);

/** Each kind of word inside an action, in the order they are tried; Go's letters are Unicode's. */
const patterns: [TokenKind, RegExp][] = [
  ["space", /[ \t\r\n]+/y],
  ["declare", /:=/y],
  ["assign", /=/y],
  ["pipe", /\|/y],
  ["(", /\(/y],
  [")", /\)/y],
  [",", /,/y],
  ["string", /"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`/y],
  ["character", /'(?:[^'\\\n]|\\[^\n])+'/y],
  ["number", /[+-]?(?:\d|\.\d)(?:[eEpP][+-]|[\w.])*|[+-]/y],
  ["field", /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ["dot", /\./y],
  ["variable", /\$[\p{L}\p{Nd}_]*/uy],
  ["identifier", /[\p{L}_][\p{L}\p{Nd}_]*/uy],
];

/** What may come right after a word: anything else there is a mistake. */
const terminators = /[ \t\r\n.,|:()=}]|$/y;
const terminated: TokenKind[] = ["field", "dot", "variable", "identifier"];

/**
 * Splits a template into tokens, to the end or to the first error. `{{- ` and ` -}}` trim the white space of the text
 * beside them; `{{/* comments *\/}}` vanish.
 */
export function lex(template: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimmed = false;
  while (at < template.length) {
    const opening = template.indexOf("{{", at);
    const end = opening < 0 ? template.length : opening;
    const trimsText = opening >= 0 && /^\{\{-[ \t\r\n]/.test(template.slice(opening, opening + 4));
    const start = trimmed ? end - template.slice(at, end).trimStart().length : at;
    const text = trimsText ? template.slice(start, end).trimEnd() : template.slice(start, end);
    if (text !== "") tokens.push({ kind: "text", text, at: start });
    if (opening < 0) break;
    const inside = opening + (trimsText ? 3 : 2);
    const action = lexComment(template, opening, inside) ?? lexAction(template, opening, inside);
    tokens.push(...action.tokens);
    if (action.tokens.at(-1)?.kind === "error") return tokens;
    ({ end: at, trimmed } = action);
  }
  return [...tokens, { kind: "eof", text: "", at: template.length }];
}

interface Action {
  tokens: Token[];
  end: number;
  /** It ended in ` -}}`. */
  trimmed: boolean;
}

function lexComment(template: string, opening: number, inside: number): Action | undefined {
  const start = /[ \t\r\n]*\/\*/y;
  start.lastIndex = inside;
  // Only a trim marker may stand before a comment.
  const found = inside - opening === 3 ? start.test(template) : template.startsWith("/*", inside);
  if (!found) return undefined;
  const close = template.indexOf("*/", inside);
  if (close < 0) return failing("unclosed comment", opening);
  const rest = /(?:[ \t\r\n]-)?\}\}/y;
  rest.lastIndex = close + 2;
  const [delimiter] = rest.exec(template) ?? [];
  if (delimiter === undefined) return failing("comment ends before closing delimiter", opening);
  return { tokens: [], end: rest.lastIndex, trimmed: delimiter.length > 2 };
}

const failing = (text: string, at: number): Action => ({
  tokens: [{ kind: "error", text, at }],
  end: at,
  trimmed: false,
});

function lexAction(template: string, opening: number, inside: number): Action {
  const tokens: Token[] = [{ kind: "open", text: "{{", at: opening }];
  let at = inside;
  let parentheses = 0;
  const fail = (text: string): Action => ({
    tokens: [...tokens, { kind: "error", text, at }],
    end: at,
    trimmed: false,
  });
  for (;;) {
    const trimmed = /^[ \t\r\n]-\}\}/.test(template.slice(at, at + 4));
    if (trimmed || template.startsWith("}}", at)) {
      if (parentheses > 0) return fail("unclosed left paren");
      const end = at + (trimmed ? 4 : 2);
      return { tokens: [...tokens, { kind: "close", text: "}}", at }], end, trimmed };
    }
    const token = nextToken(template, at);
    if (typeof token === "string") return fail(token);
    parentheses += token.kind === "(" ? 1 : token.kind === ")" ? -1 : 0;
    if (parentheses < 0) return fail("unexpected right paren");
    tokens.push(token);
    at += token.text.length;
  }
}

/** The next word of an action, or what is wrong with it. */
function nextToken(template: string, at: number): Token | string {
  const first = template[at];
  if (first === undefined) return "unclosed action";
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const text = kind === "space" ? spaceBeforeEnd(template, at) : pattern.exec(template)?.[0];
    if (text === undefined) continue;
    terminators.lastIndex = at + text.length;
    if (terminated.includes(kind) && !terminators.test(template)) return badCharacter(template, at + text.length);
    if (kind !== "identifier") return { kind, text, at };
    if (constants.has(text)) return { kind: text as TokenKind, text, at };
    return { kind: keywords.has(text) ? "keyword" : "identifier", text, at };
  }
  if (first === '"') return "unterminated quoted string";
  if (first === "`") return "unterminated raw quoted string";
  if (first === "'") return "unterminated character constant";
  if (first === ":") return "expected :=";
  if (first > " " && first <= "~") return { kind: "symbol", text: first, at };
  return badCharacter(template, at);
}

/** White space, without the blank that belongs to a closing ` -}}`. */
function spaceBeforeEnd(template: string, at: number): string | undefined {
  const space = /[ \t\r\n]+/y;
  space.lastIndex = at;
  const [text] = space.exec(template) ?? [];
  return text !== undefined && text.length > 1 && template.startsWith("-}}", at + text.length)
    ? text.slice(0, -1)
    : text;
}

function badCharacter(template: string, at: number): string {
  const code = template.codePointAt(at) ?? 0;
  const shown = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return `bad character ${shown}${code >= 0x20 && code < 0x7f ? ` '${String.fromCodePoint(code)}'` : ""}`;
}
