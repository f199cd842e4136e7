/** What fields of a process ask of each other. Pure. */

import { capabilityNames } from "../capabilities.ts";
import type { Process } from "../spec.ts";
import { invalid, unsupported } from "./refuse.ts";

/** @throws InvalidError, UnsupportedError */
export function checkProcess({ args, rlimits = [], scheduler, ioPriority }: Process): void {
  if (args.length === 0) invalid("process.args", "there is no program");
  const seen = new Set<string>();
  rlimits.forEach(({ type, soft, hard }, index) => {
    const where = `process.rlimits[${index}]`;
    if (seen.has(type)) invalid(`${where}.type`, `${type} is there twice`);
    if (soft > hard) invalid(where, `the soft limit of ${type} is above the hard one`);
    seen.add(type);
  });
  if (ioPriority?.class === "IOPRIO_CLASS_IDLE" && ioPriority.priority)
    invalid("process.ioPriority.priority", "IOPRIO_CLASS_IDLE has no priorities");
  if (scheduler?.policy === "SCHED_ISO")
    unsupported("process.scheduler.policy", "Linux has reserved SCHED_ISO, and does not have it");
  const isDeadline = scheduler?.policy === "SCHED_DEADLINE";
  for (const name of ["runtime", "deadline", "period"] as const)
    if (scheduler?.[name] && !isDeadline) invalid(`process.scheduler.${name}`, "only SCHED_DEADLINE has it");
}

export const isCapability = (name: string): boolean => (capabilityNames as readonly string[]).includes(name);
