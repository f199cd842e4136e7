/** What systemd is told of the limits and devices of a container. Pure. */

import type { DeviceRule } from "../../oci/rare.ts";
import type { Setting } from "../cgroup.ts";
import { planDeviceRules } from "../device/rules.ts";
import { deviceProperties } from "../systemd/devices.ts";
import { limitProperties } from "../systemd/limits.ts";
import type { Property } from "../systemd/property.ts";

/** @param devices the rules of the bundle; undefined leaves those that the unit has. */
export const scopeProperties = (settings: readonly Setting[], devices: DeviceRule[] | undefined): Property[] => [
  ...limitProperties(settings),
  ...(devices ? deviceProperties(planDeviceRules(devices)) : []),
];
