/** The capabilities that a process is to have, as far as we have them ourselves. */

import type { Capabilities, Process, Spec } from "../../oci/spec.ts";
import { ownCapabilities } from "../own-capabilities.ts";

/** A process with what we can give it, and what we can't. */
export function grantable(given: Process, { linux }: Pick<Spec, "linux">): { process: Process; warnings: string[] } {
  const process = withCapabilities(given);
  // In a user namespace of its own it has them all.
  if (linux.namespaces.some(({ type }) => type === "user")) return { process, warnings: [] };
  const { granted, warnings } = grant(process.capabilities);
  return { process: { ...process, capabilities: granted }, warnings };
}

/** "Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted." */
function grant(capabilities: Capabilities): { granted: Capabilities; warnings: string[] } {
  const own = ownCapabilities();
  const given = (names: string[]) => names.filter((name) => own.includes(name));
  const { bounding, effective, permitted, inheritable, ambient } = capabilities;
  const lacking = new Set([...bounding, ...permitted, ...inheritable].filter((name) => !own.includes(name)));
  return {
    granted: {
      bounding: given(bounding),
      effective: given(effective),
      permitted: given(permitted),
      inheritable: given(inheritable),
      ambient: given(ambient),
    },
    warnings: [...lacking].map((name) => `config.json: process.capabilities: ${name} is not given: we have not got it`),
  };
}

/** A process whose configuration names no capabilities has none, as with runc and crun. */
const withCapabilities = (process: Process): Process & { capabilities: Capabilities } => ({
  ...process,
  capabilities: process.capabilities ?? { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
});
