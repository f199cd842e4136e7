/** The HEALTHCHECK instruction: `[--interval=30s ...] CMD command`, or `NONE`. Pure. */

import { UsageError } from "../../errors.ts";
import { parseDuration } from "../../oci/duration.ts";
import type { Healthcheck } from "../../oci/image.ts";
import { isMeantAsList } from "./list.ts";

type Times = "Interval" | "Timeout" | "StartPeriod" | "StartInterval";

const timeFlags: Record<string, Times> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

/** @param where names it in errors: `--change: HEALTHCHECK`. @throws UsageError */
export function readHealthcheck(rest: string, flags: readonly [string, string][], where: string): Healthcheck {
  const [, word = "", command = ""] = /^(\S+)\s*(.*)$/s.exec(rest) ?? [];
  const kind = word.toUpperCase();
  if (kind === "NONE") {
    if (command !== "" || flags.length > 0) throw new UsageError(`${where} NONE takes nothing else`);
    return { Test: ["NONE"] };
  }
  if (kind !== "CMD") throw new UsageError(`${where} ${rest}: ${word} is not supported`, "CMD command, or NONE");
  if (command === "")
    throw new UsageError(`${where} CMD needs a command`, "as in HEALTHCHECK CMD wget -q -O- localhost");
  const check: Healthcheck = { Test: testOf(command, where) };
  for (const [name, value] of flags) {
    const time = Object.hasOwn(timeFlags, name) ? timeFlags[name] : undefined;
    if (time) check[time] = nanosecondsOf(name, value, where);
    else if (name === "retries") check.Retries = retriesOf(value, where);
    else
      throw new UsageError(
        `${where} has no flag --${name}`,
        `--${[...Object.keys(timeFlags), "retries"].join(", --")}`,
      );
  }
  return check;
}

function testOf(command: string, where: string): string[] {
  if (!command.startsWith("[")) return ["CMD-SHELL", command];
  try {
    const list: unknown = JSON.parse(command);
    if (Array.isArray(list) && list.length > 0 && list.every((word) => typeof word === "string"))
      return ["CMD", ...list];
  } catch {
    if (!isMeantAsList(command)) return ["CMD-SHELL", command]; // [ -f /ready ]
  }
  throw new UsageError(`${where} CMD ${command} is not a JSON list of strings`, `as in CMD ["a", "b"]`);
}

/** 0 is as good as nothing said; between that and 1 ms nothing can be checked. */
function nanosecondsOf(name: string, text: string, where: string): number {
  const ms = text === "0" ? 0 : parseDuration(text);
  if (ms === undefined || ms < 0 || (ms !== 0 && ms < 1))
    throw new UsageError(
      `${where}: --${name}=${text} is not a valid duration of 1ms or more`,
      "as in 30s, 1m30s or 500ms",
    );
  return Math.round(ms * 1e6);
}

function retriesOf(text: string, where: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`${where}: --retries=${text} is not a valid number of failures`, "--retries=3");
}
