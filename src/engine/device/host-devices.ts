/** The devices of this host, as a container gets them. */

import { readdir } from "../../linux/directory.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Device } from "../../oci/spec.ts";

/** Directories of /dev that a container has of its own, or that are no devices. */
const skipped = new Set(["pts", "shm", "mqueue", "fd", "console", "ptmx"]);

/** Every device in a directory and those below it. */
export function devicesBelow(directory: string): Device[] {
  return (readdir(directory) ?? []).flatMap((name): Device[] => {
    if (skipped.has(name)) return [];
    const path = `${directory}/${name}`;
    // Unplugged since: it is as if it had never been there.
    if (statIfAny(path, { follow: false })?.type === "directory") return devicesBelow(path);
    const device = deviceOf(path, { follow: false });
    return device ? [device] : [];
  });
}

/** Undefined for what is not a device, or not there. @param how a symbolic link counts. */
export function deviceOf(path: string, how: { follow?: boolean } = {}): Device | undefined {
  const found = statIfAny(path, how);
  if (found?.type !== "char" && found?.type !== "block") return undefined;
  const { type, rdev, mode, uid, gid } = found;
  const [major, minor] = rdev.split(":").map(Number) as [number, number];
  return { type: type === "char" ? "c" : "b", path, major, minor, fileMode: mode, uid, gid };
}
