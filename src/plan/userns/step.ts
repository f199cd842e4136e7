/** Steps of containers that have a user namespace. */

import type { Device, Rlimit } from "../../oci/spec.ts";
import type { IdMaps } from "./id-map.ts";

/** What the host's side does. */
export type MappedHostStep =
  /** `path` is another container's, by a path to open; else one is made. */
  | ({ do: "user-namespace"; path?: string } & IdMaps)
  /** Marks ids as used by this container: a file for each piece of a range (runtime/userns/ranges.ts). */
  | { do: "hold-ids"; id: string; paths: string[]; keep: boolean }
  /** What a container's root may not mount in its own user namespace, attached nowhere; with these devices in it. */
  | { do: "file-system"; type: string; source: string; target: string; options: string[]; devices: Device[] }
  | { do: "make-masks" };

/** What the process does that makes the container's first, and what others do that enter. */
export type MappedInitStep =
  | { do: "raise-limits"; rlimits: Rlimit[] }
  | { do: "enter-user-namespace" }
  | { do: "namespace-root" };
