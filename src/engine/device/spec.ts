/** Specs with more devices and mounts than before. Pure. */

import type { Device, Mount, Spec } from "../../oci/spec.ts";

/** What was said last of a path counts. */
export function withNodes(spec: Spec, nodes: Device[]): Spec {
  if (nodes.length === 0) return spec;
  const byPath = new Map([...(spec.linux.devices ?? []), ...nodes].map((device) => [device.path, device]));
  return { ...spec, linux: { ...spec.linux, devices: [...byPath.values()] } };
}

export const withMounts = (spec: Spec, mounts: Mount[]): Spec =>
  mounts.length === 0 ? spec : { ...spec, mounts: [...spec.mounts, ...mounts] };
