/** `${name}` and what can stand behind the name: `:-word`, `:+word`, `:?word`, `#pattern`, `%pattern`, `/pattern/word`. Pure. */

import { UsageError } from "../../errors.ts";

export interface Lexing {
  /** Names what is read in errors: `--change: ENV`. */
  where: string;
  escapeSign: "\\" | "`";
  variable(name: string): string | undefined;
}

/** What stands at a place of a text means, and where it goes on behind it. */
export interface Piece {
  value: string;
  next: number;
}

type Expand = (text: string, lexing: Lexing) => string;

/** Nobody writes more, and each level is a call. */
const maxNesting = 32;

/** @param at of the dollar sign. @param expand reads what stands behind the name. */
export function expandBraces(text: string, at: number, lexing: Lexing, expand: Expand): Piece {
  const end = findEnd(text, at + 2, lexing);
  const inside = text.slice(at + 2, end);
  const [whole = "", name = ""] = /^([A-Za-z_][A-Za-z0-9_]*|\d+)/.exec(inside) ?? [];
  if (name === "") throw new UsageError(`${lexing.where} ${text}: \${${inside}} has no name of a variable`);
  const rest = inside.slice(whole.length);
  const value = rest === "" ? (lexing.variable(name) ?? "") : modify(name, rest, lexing, expand);
  return { value, next: end + 1 };
}

/** Of the brace that belongs to one before `from`. */
function findEnd(text: string, from: number, { where, escapeSign }: Lexing): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === escapeSign) at++;
    else if (text[at] === "{" && text[at - 1] === "$") {
      if (++depth > maxNesting) throw new UsageError(`${where}: variables in variables, more than ${maxNesting} deep`);
    } else if (text[at] === "}" && --depth === 0) return at;
  }
  throw new UsageError(`${where} ${text} has a \${ without its }`);
}

function modify(name: string, rest: string, lexing: Lexing, expand: Expand): string {
  const value = lexing.variable(name);
  const [, colon = "", sign = "", word = ""] = /^(:?)([-+?])(.*)$/s.exec(rest) ?? [];
  if (sign !== "") {
    const isThere = value !== undefined && (colon === "" || value !== "");
    if (sign === "-") return isThere ? value : expand(word, lexing);
    if (sign === "+") return isThere ? expand(word, lexing) : "";
    if (isThere) return value;
    throw new UsageError(`${lexing.where}: ${name}: ${expand(word, lexing) || "it is not set"}`);
  }
  const [, cut, pattern = ""] = /^(##?|%%?)(.*)$/s.exec(rest) ?? [];
  if (cut !== undefined) return trim(value ?? "", cut, toPattern(expand(pattern, lexing)));
  const [, every, old, by = ""] = /^\/(\/?)((?:\\.|[^\\/])+)(?:\/(.*))?$/s.exec(rest) ?? [];
  if (old !== undefined) {
    const search = new RegExp(toPattern(expand(old.replaceAll("\\/", "/"), lexing)), every ? "gs" : "s");
    const replacement = expand(by, lexing);
    return (value ?? "").replace(search, () => replacement);
  }
  throw new UsageError(
    `${lexing.where}: \${${name}${rest}} is not supported`,
    `as in \${NAME:-word} or \${NAME:+word}`,
  );
}

/** The shortest or, with the sign twice, the longest beginning or end that fits a pattern goes. */
function trim(value: string, cut: string, pattern: string): string {
  const whole = new RegExp(`^(?:${pattern})$`, "s");
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
  const fromStart = cut.startsWith("#");
  for (const length of cut.length === 2 ? lengths.reverse() : lengths) {
    const part = fromStart ? value.slice(0, length) : value.slice(value.length - length);
    if (whole.test(part)) return fromStart ? value.slice(length) : value.slice(0, value.length - length);
  }
  return value;
}

/** A shell's pattern as a regular expression: `*` and `?` are special, everything else is itself. */
const toPattern = (text: string): string =>
  text
    .replace(/\*+/g, "*")
    .replace(/[^A-Za-z0-9\s]/g, (char) => (char === "*" ? "[^]*" : char === "?" ? "[^]" : `\\${char}`));
