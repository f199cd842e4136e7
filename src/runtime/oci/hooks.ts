/** The hooks of a container's bundle, at the moments of its life (runtime/hooks.ts runs them). */

import type { Fd } from "../../linux/file.ts";
import type { HookKind } from "../../oci/rare.ts";
import type { Spec } from "../../oci/spec.ts";
import type { Joined } from "../exec.ts";
import { reportOf } from "./report.ts";
import type { ContainerState } from "./state.ts";

type Container = Omit<ContainerState, "process">;

/** The first process of a container. */
export interface First {
  pid: number;
  pidfd: Fd;
}

/** Loaded for those who have some. */
const outside = () => require("../hooks.ts") as typeof import("../hooks.ts");
const inside = () => require("../hooks-inside.ts") as typeof import("../hooks-inside.ts");

const hooksOf = ({ hooks }: Spec, kind: HookKind) => hooks?.[kind] ?? [];

const joinedOf = ({ cgroup }: Container, { pid, pidfd }: First): Joined => ({ pid, pidfd, cgroup });

/** While it waits in front of its root. @throws Failure for the first that fails */
export function runCreateHooks(state: Container, first: First): void {
  const { config } = state;
  const report = reportOf(state, first.pid, "creating");
  for (const kind of ["prestart", "createRuntime"] as const) outside().runHooks(kind, hooksOf(config, kind), report);
  const hooks = hooksOf(config, "createContainer");
  if (hooks.length > 0) inside().runCreateContainerHooks(hooks, config, report, joinedOf(state, first));
}

/** In front of its program. @throws Failure for the first that fails */
export function runStartHooks(state: Container, first: First): void {
  const hooks = hooksOf(state.config, "startContainer");
  if (hooks.length === 0) return;
  const report = reportOf(state, first.pid, "created");
  inside().runStartContainerHooks(hooks, state.config, report, joinedOf(state, first));
}

/** After the program has been started. @throws Failure for the first that fails */
export function runPoststartHooks(state: Container, pid: number): void {
  const hooks = hooksOf(state.config, "poststart");
  if (hooks.length > 0) outside().runHooks("poststart", hooks, reportOf(state, pid, "running"));
}

/** After it has been deleted. @returns warnings: "the remaining hooks and lifecycle continue as if the hook had succeeded". */
export function runPoststopHooks(state: Container): string[] {
  const hooks = hooksOf(state.config, "poststop");
  return hooks.length === 0 ? [] : outside().runAllHooks("poststop", hooks, reportOf(state, 0, "stopped"));
}
