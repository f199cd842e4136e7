/** Reads the config.json of a bundle. */

import { readBytes } from "../../linux/file.ts";
import { type Bundle, parseBundle } from "../../oci/bundle/bundle.ts";
import type { Spec } from "../../oci/spec.ts";
import { grantable } from "./grant.ts";

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
