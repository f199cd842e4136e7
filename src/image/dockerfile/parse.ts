/**
 * The text of a Dockerfile as instructions: comments left out, continued lines joined, flags apart. What an instruction means
 * is for others. Pure.
 * @see https://docs.docker.com/reference/dockerfile/#format
 */

import { UsageError } from "../../errors.ts";

export interface Instruction {
  /** In capitals: `ENV`. */
  name: string;
  /** `--interval=5s` in front of the rest; the value of one without `=` is empty. */
  flags: [name: string, value: string][];
  /** What follows, in one line. */
  rest: string;
  /** The line it begins on, from 1. */
  line: number;
}

export interface ParsedText {
  instructions: Instruction[];
  /** What takes away the meaning of the next character. */
  escapeSign: "\\" | "`";
}

/** @param where names the text in errors: `--change`. @throws UsageError */
export function parseInstructions(text: string, where: string): ParsedText {
  if (text.includes("\0")) throw new UsageError(`${where}: there is a NUL in it`);
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const escapeSign = escapeOf(lines, where);
  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length; ) {
    const first = at;
    const joined = joinLines(lines, at, escapeSign);
    at = joined.next;
    if (joined.text.trim() !== "") instructions.push(parseInstruction(joined.text.trim(), first + 1));
  }
  return { instructions, escapeSign };
}

/** `# escape=X`: a directive, which counts only before everything else. */
function escapeOf(lines: string[], where: string): ParsedText["escapeSign"] {
  for (const line of lines) {
    const [, name, value = ""] = /^\s*#\s*([a-z]+)\s*=\s*(.*?)\s*$/i.exec(line) ?? [];
    if (name === undefined) break;
    if (name.toLowerCase() !== "escape") continue;
    if (value === "\\" || value === "`") return value;
    throw new UsageError(`${where}: escape=${value} is not supported`, "escape=\\ or escape=`");
  }
  return "\\";
}

const isComment = (line: string): boolean => /^\s*#/.test(line);

/** One instruction's lines: in between, comments and empty lines are left out. */
function joinLines(lines: string[], first: number, escapeSign: string): { text: string; next: number } {
  const parts: string[] = [];
  let next = first;
  for (let isContinued = true; isContinued && next < lines.length; next++) {
    const line = lines[next]!;
    if (isComment(line) || (parts.length > 0 && line.trim() === "")) continue;
    const end = line.trimEnd();
    isContinued = end.endsWith(escapeSign);
    parts.push(isContinued ? end.slice(0, -1) : line);
  }
  return { text: parts.join(""), next };
}

function parseInstruction(text: string, line: number): Instruction {
  const [, word = "", after = ""] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  const flags: Instruction["flags"] = [];
  let rest = after;
  for (;;) {
    const [flag, name, value = ""] = /^--([a-zA-Z][a-zA-Z0-9-]*)(?:=(\S*))?(?:\s+|$)/.exec(rest) ?? [];
    if (flag === undefined) return { name: word.toUpperCase(), flags, rest, line };
    flags.push([name!, value]);
    rest = rest.slice(flag.length);
  }
}
