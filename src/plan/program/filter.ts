/** What seccomp(2) takes, as records have it. */

import { Block, names } from "../../linux/program/record.ts";
import { words } from "../../linux/program/writer.ts";
import type { Filter } from "./context.ts";

/** sizeof(struct sock_filter). */
const instructionBytes = 8;

export const filterOf = (bytes: Uint8Array, flags: Parameters<typeof names>): Filter => ({
  program: words("sock_fprog", { len: bytes.length / instructionBytes, filter: new Block("sock_filter", { bytes }) }),
  flags: names(...flags),
});
