/** The kernel's security modules, and what they hold containers to. */

import { readFileIfAny } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";
import { defaultProfileName } from "../../plan/rare/apparmor.ts";
import { appArmorIsOn, lackOfDefaultProfile } from "../security/apparmor.ts";
import { type Finding, fine, lacking } from "./finding.ts";

export const securityModules = (): Finding[] => [modules(), ...(appArmorIsOn() ? [appArmor()] : [])];

function modules(): Finding {
  const list = readFileIfAny("/sys/kernel/security/lsm")?.trim();
  const selinux = statIfAny("/sys/fs/selinux/enforce") !== undefined;
  const found = list ?? [...(appArmorIsOn() ? ["apparmor"] : []), ...(selinux ? ["selinux"] : [])].join(",");
  return fine("security modules", found || "none that can be seen");
}

function appArmor(): Finding {
  const lack = lackOfDefaultProfile();
  if (!lack) return fine("AppArmor", `containers are held to the profile ${defaultProfileName}`);
  return lacking("AppArmor", `containers are held to no profile: ${lack.text}`, lack.hint);
}
