/** Words that several commands about networks take. */

import { UsageError } from "../errors.ts";

export const isNetworkName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name);

/** `name=value` words as a record; a name alone has an empty value. */
export function parsePairs(option: string, words: string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const key = equals < 0 ? word : word.slice(0, equals);
    if (key === "") throw new UsageError(`${option}: ${JSON.stringify(word)} has no name`, "name=value");
    pairs[key] = equals < 0 ? "" : word.slice(equals + 1);
  }
  return pairs;
}
