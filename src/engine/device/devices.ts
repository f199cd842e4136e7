/** The devices that options ask for, as this host has them: nodes in the container's /dev, binds elsewhere. */

import { NotFoundError, UsageError } from "../../errors.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { DeviceRule } from "../../oci/rare.ts";
import type { Device, Mount, Spec } from "../../oci/spec.ts";
import { parseDeviceRule } from "../../plan/device/rules.ts";
import type { DeviceOptions, DeviceRequest } from "../../plan/device-options.ts";
import { deviceOf, devicesBelow } from "./host-devices.ts";
import { rulesOf, withMounts, withNodes, withRules } from "./spec.ts";

/** A spec with these devices. */
export function addDevices(spec: Spec, { devices = [], rules = [], cdi = [], gpus = [] }: DeviceOptions): Spec {
  const found = devices.map(findDevices);
  const all = <Key extends keyof Found>(key: Key) => found.flatMap((one) => one[key] as Found[Key][number][]);
  const allowed = [...all("rules"), ...rules.map(parseDeviceRule)];
  const own = withRules(withNodes(withMounts(spec, all("binds")), all("nodes")), allowed);
  if (cdi.length + gpus.length === 0) return own;
  const { applyCdi } = require("./cdi.ts") as typeof import("./cdi.ts");
  return applyCdi(own, cdi, gpus);
}

interface Found {
  nodes: Device[];
  binds: Mount[];
  rules: DeviceRule[];
}

/** A device, or all below a directory. */
function findDevices({ path, target, access }: DeviceRequest): Found {
  const found = statIfAny(path);
  if (!found) throw new NotFoundError(`--device: there is no ${path} on this host`);
  if (found.type !== "directory") {
    const device = deviceOf(path);
    if (!device) throw new UsageError(`--device: ${path} is not a device`, `-v ${path}:${target} shows a file`);
    return { ...place([device], path, target), rules: rulesOf(device, access) };
  }
  const devices = devicesBelow(path);
  if (devices.length === 0) throw new UsageError(`--device: there is no device in the directory ${path}`);
  return { ...place(devices, path, target), rules: devices.flatMap((device) => rulesOf(device, access)) };
}

/** The container's /dev is its own and new with each start; elsewhere a node would stay in the image's file system. */
function place(devices: Device[], path: string, target: string): Omit<Found, "rules"> {
  const placed = devices.map((device) => ({ device, at: target + device.path.slice(path.length) }));
  const inDev = target === "/dev" || target.startsWith("/dev/");
  if (inDev) return { nodes: placed.map(({ device, at }) => ({ ...device, path: at })), binds: [] };
  return {
    nodes: [],
    binds: placed.map(({ device, at }) => ({
      destination: at,
      type: "bind",
      source: device.path,
      options: ["bind", "nosuid", "noexec"],
    })),
  };
}
