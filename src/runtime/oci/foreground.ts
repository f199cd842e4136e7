/** `run` without --detach: it stays with the program, and its exit code is the program's. */

import { owned } from "../../linux/file.ts";
import { isatty } from "../../linux/tty.ts";
import { type ConnectedStdio, connectToCaller, type Owner } from "../stdio.ts";
import { supervise } from "../supervise.ts";
import type { CreatedContainer } from "./create.ts";
import { removeContainer } from "./delete.ts";
import { lock, readState } from "./state.ts";

/** The caller's terminal shows that of the container. */
export const terminalOfCaller = (owner: Owner): ConnectedStdio =>
  connectToCaller(["terminal", "terminal", "terminal"], isatty(0), owner, () => {});

/** Passes on signals, and what is typed, until the program has ended. @returns its exit code. */
export function endForeground(
  root: string,
  id: string,
  { child, connected }: CreatedContainer,
  { keep }: { keep: boolean },
  warn: (text: string) => void,
): number {
  try {
    const exit = supervise(child, connected)!;
    return exit.code ?? 128 + exit.signal!;
  } finally {
    connected.restore();
    if (!keep) removeEnded(root, id).forEach(warn);
  }
}

function removeEnded(root: string, id: string): string[] {
  using _ = owned(lock(root, id));
  return removeContainer(root, readState(root, id));
}
