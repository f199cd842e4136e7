/**
 * Ids of the host that containers may have: those that the administrator gives the user `tinydocker` in /etc/subuid and
 * /etc/subgid (subuid(5)), or else a range that nobody has; in pieces of one container each.
 */

import { NotFoundError } from "../../errors.ts";
import { readFileIfAny } from "../../linux/file.ts";
import type { IdMapping } from "../../oci/rare.ts";
import { pieceSize } from "../../runtime/userns/ranges.ts";

/** Whose entries count where no other name is said. */
export const ownUser = "tinydocker";

/** `count` ids from `first` on. */
export interface Range {
  first: number;
  count: number;
}

/**
 * Where nobody has an entry: above what systemd and directory services hand out (sssd up to 2,000,200,000), below the ids of
 * systemd's foreign images and those that are negative to some programs. Room for 2046 containers.
 * @see https://systemd.io/UIDS-GIDS/
 */
const builtIn: Range = { first: 0x7800_0000, count: 0x7ffe_0000 - 0x7800_0000 };

/** Lines of subuid(5): all of them, or those of one user, by name or number. */
export function parseSubordinate(text: string, names?: readonly string[]): Range[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", first = "", count = ""] = line.trim().split(":");
    if (!/^\d{1,10}$/.test(first) || !/^\d{1,10}$/.test(count) || Number(count) === 0) return [];
    if (names && !names.includes(name)) return [];
    return [{ first: Number(first), count: Number(count) }];
  });
}

/** Numbers of users, or of groups, as /etc/passwd and /etc/group have them in their third column. */
const numbersIn = (database: string): Range[] =>
  [...database.matchAll(/^[^:\n]*:[^:\n]*:(\d{1,10}):/gm)].map(([, id]) => ({ first: Number(id), count: 1 }));

const meet = (a: Range, b: Range): boolean => a.first < b.first + b.count && b.first < a.first + a.count;

/** What two lists have in common. */
const common = (some: Range[], others: Range[]): Range[] =>
  some.flatMap((one) =>
    others
      .filter((other) => meet(one, other))
      .map((other) => {
        const first = Math.max(one.first, other.first);
        return { first, count: Math.min(one.first + one.count, other.first + other.count) - first };
      }),
  );

const piecesOf = ({ first, count }: Range): number[] =>
  Array.from({ length: Math.floor(count / pieceSize) }, (_, index) => first + index * pieceSize);

/** Files of the host, as texts. */
export interface Databases {
  subuid: string;
  subgid: string;
  passwd: string;
  group: string;
}

export function readDatabases(): Databases {
  const read = (name: string) => readFileIfAny(`/etc/${name}`) ?? "";
  return { subuid: read("subuid"), subgid: read("subgid"), passwd: read("passwd"), group: read("group") };
}

/**
 * First ids of the pieces that containers may have. @throws NotFoundError for entries that have no piece in common.
 * @see https://man7.org/linux/man-pages/man5/subuid.5.html
 */
export function planPieces({ subuid, subgid, passwd, group }: Databases): number[] {
  const [uids, gids] = [parseSubordinate(subuid, [ownUser]), parseSubordinate(subgid, [ownUser])];
  if (uids.length === 0 && gids.length === 0) {
    const taken = [...parseSubordinate(subuid), ...parseSubordinate(subgid), ...numbersIn(passwd), ...numbersIn(group)];
    const near = taken.filter((range) => meet(range, builtIn));
    return piecesOf(builtIn).filter((first) => !near.some((range) => meet(range, { first, count: pieceSize })));
  }
  const pieces = common(uids, gids).flatMap(piecesOf);
  if (pieces.length > 0) return pieces;
  throw new NotFoundError(
    `/etc/subuid and /etc/subgid give the user ${ownUser} no ${pieceSize} ids in common, which one container needs`,
    `a line like ${ownUser}:2013265920:6553600 in both is enough for 100 containers; without any of it, tinydocker chooses ids that nobody has`,
  );
}

/** All ids of a user, one range behind the other from 0 on: `--subuidname`. @throws NotFoundError */
export function mapOfName(file: "subuid" | "subgid", text: string, name: string, number?: string): IdMapping[] {
  const ranges = parseSubordinate(text, number === undefined ? [name] : [name, number]);
  if (ranges.length === 0)
    throw new NotFoundError(`/etc/${file} has no line for ${name}`, `as in ${name}:100000:65536`);
  let next = 0;
  return ranges.map(({ first, count }) => {
    const map = { containerID: next, hostID: first, size: count };
    next += count;
    return map;
  });
}
