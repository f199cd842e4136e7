/** What rarely used options of resources and devices add to the spec of a start: numbers of disks, devices, cgroups elsewhere. */

import { NotFoundError, UsageError } from "../../errors.ts";
import { statIfAny } from "../../linux/file.ts";
import type { DeviceId, Spec } from "../../oci/spec.ts";
import type { RunOptions } from "../../plan/options.ts";
import { planRareLimits } from "../../plan/rare-limits.ts";
import { addResources, cgroupBelow, controllersOf, projectOf } from "../../plan/resources.ts";
import { addDevices } from "../device/devices.ts";

export { controllersOf, planRareLimits, projectOf };

/** @param start names the cgroup. */
export function completeSpec(spec: Spec, { resources, devices }: RunOptions, start: string): Spec {
  const { linux } = spec;
  const limited: Spec = resources
    ? {
        ...spec,
        linux: {
          ...linux,
          resources: addResources(linux.resources ?? {}, resources, diskNumber),
          ...(resources.cgroupParent && { cgroupsPath: cgroupBelow(resources.cgroupParent, start) }),
        },
      }
    : spec;
  return devices ? addDevices(limited, devices) : limited;
}

/** The number by which cgroups know a disk. */
export function diskNumber(path: string): DeviceId {
  const found = statIfAny(path);
  if (!found) throw new NotFoundError(`there is no disk ${path} on this host`, "lsblk lists them");
  const [major, minor] = found.rdev.split(":").map(Number) as [number, number];
  if (found.type !== "block") throw new UsageError(`${path} is not a disk: I/O is limited per disk`);
  if (statIfAny(`/sys/dev/block/${major}:${minor}/partition`))
    throw new UsageError(`${path} is a partition: I/O is limited for whole disks`, "lsblk lists them");
  return { major, minor };
}
