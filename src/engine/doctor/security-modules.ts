/** The kernel's security modules, and what they hold containers to. */

import { readFileIfAny } from "../../linux/file.ts";
import { defaultProfileName } from "../../plan/rare/apparmor.ts";
import { lackOfDefaultProfile } from "../security/apparmor.ts";
import { appArmorIsOn, selinuxIsOn } from "../security/enabled.ts";
import { policyContexts } from "../security/selinux.ts";
import { type Finding, fine, lacking } from "./finding.ts";

export const securityModules = (): Finding[] => [
  modules(),
  ...(appArmorIsOn() ? [appArmor()] : []),
  ...(selinuxIsOn() ? [selinux()] : []),
];

function modules(): Finding {
  const list = readFileIfAny("/sys/kernel/security/lsm")?.trim();
  const found = list ?? [...(appArmorIsOn() ? ["apparmor"] : []), ...(selinuxIsOn() ? ["selinux"] : [])].join(",");
  return fine("security modules", found || "none that can be seen");
}

function appArmor(): Finding {
  const lack = lackOfDefaultProfile();
  if (!lack) return fine("AppArmor", `containers are held to the profile ${defaultProfileName}`);
  return lacking("AppArmor", `containers are held to no profile: ${lack.text}`, lack.hint);
}

function selinux(): Finding {
  const contexts = policyContexts();
  if (contexts) return fine("SELinux", `containers are labelled as ${contexts.process}, with categories of their own`);
  return lacking(
    "SELinux",
    "containers have no labels: no policy is loaded, or it has none for them",
    "/etc/selinux/POLICY/contexts/lxc_contexts says which those are",
  );
}
