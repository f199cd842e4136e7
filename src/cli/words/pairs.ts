/** Words that are a name and a value: labels and options of drivers. */

import { UsageError } from "../../errors.ts";

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
