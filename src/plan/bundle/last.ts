/** What comes last before a program of the OCI runtime, its first or another. Pure. */

import type { Spec } from "../../oci/spec.ts";
import type { InitStep } from "../init-step.ts";

export interface LastOptions {
  /** It is executed when somebody says so (`start`). */
  waits?: boolean;
  /** Descriptors of the caller's from 3 on that the program gets. */
  preserveFds?: number;
}

/**
 * The program is looked for while somebody still hears that it is not there; then `create` has done its work. With an agent it
 * has done so when that has the descriptor: whoever calls hears that there is none. So that filter is loaded before.
 */
export function planLast(
  steps: readonly InitStep[],
  { process }: Pick<Spec, "process">,
  { waits, preserveFds: preserve = 0 }: LastOptions,
): InitStep[] {
  const filtered = steps.some((step) => step.do === "seccomp" && step.listener);
  const wait: InitStep[] = waits ? [{ do: "await-start", preserve, ...(filtered && { filtered }) }] : [];
  return steps.flatMap((step): InitStep[] => {
    if (step.do === "seccomp" && filtered) return [step, ...wait];
    if (step.do === "execute" && waits) return [{ ...step, alone: true }];
    if (step.do !== "close-fds") return [step];
    return [
      { do: "find-program", args: process.args, env: process.env },
      ...(waits && filtered ? [{ do: "close-others", preserve } as const] : []),
      ...(filtered ? [] : wait),
      { ...step, ...(preserve > 0 && { preserve }) },
    ];
  });
}
