/** What a registry wants to know who asks by (WWW-Authenticate). Pure. @see https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1 */

/** One way to say who asks. */
export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  scheme: string;
  /** By names in lower case; of one that is there twice the first. */
  parameters: Record<string, string>;
}

/** Longer ones are from nobody who means it. */
const maxLength = 16 << 10;

/**
 * All challenges of a header, or of several that were joined by commas: which commas part challenges, which parameters, and which
 * belong to a quoted text only reading it tells. What cannot be read ends the list.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  const reader = { text: header.slice(0, maxLength), at: 0 };
  for (;;) {
    take(reader, /[\s,]*/y);
    const scheme = take(reader, token);
    if (!scheme) return challenges;
    const challenge: Challenge = { scheme: scheme.toLowerCase(), parameters: Object.create(null) };
    challenges.push(challenge);
    if (!take(reader, /[ \t]+/y)) continue;
    // What Negotiate and its like have in place of parameters.
    if (take(reader, /[\w.~+/-]+=*[ \t]*(?=,|$)/y)) continue;
    while (takeParameter(reader, challenge.parameters)) {
      const before = reader.at;
      if (!take(reader, /[ \t]*,[\s,]*/y)) break;
      // The next challenge begins with a name, too, but no equals sign comes after it.
      if (!matches(reader, /[!#$%&'*+.^`|~\w-]+[ \t]*=/y)) {
        reader.at = before;
        break;
      }
    }
  }
}

interface Reading {
  text: string;
  at: number;
}

const token = /[!#$%&'*+.^`|~\w-]+/y;

function takeParameter(reader: Reading, parameters: Record<string, string>): boolean {
  const start = reader.at;
  const name = take(reader, token)?.toLowerCase();
  if (!name || !take(reader, /[ \t]*=[ \t]*/y)) {
    reader.at = start;
    return false;
  }
  const quoted = take(reader, /"(?:[^"\\]|\\[\s\S])*"/y);
  // Scopes have been seen without quotes, with colons and slashes that a token may not have.
  const value = quoted ? quoted.slice(1, -1).replace(/\\([\s\S])/g, "$1") : take(reader, /[^\s,"]*/y);
  if (!Object.hasOwn(parameters, name)) parameters[name] = value ?? "";
  return true;
}

/** @returns undefined where nothing matches; the empty text is a match, too */
function take(reader: Reading, pattern: RegExp): string | undefined {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text)?.[0];
  if (found !== undefined) reader.at += found.length;
  return found;
}

function matches(reader: Reading, pattern: RegExp): boolean {
  pattern.lastIndex = reader.at;
  return pattern.test(reader.text);
}
