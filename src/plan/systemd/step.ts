/** What the host's side does for a container whose cgroup is a unit of systemd. */

import type { Property } from "./property.ts";

/** In the place of `cgroup`. */
export interface ScopeStep {
  do: "scope";
  unit: string;
  /** The cgroup v2 directory that systemd makes. */
  path: string;
  properties: Property[];
  /** Who may make others in it, by the host's numbers. */
  owner?: { uid: number; gid: number };
}

/** Before the lines of `limit`, which say what systemd has no property for. */
export interface ScopeLimitsStep {
  do: "scope-limits";
  unit: string;
  properties: Property[];
}

export type SystemdStep = ScopeStep | ScopeLimitsStep;
