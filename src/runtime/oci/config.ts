/** Reads the config.json of a bundle. */

import { InvalidError } from "../../errors.ts";
import { readFile } from "../../linux/file.ts";
import { maxJsonBytes, parseJson } from "../../oci/json.ts";
import type { Process, Spec } from "../../oci/spec.ts";
import { absolutePath } from "../../paths.ts";
import { defaultDevices } from "../../plan/mounts.ts";

/** @param bundle absolute. */
export function readConfig(bundle: string, path = `${bundle}/config.json`): Spec {
  const given = parseJson(readFile(path, maxJsonBytes), path) as Partial<Spec>;
  if (!given.process || !given.root?.path) throw new InvalidError(`${path} has no process, or no root`);
  const { linux } = given;
  return {
    ...given,
    ociVersion: given.ociVersion ?? "1.0.0",
    root: { ...given.root, path: absolutePath(given.root.path, bundle) },
    process: withDefaults(given.process),
    mounts: given.mounts ?? [],
    linux: {
      ...linux,
      namespaces: linux?.namespaces ?? [],
      devices: [...defaultDevices, ...(linux?.devices ?? [])],
    },
  };
}

/** A process as JSON has it. */
export function withDefaults(process: Process): Process {
  const { bounding = [], effective = [], permitted = [], inheritable = [], ambient = [] } = process.capabilities ?? {};
  return {
    ...process,
    env: process.env ?? [],
    user: { ...process.user, uid: process.user?.uid ?? 0, gid: process.user?.gid ?? 0 },
    capabilities: { bounding, effective, permitted, inheritable, ambient },
  };
}
