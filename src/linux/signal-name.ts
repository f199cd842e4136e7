/** Signals as users write them: `TERM`, `SIGTERM`, `15`, `RTMIN+3`. */

import { UsageError } from "../errors.ts";
import { signals } from "./signal.ts";

const realTime = { RTMIN: 34, RTMAX: 64 };

/** @param option that it stands in, for the message. @throws UsageError for what is not a signal. */
export function parseSignal(text: string, option?: string): number {
  const number = findSignal(text);
  if (number !== undefined) return number;
  throw new UsageError(
    `${option ? `${option}: ` : ""}there is no signal ${JSON.stringify(text)}`,
    "a name such as TERM or SIGHUP, or a number from 1 to 64",
  );
}

/** Undefined for what is not a signal. */
export function findSignal(text: string): number | undefined {
  const word = text.toUpperCase().replace(/^SIG/, "");
  const known = (signals as Record<string, number>)[`SIG${word}`];
  if (known !== undefined) return known;
  const number = /^\d{1,2}$/.test(word) ? Number(word) : realTimeOf(word);
  return number !== undefined && number >= 1 && number <= 64 ? number : undefined;
}

function realTimeOf(word: string): number | undefined {
  const [, base, sign, offset = "0"] = /^(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(word) ?? [];
  if (base === undefined) return undefined;
  const number = realTime[base as keyof typeof realTime] + (sign === "-" ? -1 : 1) * Number(offset);
  return number >= realTime.RTMIN && number <= realTime.RTMAX ? number : undefined;
}

/** `SIGTERM` for 15. */
export const signalName = (number: number): string =>
  Object.entries(signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
