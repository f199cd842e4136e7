/** What comes last before a program of the OCI runtime, its first or another. Pure. */

import type { Spec } from "../../oci/spec.ts";
import type { InitStep } from "../init-step.ts";

export interface LastOptions {
  /** It is executed when somebody says so (`start`). */
  waits?: boolean;
  /** Descriptors of the caller's from 3 on that the program gets. */
  preserveFds?: number;
}

/** The program is looked for while somebody still hears that it is not there; then `create` has done its work. */
export function planLast(
  step: InitStep,
  { process }: Pick<Spec, "process">,
  { waits, preserveFds: preserve = 0 }: LastOptions,
): InitStep[] {
  if (step.do !== "close-fds") return [step];
  return [
    { do: "find-program", args: process.args, env: process.env },
    ...(waits ? [{ do: "await-start", preserve } as const] : []),
    { ...step, ...(preserve > 0 && { preserve }) },
  ];
}
