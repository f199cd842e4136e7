/** The plan of a bundle of the OCI runtime, as its `run` performs it. */

import type { BundlePlan } from "../../plan/bundle/bundle.ts";
import { bundleRequest } from "../oci/bundle-options.ts";

/** @param directory of the bundle. */
export function planOfBundle(directory: string): BundlePlan {
  const warnings: string[] = [];
  const args = { bundle: directory, id: "ID", "preserve-fds": "0" };
  const global = {
    root: "",
    cgroups: "cgroupfs",
    warn: (text: string) => warnings.push(text),
    debug: () => {},
  } as const;
  const { plan } = bundleRequest(args as never, global, { outlives: false, waits: false });
  return { ...plan, warnings };
}
