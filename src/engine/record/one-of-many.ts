/** Removing one of many: what is wrong with one is its own trouble, and in nobody's way. */

import { ConflictError, Failure, InterruptedError, NotFoundError } from "../../errors.ts";

/** Does it; a failure joins the others, but for one that is in use or gone just now, which is as good as not chosen. */
export function removeOne(failures: Failure[], remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (!(error instanceof Failure) || error instanceof InterruptedError) throw error;
    if (!(error instanceof ConflictError || error instanceof NotFoundError)) failures.push(error);
  }
}
