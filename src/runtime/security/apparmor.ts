/** The profile of AppArmor that most containers are held to, as the kernel gets it: by the compiler of AppArmor's own. */

import { Failure } from "../../errors.ts";
import { runHostProgram } from "../../host-program.ts";
import type { LoadProfileStep } from "../../plan/rare/step.ts";

/** Two that do so at a time do the same. It stays until the host is started anew. */
export function loadProfile({ name, text }: LoadProfileStep): void {
  // Whatever is configured for other profiles, such as a cache, is not for ours.
  const { code, stderr } = runHostProgram("apparmor_parser", ["--quiet", "--skip-cache", "--replace"], text);
  if (code === 0) return;
  throw new Failure(
    `apparmor_parser cannot load the profile ${name}: ${stderr.trim() || `it ended with ${code}`}`,
    "--security-opt apparmor=unconfined does without",
  );
}
