/** The hooks of a container that the engine runs, at the moments of its life: those that files of devices ask for. */

import type { HookKind } from "../oci/rare.ts";
import { ociVersion } from "../oci/version.ts";
import type { Plan } from "../plan/step.ts";
import type { Joined } from "./exec.ts";
import { type HookState, runAllHooks, runHooks } from "./hooks.ts";
import { runCreateContainerHooks, runStartContainerHooks } from "./hooks-inside.ts";

/** @param id of the container. */
export function containerHooks(id: string, { spec, bundle }: NonNullable<Plan["hooks"]>) {
  const hooksOf = (kind: HookKind) => spec.hooks?.[kind] ?? [];
  const stateOf = (status: string, pid?: number): HookState => ({
    ociVersion,
    id,
    status,
    ...(pid !== undefined && { pid }),
    bundle,
    ...(spec.annotations && { annotations: spec.annotations }),
  });
  return {
    /** While its first process waits in front of its root. @throws Failure for the first that fails */
    creating: (joined: Joined): void => {
      const state = stateOf("creating", joined.pid);
      for (const kind of ["prestart", "createRuntime"] as const) runHooks(kind, hooksOf(kind), state);
      runCreateContainerHooks(hooksOf("createContainer"), spec, state, joined);
    },
    /** In front of its program. @throws Failure for the first that fails */
    starting: (joined: Joined): void =>
      runStartContainerHooks(hooksOf("startContainer"), spec, stateOf("created", joined.pid), joined),
    /** The program runs. @returns warnings: it goes on whatever they do. */
    started: (pid: number): string[] => runAllHooks("poststart", hooksOf("poststart"), stateOf("running", pid)),
    /** It has ended. @returns warnings. */
    ended: (): string[] => runAllHooks("poststop", hooksOf("poststop"), stateOf("stopped")),
  };
}
