/** The options of `run` and `create` that are about a container's life: when it starts and stops, its log, its health. */

import type { Arguments } from "../words/command.ts";

export const lifeArgs = {
  rm: { group: "Lifecycle", type: "boolean", description: "Remove the container when it exits" },
  restart: {
    group: "Lifecycle",
    type: "string",
    valueHint: "policy",
    description: "Restart policy: no (the default), always, unless-stopped, on-failure[:max-retries]",
  },
  "stop-signal": {
    group: "Lifecycle",
    type: "string",
    valueHint: "signal",
    description: "Signal that `stop` sends (the image's, or SIGTERM)",
  },
  "stop-timeout": {
    group: "Lifecycle",
    type: "string",
    empty: "checked",
    valueHint: "seconds",
    description: "Seconds that `stop` waits before SIGKILL (10)",
  },
  "log-driver": {
    group: "Logging",
    type: "string",
    valueHint: "driver",
    description: "local (default), json-file, none, journald or syslog",
  },
  "log-opt": {
    group: "Logging",
    type: "string",
    multiple: true,
    valueHint: "name=value",
    description: "max-size (10m), max-file (3), tag, labels, env, syslog-facility",
  },
  "health-cmd": {
    group: "Health",
    type: "string",
    valueHint: "command",
    description: "Shell command that exits with 0 when the container is healthy",
  },
  "health-interval": {
    group: "Health",
    type: "string",
    empty: "checked",
    valueHint: "time",
    description: "Time between checks (30s)",
  },
  "health-timeout": {
    group: "Health",
    type: "string",
    empty: "checked",
    valueHint: "time",
    description: "Time limit of one check (30s)",
  },
  "health-retries": {
    group: "Health",
    type: "string",
    empty: "checked",
    valueHint: "n",
    description: "Consecutive failures before unhealthy (3)",
  },
  "health-start-period": {
    group: "Health",
    type: "string",
    empty: "checked",
    valueHint: "time",
    description: "Grace period in which failures do not count (0s)",
  },
  "health-start-interval": {
    group: "Health",
    type: "string",
    empty: "checked",
    valueHint: "time",
    description: "Time between checks during the start period (5s)",
  },
  "health-on-failure": {
    group: "Health",
    type: "string",
    valueHint: "action",
    description: "When unhealthy: none (default), kill, restart or stop",
  },
  "no-healthcheck": { group: "Health", type: "boolean", description: "Disable the image's health check" },
} as const satisfies Arguments;
