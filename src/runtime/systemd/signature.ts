/** The types of D-Bus, and signatures, which name them: `sa(sv)` is a string and a list of pairs. */

import { InvalidError } from "../../errors.ts";

/** A value of whatever type; of 64 bits it is read as a bigint, and written of digits too. */
export type Value = string | number | bigint | boolean | Value[] | Variant;

/** A value that says of which type it is. */
export interface Variant {
  type: string;
  value: Value;
}

/** Deeper than any that is allowed. */
const maxDepth = 32;

/** The complete types of a signature, each as a signature of its own: `sa(sv)u` is `s`, `a(sv)`, `u`. @throws InvalidError */
export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at, 0);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

/** What is between the brackets of a structure, or an entry of a dictionary. */
export const membersOf = (type: string): string => type.slice(1, -1);

const brackets: Record<string, string> = { "(": ")", "{": "}" };

function endOfType(signature: string, at: number, depth: number): number {
  const letter = signature[at];
  const refuse = () => new InvalidError(`D-Bus: ${JSON.stringify(signature)} is not a signature`);
  if (letter === undefined || depth > maxDepth) throw refuse();
  if (letter === "a") return endOfType(signature, at + 1, depth + 1);
  const close = brackets[letter];
  if (close === undefined) {
    if (!"ybnqiuxtdsogvh".includes(letter)) throw refuse();
    return at + 1;
  }
  let end = at + 1;
  if (signature[end] === close) throw refuse();
  while (signature[end] !== close) end = endOfType(signature, end, depth + 1);
  return end + 1;
}

/** What the first byte of a type has to be a multiple of. */
export function alignmentOf(type: string): number {
  const letter = type[0]!;
  if ("ygv".includes(letter)) return 1;
  if ("nq".includes(letter)) return 2;
  return "xtd({".includes(letter) ? 8 : 4;
}
