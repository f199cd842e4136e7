/** How container.json and state.json are read: the tables of what each may hold. */

import type { ProcessId } from "../../linux/proc.ts";
import type { Healthcheck } from "../../oci/image.ts";
import type { HealthOptions } from "../../plan/health.ts";
import type { ExternalRuntime } from "../../plan/rare/external.ts";
import type { Labels } from "../../plan/rare/selinux.ts";
import type { ImageDefaults } from "../../plan/spec.ts";
import type { Usage } from "../../runtime/usage.ts";
import {
  anything,
  flag,
  kindOf,
  list,
  map,
  nullable,
  number,
  object,
  oneOf,
  optional,
  text,
  time,
} from "../../schema.ts";
import type {
  ContainerRecord,
  ContainerState,
  Health,
  HealthResult,
  LogFields,
  LogSettings,
  RestartPolicy,
  Settings,
} from "./container-record.ts";
import { containerUpgrades, stateUpgrades } from "./container-upgrades.ts";
import { connected } from "./network-kind.ts";
import { options } from "./options-kind.ts";

const texts = list(text);

const health = object<HealthOptions>(() => ({
  test: optional(texts),
  intervalMs: optional(number),
  timeoutMs: optional(number),
  retries: optional(number),
  startPeriodMs: optional(number),
  startIntervalMs: optional(number),
  onFailure: optional(oneOf("none", "kill", "restart", "stop")),
}));

const settings = object<Settings>(() => ({
  remove: flag,
  init: flag,

  interactive: flag,
  restart: object<RestartPolicy>(() => ({
    name: oneOf("no", "always", "unless-stopped", "on-failure"),
    maximumRetries: number,
  })),
  log: object<LogSettings>(() => ({
    driver: oneOf("local", "json-file", "none", "journald", "syslog"),
    maxBytes: number,
    maxFiles: number,
    fields: optional(
      object<LogFields>(() => ({
        tag: optional(text),
        labels: optional(texts),
        env: optional(texts),
        facility: optional(text),
      })),
    ),
  })),
  labels: map(text),
  stopSignal: optional(text),
  stopTimeoutS: optional(number),
  health: optional(health),
  attach: optional(list(oneOf("stdin", "stdout", "stderr"))),
  timeoutS: optional(number),
  report: optional(flag),
  runtime: optional(object<ExternalRuntime>(() => ({ name: text, path: text, args: texts }))),
}));

const defaults = object<ImageDefaults>(() => ({
  Entrypoint: optional(nullable(texts)),
  Cmd: optional(nullable(texts)),
  Env: optional(nullable(texts)),
  WorkingDir: optional(nullable(text)),
  User: optional(nullable(text)),
  Volumes: optional(nullable(map(anything))),
  ExposedPorts: optional(nullable(map(anything))),
  StopSignal: optional(nullable(text)),
  Labels: optional(nullable(map(text))),
  Shell: optional(nullable(texts)),
  Healthcheck: optional(
    nullable(
      object<Healthcheck>(() => ({
        Test: optional(texts),
        Interval: optional(number),
        Timeout: optional(number),
        Retries: optional(number),
        StartPeriod: optional(number),
        StartInterval: optional(number),
      })),
    ),
  ),
}));

/** container.json */
export const containerKind = kindOf<ContainerRecord>(
  {
    id: text,
    name: text,
    created: time,
    image: text,
    imageId: optional(text),
    rootfs: optional(text),
    lower: texts,
    selinux: optional(object<Labels>(() => ({ process: text, mount: text }))),
    rootMode: number,
    defaults,
    options,
    settings,
  },
  containerUpgrades,
);

const processId = object<ProcessId>(() => ({ pid: number, startTicks: number, bootId: text }));

const usage = object<Usage>(() => ({
  wallMs: number,
  cpuMs: optional(number),
  memoryPeakBytes: optional(number),
  largestProcessBytes: optional(number),
  readBytes: optional(number),
  writtenBytes: optional(number),
}));

/** state.json */
export const stateKind = kindOf<ContainerState>(
  {
    status: oneOf("created", "running", "restarting", "exited"),
    process: optional(processId),
    cgroup: optional(text),
    started: optional(time),
    finished: optional(time),
    exitCode: optional(number),
    oomKilled: optional(flag),
    error: optional(text),
    restartCount: number,
    restartDelayMs: optional(number),
    monitor: optional(processId),
    usage: optional(usage),
    health: optional(
      object<Health>(() => ({
        status: oneOf("starting", "healthy", "unhealthy"),
        failingStreak: number,
        log: list(object<HealthResult>(() => ({ start: time, end: time, exitCode: number, output: text }))),
      })),
    ),
    network: optional(connected),
  },
  {
    ...stateUpgrades,
    together: ({ status, process }) => (status === "running" && !process ? ".process is missing" : undefined),
  },
);
