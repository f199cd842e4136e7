/** What this host is: the facts that plans need, read from /proc, /sys and /dev. */

import { findCgroup2 } from "../../linux/cgroup.ts";
import { readFile } from "../../linux/file.ts";
import { hardLimits } from "../../linux/process.ts";
import { capabilityNames } from "../../oci/capabilities.ts";
import type { Device } from "../../oci/spec.ts";
import type { Host } from "../../plan/container.ts";
import type { HostFacts } from "../../plan/spec.ts";

/** @param all also what only some containers need to know: every device of the host, for --privileged. */
export function readHost(all: { devices: boolean }): Host & HostFacts {
  const cgroup2 = findCgroup2();
  return {
    ...(cgroup2 && { cgroup2 }),
    devices: all.devices ? hostDevices() : [],
    ...facts(),
  };
}

function facts(): Pick<HostFacts, "capabilities" | "hardLimits"> {
  const capabilities = ownCapabilities();
  const raises = capabilities.includes("CAP_SYS_RESOURCE");
  return { capabilities, hardLimits: raises ? {} : hardLimits() };
}

/** Capabilities we may hand on. Without root this only serves `explain`, which shows what root would do. */
export function ownCapabilities(): string[] {
  const status = readFile("/proc/self/status");
  const digits = /^CapPrm:\s*([0-9a-f]+)/m.exec(status)![1]!;
  const mine: string[] = [];
  for (let number = 0; number < capabilityNames.length; number++) {
    // Four capabilities to a digit, the last digit first.
    const four = Number.parseInt(digits[digits.length - 1 - (number >> 2)] ?? "0", 16);
    if (four & (1 << (number & 3))) mine.push(capabilityNames[number]!);
  }
  return mine.length === 0 ? [...capabilityNames] : mine;
}

/** Loaded for --privileged. */
const hostDevices = (): Device[] =>
  (require("../device/host-devices.ts") as typeof import("../device/host-devices.ts")).devicesBelow("/dev");
