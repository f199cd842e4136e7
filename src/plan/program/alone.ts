/** A failure that nobody is left to be told of, as records. Loaded for those who wait for `start`. */

import { errnos } from "../../linux/errno.ts";
import { type Arg, Block } from "../../linux/program/record.ts";
import type { Writer } from "../../linux/program/writer.ts";

/** What keeps a file that is there from being executed. */
export const notExecuted = ["ENOENT", "ENOTDIR", "EACCES", "ENOEXEC"] as const;

/** Whoever said `start` has gone: as with runc and crun, the failure is told on the stderr of the container. */
export function executeAlone(writer: Writer, path: string, args: Arg[]): void {
  writer.call("execve", args, { ok: notExecuted });
  const text = new TextEncoder().encode(
    `exec ${path}: it is no program of this machine, or its interpreter is not there (exec format error)\n`,
  );
  writer.call("write", [2, new Block("text", { bytes: text }), text.length]);
  writer.add(-errnos.ENOEXEC, 0);
}
