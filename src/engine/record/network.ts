/** What is kept of networks: `networks/<name>/{network.json, leases/, names/}`. */

import { ConflictError, NotFoundError } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { driverOf, type Network, type RarerSettings, type Subnet } from "../../plan/network/network.ts";
import { readRecordFile } from "../../record-file.ts";
import {
  damaged,
  flag,
  formatRecord,
  kindOf,
  list,
  map,
  number,
  object,
  optional,
  parseRecord,
  salvage,
  text,
  time,
} from "../../schema.ts";
import { recordEvent } from "./events.ts";
import { parentCheck } from "./parent-check.ts";

export const networkDirectory = (paths: Paths, name: string): string => `${paths.networks}/${name}`;
export const leasesOf = (paths: Paths, name: string): string => `${networkDirectory(paths, name)}/leases`;
export const namesOf = (paths: Paths, name: string): string => `${networkDirectory(paths, name)}/names`;

/** network.json */
const networkKind = kindOf<Network>({
  id: text,
  name: text,
  created: time,
  bridge: text,
  parent: optional(parentCheck),
  subnets: list(object<Subnet>({ subnet: text, gateway: text, range: optional(text), auxiliary: optional(map(text)) })),
  internal: flag,
  icc: flag,
  isolate: flag,
  mtu: optional(number),
  rarer: optional(
    object<RarerSettings>({ masquerade: optional(flag), hostIp: optional(text), devicePrefix: optional(text) }),
  ),
  labels: map(text),
  options: map(text),
  ipamOptions: optional(map(text)),
  attachable: optional(flag),
});

export const formatNetwork = (network: Network): string => formatRecord(networkKind, network);

/** A network whole or not: then with what could be read of it. */
export interface AnyNetwork extends Network {
  /** `is damaged: network.json is empty` */
  damage?: string;
}

function readAnyNetwork(paths: Paths, name: string): AnyNetwork | undefined {
  const directory = networkDirectory(paths, name);
  const content = readRecordFile(`${directory}/network.json`);
  if (content === undefined && !statIfAny(directory)) return undefined;
  const { value, damage, rest } = parseRecord(networkKind, content, "network.json");
  return value ?? { ...salvage(networkKind, rest, unknown(name)), name, damage };
}

/** Of which nobody has said anything. */
export const noSettings: Omit<Network, "id" | "name" | "created"> = {
  bridge: "",
  subnets: [],
  internal: false,
  icc: true,
  isolate: false,
  labels: {},
  options: {},
};

const unknown = (name: string): Network => ({ id: "", name, created: "1970-01-01T00:00:00Z", ...noSettings });

/** A network by its name. @throws DamagedError */
export function readNetwork(paths: Paths, name: string): Network | undefined {
  const network = readAnyNetwork(paths, name);
  if (network?.damage === undefined) return network;
  throw damaged(`network ${name}`, network.damage, `tinydocker network rm ${name} removes it`);
}

/** One that is damaged; undefined for others. */
export function findDamagedNetwork(paths: Paths, name: string): Network | undefined {
  const network = isName(name) ? readAnyNetwork(paths, name) : undefined;
  return network?.damage === undefined ? undefined : network;
}

/** Tells those who watch (`events`) what happened to a network. */
export const emitNetworkEvent = (
  paths: Paths,
  { id, name, parent }: Pick<Network, "id" | "name" | "parent">,
  action: string,
  attributes: Record<string, string> = {},
): void => {
  const type = driverOf({ ...(parent && { parent }) });
  recordEvent(paths, { type: "network", action, id, attributes: { ...attributes, name, type } });
};

/** Every network that is kept, by name; the damaged ones are left out. */
export const listNetworks = (paths: Paths): Network[] =>
  listAnyNetworks(paths).filter(({ damage }) => damage === undefined);

/** The same with the damaged ones. */
export const listAnyNetworks = (paths: Paths): AnyNetwork[] =>
  networkNames(paths).flatMap((name) => readAnyNetwork(paths, name) ?? []);

/** What is being made or removed begins with a dot. */
const networkNames = (paths: Paths): string[] =>
  (readdir(paths.networks) ?? []).filter((name) => !name.startsWith(".")).sort();

const isName = (reference: string): boolean => /^[\w.-]{1,255}$/.test(reference) && !reference.startsWith(".");

/** A network by its name, or the beginning of its id. What is too long for a file's name is no name (NAME_MAX). */
export function findNetwork(paths: Paths, reference: string): Network {
  const named = isName(reference) ? readNetwork(paths, reference) : undefined;
  if (named) return named;
  const matches = /^[0-9a-f]+$/.test(reference) ? listNetworks(paths).filter(({ id }) => id.startsWith(reference)) : [];
  if (matches.length > 1) throw new ConflictError(`${reference} is the beginning of ${matches.length} network ids`);
  if (matches[0]) return matches[0];
  throw new NotFoundError(`no such network: ${reference}`, "tinydocker network ls lists what there is");
}
