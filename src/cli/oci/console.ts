/** Who gets the terminal of a program that is not waited for. */

import { UsageError } from "../../errors.ts";

/** Whoever goes before the program does leaves its terminal to somebody. */
export function checkConsole(terminal: boolean, consoleSocket: string | undefined): void {
  if (terminal && consoleSocket === undefined)
    throw new UsageError(
      "cannot allocate a terminal without a console socket: nobody would have its other end",
      "--console-socket SOCKET",
    );
  if (!terminal && consoleSocket !== undefined)
    throw new UsageError(
      "cannot use a console socket: the process is to have no terminal",
      "process.terminal in config.json",
    );
}
