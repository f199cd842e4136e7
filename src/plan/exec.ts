/** The plan of another process in a container that runs: as its first, but with what `exec` says otherwise. Pure. */

import type { Spec } from "../oci/spec.ts";
import { planStart } from "./init.ts";
import type { InitStep, StdioKind } from "./init-step.ts";
import type { Place } from "./rare/listener.ts";
import { type User, userOf } from "./user.ts";
import type { IdMaps } from "./userns/id-map.ts";

/** What `exec` says. Absent is as the container's first process has it. */
export interface ExecOptions {
  command: string[];
  /** `NAME=value`, beside and before those of the container. */
  env: string[];
  workdir?: string;
  user?: string;
  terminal: boolean;
  terminalSize?: { rows: number; columns: number };
  privileged: boolean;
  /** It lives on without us. */
  detach: boolean;
  /** It may be left running while it is at our terminal. */
  detachable?: boolean;
}

/** Loaded for those who have some. */
const planLabels: typeof import("./rare/process.ts").planLabels = (process) =>
  (require("./rare/process.ts") as typeof import("./rare/process.ts")).planLabels(process);

/**
 * What the second of its two processes does (plan/program/compile.ts has the first).
 * @param spec of the container. @param own the capabilities that we have, for `privileged`: no other can be handed on.
 * @param hardLimits ours, where it has a user namespace. @param place which container it is.
 */
export function planExec(
  spec: Spec,
  options: ExecOptions,
  stdio: StdioKind[],
  own: string[],
  place: Place,
  hardLimits: Record<string, number> = {},
): ExecPlan {
  const process = processOf(spec, options, own);
  const { uidMappings: uids, gidMappings: gids } = spec.linux;
  const { terminal, terminalSize } = options;
  const { oomScoreAdj, execCPUAffinity: affinity } = process;
  return {
    user: userOf({ process }),
    ...(oomScoreAdj !== undefined && { oomScoreAdj }),
    ...(uids && gids && { ids: { uids, gids }, raised: planRaised(process.rlimits, hardLimits) }),
    setup: [
      { do: "bind-to-parent" },
      { do: "session" },
      { do: "session-keyring" },
      ...(terminal ? [{ do: "console", ...terminalSize, only: true } as const] : []),
      { do: "stdio", stdio, ...(stdio.includes("null") && { makeNull: true as const }) },
      // That of the container was made when it started.
      { do: "workdir", path: process.cwd, existing: true },
      { do: "ready" },
    ],
    ...(affinity && { affinity }),
    ...(process.apparmorProfile || process.selinuxLabel ? { labels: planLabels(process) } : {}),
    ...(spec.linux.namespaces.some(({ type }) => type === "time") && { time: true as const }),
    start: planStart(
      { ...spec, process, bounding: spec.process.capabilities?.bounding ?? [] },
      { ...place, status: "running", outlives: options.detach || (options.detachable ?? false), reap: false },
    ),
  };
}

/** Loaded for those that have a user namespace. */
const planRaised: typeof import("./userns/limits.ts").planRaised = (...args) =>
  (require("./userns/limits.ts") as typeof import("./userns/limits.ts")).planRaised(...args);

/** A process that joins a container. */
export interface ExecPlan {
  user: User;
  oomScoreAdj?: number;
  /** The CPUs that it runs on until it is in the container, and from then on; all, where nothing is said. */
  affinity?: { initial?: string; final?: string };
  /** What it is to the kernel's security modules. */
  labels?: InitStep[];
  /** The container has clocks of its own. */
  time?: true;
  /** Of a container with a user namespace: its maps, and limits that are raised before that is entered. */
  ids?: IdMaps;
  raised?: InitStep[];
  setup: InitStep[];
  start: InitStep[];
}

/** What becomes of the container's process. */
export function processOf({ process }: Spec, options: ExecOptions, own: string[]): Spec["process"] {
  const names = options.privileged ? own : undefined;
  const capabilities = names && { bounding: names, effective: names, permitted: names, inheritable: [], ambient: [] };
  const variables = new Map<string, string>();
  // The kind of terminal that the container was given is its own business.
  for (const entry of [...(options.terminal ? ["TERM=xterm"] : []), ...process.env, ...options.env])
    variables.set(entry.split("=", 1)[0]!, entry);
  const { apparmorProfile, ...unconfined } = process;
  return {
    ...unconfined,
    // As with Docker, --privileged is not confined.
    ...(apparmorProfile !== undefined && !options.privileged && { apparmorProfile }),
    ...(capabilities && { capabilities }),
    ...(options.user !== undefined && { user: { ...process.user, uid: 0, gid: 0, username: options.user } }),
    args: options.command,
    env: [...variables.values()],
    cwd: options.workdir ?? process.cwd,
  };
}
