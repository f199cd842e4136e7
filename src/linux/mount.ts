/** Mounts: the file-descriptor based API (fsopen, open_tree, move_mount, mount_setattr), mount(2) and pivot_root(2). */

import { hasCode, SyscallError } from "../errors.ts";
import { type ConstantName, constants } from "./constants.ts";
import { type Fd, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, open, owned, read } from "./file.ts";
import { bind, check, cstr, memory, syscall } from "./libc.ts";
import { mountAttributes } from "./mount-attributes.ts";

const libc = bind({
  mount: ["int", "ptr", "ptr", "ptr", "long", "ptr"],
  umount2: ["int", "ptr", "int"],
  chdir: ["int", "ptr"],
  fchdir: ["int", "int"],
});

const propagations: Record<string, number> = { unbindable: 1 << 17, private: 1 << 18, slave: 1 << 19, shared: 1 << 20 };

/** True for `private`, `rslave` and the like. */
export const isPropagation = (option: string): boolean => option in propagations || option.slice(1) in propagations;

const bitsOf = (list: ConstantName[]): number => list.reduce((bits, name) => bits | constants[name], 0);

const FSOPEN_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_SET_FD = 5;
const FSCONFIG_CMD_CREATE = 6;

/**
 * A new instance of a file system, mounted nowhere yet: fsopen(2), fsconfig(2), fsmount(2).
 * @param options as fstab(5): attributes ("nosuid") go to the mount, the rest ("mode=755") to the file system.
 * @param opened options whose values are descriptors, before the others.
 * @returns a descriptor for `moveMount`.
 */
export function fsmount(
  type: string,
  source: string,
  options: string[],
  opened: readonly { key: string; fd: Fd }[] = [],
): Fd {
  using context = owned(check("mount", type, syscall("fsopen", cstr(type), FSOPEN_CLOEXEC)) as Fd);
  const configure = (subject: string, command: number, key: string | null, value: string | null) => {
    const text = (string: string | null) => (string === null ? null : cstr(string));
    const result = syscall("fsconfig", context.fd, command, text(key), text(value), 0);
    check("mount", subject, result);
  };
  try {
    configure(`${type} with source ${source}`, FSCONFIG_SET_STRING, "source", source);
    const { set, rest } = mountAttributes(options);
    for (const { key, fd } of opened)
      check("mount", `${type} with ${key}`, syscall("fsconfig", context.fd, FSCONFIG_SET_FD, cstr(key), null, fd));
    for (const option of rest) {
      const [key, value] = splitOption(option);
      configure(
        `${type} with ${option}`,
        value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING,
        key,
        value ?? null,
      );
    }
    configure(type, FSCONFIG_CMD_CREATE, null, null);
    return check("mount", type, syscall("fsmount", context.fd, FSOPEN_CLOEXEC, bitsOf(set))) as Fd;
  } catch (error) {
    throw withKernelLog(error, context.fd);
  }
}

function splitOption(option: string): [key: string, value: string | undefined] {
  const equals = option.indexOf("=");
  return equals < 0 ? [option, undefined] : [option.slice(0, equals), option.slice(equals + 1)];
}

/** A file system context keeps the kernel's own words on what was wrong; they make the best hint. */
function withKernelLog(error: unknown, context: Fd): unknown {
  if (!(error instanceof SyscallError)) return error;
  try {
    const buffer = memory(1024);
    const words = new TextDecoder().decode(buffer.subarray(0, read(context, buffer))).trim();
    return error.withHint(`the kernel says: ${words.replace(/^[ewi] /, "")}`);
  } catch (reading) {
    if (hasCode(reading, "ENODATA")) return error;
    throw reading;
  }
}

const OPEN_TREE_CLONE = 1;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;

/** open_tree(2) with OPEN_TREE_CLONE: a copy of the mount that an open file lies on, to be moved somewhere (a bind mount). */
export function openTree(fd: Fd, options: { recursive: boolean }): Fd {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | (options.recursive ? AT_RECURSIVE : 0);
  return check("clone the mount of", `fd ${fd}`, syscall("open_tree", fd, cstr(""), flags)) as Fd;
}

const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

/** move_mount(2): attaches a detached mount over an open file or directory. */
export function moveMount(mount: Fd, over: Fd, subject: string): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  check("mount", subject, syscall("move_mount", mount, cstr(""), over, cstr(""), flags));
}

/** The same for a path, which closes the mount's descriptor. */
export function attachAt(mount: Fd, path: string, subject: string): void {
  using attached = owned(mount);
  using over = owned(open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  moveMount(attached.fd, over.fd, subject);
}

/** mount_setattr(2) on an open mount: attributes and propagation by their fstab(5) names. */
export function mountSetattr(mount: Fd, options: string[], how: { recursive: boolean }, subject: string): void {
  const { set, clear } = mountAttributes(options);
  const wanted = options.find(isPropagation)?.replace(/^r(?=private|shared|slave|unbindable)/, "");
  const propagation = wanted === undefined ? 0 : propagations[wanted]!;
  const attr = BigUint64Array.of(BigInt(bitsOf(set)), BigInt(clear), BigInt(propagation), 0n);
  const flags = AT_EMPTY_PATH | (how.recursive ? AT_RECURSIVE : 0);
  check("remount", subject, syscall("mount_setattr", mount, cstr(""), flags, attr, attr.byteLength));
}

const MOUNT_ATTR_IDMAP = 0x100000;

/**
 * mount_setattr(2) with MOUNT_ATTR_IDMAP: owners are shown, and written, as a user namespace maps them. Only for a mount
 * that is attached nowhere yet. @param userNamespace the number inside it is the owner on disk, the one outside what is shown.
 */
export function mountSetattrIdmap(mount: Fd, userNamespace: Fd, how: { recursive: boolean }, subject: string): void {
  const attr = BigUint64Array.of(BigInt(MOUNT_ATTR_IDMAP), 0n, 0n, BigInt(userNamespace));
  const flags = AT_EMPTY_PATH | (how.recursive ? AT_RECURSIVE : 0);
  check("map owners of", subject, syscall("mount_setattr", mount, cstr(""), flags, attr, attr.byteLength));
}

const MS_REC = 0x4000;

/** mount(2) that changes how mount events travel, below a path: `rslave`, `rprivate`. */
export function setPropagation(path: string, propagation: string): void {
  const recursive = propagation.startsWith("r");
  const flag = propagations[recursive ? propagation.slice(1) : propagation]!;
  check("make", `${path} ${propagation}`, libc.mount(null, cstr(path), null, flag | (recursive ? MS_REC : 0), null));
}

/** mount(2) of a file system by path. @param data file system options, at most one page with its NUL. */
export const mount = (source: string, target: string, type: string, data: string): void =>
  void check("mount", `${type} on ${target}`, libc.mount(cstr(source), cstr(target), cstr(type), 0, cstr(data)));

const MNT_DETACH = 2;

/** umount2(2) with MNT_DETACH: gone from the tree now, unmounted when nobody uses it any more. */
export const umount2 = (path: string): void => void check("unmount", path, libc.umount2(cstr(path), MNT_DETACH));

/** chdir(2). */
export const chdir = (path: string): void => void check("chdir to", path, libc.chdir(cstr(path)));

/** fchdir(2). */
export const fchdir = (fd: Fd): void => void check("chdir to", `fd ${fd}`, libc.fchdir(fd));
