/** What this host is: the facts that plans need, read from /proc, /sys and /dev. */

import { findCgroup2 } from "../../linux/cgroup.ts";
import { hardLimits } from "../../linux/process.ts";
import type { Device } from "../../oci/spec.ts";
import type { Host } from "../../plan/cgroup.ts";
import type { HostFacts } from "../../plan/spec.ts";
import { ownCapabilities } from "../../runtime/own-capabilities.ts";
import { appArmorIsOn } from "../security/enabled.ts";

/** @param all also what only some containers need to know: every device of the host, for --privileged. */
export function readHost(all: { devices: boolean }): Host & HostFacts & { appArmor: boolean } {
  const cgroup2 = findCgroup2();
  return {
    ...(cgroup2 && { cgroup2 }),
    devices: all.devices ? hostDevices() : [],
    ...facts(),
    appArmor: appArmorIsOn(),
  };
}

function facts(): Pick<HostFacts, "capabilities" | "hardLimits"> {
  const capabilities = ownCapabilities();
  const raises = capabilities.includes("CAP_SYS_RESOURCE");
  return { capabilities, hardLimits: raises ? {} : hardLimits() };
}

/** Loaded for --privileged. */
const hostDevices = (): Device[] =>
  (require("../device/host-devices.ts") as typeof import("../device/host-devices.ts")).devicesBelow("/dev");
