/** The undo list of one run: what was done on the host, taken back in reverse order. */

import { addNote, explain } from "../errors.ts";
import { uninterrupted } from "../linux/flock.ts";

export interface UndoList {
  /** Registers how to take back what was just done. */
  add(undo: () => void): void;
  /**
   * Takes everything back, last first; one that fails does not stop the others. What went wrong first is what is to be said:
   * failures are noted beside it.
   * @param reason what that was. Without it the first failure is thrown, with the others beside it.
   */
  run(reason?: unknown): void;
}

export function undoList(): UndoList {
  const entries: (() => void)[] = [];
  return {
    add: (undo) => void entries.push(undo),
    run: (reason) => {
      const failures: unknown[] = [];
      for (let undo = entries.pop(); undo; undo = entries.pop()) {
        try {
          uninterrupted(undo);
        } catch (error) {
          failures.push(error);
        }
      }
      const main = reason ?? failures.shift();
      for (const failure of failures) addNote(main, `cannot clean up: ${explain(failure).text}`);
      if (reason === undefined && main !== undefined) throw main;
    },
  };
}

/** Does something, and takes back what is on the list however that ended. */
export function undoing<Result>(undo: UndoList, action: () => Result): Result {
  let result: Result;
  try {
    result = action();
  } catch (error) {
    undo.run(error);
    throw error;
  }
  undo.run();
  return result;
}
