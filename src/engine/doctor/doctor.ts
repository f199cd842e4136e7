/** `doctor`: this host, the isolation of a container, and what is left of containers that were killed. */

import { explain } from "../../errors.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { findDamage } from "./damage.ts";
import { type Finding, fine, lacking } from "./finding.ts";
import { checkHost } from "./host.ts";
import { testIsolation } from "./isolation.ts";
import { findLeaks } from "./leaks.ts";
import { findNetworkLeaks } from "./network-leaks.ts";

export interface Examination {
  host: Finding[];
  /** What is not as it should be in the state root, and in the kernel because of it. */
  state: Finding[];
  isolation: Finding[];
}

/** @param repair takes away what can be. @param isolation makes a container. */
export function examine(paths: Paths, { repair, isolation }: { repair: boolean; isolation: boolean }): Examination {
  const host = checkHost(paths);
  const asRoot = process.geteuid?.() === 0;
  const state = asRoot
    ? examineState(paths)
    : [lacking("state root", "only root may look into it", "sudo tinydocker doctor")];
  if (repair) for (const finding of state) repairOne(finding);
  const canRun = asRoot && isolation && !host.some(({ status }) => status === "fail");
  return { host, state, isolation: canRun ? testIsolation(paths) : [] };
}

function examineState(paths: Paths): Finding[] {
  if (!statIfAny(paths.root)) return [fine("state root", "there is none yet")];
  return [...findDamage(paths), ...findLeaks(paths), ...findNetworkLeaks(paths)];
}

/** One that does not work hinders no other. */
function repairOne(finding: Finding): void {
  if (!finding.repair) return;
  try {
    finding.repair();
    finding.repaired = true;
  } catch (error) {
    finding.repaired = explain(error).text;
  }
}

/** True for what is wrong, and still is. */
export const isProblem = ({ status, repaired }: Finding): boolean => status === "fail" && repaired !== true;
