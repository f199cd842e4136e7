/** What rarely used options of resources and devices add to the spec of a start: numbers of disks, devices, cgroups elsewhere. */

import { NotFoundError, UsageError } from "../../errors.ts";
import { findCgroup2 } from "../../linux/cgroup.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { DeviceId, Spec } from "../../oci/spec.ts";
import type { DeviceOptions } from "../../plan/device-options.ts";
import type { RunOptions } from "../../plan/options.ts";
import { planRareLimits } from "../../plan/rare-limits.ts";
import type { ResourceOptions } from "../../plan/resource-options.ts";
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
          ...(resources.cgroupParent && { cgroupsPath: findParent(resources.cgroupParent, start) }),
        },
      }
    : spec;
  return devices ? addDevices(limited, devices) : limited;
}

/** Limits that few ask for, as its plan has them. */
export const planRare = (id: string, { storageBytes: bytes }: ResourceOptions, { linux }: Spec) => ({
  rareLimits: planRareLimits(linux.resources ?? {}),
  ...(bytes && { quota: { project: projectOf(id), bytes } }),
});

/** True if there is something to enforce that would be otherwise without a filter. */
export const asksForFilter = ({ rules }: DeviceOptions, { linux }: Spec): boolean =>
  rules !== undefined || linux.resources?.devices?.some(({ allow, access }) => allow && access !== "rwm") === true;

/** Where the container's cgroup will be. @throws UsageError where a file of a cgroup is in the way. */
function findParent(parent: string, start: string): string {
  const path = cgroupBelow(parent, start);
  const { mountPoint = "" } = findCgroup2() ?? {};
  const names = path.split("/").slice(1, -1);
  const file = names
    .map((_, index) => `${mountPoint}/${names.slice(0, index + 1).join("/")}`)
    .find((above) => (statIfAny(above)?.type ?? "directory") !== "directory");
  if (file === undefined) return path;
  throw new UsageError(`--cgroup-parent: ${JSON.stringify(parent)} names ${file}, which is not a cgroup`);
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
