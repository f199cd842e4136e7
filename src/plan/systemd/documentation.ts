/** What people are told of the steps for systemd. */

import type { Documentation } from "../rare/documentation.ts";
import type { SystemdStep } from "./step.ts";

export const systemdDocumentation: Documentation<SystemdStep["do"]> = {
  scope: {
    man: "systemd.scope(5)",
    why: "asked for: systemd makes the cgroup, as a unit that it counts, shows and stops like its own (StartTransientUnit)",
    undo: "cgroup.kill, StopUnit, ResetFailedUnit",
  },
  "scope-limits": {
    man: "systemd.resource-control(5)",
    why: "systemd has to know of limits, or it writes its own over them (SetUnitProperties)",
  },
};
