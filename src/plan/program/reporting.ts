/**
 * A filter that has somebody hear of calls, as records. The descriptor by which that is done is given on by the host's side,
 * which takes it from the process (pidfd_getfd(2)): between the filter and the agent nothing is called but write(2), and no
 * rule may report that (oci/bundle/seccomp.ts).
 */

import { Block, Field, names, Slot } from "../../linux/program/record.ts";
import type { Machine } from "../../linux/seccomp/architectures.ts";
import type { Seccomp, SeccompFlag } from "../../oci/seccomp.ts";
import { listenerByte, listenerBytes, listenerNumber, unreported } from "../rare/listener.ts";
import { compileFilter } from "../seccomp/filter.ts";
import { type Context, type Filter, given } from "./context.ts";
import { filterOf } from "./filter.ts";

/** What a filter answers to a close(2) that it refuses: then execve(2) does it. */
const refusals = ["EPERM", "EACCES", "ENOSYS", "EINVAL"] as const;

/** @param reap process 1 of `--init` loads one, too. */
export function reportingFilter(rules: Seccomp, reap: boolean, machine: Machine): Filter {
  const { flags = [] } = rules;
  // The kernel takes the two together only if a thread that it can't reach is an error.
  const together = flags.includes("SECCOMP_FILTER_FLAG_TSYNC") ? (["SECCOMP_FILTER_FLAG_TSYNC_ESRCH"] as const) : [];
  // The small init is our own: its program is whom the agent is for.
  const own = reap && filterOf(compileFilter(unreported(rules), machine), plain(flags));
  return {
    ...filterOf(compileFilter(rules, machine), [...flags, ...together, "SECCOMP_FILTER_FLAG_NEW_LISTENER"]),
    reported: own ? { own } : {},
  };
}

/** Without what has a meaning for reports alone. */
const plain = (flags: SeccompFlag[]) => flags.filter((flag) => flag !== "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");

/** Goes on when the agent has the descriptor: from then on it may be asked about each call. */
export function loadReporting({ writer, gone }: Context, { program, flags }: Filter): void {
  const bytes = new Uint8Array(listenerBytes);
  bytes.set(new TextEncoder().encode(listenerByte));
  const message = new Block("listener", { bytes });
  const listener = new Field(message, listenerNumber, "i32");
  const answer = new Block("go", { room: 8 });
  const got = new Slot("got");
  writer.about("a filter of system calls that reports some");
  writer.call("seccomp", [names("SECCOMP_SET_MODE_FILTER"), flags, program], { into: listener });
  writer.about("the host's side");
  writer.call("write", [given.sync, message, listenerBytes]);
  writer.call("read", [given.sync, answer, 1], { into: got });
  writer.test(got, -1, 1, gone);
  // While anybody has it, calls wait for an agent, also for one that is gone.
  writer.call("close", [listener], { ok: refusals });
}
