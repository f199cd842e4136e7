/** What commands for several things have in common: each failure is said, and none is in the way of the next. */

import { explain, Failure, notesOf } from "../../errors.ts";
import { finishAll, type Task } from "../../runtime/task.ts";
import { advise, fail, printLine, workOnWithoutStdout } from "./print.ts";

/** A failure that is only said, and does not make the command fail. */
export type Harmless = (failure: Failure) => boolean;

/** Does something with each name, one after the other. @returns the exit code: 1 if one failed. */
export async function forEachName(
  names: string[],
  use: (name: string) => void | Promise<void>,
  harmless: Harmless = () => false,
): Promise<number> {
  const tellOfOutput = workOnWithoutStdout();
  let code = 0;
  for (const name of names) {
    try {
      await use(name);
    } catch (error) {
      code = Math.max(code, report(error, harmless));
    }
  }
  return tellOfOutput(code);
}

/** As many wait at a time, as with Docker. */
const atOnce = 50;

/**
 * Does something with all names at once: whoever waits for one waits for the others too. @param use returns a line to print, if any.
 * Lines and failures come in the order of the names. @returns the exit code: 1 if one failed.
 */
export function forAllNames(
  names: string[],
  use: (name: string) => Task<string | undefined>,
  harmless: Harmless = () => false,
): number {
  const tellOfOutput = workOnWithoutStdout();
  let code = 0;
  let shown = 0;
  const results: (() => void)[] = [];
  const tasks = names.map(function* (name, index): Task<void> {
    try {
      const line = yield* use(name);
      results[index] = () => line !== undefined && printLine(line);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      results[index] = () => {
        code = Math.max(code, report(error, harmless));
      };
    }
  });
  finishAll(tasks, atOnce, () => {
    for (let show = results[shown]; show; show = results[shown]) {
      show();
      shown++;
    }
  });
  return tellOfOutput(code);
}

/** Says each failure. @returns the exit code: 1 if there is one. */
export const reportAll = (failures: readonly Failure[]): number =>
  Math.max(0, ...failures.map((failure) => report(failure)));

/** @returns the exit code for it. */
function report(error: unknown, harmless: Harmless = () => false): 0 | 1 {
  if (!(error instanceof Failure)) throw error;
  const { text, hint } = explain(error);
  fail(text);
  notesOf(error).forEach(fail);
  if (hint) advise(hint);
  return harmless(error) ? 0 : 1;
}
