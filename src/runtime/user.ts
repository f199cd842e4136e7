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

/** NGROUPS_MAX: more groups a process can't be in. */
const maxGroups = 65_536;

/**
 * Resolves `name`, `uid`, `name:group`, `uid:gid` inside a rootfs; without a user it is root.
 * A number needs no entry, and no file that can be read: whoever is locked out by what a container has made of its files comes in
 * by number. A name does. Without a group the user's own groups all apply, as after a login.
 * @param root open descriptor of the rootfs. @param more groups beside those.
 */
export function resolveUser(root: Fd, user: string, more: string[] = []): Identity {
  const [first = "", group = ""] = user.split(":", 2) as [string, string?];
  const name = first || "0";
  const isNumber = parseId(name) !== undefined;
  const passwd = readDatabase(root, "/etc/passwd", { needed: !isNumber });
  const entry = passwd.find((fields) => fields[0] === name) ?? passwd.find((fields) => fields[2] === name);
  const uid = parseId(entry?.[2] ?? name) ?? parseId(name);
  if (uid === undefined) throw new NotFoundError(`no user ${JSON.stringify(name)} in the image's /etc/passwd`);
  const names = [group, ...more].filter((one) => one !== "" && parseId(one) === undefined);
  const groups = readDatabase(root, "/etc/group", { needed: names.length > 0 || (!isNumber && group === "") });
  const added = more.map((one) => groupOf(groups, one));
  const identity = { uid, home: entry?.[5] || "/" };
  if (group !== "") {
    const gid = groupOf(groups, group);
    return { ...identity, gid, groups: [...new Set([gid, ...added])] };
  }
  const gid = parseId(entry?.[3] ?? "0") ?? 0;
  const own = entry ? groups.flatMap((fields) => membership(fields, entry[0]!)) : [];
  const all = [...new Set([gid, ...own, ...added])];
  if (all.length <= maxGroups) return { ...identity, gid, groups: all };
  if (isNumber) return { ...identity, gid, groups: [...new Set([gid, ...added])] };
  throw new Failure(
    `user ${JSON.stringify(name)} of the image is in ${all.length} groups, and the kernel knows ${maxGroups}`,
  );
}

function groupOf(groups: string[][], name: string): number {
  const gid = parseId(groups.find((fields) => fields[0] === name)?.[2] ?? name) ?? parseId(name);
  if (gid === undefined) throw new NotFoundError(`no group ${JSON.stringify(name)} in the image's /etc/group`);
  return gid;
}

function membership([, , number = "", members = ""]: string[], user: string): number[] {
  const id = members.split(",").includes(user) ? parseId(number) : undefined;
  return id === undefined ? [] : [id];
}

/** Who a spec's user is in a rootfs. */
export function identityOf(root: Fd, user: User): Identity {
  if (typeof user === "string") return resolveUser(root, user);
  return "name" in user ? resolveUser(root, user.name, user.more) : { ...user, home: homeOf(root, user.uid) };
}

/** HOME of numbers that a spec gives. */
function homeOf(root: Fd, uid: number): string {
  const passwd = readDatabase(root, "/etc/passwd", { needed: false });
  return passwd.find((fields) => fields[2] === String(uid))?.[5] || "/";
}

/** Strictly decimal, in the range of uid_t without its -1. */
function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

/** The lines of a database, split at colons. What is not needed and can't be read is as if it were not there. */
function readDatabase(root: Fd, path: string, { needed }: { needed: boolean }): string[][] {
  try {
    return readLines(root, path).map((line) => line.split(":"));
  } catch (error) {
    if (needed || !(error instanceof Failure)) throw error;
    return [];
  }
}

/** None if there is no such file. A FIFO or a device must not hold us up. */
function readLines(root: Fd, path: string): string[] {
  using database = owned(openDatabase(root, path));
  if (database === undefined) return [];
  const { fd } = database;
  if (fstat(fd).type !== "file" || isOnProc(fd, path)) throw new Failure(`${path} of the image is not a regular file`);
  const text = new TextDecoder().decode(readAll(fd, `the image's ${path}`, maxBytes));
  return text.split(/\r?\n/);
}

function openDatabase(root: Fd, path: string): Fd | undefined {
  try {
    return openInRoot(root, byteNameOf(path), O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "ENXIO")) return undefined;
    throw error;
  }
}
