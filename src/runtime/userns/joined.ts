/** The user namespace that a bundle joins by its path: nothing but the namespace itself says how it maps ids. */

import { InvalidError, UnsupportedError } from "../../errors.ts";
import { O_RDONLY, open, owned } from "../../linux/file.ts";
import { readlink } from "../../linux/names.ts";
import { readUserNamespace } from "../../linux/program/user-namespace.ts";
import type { IdMapping } from "../../oci/rare.ts";
import type { Spec } from "../../oci/spec.ts";
import { type IdMaps, parseMaps, sameMaps, toHost } from "../../plan/userns/id-map.ts";

/**
 * @returns the spec with the maps of the namespace that it joins; without the namespace if it is our own, which it has anyway.
 * @throws InvalidError for a path of something else, and for mappings that are not those of the namespace.
 */
export function withJoinedUser(spec: Spec): Spec {
  const { namespaces, ...linux } = spec.linux;
  const path = namespaces.find(({ type }) => type === "user")?.path;
  if (path === undefined) return spec;
  const maps = mapsOf(path);
  if (!maps) {
    const { uidMappings: _uids, gidMappings: _gids, ...rest } = linux;
    return { ...spec, linux: { ...rest, namespaces: namespaces.filter(({ type }) => type !== "user") } };
  }
  const { uids: uidMappings, gids: gidMappings } = maps;
  check("uidMappings", linux.uidMappings, uidMappings, path);
  check("gidMappings", linux.gidMappings, gidMappings, path);
  return { ...spec, linux: { ...linux, namespaces, uidMappings, gidMappings } };
}

/** Undefined for our own. */
function mapsOf(path: string): IdMaps | undefined {
  using namespace = owned(open(path, O_RDONLY));
  const name = readlink(`/proc/self/fd/${namespace.fd}`);
  if (!name.startsWith("user:[")) throw new InvalidError(`${path} is not a namespace of type user`);
  if (name === readlink("/proc/self/ns/user")) return undefined;
  const { uid, gid } = readUserNamespace(namespace.fd, path);
  return { uids: parseMaps(uid), gids: parseMaps(gid) };
}

function check(name: "uidMappings" | "gidMappings", given: IdMapping[] | undefined, there: IdMapping[], path: string) {
  if (given?.length && !sameMaps(given, there))
    throw new InvalidError(
      `config.json: linux.${name}: the namespace ${path} has others: ${JSON.stringify(there)}`,
      "leave them out: they are read from the namespace",
    );
  if (toHost(there, 0) === undefined)
    throw new UnsupportedError(
      `${path} maps no ${name === "uidMappings" ? "user" : "group"} 0, whom a container starts as`,
    );
}
