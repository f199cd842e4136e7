/** What is kept of networks: `networks/<name>/{network.json, leases/, names/}`. */

import { ConflictError, InvalidError, NotFoundError } from "../errors.ts";
import { readdir, readFileIfAny } from "../linux/file.ts";
import type { Paths } from "../paths.ts";
import type { Network } from "../plan/network.ts";
import { recordEvent } from "./events.ts";

export const networkDirectory = (paths: Paths, name: string): string => `${paths.networks}/${name}`;
export const leasesOf = (paths: Paths, name: string): string => `${networkDirectory(paths, name)}/leases`;
export const namesOf = (paths: Paths, name: string): string => `${networkDirectory(paths, name)}/names`;

/** A network by its name. @throws InvalidError for one whose record is damaged. */
export function readNetwork(paths: Paths, name: string): Network | undefined {
  const path = `${networkDirectory(paths, name)}/network.json`;
  const text = readFileIfAny(path);
  if (text === undefined) return undefined;
  try {
    const network = JSON.parse(text) as Network | null;
    if (typeof network?.bridge === "string" && Array.isArray(network.subnets)) return network;
  } catch {} // it is damaged
  throw new InvalidError(`the record of network ${name} is damaged: ${path}`, `tinydocker network rm ${name}`);
}

/** Tells those who watch (`events`) what happened to a network. */
export const tellNetwork = (
  paths: Paths,
  { id, name }: Pick<Network, "id" | "name">,
  action: string,
  attributes: Record<string, string> = {},
): void => recordEvent(paths, { type: "network", action, id, attributes: { ...attributes, name, type: "bridge" } });

/** Every network that is kept, by name; the damaged ones are left out. */
export function listNetworks(paths: Paths): Network[] {
  return networkNames(paths).flatMap((name) => {
    try {
      return readNetwork(paths, name) ?? [];
    } catch {
      return [];
    }
  });
}

/** What is being made or removed begins with a dot. */
const networkNames = (paths: Paths): string[] =>
  (readdir(paths.networks) ?? []).filter((name) => !name.startsWith(".")).sort();

/** A network by its name, or the beginning of its id. What is too long for a file's name is no name (NAME_MAX). */
export function findNetwork(paths: Paths, reference: string): Network {
  const named =
    /^[\w.-]{1,255}$/.test(reference) && !reference.startsWith(".") ? readNetwork(paths, reference) : undefined;
  if (named) return named;
  const matches = /^[0-9a-f]+$/.test(reference) ? listNetworks(paths).filter(({ id }) => id.startsWith(reference)) : [];
  if (matches.length > 1) throw new ConflictError(`${reference} is the beginning of ${matches.length} network ids`);
  if (matches[0]) return matches[0];
  throw new NotFoundError(`no such network: ${reference}`, "tinydocker network ls lists what there is");
}
