/** The scope of a container: the unit that its `cgroupsPath` names, as `slice:prefix:name`, and the cgroup that systemd makes for it. Pure. */

import { UnsupportedError, UsageError } from "../../errors.ts";
import { annotatedProperties } from "./annotations.ts";
import { type Property, property } from "./property.ts";
import { maxName, slicesOf } from "./slice.ts";

/** A unit that systemd is to make. */
export interface Scope {
  /** `PREFIX-NAME.scope`. */
  unit: string;
  /** What it is made with, all but its first process. */
  properties: Property[];
  /** Its cgroup below the mount point of cgroup v2: `/a.slice/a-b.slice/PREFIX-NAME.scope`. */
  path: string;
}

const defaultSlice = "system.slice";
const defaultPrefix = "tinydocker";

/**
 * @param cgroupsPath absent is `:tinydocker:ID`.
 * @see https://github.com/opencontainers/runc/blob/main/docs/systemd.md
 * @throws UsageError, or UnsupportedError for a slice, in which no process can be.
 */
export function planScope(
  cgroupsPath: string | undefined,
  id: string,
  annotations: Record<string, string> | undefined,
): Scope {
  const subject = `cgroupsPath ${JSON.stringify(cgroupsPath)}`;
  const parts = (cgroupsPath || `:${defaultPrefix}:${id}`).split(":");
  if (parts.length !== 3)
    throw new UsageError(
      `${subject} is not slice:prefix:name, which --systemd-cgroup takes`,
      "--cgroup-manager cgroupfs takes a path, and the engine that calls has the same choice",
    );
  const [slice = "", prefix, name = ""] = parts;
  if (name.endsWith(".slice"))
    throw new UnsupportedError(`${subject}: ${name} is a slice, and processes of a container can only be in a scope`);
  const inSlice = slice === "" ? defaultSlice : slice === "-" ? "-.slice" : slice;
  const slices = slicesOf(inSlice);
  if (!slices) throw new UsageError(`${subject}: ${JSON.stringify(slice)} is not a valid name of a slice`);
  const unit = `${prefix}-${name}.scope`;
  if (name === "" || !/^[\w:.\\-]+$/.test(unit) || unit.length > maxName)
    throw new UsageError(
      `${JSON.stringify(unit)} is not a valid name of a systemd unit`,
      `letters, digits, and the signs : - _ . \\, at most ${maxName}; cgroupsPath of config.json can say another name`,
    );
  return {
    unit,
    properties: [
      property("Description", "s", `tinydocker container ${id}`),
      property("Slice", "s", inSlice),
      // The container may make cgroups below its own, and systemd leaves them alone.
      property("Delegate", "b", true),
      ...accounting.map((controller) => property(`${controller}Accounting`, "b", true)),
      // It must not end before the engine that looks after it, when the host is shut down.
      property("DefaultDependencies", "b", false),
      ...annotatedProperties(annotations),
    ],
    path: `/${[...slices, unit].join("/")}`,
  };
}

/** As runc and crun: usage is counted whatever is limited. */
const accounting = ["CPU", "Memory", "IO", "Tasks"];
