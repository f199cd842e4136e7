/** What `--security-opt` changes in the spec of a container. Loaded for those that ask. Pure. */

import type { Seccomp } from "../oci/seccomp.ts";
import type { Spec } from "../oci/spec.ts";
import { maskedPaths, readonlyPaths } from "./default-mounts.ts";
import type { SecurityOptions } from "./security-options.ts";

/** @param seccomp what a profile says of this container: its rules; undefined where nobody gave one. */
export function planSecurity(spec: Spec, options: SecurityOptions, seccomp: Seccomp | undefined): Spec {
  const { noNewPrivileges } = options;
  const { seccomp: own, ...linux } = spec.linux;
  const rules =
    options.seccomp === "unconfined" ? undefined : options.seccomp === "builtin" ? builtin : (seccomp ?? own);
  return {
    ...spec,
    process: {
      ...spec.process,
      ...(noNewPrivileges !== undefined && { noNewPrivileges }),
    },
    linux: {
      ...linux,
      ...(rules && { seccomp: rules }),
      ...planPaths(spec.linux, options),
    },
  };
}

const builtin = { profile: "builtin" } as const;

type Paths = Pick<Spec["linux"], "maskedPaths" | "readonlyPaths">;

/** What is masked and what is read-only, with what was said of it. */
export function planPaths(paths: Paths, { systemPathsUnconfined, mask = [], unmask = [] }: SecurityOptions): Paths {
  if (systemPathsUnconfined) return { maskedPaths: mask, readonlyPaths: [] };
  const unmasked = unmask.map(patternOf);
  const stays = (path: string) => !unmasked.some((pattern) => pattern.test(path));
  const masked = (paths.maskedPaths ?? []).filter(stays);
  return {
    maskedPaths: [...masked, ...mask.filter((path) => !masked.includes(path))],
    readonlyPaths: (paths.readonlyPaths ?? []).filter(stays),
  };
}

/** Those of a container for `inspect`. */
export const pathsOf = (privileged: boolean, options: SecurityOptions = {}): Required<Paths> =>
  planPaths(privileged ? {} : { maskedPaths, readonlyPaths }, options) as Required<Paths>;

/** A path in which `*` is any text within one of its names; `ALL` is every path. */
function patternOf(text: string): RegExp {
  if (text === "ALL") return /^/;
  return new RegExp(`^${text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]*")}/?$`);
}
