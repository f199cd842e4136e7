/** What is kept of a container, as types: what it is (container.json) and what became of it (state.json). */

import type { ProcessId } from "../../linux/proc.ts";
import type { HealthOptions } from "../../plan/health.ts";
import type { Connected } from "../../plan/network/network.ts";
import type { RunOptions } from "../../plan/options.ts";
import type { ExternalRuntime } from "../../plan/rare/external.ts";
import type { Labels } from "../../plan/rare/selinux.ts";
import type { ImageDefaults } from "../../plan/spec.ts";
import type { Usage } from "../../runtime/usage.ts";

/** What a container is: written when it is created, and by `rename` and `update`. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** ISO 8601. */
  created: string;
  /** As the user named it. */
  image: string;
  imageId?: string;
  /** A directory of the host that is the root, in place. */
  rootfs?: string;
  /** Layers of the image from the bottom to the top; none where `rootfs` is given. */
  lower: string[];
  /** Permission bits of the image's root directory. */
  rootMode: number;
  defaults: ImageDefaults;
  options: RunOptions;
  settings: Settings;
  /** Where SELinux is on: what its processes and files are to it. */
  selinux?: Labels;
}

/** What the monitor does for a container, beyond what its program sees. */
export interface Settings {
  /** Remove the container when it ends. */
  remove: boolean;
  /** A small init as process 1. */
  init: boolean;
  /** Its stdin stays open for those who attach. */
  interactive: boolean;
  restart: RestartPolicy;
  log: LogSettings;
  labels: Record<string, string>;
  /** A signal's name or number; the image's, or SIGTERM. */
  stopSignal?: string;
  stopTimeoutS?: number;
  /** What was said about health checks; the rest is the image's. */
  health?: HealthOptions;
  /** What `--attach` named. */
  attach?: Stream[];
  /** It is killed when it has run that long; 0 is never. */
  timeoutS?: number;
  /** Its user wants to know what it took: look closer where this host does not count. */
  report?: boolean;
  /** Another OCI runtime makes its processes; absent is ours. */
  runtime?: ExternalRuntime;
}

export type Stream = "stdin" | "stdout" | "stderr";

export interface RestartPolicy {
  name: "no" | "always" | "unless-stopped" | "on-failure";
  /** Of on-failure; 0 is without limit. */
  maximumRetries: number;
}

/** What is said of the container beside each line. */
export interface LogFields {
  /** A template: `{{.Name}}/{{.ID}}`. */
  tag?: string;
  /** Keys of labels and names of variables whose values are to be there. */
  labels?: string[];
  env?: string[];
  /** Of syslog. */
  facility?: string;
}

export interface LogSettings {
  driver: "local" | "json-file" | "none" | "journald" | "syslog";
  maxBytes: number;
  maxFiles: number;
  fields?: LogFields;
}

/** What became of a container: written by its monitor. */
export interface ContainerState {
  status: "created" | "running" | "restarting" | "exited";
  /** Its first process, on the host; of the last start. */
  process?: ProcessId;
  /** Its cgroup v2 directory. */
  cgroup?: string;
  /** ISO 8601. */
  started?: string;
  finished?: string;
  exitCode?: number;
  oomKilled?: boolean;
  /** Why it could not be started. */
  error?: string;
  restartCount: number;
  /** How long its policy waited the last time. */
  restartDelayMs?: number;
  /** Who waits to start it again. */
  monitor?: ProcessId;
  /** What it used, of the run that has ended. */
  usage?: Usage;
  /** Of a container with a health check, since its last start. */
  health?: Health;
  /** Of its last start. */
  network?: Connected;
}

/** What its health check said (engine/container/health.ts). */
export interface Health {
  status: "starting" | "healthy" | "unhealthy";
  /** Failures one after the other, until now. */
  failingStreak: number;
  /** The last results, the newest at the end. */
  log: HealthResult[];
}

export interface HealthResult {
  /** ISO 8601. */
  start: string;
  end: string;
  /** -1 for one that took too long. */
  exitCode: number;
  output: string;
}
