/** The device filter of a container, as steps: loaded with what is built for it, attached when only the program is missing. Pure. */

import { UnsupportedError } from "../errors.ts";
import type { DeviceRule } from "../oci/rare.ts";
import type { Spec } from "../oci/spec.ts";
import { defaultDeviceRules } from "./device/default-rules.ts";
import type { HostStep } from "./host-step.ts";

export interface DeviceFilterPlan {
  build: HostStep[];
  release: HostStep[];
  warnings: string[];
}

const unfiltered = "devices are not filtered: that takes cgroup v2, which is not mounted here";
const mountIt = "mount it, or boot with systemd.unified_cgroup_hierarchy=1";

/**
 * @param asked somebody named rules: the container does not start where they can't be enforced.
 * @param cgroup absent where cgroup v2 is not mounted. @throws UnsupportedError
 */
export function planDeviceFilter(spec: Spec, asked: boolean | undefined, cgroup: string | undefined): DeviceFilterPlan {
  const rules = rulesOf(spec.linux.resources?.devices ?? []);
  if (!rules) return { build: [], release: [], warnings: [] };
  if (cgroup !== undefined)
    return {
      build: [{ do: "device-filter", rules, ...(asked && { asked }) }],
      release: [{ do: "attach-device-filter", cgroup }],
      warnings: [],
    };
  if (asked) throw new UnsupportedError(unfiltered, mountIt);
  return { build: [], release: [], warnings: [`${unfiltered} (${mountIt})`] };
}

/** Most containers have none of their own. Undefined where nothing is forbidden. */
function rulesOf(own: DeviceRule[]): readonly string[] | undefined {
  if (own.length === 1 && !own[0]!.allow && own[0]!.type === undefined && own[0]!.access === "rwm")
    return defaultDeviceRules;
  return (require("./device/rules.ts") as typeof import("./device/rules.ts")).planDeviceRules(own);
}
