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
  /** What the monitor does once the container is unhealthy; none if it does not say. */
  onFailure?: HealthAction;
}

export const healthActions = ["none", "kill", "restart", "stop"] as const;
export type HealthAction = (typeof healthActions)[number];

/** A health check, with nothing left open. */
export interface HealthPlan {
  /** What is executed in the container. */
  command: string[];
  /** From the end of one to the start of the next. */
  intervalMs: number;
  timeoutMs: number;
  /** Consecutive failures before the container is unhealthy. */
  retries: number;
  /** So long after the start a failure does not count. */
  startPeriodMs: number;
  /** Between checks until it was healthy once, while in the start period. */
  startIntervalMs: number;
}

/**
 * What an image may ask for at most. The monitor's work is not within the container's limits, so it is the user who may want
 * more of it, and not who made the image.
 */
const shortestOfImageMs = 1000;

/** Docker's. */
const defaults = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3, startPeriodMs: 0, startIntervalMs: 5_000 };

/** What options and image say together; what neither says is not there. */
export function mergeHealth(options: HealthOptions, image: Healthcheck): Healthcheck {
  const own = {
    Test: options.test,
    Interval: nanoseconds(options.intervalMs),
    Timeout: nanoseconds(options.timeoutMs),
    Retries: options.retries,
    StartPeriod: nanoseconds(options.startPeriodMs),
    StartInterval: nanoseconds(options.startIntervalMs),
  };
  // 0 is as good as nothing said.
  const given = Object.entries(own).filter(([, value]) => value);
  return { ...image, ...Object.fromEntries(given) };
}

const nanoseconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms * 1e6);

/** @returns undefined for a container without a health check. */
export function planHealth(
  options: HealthOptions,
  image: { Healthcheck?: Healthcheck | null; Shell?: string[] | null },
): HealthPlan | undefined {
  const { Test = [], Retries, ...times } = mergeHealth(options, image.Healthcheck ?? {});
  const [kind, ...words] = Test;
  const shell = image.Shell ?? ["/bin/sh", "-c"];
  const command = kind === "CMD" ? words : kind === "CMD-SHELL" ? [...shell, ...words] : [];
  if (words.length === 0 || command.length === 0) return undefined;
  const ms = (time: number | undefined, otherwise: number) => (time ? time / 1e6 : otherwise);
  const between = (own: number | undefined, time: number | undefined, otherwise: number) =>
    own ? own : Math.max(shortestOfImageMs, ms(time, otherwise));
  return {
    command,
    intervalMs: between(options.intervalMs, times.Interval, defaults.intervalMs),
    timeoutMs: ms(times.Timeout, defaults.timeoutMs),
    retries: Retries || defaults.retries,
    startPeriodMs: ms(times.StartPeriod, defaults.startPeriodMs),
    startIntervalMs: between(options.startIntervalMs, times.StartInterval, defaults.startIntervalMs),
  };
}
