/** The health check of a container: what its options and its image say together, and what a result means. Pure. */

import type { Healthcheck } from "../oci/image.ts";

/** What `run` says about health checks. Absent is as the image has it. */
export interface HealthOptions {
  /** As of Healthcheck: `["CMD-SHELL", text]`, or `["NONE"]`. */
  test?: string[];
  intervalMs?: number;
  timeoutMs?: number;
  retries?: number;
  startPeriodMs?: number;
  startIntervalMs?: number;
}

/** A health check, with nothing left open. */
export interface HealthPlan {
  /** What is executed in the container. */
  command: string[];
  /** From the end of one to the start of the next. */
  intervalMs: number;
  timeoutMs: number;
  /** So many failures one after the other make it unhealthy. */
  retries: number;
  /** So long after the start a failure does not count. */
  startPeriodMs: number;
  /** Between checks until it was healthy once, while in the start period. */
  startIntervalMs: number;
}

/** Docker's. */
const defaults = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3, startPeriodMs: 0, startIntervalMs: 5_000 };

/** @returns undefined for a container without a health check. */
export function planHealth(
  options: HealthOptions,
  image: { Healthcheck?: Healthcheck | null; Shell?: string[] | null },
): HealthPlan | undefined {
  const theirs = image.Healthcheck ?? {};
  const [kind, ...words] = options.test ?? theirs.Test ?? [];
  const shell = image.Shell ?? ["/bin/sh", "-c"];
  const command = kind === "CMD" ? words : kind === "CMD-SHELL" ? [...shell, ...words] : [];
  if (words.length === 0) return undefined;
  const said = (own: number | undefined, nanoseconds: number | undefined, otherwise: number) =>
    own || (nanoseconds ?? 0) / 1e6 || otherwise;
  return {
    command,
    intervalMs: said(options.intervalMs, theirs.Interval, defaults.intervalMs),
    timeoutMs: said(options.timeoutMs, theirs.Timeout, defaults.timeoutMs),
    retries: options.retries || theirs.Retries || defaults.retries,
    startPeriodMs: said(options.startPeriodMs, theirs.StartPeriod, defaults.startPeriodMs),
    startIntervalMs: said(options.startIntervalMs, theirs.StartInterval, defaults.startIntervalMs),
  };
}
