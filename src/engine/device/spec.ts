/** Specs with more devices, mounts and rules than before. Pure. */

import type { DeviceRule } from "../../oci/rare.ts";
import type { Device, Mount, Spec } from "../../oci/spec.ts";

/** What was said last of a path counts. */
export function withNodes(spec: Spec, nodes: Device[]): Spec {
  if (nodes.length === 0) return spec;
  const byPath = new Map([...(spec.linux.devices ?? []), ...nodes].map((device) => [device.path, device]));
  return { ...spec, linux: { ...spec.linux, devices: [...byPath.values()] } };
}

/** What the container may do with them, after what was said before. */
export function withRules(spec: Spec, rules: DeviceRule[]): Spec {
  if (rules.length === 0) return spec;
  const { resources = {} } = spec.linux;
  const devices = [...(resources.devices ?? []), ...rules];
  return { ...spec, linux: { ...spec.linux, resources: { ...resources, devices } } };
}

/** A pipe needs none. @param access letters of rwm. */
export const rulesOf = ({ type, major, minor }: Device, access: string): DeviceRule[] =>
  type === "p" ? [] : [{ allow: true, type, major, minor, access }];

export const withMounts = (spec: Spec, mounts: Mount[]): Spec =>
  mounts.length === 0 ? spec : { ...spec, mounts: [...spec.mounts, ...mounts] };
