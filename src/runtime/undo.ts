/** The undo list of one run: what was done on the host, taken back in reverse order. */

import { Failure } from "../errors.ts";

export interface UndoList {
  /** Registers how to take back what was just done. */
  add(undo: () => void): void;
  /** Takes everything back, last first. One that fails does not stop the others; the first failure is thrown at the end. */
  run(): void;
}

export function undoList(): UndoList {
  const entries: (() => void)[] = [];
  return {
    add: (undo) => void entries.push(undo),
    run: () => {
      const failures: unknown[] = [];
      for (let undo = entries.pop(); undo; undo = entries.pop()) {
        try {
          undo();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length === 0) return;
      const [first] = failures;
      throw first instanceof Failure ? first : new Failure(`cannot clean up: ${String(first)}`);
    },
  };
}
