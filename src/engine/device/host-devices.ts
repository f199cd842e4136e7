/** The devices of this host, as a container gets them. */

import { readdir } from "../../linux/directory.ts";
import { stat } from "../../linux/stat.ts";
import type { Device } from "../../oci/spec.ts";

/** Directories of /dev that a container has of its own, or that are no devices. */
const skipped = new Set(["pts", "shm", "mqueue", "fd", "console", "ptmx"]);

/** Every device in a directory and those below it. */
export function devicesBelow(directory: string): Device[] {
  return (readdir(directory) ?? []).flatMap((name): Device[] => {
    if (skipped.has(name)) return [];
    const path = `${directory}/${name}`;
    if (stat(path, { follow: false }).type === "directory") return devicesBelow(path);
    const device = deviceOf(path, { follow: false });
    return device ? [device] : [];
  });
}

/** Undefined for what is not a device. @param how a symbolic link counts. */
export function deviceOf(path: string, how: { follow?: boolean } = {}): Device | undefined {
  const { type, rdev, mode, uid, gid } = stat(path, how);
  if (type !== "char" && type !== "block") return undefined;
  const [major, minor] = rdev.split(":").map(Number) as [number, number];
  return { type: type === "char" ? "c" : "b", path, major, minor, fileMode: mode, uid, gid };
}
