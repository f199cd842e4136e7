/** AppArmor on this host: which profile a container gets. Loaded where it is, or was asked for. */

import { hasCode, UnsupportedError } from "../../errors.ts";
import { findHostProgram } from "../../host-program.ts";
import { readFileIfAny } from "../../linux/file.ts";
import { defaultProfile, defaultProfileName, unconfined } from "../../plan/rare/apparmor.ts";
import type { LoadProfileStep } from "../../plan/rare/step.ts";
import { appArmorIsOn } from "./enabled.ts";

/** What a container has of AppArmor: the profile of its program, and what loads it where the kernel has not got it yet. */
export interface Confinement {
  profile?: string;
  load?: LoadProfileStep;
}

/**
 * @param asked what was said (`--security-opt apparmor=`). @param privileged it has no profile that nobody asked for.
 * @throws UnsupportedError for a profile that was asked for, and is not to be had.
 */
export function confinementOf(asked: string | undefined, privileged: boolean): Confinement {
  if (asked === unconfined || (asked === undefined && privileged)) return {};
  if (asked !== undefined && asked !== defaultProfileName) {
    mustHaveProfile(asked);
    return { profile: asked };
  }
  const missing = lackOfDefaultProfile();
  if (missing === undefined) return { profile: defaultProfileName, ...(!isLoaded() && { load }) };
  if (asked === undefined) return {};
  throw new UnsupportedError(`apparmor=${asked}: ${missing.text}`, missing.hint);
}

const load: LoadProfileStep = { do: "load-profile", name: defaultProfileName, text: defaultProfile };

/** Why containers are not held to the default profile; undefined where they are. */
export function lackOfDefaultProfile(): { text: string; hint: string } | undefined {
  if (!appArmorIsOn()) return { text: "this kernel has no AppArmor, or it is off", hint: "leave it out" };
  const own = readFileIfAny("/proc/self/attr/apparmor/current")?.trim();
  if (own !== undefined && own !== unconfined)
    return {
      text: `tinydocker itself is held to the profile ${own}, and its containers with it`,
      hint: "run it where nothing confines it",
    };
  if (profiles() === undefined)
    return {
      text: "the kernel's profiles cannot be seen",
      hint: "mount -t securityfs securityfs /sys/kernel/security",
    };
  if (isLoaded() || findHostProgram("apparmor_parser") !== undefined) return undefined;
  return { text: "apparmor_parser, which compiles it, is not installed", hint: "apt-get install apparmor" };
}

/** Those that the kernel has, as `NAME (MODE)`; undefined where that cannot be seen. */
function profiles(): string[] | undefined {
  try {
    return readFileIfAny("/sys/kernel/security/apparmor/profiles")?.split("\n");
  } catch (error) {
    if (!hasCode(error, "EACCES", "EPERM")) throw error;
    return undefined;
  }
}

const isLoaded = (name = defaultProfileName): boolean =>
  profiles()?.some((line) => line.replace(/ \(\w+\)$/, "") === name) ?? false;

/** @throws UnsupportedError where AppArmor is off, or does not know the profile. */
function mustHaveProfile(name: string): void {
  if (!appArmorIsOn())
    throw new UnsupportedError(`apparmor=${name}: this kernel has no AppArmor, or it is off`, "leave it out");
  if (profiles() !== undefined && !isLoaded(name))
    throw new UnsupportedError(`apparmor=${name}: the kernel has no such profile`, "apparmor_parser(8) loads one");
}
