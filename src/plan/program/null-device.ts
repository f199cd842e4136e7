/** The null device of who joins a container, as records. */

import { Label, names, Slot } from "../../linux/program/record.ts";
import { deviceNumber, fileMode } from "../../linux/program/values.ts";
import type { Context } from "./context.ts";
import { fsmount } from "./mounts.ts";
import { mustBeNullDevice, open, openInRoot } from "./path.ts";

/**
 * The container's null device; where it has removed or replaced that, one in a file system in memory that is attached nowhere:
 * never the host's. Looked at before it is opened, which does things with some devices.
 */
export function nullDeviceOrOwn(context: Context): Slot {
  const { writer } = context;
  const found = new Slot("null");
  const [lacking, done] = [new Label(), new Label()];
  const path = openInRoot(context, "/dev/null", open.path, {
    ok: ["ENOENT", "ENOTDIR", "ELOOP", "EACCES"],
    to: lacking,
  });
  mustBeNullDevice(context, path, lacking);
  const opened = openInRoot(context, "/dev/null", open.readWrite, {
    ok: ["ENOENT", "ENXIO", "EACCES", "EPERM"],
    to: lacking,
  });
  mustBeNullDevice(context, opened, lacking);
  writer.add(opened, 0, found);
  writer.jump(done);
  writer.label(lacking);
  writer.about("a null device of its own");
  const memory = fsmount(context, "tmpfs", "tmpfs", ["nosuid", "noexec", "mode=755", "size=4k"]);
  writer.call("mknodat", [memory, "null", fileMode("c", 0o666), deviceNumber(1, 3)]);
  writer.call("openat", [memory, "null", names("O_RDWR", "O_NOCTTY", "O_CLOEXEC")], { into: found });
  writer.label(done);
  return found;
}
