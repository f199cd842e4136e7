/** The names of the containers of a network: a file for each in a directory, which their processes write and resolvers read. */

import { readdir } from "../../linux/directory.ts";
import { writeFileAtomic } from "../../linux/file.ts";
import { mkdirAll, unlink } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { formatAddress, readAddress } from "../../plan/network/address.ts";
import type { Link, Names } from "../../plan/network/network.ts";
import { readRecordFile } from "../../record-file.ts";
import { type Check, formatRecord, kindOf, list, parseRecord, text } from "../../schema.ts";

/** Where the names of a network are kept. */
export interface ZoneSource {
  /** Its name, which may be put behind those of its containers. */
  network: string;
  directory: string;
  /** Names that only one container knows, and who is meant by them. */
  links?: Link[] | undefined;
}

/** All names of a network. */
export interface Zone {
  network: string;
  /** Addresses by name, alias and short id, in lower case. Several containers may share an alias. */
  byName: Map<string, string[]>;
  /** Names by address, as formatAddress writes them. */
  byAddress: Map<string, string>;
  /** For the one who asks alone: other names of names, in lower case. */
  links?: Map<string, string>;
}

/** The beginning of an id that people see; a whole id is longer than a label may be. */
const shortIdLength = 12;
const idPattern = /^[0-9a-f]{64}$/;

/** Adds a container to a network's names, or changes what it has there. */
export function writeNames(directory: string, id: string, names: Names): void {
  mkdirAll(directory);
  writeFileAtomic(`${directory}/${id}`, formatRecord(namesKind, names));
}

/** Takes a container out of a network's names; one that is not there is fine. */
export const removeNames = (directory: string, id: string): void => unlink(`${directory}/${id}`);

/** The same for a container whose monitor was killed, perhaps while it wrote. */
export function dropNames(directory: string, id: string): void {
  for (const name of readdir(directory) ?? []) if (name.startsWith(id)) unlink(`${directory}/${name}`);
}

/** Reads all names; a file that is damaged, or not ours, is left out. */
export function readZone({ network, directory, links }: ZoneSource): Zone {
  const zone: Zone = { network: network.toLowerCase(), byName: new Map(), byAddress: new Map() };
  if (links) zone.links = new Map(links.map(({ alias, container }) => [alias.toLowerCase(), keyOf(container)]));
  for (const id of (readdir(directory) ?? []).toSorted()) {
    const names = idPattern.test(id) ? readNames(directory, id) : undefined;
    if (!names) continue;
    const addresses = names.addresses.map((address) => formatAddress(readAddress(address)!));
    const keys = [names.name, ...names.aliases, id.slice(0, shortIdLength)].map((name) => name.toLowerCase());
    for (const key of new Set(keys)) {
      const before = zone.byName.get(key);
      if (before) before.push(...addresses);
      else zone.byName.set(key, [...addresses]);
    }
    for (const address of addresses) zone.byAddress.set(address, names.name);
  }
  return zone;
}

/** A name, or an id that is known by its beginning. */
const keyOf = (container: string): string =>
  idPattern.test(container) ? container.slice(0, shortIdLength) : container.toLowerCase();

/** What a container is called in a network; undefined where that is damaged, or not there. */
export const readNames = (directory: string, id: string): Names | undefined =>
  parseRecord(namesKind, readRecordFile(`${directory}/${id}`), id).value;

const address: Check<string> = (value) =>
  typeof value === "string" && readAddress(value) ? undefined : " is not an address";

const namesKind = kindOf<Names>({ name: text, aliases: list(text), addresses: list(address) });

/** A directory that was changed this shortly before it was read may have been changed again with no later time: a tick. */
const tickNs = 20_000_000n;

/** @returns what gives the names as they are at each moment; it reads them again when the directory has changed. */
export function followZone(source: ZoneSource): () => Zone {
  let zone: Zone | undefined;
  let mtimeNs: bigint | undefined;
  return () => {
    const now = statIfAny(source.directory)?.mtimeNs;
    if (zone && now === mtimeNs) return zone;
    const certain = now !== undefined && BigInt(Date.now()) * 1_000_000n - now > tickNs;
    zone = readZone(source);
    mtimeNs = certain ? now : -1n;
    return zone;
  };
}
