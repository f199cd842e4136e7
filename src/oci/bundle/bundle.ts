/**
 * The config.json of a bundle that somebody else has made: read field by field, as the runtime specification has them, with
 * errors that name the field. Loaded by the OCI runtime alone: our own containers' is read by engine/record/bundle.ts.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config.md
 */

import { parseJson } from "../json.ts";
import type { Hook, Hooks } from "../rare.ts";
import { parseWithBits64 } from "../seccomp.ts";
import type { Mount, Resources, Root, Spec } from "../spec.ts";
import { checkResources, checkSpec } from "./check.ts";
import { linux, mappings } from "./linux.ts";
import { process } from "./process.ts";
import { withKnownCapabilities } from "./process-file.ts";
import {
  absolutePath,
  flag,
  integer,
  listOf,
  mapOf,
  optional,
  optionalList,
  orElse,
  structure,
  text,
  textLike,
  unknownIn,
} from "./reader.ts";
import { resources } from "./resources.ts";

const root = structure<Root>({ path: textLike(/./, "a path"), readonly: optional(flag) });

const mount = structure<Mount>({
  destination: textLike(/./, "a path"),
  type: optional(text),
  source: optional(text),
  options: optional(listOf(text)),
  uidMappings: optionalList(mappings),
  gidMappings: optionalList(mappings),
});

const hook = optional(
  listOf(
    structure<Hook>({
      path: absolutePath,
      args: optional(listOf(text)),
      env: optional(listOf(text)),
      timeout: optional(integer(1, 2 ** 31 - 1)),
    }),
  ),
);

const hooks = structure<Hooks>({
  prestart: hook,
  createRuntime: hook,
  createContainer: hook,
  startContainer: hook,
  poststart: hook,
  poststop: hook,
});

/** What is read of a config.json. */
export const bundleSpec = structure<Spec>(
  {
    ociVersion: textLike(/^1\.\d+\.\d+([-+].*)?$/, "a version of the specification that tinydocker knows (1.x.y)"),
    root,
    process,
    hostname: optional(text),
    domainname: optional(text),
    mounts: orElse(listOf(mount), []),
    linux: orElse(linux, { namespaces: [] }),
    hooks: optional(hooks),
    annotations: optional(mapOf(text)),
  },
  // The specification has runtimes ignore what is for other platforms.
  ["windows", "solaris", "vm", "zos", "freebsd"],
);

/** A config.json as it was read. */
export interface Bundle {
  /** Its paths are absolute. */
  spec: Spec;
  /** Paths of the properties that were ignored, as the specification demands; for those who look for a mistake. */
  unknown: string[];
  /** What the specification has us warn of. */
  warnings: string[];
}

/**
 * @param directory of the bundle, absolute: what its paths are relative to.
 * @throws InvalidError naming the field that is wrong; UnsupportedError naming the one that tinydocker can't honour
 */
export function parseBundle(content: Uint8Array | string, directory: string): Bundle {
  const json = parseSpecJson(content);
  const read = bundleSpec(json, "config.json:");
  const warnings = checkSpec(read);
  return {
    spec: withAbsolutePaths(withKnownCapabilities(read), directory),
    unknown: unknownIn(json, bundleSpec),
    warnings,
  };
}

/** What `update` is to change. @param subject the name of the file, for errors. @throws InvalidError, UnsupportedError */
export function parseResources(content: Uint8Array | string, subject: string): Resources {
  const read = resources(parseJson(content, subject), `${subject}:`);
  checkResources(read);
  return read;
}

/** Numbers that a call's argument is compared with may need all their 64 bits. */
function parseSpecJson(content: Uint8Array | string): unknown {
  const json = parseJson(content, "config.json");
  const linux = (json as { linux?: { seccomp?: unknown } } | null)?.linux;
  const text = typeof content === "string" ? content : new TextDecoder().decode(content);
  if (linux?.seccomp && /\d{16}/.test(text))
    linux.seccomp = (parseWithBits64(text) as { linux: { seccomp: unknown } }).linux.seccomp;
  return json;
}

function withAbsolutePaths(spec: Spec, directory: string): Spec {
  const absolute = (path: string) => (path.startsWith("/") ? path : `${directory}/${path}`);
  return {
    ...spec,
    root: { ...spec.root, path: absolute(spec.root.path) },
    mounts: spec.mounts.map((mount) => ({
      ...mount,
      destination: mount.destination.startsWith("/") ? mount.destination : `/${mount.destination}`,
      ...(mount.source !== undefined && isBind(mount) && { source: absolute(mount.source) }),
    })),
  };
}

const isBind = ({ type, options = [] }: Mount): boolean =>
  type === "bind" || options.includes("bind") || options.includes("rbind");
