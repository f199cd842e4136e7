/** What every parser of option values must be: strict, and never surprised. */

import { expect } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/errors.ts";

/** Fails unless every text is refused with a UsageError. */
export function refuses(parse: (text: string) => unknown, texts: string[]): void {
  for (const text of texts) {
    let error: unknown;
    try {
      parse(text);
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof UsageError)) throw new Error(`accepted ${JSON.stringify(text)}`);
  }
}

/** Whatever it is given, a parser answers or throws UsageError. */
export function strict(parse: (text: string) => unknown): void {
  const texts = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."0123456789.-kmgb/:,=a \0\n") }));
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parse(text);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }),
    { numRuns: 500 },
  );
}
