/** The options about health checks, as Docker's. Strict, and checked before anything is touched. */

import { UsageError } from "../../errors.ts";
import { parseDuration } from "../../oci/duration.ts";
import { type HealthAction, type HealthOptions, healthActions } from "../../plan/health.ts";

type Times = "health-interval" | "health-timeout" | "health-start-period" | "health-start-interval";
type HealthArgs = Partial<Record<"health-cmd" | "health-retries" | "health-on-failure" | Times, string | undefined>> & {
  "no-healthcheck"?: boolean | undefined;
  rm?: boolean | undefined;
};

/** What was said; undefined if nothing was. */
export function parseHealth(args: HealthArgs): HealthOptions | undefined {
  const words = Object.keys(args).filter(
    (name) => name.startsWith("health-") && args[name as keyof HealthArgs] !== undefined,
  );
  if (args["no-healthcheck"]) {
    if (words.length > 0) throw new UsageError(`--no-healthcheck conflicts with --${words[0]}`);
    return { test: ["NONE"] };
  }
  if (words.length === 0) return undefined;
  if (args.rm && args["health-on-failure"] === "restart")
    throw new UsageError(
      "--rm and --health-on-failure restart cannot be combined: a removed container cannot start again",
    );
  const command = args["health-cmd"];
  const retries = args["health-retries"];
  if (retries !== undefined && !/^\d{1,9}$/.test(retries))
    throw new UsageError(`--health-retries: ${JSON.stringify(retries)} is not a valid number of failures`, "3");
  return {
    ...(command && { test: command === "none" ? ["NONE"] : ["CMD-SHELL", command] }),
    ...(retries !== undefined && { retries: Number(retries) }),
    ...(args["health-on-failure"] !== undefined && { onFailure: parseAction(args["health-on-failure"]) }),
    ...parsed("intervalMs", "--health-interval", args["health-interval"]),
    ...parsed("timeoutMs", "--health-timeout", args["health-timeout"]),
    ...parsed("startPeriodMs", "--health-start-period", args["health-start-period"]),
    ...parsed("startIntervalMs", "--health-start-interval", args["health-start-interval"]),
  };
}

function parseAction(text: string): HealthAction {
  const action = healthActions.find((known) => known === text);
  if (!action)
    throw new UsageError(
      `--health-on-failure: ${JSON.stringify(text)} is not an action`,
      `one of ${healthActions.join(", ")}`,
    );
  return action;
}

function parsed(key: string, option: string, text: string | undefined): Record<string, number> {
  return text === undefined ? {} : { [key]: parseSpan(option, text) };
}

/** 0 is as good as nothing said; what is above it and below 1 ms is refused, as Docker does. */
function parseSpan(option: string, text: string): number {
  const ms = text === "0" ? 0 : parseDuration(text);
  if (ms === undefined || ms < 0)
    throw new UsageError(`${option}: ${JSON.stringify(text)} is not a valid duration`, "as in 30s, 1m30s or 500ms");
  if (ms !== 0 && ms < 1) throw new UsageError(`${option}: ${text} is less than 1ms`);
  return ms;
}
