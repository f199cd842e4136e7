/** What guards containers on this host, in Docker's words. */

import { lackOfDefaultProfile } from "./apparmor.ts";
import { appArmorIsOn, selinuxIsOn } from "./enabled.ts";
import { policyContexts } from "./selinux.ts";

/** Of `info`. */
export const securityOptions = (): string[] => [
  ...(appArmorIsOn() ? ["name=apparmor"] : []),
  "name=seccomp,profile=builtin",
  ...(selinuxIsOn() && policyContexts() ? ["name=selinux"] : []),
  "name=cgroupns",
];

/** What a module of the kernel could do for containers, and does not here. */
export function securityWarnings(): string[] {
  const lack = appArmorIsOn() ? lackOfDefaultProfile() : undefined;
  return lack ? [`AppArmor is on, and containers have no profile: ${lack.text}`] : [];
}
