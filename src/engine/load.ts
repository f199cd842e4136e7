/** Loading an archive before a run: in a process of its own, because it needs threads and a run must fork without any. */

import { Failure } from "../errors.ts";
import { clone3, dup2, execve, exitNow, prctl, stringVector, wait } from "../linux/process.ts";
import { resetSignals, signals } from "../linux/signal.ts";

/** Runs `tinydocker load` on a file; its progress and messages go to stderr, since stdout belongs to the container. */
export function loadInChild(root: string, file: string): void {
  const { TERM = "dumb", NO_COLOR, TMPDIR } = process.env;
  const settings = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", TERM, NO_COLOR, TMPDIR };
  const env = Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  const argv = stringVector(["tinydocker", "--root", root, "load", "--input", file]);
  const envp = stringVector(env);
  const child = clone3();
  if (!child) {
    try {
      prctl("SET_PDEATHSIG", signals.SIGKILL);
      resetSignals();
      dup2(2, 1);
      execve("/proc/self/exe", argv, envp);
    } catch {
      exitNow(125);
    }
  }
  const { exit } = wait(child)!;
  if (exit.code !== 0) throw new Failure(`cannot load ${file}`);
}
