/** Reads the config.json of a bundle, and adds what every container has. */

import { readBytes } from "../../linux/file.ts";
import { type Bundle, parseBundle } from "../../oci/bundle/bundle.ts";
import type { Process } from "../../oci/spec.ts";
import { defaultDevices } from "../../plan/mounts.ts";

/** @param bundle absolute. @param path of another file than the bundle's config.json. */
export function readConfig(bundle: string, path = `${bundle}/config.json`): Bundle {
  const read = parseBundle(readBytes(path), bundle);
  const { linux, process } = read.spec;
  const spec = {
    ...read.spec,
    process: withCapabilities(process),
    linux: { ...linux, devices: [...defaultDevices, ...(linux.devices ?? [])] },
  };
  return { ...read, spec };
}

/** A process whose configuration names no capabilities has none, as with runc and crun. */
export const withCapabilities = (process: Process): Process => ({
  ...process,
  capabilities: process.capabilities ?? { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
});
