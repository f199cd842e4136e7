/** Settings of the kernel that belong to a container's own namespaces (sysctl(8), namespaces(7)), as steps. Pure. */

import type { Spec } from "../oci/spec.ts";
import type { InitStep } from "./init-step.ts";

/**
 * Of every container with a network namespace of its own, as Docker's: a user that is not root may serve port 80, and ping.
 * Both are root's on a host because its ports and packets are everybody's; here they are the container's.
 */
export const defaultSysctls: Record<string, string> = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
};

/** The same as people write it. */
export const sysctlName = (name: string): string => name.replace(/[./]/g, (sign) => (sign === "/" ? "." : "/"));

/** As sysctl(8) reads it: whichever of the two signs comes first separates, and the other belongs to names. */
export const withSlashes = (name: string): string => (/[./]/.exec(name)?.[0] === "." ? sysctlName(name) : name);

/** True for what belongs to a device that comes when the network is connected. */
const isOfDevice = (name: string): boolean => /^net\/(ipv4|ipv6|mpls)\/(conf|neigh)\/(?!(all|default|lo)\/)/.test(name);

/** Those of devices come last, when the devices are there. */
export function planSysctls({ linux: { sysctl = {} } }: Spec, { late }: { late: boolean }): InitStep[] {
  return Object.entries(sysctl).flatMap(([key, value]): InitStep[] => {
    const name = withSlashes(key);
    if (isOfDevice(name) !== late) return [];
    const optional = defaultSysctls[key] === value;
    return [{ do: "sysctl", name, value, ...(optional && { optional }), ...(late && { late }) }];
  });
}
