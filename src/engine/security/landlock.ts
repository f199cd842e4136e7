/** Rules for Landlock, as this host's kernel takes them. Loaded for those that have some. */

import { landlockVersion } from "../../linux/bpf/landlock.ts";
import type { Landlock } from "../../oci/rare.ts";
import { landlockProfile, resolveLandlock } from "../../plan/rare/landlock.ts";

/** @param text of the file. @throws UnsupportedError for what this kernel does not know, unless the file allows that */
export function rulesOfLandlock(text: string, warn: (text: string) => void): Landlock | undefined {
  const where = "the rules for Landlock:";
  const rules = resolveLandlock(landlockProfile(JSON.parse(text), where), landlockVersion(), where);
  if (!rules) warn("this kernel knows nothing of what the rules for Landlock ask for: the container is without");
  return rules;
}
