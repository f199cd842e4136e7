/** What commands for several things have in common: one after the other, each failure said, none in the way of the next. */

import { explain, Failure, notesOf } from "../../errors.ts";
import { advise, fail } from "./print.ts";

/** Does something with each name. @param harmless failures that are only said. @returns the exit code: 1 if another failed. */
export async function forEachName(
  names: string[],
  use: (name: string) => void | Promise<void>,
  harmless: (failure: Failure) => boolean = () => false,
): Promise<number> {
  let code = 0;
  for (const name of names) {
    try {
      await use(name);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const { text, hint } = explain(error);
      fail(text);
      notesOf(error).forEach(fail);
      if (hint) advise(hint);
      if (!harmless(error)) code = 1;
    }
  }
  return code;
}
