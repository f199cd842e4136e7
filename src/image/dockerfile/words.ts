/**
 * Words of a Dockerfile: quotes, escapes and variables, as Docker's own small shell reads them. Pure.
 * @see https://docs.docker.com/reference/dockerfile/#environment-replacement
 */

import { UsageError } from "../../errors.ts";
import { expandBraces, type Lexing, type Piece } from "./substitution.ts";

/** One word: quotes are taken off, variables replaced. */
export const expandWord = (text: string, lexing: Lexing): string => lex(text, lexing).word;

/** The words of a text. What a variable brings in is split, too, unless it stands in quotes. */
export const expandWords = (text: string, lexing: Lexing): string[] => lex(text, lexing).words;

/** Splits at spaces outside quotes, and takes nothing off. */
export function splitWords(text: string, { where, escapeSign }: Pick<Lexing, "where" | "escapeSign">): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) found.push(word);
      word = undefined;
      continue;
    }
    word = (word ?? "") + char;
    if (char === escapeSign && quote !== "'" && at + 1 < text.length) word += text[++at];
    else if (quote === char) quote = "";
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
  }
  if (quote !== "") throw new UsageError(`${where} ${text} has a quote without its end`);
  if (word !== undefined) found.push(word);
  return found;
}

function lex(text: string, lexing: Lexing): { word: string; words: string[] } {
  const words: string[] = [];
  let word = "";
  let part: string | undefined;
  const keep = (piece: string) => {
    word += piece;
    part = (part ?? "") + piece;
  };
  const spread = (piece: string) => {
    word += piece;
    for (const char of piece) {
      if (!/\s/.test(char)) part = (part ?? "") + char;
      else if (part !== undefined) {
        words.push(part);
        part = undefined;
      }
    }
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at]!;
    const reader = char === "'" ? readSingle : char === '"' ? readDouble : undefined;
    if (reader) {
      const { value, next } = reader(text, at, lexing);
      keep(value);
      at = next;
    } else if (char === "$") {
      const { value, next } = readVariable(text, at, lexing);
      spread(value);
      at = next;
    } else if (char === lexing.escapeSign) {
      if (at + 1 < text.length) keep(text[at + 1]!);
      at += 2;
    } else {
      spread(char);
      at++;
    }
  }
  if (part !== undefined) words.push(part);
  return { word, words };
}

function readSingle(text: string, at: number, { where }: Lexing): Piece {
  const end = text.indexOf("'", at + 1);
  if (end === -1) throw new UsageError(`${where} ${text} has a quote without its end`);
  return { value: text.slice(at + 1, end), next: end + 1 };
}

/** Within, only a quote, a dollar sign and the escape itself can be escaped. */
function readDouble(text: string, start: number, lexing: Lexing): Piece {
  let value = "";
  for (let at = start + 1; at < text.length; ) {
    const char = text[at]!;
    const next = text[at + 1] ?? "";
    if (char === '"') return { value, next: at + 1 };
    if (char === "$") {
      const piece = readVariable(text, at, lexing);
      value += piece.value;
      at = piece.next;
    } else if (char === lexing.escapeSign && (next === '"' || next === "$" || next === lexing.escapeSign)) {
      value += next;
      at += 2;
    } else {
      value += char;
      at++;
    }
  }
  throw new UsageError(`${lexing.where} ${text} has a quote without its end`);
}

/** `$name`, or `${...}`; a dollar sign before anything else is one. One that is not set is empty. */
function readVariable(text: string, at: number, lexing: Lexing): Piece {
  if (text[at + 1] === "{") return expandBraces(text, at, lexing, expandWord);
  const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|\d+)/.exec(text.slice(at + 1, at + 300))?.[0];
  if (name === undefined) return { value: "$", next: at + 1 };
  return { value: lexing.variable(name) ?? "", next: at + 1 + name.length };
}
