/** `--attach`: which streams of a container the caller is attached to. Loaded for those that say so. */

import type { Stream } from "../../engine/record/container.ts";
import { UsageError } from "../../errors.ts";

const streams: Stream[] = ["stdin", "stdout", "stderr"];

export function parseAttach(texts: string[]): Stream[] {
  const named = new Set(texts.map((text) => text.toLowerCase()));
  const unknown = [...named].find((name) => !streams.some((stream) => stream === name));
  if (unknown !== undefined)
    throw new UsageError(`--attach: ${JSON.stringify(unknown)} is not a stream`, "stdin, stdout or stderr");
  return streams.filter((stream) => named.has(stream));
}

interface Given {
  attach: string[];
  interactive?: boolean | undefined;
  tty?: boolean | undefined;
  detach?: boolean | undefined;
}

/**
 * What `--attach` means for a run: stdin is the container's only if it is named, and of stdout and stderr the one that is not
 * named goes into the log alone.
 */
export function attached({ attach, interactive, tty, detach }: Given): {
  interactive: boolean;
  tty: boolean | undefined;
  unseen: (1 | 2)[];
} {
  const named = parseAttach(attach);
  const stdin = named.includes("stdin");
  if (detach) throw new UsageError("--attach and --detach can't both be: nobody is attached to what is detached");
  if (interactive !== undefined && interactive !== stdin)
    throw new UsageError(
      interactive ? "--interactive keeps stdin open, and --attach leaves it out" : "--attach stdin needs --interactive",
      interactive ? "--attach stdin as well" : "leave --interactive=false out",
    );
  const whole = stdin && named.includes("stdout");
  if (tty && !whole)
    throw new UsageError(
      "--tty and --attach without stdin and stdout can't both be: a terminal is both",
      "-a stdin -a stdout",
    );
  const unseen = ([1, 2] as const).filter((number) => !named.includes(streams[number]!));
  return { interactive: stdin, tty: tty ?? (whole ? undefined : false), unseen };
}
