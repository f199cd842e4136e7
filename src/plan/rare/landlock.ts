/** Landlock: the file that `--security-opt landlock=` names, and what it comes to on a kernel. Loaded for those that have one. Pure. */

import { InvalidError, UnsupportedError } from "../../errors.ts";
import { absolutePath, flag, integer, listOf, optional, type Part, structure, word } from "../../oci/bundle/reader.ts";
import type { Landlock } from "../../oci/rare.ts";

/** Rights by their names in linux/landlock.h, in the order of their bits, and the version of the ABI that has each first. */
const fsRights = {
  execute: 1,
  write_file: 1,
  read_file: 1,
  read_dir: 1,
  remove_dir: 1,
  remove_file: 1,
  make_char: 1,
  make_dir: 1,
  make_reg: 1,
  make_sock: 1,
  make_fifo: 1,
  make_block: 1,
  make_sym: 1,
  refer: 2,
  truncate: 3,
  ioctl_dev: 5,
} as const;
const netRights = { bind_tcp: 4, connect_tcp: 4 } as const;
const scopes = { abstract_unix_socket: 6, signal: 6 } as const;

type FsRight = keyof typeof fsRights;
type NetRight = keyof typeof netRights;
type Scope = keyof typeof scopes;
const namesOf = <Name extends string>(table: Record<Name, number>) => Object.keys(table) as Name[];

/** The file. What is handled is refused but for what the rules allow; what is not handled is as without. */
export interface LandlockProfile {
  handledAccessFs?: FsRight[];
  handledAccessNet?: NetRight[];
  /** What does not reach processes outside. */
  scoped?: Scope[];
  pathBeneath?: { paths: string[]; allowedAccess: FsRight[] }[];
  netPort?: { ports: number[]; allowedAccess: NetRight[] }[];
  /** What this kernel does not know is left out. */
  bestEffort?: boolean;
}

const fsList = listOf(word(...namesOf(fsRights)));
const netList = listOf(word(...namesOf(netRights)));

const profile = structure<LandlockProfile>({
  handledAccessFs: optional(fsList),
  handledAccessNet: optional(netList),
  scoped: optional(listOf(word(...namesOf(scopes)))),
  pathBeneath: optional(
    listOf(
      structure<NonNullable<LandlockProfile["pathBeneath"]>[number]>({
        paths: listOf(absolutePath),
        allowedAccess: fsList,
      }),
    ),
  ),
  netPort: optional(
    listOf(
      structure<NonNullable<LandlockProfile["netPort"]>[number]>({
        ports: listOf(integer(0, 65535)),
        allowedAccess: netList,
      }),
    ),
  ),
  bestEffort: optional(flag),
});

/** @param where what it is called in errors. @throws InvalidError */
export function landlockProfile(value: unknown, where: string): LandlockProfile {
  mustBeKnown(value, profile, where);
  const read = profile(value, where);
  const { handledAccessFs = [], handledAccessNet = [], scoped = [], pathBeneath = [], netPort = [] } = read;
  if (handledAccessFs.length + handledAccessNet.length + scoped.length === 0)
    throw new InvalidError(`${where} nothing is handled or scoped: it would refuse nothing`);
  mustBeHandled(pathBeneath, handledAccessFs, `${where} pathBeneath`, "handledAccessFs");
  mustBeHandled(netPort, handledAccessNet, `${where} netPort`, "handledAccessNet");
  return read;
}

function mustBeHandled(
  rules: readonly { allowedAccess: readonly string[] }[],
  handled: readonly string[],
  where: string,
  list: string,
): void {
  for (const [index, { allowedAccess }] of rules.entries()) {
    const other = allowedAccess.find((right) => !handled.includes(right));
    if (other !== undefined)
      throw new InvalidError(`${where}[${index}].allowedAccess has ${other}, which is not in ${list}`);
    if (allowedAccess.length === 0) throw new InvalidError(`${where}[${index}].allowedAccess is empty`);
  }
}

/** A word that is misspelt would be a fence that is not there. */
function mustBeKnown(value: unknown, { fields, items }: Part<unknown>, where: string): void {
  if (items && Array.isArray(value))
    for (const [index, item] of value.entries()) mustBeKnown(item, items, `${where}[${index}]`);
  if (!fields || typeof value !== "object" || value === null || Array.isArray(value)) return;
  for (const [name, item] of Object.entries(value)) {
    const at = where.endsWith(":") ? `${where} ${name}` : `${where}.${name}`;
    if (!Object.hasOwn(fields, name))
      throw new InvalidError(`${at} is not known`, `there are ${Object.keys(fields).join(", ")}`);
    mustBeKnown(item, fields[name]!, at);
  }
}

/**
 * What the kernel is told. @param version of its ABI; undefined where it has no Landlock.
 * @throws UnsupportedError for what this kernel does not know, unless the file says `bestEffort`.
 */
export function resolveLandlock(
  file: LandlockProfile,
  version: number | undefined,
  where: string,
): Landlock | undefined {
  if (version === undefined && !file.bestEffort)
    throw new UnsupportedError(`${where} this kernel has no Landlock, or it is off`, "bestEffort: true does without");
  const known = <Name extends string>(table: Record<Name, number>, asked: readonly Name[] = []): Name[] =>
    asked.filter((name) => {
      if (table[name] <= (version ?? 0)) return true;
      if (file.bestEffort) return false;
      throw new UnsupportedError(
        `${where} ${name} needs version ${table[name]} of Landlock's ABI, and this kernel has ${version}`,
        "bestEffort: true leaves it out",
      );
    });
  const fs = known(fsRights, file.handledAccessFs);
  const net = known(netRights, file.handledAccessNet);
  const scoped = known(scopes, file.scoped);
  if (fs.length + net.length + scoped.length === 0) return undefined;
  const paths = (file.pathBeneath ?? []).flatMap(({ paths, allowedAccess }) =>
    paths.map((path) => ({ path, allowed: known(fsRights, allowedAccess) })),
  );
  const ports = (file.netPort ?? []).flatMap(({ ports, allowedAccess }) =>
    ports.map((port) => ({ port, allowed: known(netRights, allowedAccess) })),
  );
  const useful = ({ allowed }: { allowed: string[] }) => allowed.length > 0;
  return { fs, net, scoped, paths: paths.filter(useful), ports: ports.filter(useful) };
}

const bitsOf = (table: object) => (rights: readonly string[]) =>
  rights.reduce((bits, name) => bits | (1 << Object.keys(table).indexOf(name)), 0);

/** As the kernel has them. */
export const landlockBits = { fs: bitsOf(fsRights), net: bitsOf(netRights), scoped: bitsOf(scopes) };
