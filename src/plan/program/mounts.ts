/** The file system tree of a container, as records: the root, what is mounted in it, devices, masks, and pivot_root(2). */

import { mountAttributes } from "../../linux/mount-attributes.ts";
import { Label, names, type Slot } from "../../linux/program/record.ts";
import { deviceNumber, fileMode } from "../../linux/program/values.ts";
import { words } from "../../linux/program/writer.ts";
import type { InitStep } from "../init-step.ts";
import { type Context, given } from "./context.ts";
import {
  attach,
  ensureDirectory,
  ensureFile,
  ifDirectory,
  ifPresent,
  leaveParent,
  parentOf,
  refuseProc,
} from "./path.ts";

type Of<Kind> = Extract<InitStep, { do: Kind }>;

/** fsopen(2), fsconfig(2), fsmount(2): a new instance of a file system, attached nowhere yet. @param options as fstab(5). */
export function fsmount(
  { writer, fsContext: fs }: Context,
  type: string,
  source: string,
  options: string[],
  readonlyDevice = false,
): Slot {
  writer.call("fsopen", [type, names("FSOPEN_CLOEXEC")], { into: fs });
  writer.call("fsconfig", [fs, names("FSCONFIG_SET_STRING"), "source", source, 0]);
  if (readonlyDevice) writer.call("fsconfig", [fs, names("FSCONFIG_SET_FLAG"), "ro", 0, 0]);
  const { set, rest } = mountAttributes(options);
  for (const option of rest) {
    const equals = option.indexOf("=");
    if (equals < 0) writer.call("fsconfig", [fs, names("FSCONFIG_SET_FLAG"), option, 0, 0]);
    else {
      const [key, value] = [option.slice(0, equals), option.slice(equals + 1)];
      writer.call("fsconfig", [fs, names("FSCONFIG_SET_STRING"), key, value, 0]);
    }
  }
  writer.call("fsconfig", [fs, names("FSCONFIG_CMD_CREATE"), 0, 0, 0]);
  return writer.into(type, "fsmount", [fs, names("FSMOUNT_CLOEXEC"), names(...set)]);
}

const directoryFlags = names("O_PATH", "O_DIRECTORY", "O_CLOEXEC");

export function attachRoot(context: Context, { path }: Of<"attach-root">): void {
  attach(context, given.root, onHost(context, path));
}

const onHost = ({ writer }: Context, path: string): Slot =>
  writer.into("over", "openat", [names("AT_FDCWD"), path, directoryFlags]);

export function mount(context: Context, step: Of<"mount">): void {
  const { writer } = context;
  const { type, source, target, options, propagation, readonlyDevice } = step;
  leaveParent(context);
  writer.about(`${type} on ${target}`);
  const made = fsmount(context, type, source, options, readonlyDevice);
  if (propagation) rare().setPropagation(context, made, propagation);
  const over = ensureDirectory(context, target);
  if (!liesOnOwn(context, target)) refuseProc(context, over, target);
  writer.about(`${type} on ${target}`);
  attach(context, made, over);
  context.own.push(target);
  cover(context, target);
  if (type === "proc" || type === "sysfs") context.kernel.set(target, made);
}

/** What lies there now is something else. */
function cover({ kernel }: Context, target: string): void {
  for (const path of kernel.keys()) if (path === target || path.startsWith(`${target}/`)) kernel.delete(path);
}

/** Loaded for those who ask for such things. */
const rare = () => require("./rare-mounts.ts") as typeof import("./rare-mounts.ts");

/** Below a file system that we have just made there is nothing of the image's that could lead elsewhere. */
const liesOnOwn = ({ own }: Context, target: string): boolean => own.some((path) => target.startsWith(`${path}/`));

export function attachBind(context: Context, { number, source, target, overProc }: Of<"attach">): void {
  const { writer } = context;
  leaveParent(context);
  cover(context, target);
  const bind = given.bind(number);
  const put = (over: Slot) => {
    if (!overProc) refuseProc(context, over, target);
    writer.about(`${source} on ${target}`);
    attach(context, bind, over);
  };
  ifDirectory(
    context,
    bind,
    () => put(ensureDirectory(context, target)),
    () => put(ensureFile(context, target)),
  );
}

export function device(context: Context, { device, mayBeThere }: Of<"device">): void {
  const { writer } = context;
  const { type, path, major, minor, fileMode: mode, uid, gid } = device;
  const { parent, name } = parentOf(context, path);
  const args = [parent, name, fileMode(type, mode), deviceNumber(major, minor)];
  if (mayBeThere) {
    rare().makeDevice(context, device, args);
    return;
  }
  writer.call("mknodat", args);
  if (uid || gid) writer.call("fchownat", [parent, name, uid, gid, names("AT_SYMLINK_NOFOLLOW")]);
}

/** What is there already stays: the image's author wanted it. */
export function symlink(context: Context, { path, target }: Of<"symlink">): void {
  const { parent, name } = parentOf(context, path);
  context.writer.call("symlinkat", [target, parent, name], { ok: ["EEXIST"] });
}

const cloneTreeBelow = names("OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH", "AT_RECURSIVE");
const readOnly = words("mount_attr", {
  attr_set: names("MOUNT_ATTR_RDONLY"),
  attr_clr: 0,
  propagation: 0,
  userns_fd: 0,
});
export const mountAttrBytes = 32;

/** The path itself once more on top of itself, read-only. */
export function readonlyPath(context: Context, { path }: Of<"readonly-path">): void {
  const { writer } = context;
  leaveParent(context);
  ifPresent(context, path, (fd) => {
    writer.about(`read-only ${path}`);
    const copy = writer.into("copy", "open_tree", [fd, "", cloneTreeBelow]);
    writer.call("mount_setattr", [copy, "", names("AT_EMPTY_PATH", "AT_RECURSIVE"), readOnly, mountAttrBytes]);
    attach(context, copy, fd);
  });
}

/**
 * A file system that nobody can write to, with a null device and an empty directory in it. It is attached where the root
 * will lie over it, as kernels before 6.15 clone nothing of a mount that is attached nowhere, and goes with the host's tree.
 */
export function prepareMasks(context: Context, { path, made: byHost }: Of<"prepare-masks">): void {
  const { writer, masks } = context;
  writer.about("tmpfs for masks");
  if (byHost) {
    writer.add(given.madeMasks, 0, masks);
    context.onRoot = true;
    attach(context, masks, onHost(context, path));
    return;
  }
  const made = fsmount(context, "tmpfs", "tmpfs", ["nosuid", "noexec", "mode=755", "size=4k"]);
  writer.add(made, 0, masks);
  writer.call("mknodat", [masks, "null", fileMode("c", 0o666), deviceNumber(1, 3)]);
  writer.call("mkdirat", [masks, "empty", 0o555]);
  writer.call("mount_setattr", [masks, "", names("AT_EMPTY_PATH"), readOnly, mountAttrBytes]);
  attach(context, masks, onHost(context, path));
}

const cloneNamed = names("OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC");

/** Covers a file with the null device; what is no file, which only the kernel knows, with an empty directory. */
export function mask(context: Context, { path }: Of<"mask">): void {
  const { writer, masks } = context;
  leaveParent(context);
  ifPresent(context, path, (fd) => {
    const isDirectory = new Label();
    const done = new Label();
    writer.about(`a mask on ${path}`);
    attach(context, writer.into("null", "open_tree", [masks, "null", cloneNamed]), fd, {
      ok: ["EINVAL", "ENOTDIR"],
      to: isDirectory,
    });
    writer.jump(done);
    writer.label(isDirectory);
    attach(context, writer.into("empty", "open_tree", [masks, "empty", cloneNamed]), fd);
    writer.label(done);
  });
}

export function readonlyRoot(context: Context): void {
  context.writer.about("/");
  context.writer.call("mount_setattr", [context.root, "", names("AT_EMPTY_PATH"), readOnly, mountAttrBytes]);
}

/** With new and old root the same directory, the old one lies on top of the new and can be detached unseen. */
export function pivotRoot(context: Context): void {
  const { writer } = context;
  leaveParent(context);
  writer.call("fchdir", [context.root]);
  writer.call("pivot_root", [".", "."]);
  // What lies on the host's "/" lies on the old root.
  if (context.onRoot) writer.call("umount2", [".", names("MNT_DETACH")]);
  writer.call("umount2", [".", names("MNT_DETACH")]);
  writer.call("chdir", ["/"]);
}
