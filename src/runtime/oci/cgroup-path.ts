/** Where the cgroup of a container is: what `cgroupsPath` says, in the cgroup v2 of this host. */

import { ConflictError, UnsupportedError, UsageError } from "../../errors.ts";
import { type Cgroup2, readCgroupFile } from "../../linux/cgroup.ts";
import { readFile } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Spec } from "../../oci/spec.ts";
import type { Scope } from "../../plan/systemd/scope.ts";
import { commonCgroup } from "./remove.ts";

/** Where a container is to be; without a cgroup it is in that of the caller. */
export interface Place {
  cgroup?: string;
  /** Those above it that are to be made, the deepest first. */
  madeCgroups?: string[];
  scope?: Scope;
}

/** @throws UsageError, or UnsupportedError where somebody asks for what this host has not got. */
export function placeOf(
  manager: "cgroupfs" | "systemd" | "disabled",
  { linux, annotations }: Spec,
  id: string,
  cgroup2: Cgroup2 | undefined,
): Place {
  if (manager === "systemd") return scopePlace(linux.cgroupsPath, id, annotations, cgroup2);
  if (manager === "disabled" || !cgroup2) return {};
  const cgroup = cgroupDirectory(linux.cgroupsPath, id, cgroup2);
  return { cgroup, madeCgroups: missingAbove(cgroup) };
}

/** systemd makes the slices above it, and takes them away. */
function scopePlace(path: string | undefined, id: string, annotations: Spec["annotations"], cgroup2?: Cgroup2): Place {
  if (process.geteuid?.() !== 0)
    throw new UnsupportedError("cgroups by systemd are not supported without root: the bus of a session is not asked");
  const { requireSystemd } = require("../systemd/bus.ts") as typeof import("../systemd/bus.ts");
  requireSystemd();
  if (!cgroup2)
    throw new UnsupportedError("cgroups by systemd are supported with cgroup v2 alone, which is not mounted here");
  const { planScope } = require("../../plan/systemd/scope.ts") as typeof import("../../plan/systemd/scope.ts");
  const scope = planScope(path, id, annotations);
  return { cgroup: cgroup2.mountPoint + scope.path, scope };
}

/** An absolute path below the mount point is taken as it is, another one beside the caller's cgroup, as runc does. */
export function cgroupDirectory(path: string | undefined, id: string, { mountPoint }: Cgroup2): string {
  if (path === undefined || path === "") return `${mountPoint}${commonCgroup}/${id}`;
  if (/^[^/]*:[^/]*:[^/]*$/.test(path))
    throw new UnsupportedError(
      `cgroupsPath ${JSON.stringify(path)} is for systemd, which is not asked to make cgroups`,
      "--systemd-cgroup asks it; or --cgroup-manager cgroupfs of the engine that calls",
    );
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || parts.length === 0)
    throw new UsageError(`cgroupsPath ${JSON.stringify(path)} is not a path of a cgroup below the root`);
  const own = path.startsWith("/") ? "" : ownParent();
  return `${mountPoint}${own}/${parts.join("/")}`;
}

/** The cgroup above our own: ours has processes, so none with limits can be below. */
function ownParent(): string {
  const line = /^0::(.*)$/m.exec(readFile("/proc/self/cgroup"))?.[1] ?? "/";
  return line.slice(0, line.lastIndexOf("/"));
}

/** The cgroups above one that have to be made for it, the deepest first. */
function missingAbove(cgroup: string): string[] {
  const missing: string[] = [];
  for (let at = parentOf(cgroup); at !== "" && !statIfAny(at); at = parentOf(at)) missing.push(at);
  return missing;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** Somebody else's processes would be the container's, and end with it. */
export function refuseBusyCgroup(path: string): void {
  if (!/^populated 1$/m.test(readCgroupFile(path, "cgroup.events") ?? "")) return;
  throw new ConflictError(`the cgroup ${path} has processes in it already`, "each container needs a cgroup of its own");
}
