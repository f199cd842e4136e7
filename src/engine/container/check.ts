/** The plan of a health check. Loaded for containers that have one. */

import { hardLimits } from "../../linux/process.ts";
import type { Spec } from "../../oci/spec.ts";
import type { Paths } from "../../paths.ts";
import { type ExecPlan, planExec } from "../../plan/exec.ts";
import type { HealthPlan } from "../../plan/health.ts";
import type { ExternalCheck } from "../external/container.ts";
import { type ContainerRecord, directoryOf } from "../record/container.ts";
import { secretVariables } from "./secrets.ts";

/** Loaded where another runtime makes its processes. */
const external = () => require("../external/container.ts") as typeof import("../external/container.ts");

/** One health check: another process in the container, whose output is noted. */
export function planCheck(
  paths: Paths,
  record: ContainerRecord,
  spec: Spec,
  { command }: HealthPlan,
): ExecPlan | ExternalCheck {
  const env = record.options.secrets ? secretVariables(paths, record) : [];
  const options = { command, env, terminal: false, privileged: false, detach: false };
  if (record.settings.runtime) return external().planCheckBy(paths, record, spec, options);
  const place = { id: record.id, directory: directoryOf(paths, record.id) };
  return planExec(spec, options, ["null", "pipe", "pipe"], [], place, record.options.userns && hardLimits());
}
