/** Records of what few ask of mounts and devices. */

import type { ConstantName } from "../../linux/constants.ts";
import { EEXIST } from "../../linux/errno.ts";
import { mountAttributes } from "../../linux/mount-attributes.ts";
import { type Arg, Field, Label, names, Slot } from "../../linux/program/record.ts";
import { fileMode } from "../../linux/program/values.ts";
import { room, words } from "../../linux/program/writer.ts";
import type { Device } from "../../oci/spec.ts";
import type { RareStep } from "../rare/step.ts";
import type { Context } from "./context.ts";
import { fileType, leaveParent, open, openInRoot, refuse, statxBytes, stxMode, stxRdevMajor } from "./path.ts";

const propagations: Record<string, ConstantName> = { shared: "MS_SHARED", unbindable: "MS_UNBINDABLE" };

/** What is new is private: this passes mounts on, or can't be bound. */
export function setPropagation({ writer }: Context, mount: Slot, propagation: string): void {
  const value = names(propagations[propagation]!);
  const attributes = words("mount_attr", { attr_set: 0, attr_clr: 0, propagation: value, userns_fd: 0 });
  writer.call("mount_setattr", [mount, "", names("AT_EMPTY_PATH"), attributes, 32]);
}

/** "If a file already exists at `path` that does not match the requested device, the runtime MUST generate an error." */
export function makeDevice(context: Context, { type, major, minor, path, uid, gid }: Device, args: Arg[]): void {
  const { writer } = context;
  const [parent, name] = args as [Slot, string];
  const there = new Label();
  const done = new Label();
  const made = new Slot("made");
  writer.call("mknodat", args, { into: made, ok: ["EEXIST"], to: there });
  if (uid || gid) writer.call("fchownat", [parent, name, uid, gid, names("AT_SYMLINK_NOFOLLOW")]);
  writer.jump(done);
  writer.label(there);
  writer.about(`${path}, which is there and is not the device that was asked for`);
  mustBeDevice(context, parent, name, { type, major, minor });
  writer.label(done);
}

/** A failure unless a name stands for this device. */
function mustBeDevice(
  { writer }: Context,
  parent: Arg,
  name: string,
  { type, major, minor }: Pick<Device, "type" | "major" | "minor">,
): void {
  const stat = room("statx", statxBytes);
  const wrong = new Label();
  const right = new Label();
  writer.call("statx", [parent, name, names("AT_SYMLINK_NOFOLLOW"), names("STATX_TYPE"), stat]);
  writer.test(new Field(stat, stxMode, "i32"), fileType, fileMode(type, 0), wrong);
  if (type !== "p") {
    writer.test(new Field(stat, stxRdevMajor, "i32"), -1, major, wrong);
    writer.test(new Field(stat, stxRdevMajor + 4, "i32"), -1, minor, wrong);
  }
  writer.jump(right);
  writer.label(wrong);
  refuse(writer, EEXIST);
  writer.label(right);
}

/** As mount(8) has it: what is not named stays as it is. A target that nothing is mounted on is an error of the kernel's. */
export function remount(context: Context, { target, options }: Extract<RareStep, { do: "remount" }>): void {
  const { writer } = context;
  leaveParent(context);
  writer.about(`${target}, to be mounted anew`);
  const { set, clear } = mountAttributes(options);
  const attributes = words("mount_attr", { attr_set: names(...set), attr_clr: clear, propagation: 0, userns_fd: 0 });
  const mounted = openInRoot(context, target, open.path);
  writer.call("mount_setattr", [mounted, "", names("AT_EMPTY_PATH"), attributes, 32]);
}
