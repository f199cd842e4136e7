/** The descriptors of the caller's that a program is to have. */

import { UsageError } from "../../errors.ts";
import { preservedFds } from "../../runtime/oci/stdio.ts";

/** Of all that start a program. */
export const preserveFds = {
  type: "string",
  valueHint: "N",
  default: "0",
  description: "Hand over N descriptors from 3 on, after those of LISTEN_FDS",
} as const;

/** Those of socket activation (sd_listen_fds(3)) come first. */
export const preservedOf = (more: string) => preservedFds(countOf(process.env.LISTEN_FDS ?? "0") + countOf(more));

function countOf(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`${JSON.stringify(text)} is not a number of descriptors`);
  return Number(text);
}
