/** Paths below a root that must not be left, as records: opened, made, covered (docs/security.md R15). */

import { ENODEV, EPERM } from "../../linux/errno.ts";
import { type Arg, Field, Label, names, type Slot } from "../../linux/program/record.ts";
import { fileMode } from "../../linux/program/values.ts";
import { type CallOptions, room, words } from "../../linux/program/writer.ts";
import type { Context } from "./context.ts";

const inRoot = names("RESOLVE_IN_ROOT", "RESOLVE_NO_MAGICLINKS");
const how = (...flags: Parameters<typeof names>) =>
  words("open_how", { flags: names(...flags), mode: 0, resolve: inRoot });
const howBytes = 24;

/** struct open_how for what is opened below a root. */
export const open = {
  path: how("O_PATH", "O_CLOEXEC"),
  directory: how("O_PATH", "O_DIRECTORY", "O_CLOEXEC"),
  write: how("O_WRONLY", "O_CLOEXEC"),
  readWrite: how("O_RDWR", "O_NOCTTY", "O_CLOEXEC"),
} as const;
type How = (typeof open)[keyof typeof open];

/** openat2(2) with the root's directory as "/". */
export const openInRoot = (context: Context, path: string, as: How, answer: CallOptions = {}): Slot =>
  openBelow(context, context.root, path, as, answer);

/** The same with another directory as "/". */
export const openBelow = ({ writer }: Context, root: Arg, path: string, as: How, answer: CallOptions = {}): Slot =>
  writer.into("fd", "openat2", [root, path === "" ? "." : path, as, howBytes], answer);

const exists = ["EEXIST"] as const;

/** The names of a path, without empty ones. */
const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");

/** Opens a directory below the root, making what is missing of its path. */
export function ensureDirectory(context: Context, path: string): Slot {
  const parts = partsOf(path);
  if (parts.length === 0) return openInRoot(context, "/", open.directory);
  const { parent, name } = ensureParent(context, parts);
  context.writer.call("mkdirat", [parent, name, 0o755], { ok: exists });
  return openInRoot(context, path, open.directory);
}

/** Opens what a path below the root names, making an empty file where there is nothing. */
export function ensureFile(context: Context, path: string): Slot {
  const { writer } = context;
  const { parent, name } = ensureParent(context, partsOf(path));
  // open(2) would keep its mount from becoming read-only.
  writer.call("mknodat", [parent, name, fileMode("f", 0o644), 0], { ok: exists });
  return openInRoot(context, path, open.path);
}

/** What the last name of a path is made in: each name above is made, if it is not there, in the one that was opened before. */
function ensureParent(context: Context, parts: string[]): { parent: Arg; name: string } {
  let parent: Arg = context.root;
  parts.slice(0, -1).forEach((name, index) => {
    context.writer.call("mkdirat", [parent, name, 0o755], { ok: exists });
    parent = openInRoot(context, `/${parts.slice(0, index + 1).join("/")}`, open.directory);
  });
  return { parent, name: parts.at(-1)! };
}

/** Opens the directory that a path is in; one that is open already from the step before is used again. */
export function parentOf(context: Context, path: string): { parent: Slot; name: string } {
  const parts = partsOf(path);
  const name = parts.pop()!;
  const directory = `/${parts.join("/")}`;
  if (context.parent?.path !== directory) context.parent = { path: directory, fd: ensureDirectory(context, directory) };
  return { parent: context.parent.fd, name };
}

/** What is mounted from here on may cover the directory that is open. */
export function leaveParent(context: Context): void {
  delete context.parent;
}

const byDescriptors = names("MOVE_MOUNT_F_EMPTY_PATH", "MOVE_MOUNT_T_EMPTY_PATH");

/** Attaches a detached mount over what is open. Descriptors are not closed one by one: all go with execve. */
export const attach = ({ writer }: Context, mount: Arg, over: Slot, answer: CallOptions = {}): void =>
  writer.call("move_mount", [mount, "", over, "", byDescriptors], answer);

/**
 * Opens a path of the kernel's, as /proc/keys: in the file system that we have mounted ourselves. The way to it through the root
 * could lead elsewhere by now, if others change that root.
 */
export function openInKernel(context: Context, path: string, as: How, answer: CallOptions = {}): Slot {
  context.writer.about(path);
  for (const [target, mounted] of context.kernel)
    if (path === target || path.startsWith(`${target}/`))
      return openBelow(context, mounted, path.slice(target.length + 1), as, answer);
  return openInRoot(context, path, as, answer);
}

/** Records for a path, if this kernel has it: what it has not needs no protection. */
export function ifPresent(context: Context, path: string, use: (fd: Slot) => void): void {
  const absent = new Label();
  use(openInKernel(context, path, open.path, { ok: ["ENOENT", "ENOTDIR"], to: absent }));
  context.writer.label(absent);
}

export const fileType = 0o170000;
export const stxMode = 28;
export const statxBytes = 256;

/** Records for a directory, and for all else. */
export function ifDirectory({ writer }: Context, fd: Arg, yes: () => void, no: () => void): void {
  const other = new Label();
  const done = new Label();
  const stat = room("statx", statxBytes);
  writer.call("statx", [fd, "", names("AT_EMPTY_PATH"), names("STATX_TYPE"), stat]);
  writer.test(new Field(stat, stxMode, "i32"), fileType, names("S_IFDIR"), other);
  yes();
  writer.jump(done);
  writer.label(other);
  no();
  writer.label(done);
}

export const stxRdevMajor = 128;

/** A failure unless this is the null device: it may be somebody's file (CVE-2025-31133). @param otherwise where to go on instead of failing. */
export function mustBeNullDevice({ writer }: Context, fd: Arg, otherwise?: Label): void {
  const stat = room("statx", statxBytes);
  const wrong = otherwise ?? new Label();
  const right = new Label();
  writer.call("statx", [fd, "", names("AT_EMPTY_PATH"), names("STATX_TYPE"), stat]);
  writer.test(new Field(stat, stxMode, "i32"), fileType, names("S_IFCHR"), wrong);
  writer.test(new Field(stat, stxRdevMajor, "i32"), -1, 1, wrong);
  writer.test(new Field(stat, stxRdevMajor + 4, "i32"), -1, 3, wrong);
  if (otherwise) return;
  writer.jump(right);
  writer.label(wrong);
  writer.about("/dev/null, which is not the null device");
  refuse(writer, ENODEV);
  writer.label(right);
}

/** f_type of proc(5). */
const PROC_SUPER_MAGIC = 0x9fa0;
const statfsBytes = 128;

/** A failure with this errno. */
export const refuse = (writer: Context["writer"], errno: number): void => writer.add(-errno, 0);

/** Nothing may lie over /proc or below it, by whatever symbolic links of the image: it is what masks are made on (R18). */
export function refuseProc({ writer }: Context, over: Slot, target: string): void {
  const fine = new Label();
  const stat = room("statfs", statfsBytes);
  writer.call("fstatfs", [over, stat]);
  writer.test(new Field(stat, 0, "i32"), -1, PROC_SUPER_MAGIC, fine);
  writer.about(`${target}, which leads into /proc`);
  refuse(writer, EPERM);
  writer.label(fine);
}
