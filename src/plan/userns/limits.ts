/** Limits that only root of the host may give, of a container whose root it is not. Pure. */

import type { Rlimit } from "../../oci/spec.ts";
import type { MappedInitStep } from "./step.ts";

/** Hard limits above our own. A program gets its limits last, when it has been given leave to. */
export function planRaised(rlimits: Rlimit[] = [], own: Record<string, number>): MappedInitStep[] {
  const raised = rlimits.flatMap(({ type, hard }) => {
    const limit = own[type] ?? Number.POSITIVE_INFINITY;
    return hard > limit ? [{ type, soft: limit, hard }] : [];
  });
  return raised.length > 0 ? [{ do: "raise-limits", rlimits: raised }] : [];
}
