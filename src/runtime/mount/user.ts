/** Who a program runs as: names and numbers resolved by the rootfs's own /etc/passwd and /etc/group (passwd(5), group(5)). */

import { Failure, hasCode, NotFoundError } from "../../errors.ts";
import { openInRoot } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { type Fd, O_NONBLOCK, O_RDONLY, owned, readAll } from "../../linux/file.ts";
import { fstat } from "../../linux/stat.ts";
import { isOnProc } from "../../linux/statfs.ts";
import type { User } from "../../plan/user.ts";

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
  const entry = findLine(passwd, 0, name) ?? findLine(passwd, 2, name);
  const uid = parseId(entry?.[2] ?? name) ?? parseId(name);
  if (uid === undefined) {
    const hint = /^\d+$/.test(name) ? `a number is one from 0 to ${maxId}` : undefined;
    throw new NotFoundError(`no user ${JSON.stringify(name)} in the image's /etc/passwd`, hint);
  }
  const names = [group, ...more].filter((one) => one !== "" && parseId(one) === undefined);
  const groups = readDatabase(root, "/etc/group", { needed: names.length > 0 || (!isNumber && group === "") });
  const added = more.map((one) => groupOf(groups, one));
  const identity = { uid, home: homeIn(entry) };
  if (group !== "") {
    const gid = groupOf(groups, group);
    return { ...identity, gid, groups: [...new Set([gid, ...added])] };
  }
  const gid = parseId(entry?.[3] ?? "0") ?? 0;
  const all = new Set([gid, ...(entry ? membershipsOf(groups, entry[0]!) : []), ...added]);
  if (all.size <= maxGroups) return { ...identity, gid, groups: [...all] };
  if (isNumber) return { ...identity, gid, groups: [...new Set([gid, ...added])] };
  throw new Failure(
    `user ${JSON.stringify(name)} of the image is in ${all.size} groups, and the kernel knows ${maxGroups}`,
  );
}

function groupOf(groups: string, name: string): number {
  const gid = parseId(findLine(groups, 0, name)?.[2] ?? name) ?? parseId(name);
  if (gid === undefined) throw new NotFoundError(`no group ${JSON.stringify(name)} in the image's /etc/group`);
  return gid;
}

/** PATH_MAX: what is longer leads nowhere, and would be too long for a variable. */
const maxHomeLength = 4096;

export function homeIn(entry: string[] | undefined): string {
  const home = entry?.[5] || "/";
  return home.length < maxHomeLength && !home.includes("\0") ? home : "/";
}

/** Who a spec's user is in a rootfs. */
export function identityOf(root: Fd, user: User): Identity {
  if (typeof user === "string") return resolveUser(root, user);
  if ("name" in user) return resolveUser(root, user.name, user.more);
  const passwd = readDatabase(root, "/etc/passwd", { needed: false });
  return { ...user, home: homeIn(findLine(passwd, 2, String(user.uid))) };
}

/*
 * Lines are searched for and not all taken apart: a container may have made eight million of them, and it is our memory. Their
 * ends may be those of Windows.
 */

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** The fields of the first line that has a value in a column. */
export function findLine(database: string, column: number, value: string): string[] | undefined {
  const before = "[^:\\n]*:".repeat(column);
  const line = new RegExp(`(?:^|\\n)(${before}${literal(value)}(?::[^\\n]*)?)(?=\\r?(?:\\n|$))`).exec(database)?.[1];
  return line?.replace(/\r$/, "").split(":", 7);
}

/** Numbers of the groups that list a user. */
function membershipsOf(groups: string, user: string): number[] {
  const member = `(?:[^:\\n]*,)?${literal(user)}(?:,[^:\\n]*)?(?::[^\\n]*)?`;
  const lines = groups.matchAll(new RegExp(`(?:^|\\n)[^:\\n]*:[^:\\n]*:([^:\\n]*):${member}(?=\\r?(?:\\n|$))`, "g"));
  return [...lines].flatMap(([, number = ""]) => parseId(number) ?? []);
}

/** Strictly decimal, in the range of uid_t without its -1. */
function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= maxId ? id : undefined;
}

/** A database as text. What is not needed and can't be read is as if it were not there. */
function readDatabase(root: Fd, path: string, { needed }: { needed: boolean }): string {
  try {
    return readText(root, path);
  } catch (error) {
    if (needed || !(error instanceof Failure)) throw error;
    return "";
  }
}

/** Empty if there is no such file. A FIFO or a device must not hold us up. */
export function readText(root: Fd, path: string): string {
  using database = owned(openDatabase(root, path));
  if (database === undefined) return "";
  const { fd } = database;
  if (fstat(fd).type !== "file" || isOnProc(fd, path)) throw new Failure(`${path} of the image is not a regular file`);
  return new TextDecoder().decode(readAll(fd, `the image's ${path}`, maxBytes));
}

function openDatabase(root: Fd, path: string): Fd | undefined {
  try {
    return openInRoot(root, byteNameOf(path), O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "ENXIO")) return undefined;
    throw error;
  }
}
