/** Who a program runs as: names and numbers resolved by the rootfs's own /etc/passwd and /etc/group (passwd(5), group(5)). */

import { Failure, hasCode, NotFoundError } from "../errors.ts";
import { byteNameOf, isOnProc, openInRoot } from "../linux/at.ts";
import { type Fd, fstat, O_NONBLOCK, O_RDONLY, owned, readAll } from "../linux/file.ts";
import type { User } from "../plan/user.ts";

/** The ids of a process, and the HOME that goes with them. */
export interface Identity {
  uid: number;
  gid: number;
  groups: number[];
  home: string;
}

const maxBytes = 8 << 20;
const maxId = 0xfffffffe;

/**
 * Resolves `name`, `uid`, `name:group`, `uid:gid` inside a rootfs.
 * A number needs no entry; a name does. Without a group the user's own groups all apply, as after a login.
 * @param root open descriptor of the rootfs.
 */
export function resolveUser(root: Fd, user: string): Identity {
  const [name = "", group] = user.split(":", 2) as [string, string?];
  const passwd = readDatabase(root, "/etc/passwd");
  const entry = passwd.find((fields) => fields[0] === name) ?? passwd.find((fields) => fields[2] === name);
  const uid = parseId(entry?.[2] ?? name);
  if (uid === undefined) throw new NotFoundError(`no user ${JSON.stringify(name)} in the image's /etc/passwd`);
  const identity = { uid, home: entry?.[5] || "/" };
  const groups = readDatabase(root, "/etc/group");
  if (group !== undefined) {
    const gid = parseId(groups.find((fields) => fields[0] === group)?.[2] ?? group);
    if (gid === undefined) throw new NotFoundError(`no group ${JSON.stringify(group)} in the image's /etc/group`);
    return { ...identity, gid, groups: [gid] };
  }
  const gid = parseId(entry?.[3] ?? "0") ?? 0;
  const all = new Set([gid]);
  for (const [, , number = "", members = ""] of groups) {
    const id = entry && members.split(",").includes(entry[0]!) ? parseId(number) : undefined;
    if (id !== undefined) all.add(id);
  }
  return { ...identity, gid, groups: [...all] };
}

/** Who a spec's user is in a rootfs. */
export const identityOf = (root: Fd, user: User): Identity =>
  typeof user === "string" ? resolveUser(root, user) : { ...user, home: homeOf(root, user.uid) };

/** HOME of numbers that a spec gives. */
function homeOf(root: Fd, uid: number): string {
  return readDatabase(root, "/etc/passwd").find((fields) => fields[2] === String(uid))?.[5] || "/";
}

/** Strictly decimal, in the range of uid_t without its -1. */
function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

/** The lines of a database, split at colons; none if there is no such file. A FIFO or a device must not hold us up. */
function readDatabase(root: Fd, path: string): string[][] {
  using database = owned(openDatabase(root, path));
  if (database === undefined) return [];
  const { fd } = database;
  if (fstat(fd).type !== "file" || isOnProc(fd, path)) throw new Failure(`${path} of the image is not a regular file`);
  const text = new TextDecoder().decode(readAll(fd, `the image's ${path}`, maxBytes));
  return text.split("\n").map((line) => line.split(":"));
}

function openDatabase(root: Fd, path: string): Fd | undefined {
  try {
    return openInRoot(root, byteNameOf(path), O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "ENXIO")) return undefined;
    throw error;
  }
}
