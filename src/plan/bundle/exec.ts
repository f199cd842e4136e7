/** The plan of another process in a container of the OCI runtime. Pure. */

import type { Process, Spec } from "../../oci/spec.ts";
import { type ExecPlan, planExec } from "../exec.ts";
import type { InitStep, StdioKind } from "../init-step.ts";
import type { Place } from "../rare/listener.ts";
import { planLast } from "./last.ts";

/** What the command line says of it beside its process. */
export interface JoinOptions {
  stdio: StdioKind[];
  /** It lives on without us. */
  detach: boolean;
  /** Descriptors of the caller's from 3 on that the program gets. */
  preserveFds: number;
  /** The container. */
  place: Place;
}

/** @param process all of it: nothing is taken from the container's own. */
export function planJoin(config: Spec, process: Process, { stdio, detach, preserveFds, place }: JoinOptions): ExecPlan {
  const { args, env, terminal = false, consoleSize } = process;
  const size = consoleSize && { terminalSize: { rows: consoleSize.height, columns: consoleSize.width } };
  const options = { command: args, env, terminal, ...size, privileged: false, detach };
  const plan = planExec({ ...config, process }, options, stdio, [], place);
  return { ...plan, start: planLast(plan.start, { process }, { preserveFds }).map((step) => withEnv(step, env)) };
}

/** A terminal of the engine's containers is of a kind; here the caller says of which. */
const withEnv = (step: InitStep, env: string[]): InitStep => (step.do === "execute" ? { ...step, env } : step);
