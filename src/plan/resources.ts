/** The resources of a spec beyond memory, CPUs and processes: what rarely used options ask for. Pure. */

import { UsageError } from "../errors.ts";
import type { BlockIo, DeviceId, Resources } from "../oci/spec.ts";
import type { Setting } from "./cgroup.ts";
import type { DeviceFigure, ResourceOptions } from "./resource-options.ts";
import { slicesOf } from "./systemd/slice.ts";

/** @param plain of the spec until now. @param numbersOf the number of a disk by its path on the host. */
export function addResources(
  plain: Resources,
  options: ResourceOptions,
  numbersOf: (path: string) => DeviceId,
): Resources {
  const { memoryReservationBytes: reservation, cpuShares: shares, cpusetCpus: cpus, cpusetMems: mems } = options;
  const { cpuPeriodUs: period, cpuQuotaUs: quota } = options;
  const memory = { ...plain.memory, ...(reservation && { reservation }) };
  const cpu = {
    ...plain.cpu,
    ...(quota !== undefined && quota > 0 && { quota }),
    ...(period && { period }),
    ...(shares && { shares }),
    ...(cpus && { cpus }),
    ...(mems && { mems }),
  };
  const blockIO = planBlockIo(options, numbersOf);
  return {
    ...plain,
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(Object.keys(blockIO).length > 0 && { blockIO }),
  };
}

function planBlockIo(options: ResourceOptions, numbersOf: (path: string) => DeviceId): BlockIo {
  const weights = (options.blkioWeightDevices ?? []).map(({ path, value }) => ({ ...numbersOf(path), weight: value }));
  const rates = (figures: DeviceFigure[] = []) =>
    figures.map(({ path, value }) => ({ ...numbersOf(path), rate: value }));
  const io: BlockIo = {
    ...(options.blkioWeight && { weight: options.blkioWeight }),
    weightDevice: weights,
    throttleReadBpsDevice: rates(options.deviceReadBps),
    throttleWriteBpsDevice: rates(options.deviceWriteBps),
    throttleReadIOPSDevice: rates(options.deviceReadIops),
    throttleWriteIOPSDevice: rates(options.deviceWriteIops),
  };
  return Object.fromEntries(Object.entries(io).filter(([, value]) => !Array.isArray(value) || value.length > 0));
}

/** The controllers that options need. */
export function controllersOf(options: ResourceOptions): Set<Setting["controller"]> {
  const needed = new Set<Setting["controller"]>();
  const { memoryReservationBytes, cpuShares, cpuPeriodUs, cpuQuotaUs } = options;
  // Swap is limited beside memory only, which is asked for then.
  if (memoryReservationBytes) needed.add("memory");
  if (cpuShares || cpuPeriodUs || (cpuQuotaUs ?? 0) > 0) needed.add("cpu");
  if (options.cpusetCpus || options.cpusetMems) needed.add("cpuset");
  const { blkioWeight, blkioWeightDevices, deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops } = options;
  const disks = [blkioWeightDevices, deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops];
  if (blkioWeight || disks.some((figures) => figures?.length)) needed.add("io");
  return needed;
}

/** The number of a container's project, by its id: far from those that administrators give. */
export const projectOf = (id: string): number => 0x4000_0000 + Number.parseInt(id.slice(0, 7), 16);

/**
 * The cgroup of a container below the one that was asked for. A name that ends in .slice is where systemd has it:
 * `a-b.slice` is in `a.slice` (systemd.slice(5)).
 */
export function cgroupBelow(parent: string, id: string): string {
  const parts = parent.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || parent.includes("\0"))
    throw new UsageError(`--cgroup-parent: ${JSON.stringify(parent)} leads out of the cgroups`);
  const [only = ""] = parts;
  const slices = parts.length === 1 && only.endsWith(".slice") && !parent.startsWith("/") ? slicesOf(only) : parts;
  if (!slices) throw new UsageError(`--cgroup-parent: ${JSON.stringify(only)} is not a valid name of a slice`);
  return `/${[...slices, id].join("/")}`;
}
