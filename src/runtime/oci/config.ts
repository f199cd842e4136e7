/** Reads the config.json of a bundle. */

import { readBytes } from "../../linux/file.ts";
import { type Bundle, parseBundle } from "../../oci/bundle/bundle.ts";
import type { Capabilities, Process, Spec } from "../../oci/spec.ts";
import { ownCapabilities } from "../own-capabilities.ts";

/** @param bundle absolute. @param path of another file than the bundle's config.json. */
export function readConfig(bundle: string, path = `${bundle}/config.json`): Bundle {
  const read = parseBundle(readBytes(path), bundle);
  const spec = joinsUser(read.spec) ? joined().withJoinedUser(read.spec) : read.spec;
  const { process, warnings } = grantable(spec.process, spec);
  return { ...read, spec: { ...spec, process }, warnings: [...read.warnings, ...warnings] };
}

const joinsUser = ({ linux }: Spec): boolean =>
  linux.namespaces.some(({ type, path }) => type === "user" && path !== undefined);

/** Loaded for those who join one. */
const joined = () => require("../userns/joined.ts") as typeof import("../userns/joined.ts");

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
