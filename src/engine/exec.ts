/** Another process in a container that runs. */

import { ConflictError } from "../errors.ts";
import { O_DIRECTORY, O_RDONLY, open } from "../linux/file.ts";
import { openProcess } from "../linux/proc.ts";
import type { Paths } from "../paths.ts";
import { type ExecOptions, planExec } from "../plan/exec.ts";
import type { Entry } from "../runtime/entry.ts";
import { runEntering } from "../runtime/run.ts";
import type { Stdio } from "../runtime/stdio.ts";
import { readSpec } from "./bundle.ts";
import { ownCapabilities } from "./host.ts";
import type { Container } from "./record.ts";

/** @returns the exit code: the program's, or 128 + n for signal n; 0 for one that is not waited for. */
export function execInContainer(
  paths: Paths,
  { record, state, status }: Container,
  entry: Entry,
  options: ExecOptions,
  io: { stdio: Stdio; callerIsTerminal: boolean },
): number {
  if (status === "paused")
    throw new ConflictError(`container ${record.name} is paused`, `tinydocker unpause ${record.name}`);
  const pidfd = state.status === "running" && state.process ? openProcess(state.process) : undefined;
  if (pidfd === undefined) throw new ConflictError(`container ${record.name} is not running`);
  const spec = readSpec(paths, record);
  const cgroup = state.cgroup === undefined ? undefined : open(state.cgroup, O_RDONLY | O_DIRECTORY);
  const exit = runEntering(entry, {
    ...planExec(spec, options, options.privileged ? ownCapabilities() : []),
    pidfd,
    cgroup,
    ...io,
    detach: options.detach,
  });
  return exit === undefined ? 0 : (exit.code ?? 128 + exit.signal!);
}
