/** `run --report`: what a container took, for people or as JSON, on stderr. */

import type { RunEnd } from "../../engine/container/request.ts";
import type { Usage } from "../../runtime/usage.ts";
import { humanSize, printError } from "../words/print.ts";

type Ended = Extract<RunEnd, { code: number }>;

/** As lines under each other, or as one line of JSON; what this host does not count is said so, or not there. */
export function printReport(end: Ended, format: "text" | "json"): void {
  if (format === "json") printError(JSON.stringify(asJson(end)));
  else for (const [what, how] of asLines(end)) printError(`${`${what}:`.padEnd(13)}${how}`);
}

/** Under names that say their units. */
export const asJson = ({ code, oomKilled = false, usage = { wallMs: 0 } }: Ended) => ({
  exitCode: code,
  oomKilled,
  ...usage,
});

const unknown = "not counted on this host";

export function asLines({ code, oomKilled, usage }: Ended): [string, string][] {
  const { wallMs = 0, cpuMs, readBytes, writtenBytes } = usage ?? {};
  const share = cpuMs !== undefined && wallMs > 0 ? ` (${((cpuMs / wallMs) * 100).toFixed(0)}% of one)` : "";
  return [
    ["exit code", `${code}${oomKilled ? ", out of memory" : ""}`],
    ["wall time", humanTime(wallMs)],
    ["CPU time", cpuMs === undefined ? unknown : humanTime(cpuMs) + share],
    ["peak memory", peakOf(usage)],
    ["read", readBytes === undefined ? unknown : humanSize(readBytes)],
    ["written", writtenBytes === undefined ? unknown : humanSize(writtenBytes)],
  ];
}

function peakOf({ memoryPeakBytes, largestProcessBytes }: Partial<Usage> = {}): string {
  if (memoryPeakBytes !== undefined) return humanSize(memoryPeakBytes);
  if (largestProcessBytes === undefined) return unknown;
  return `at least ${humanSize(largestProcessBytes)} (the largest process that was seen: this host does not count)`;
}

/** 12.3 ms, 4.56 s, 3 min 21 s. */
export function humanTime(ms: number): string {
  // Through a number once more: 999.9 would read 1.00e+3.
  if (ms < 1000) return `${Number(ms.toPrecision(3))} ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toPrecision(3))} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
