/** Other limits for a container that there is. */

import { ConflictError, UnsupportedError } from "../../errors.ts";
import { findCgroup2, readCgroupFile } from "../../linux/cgroup.ts";
import { delegateControllers } from "../../linux/delegation.ts";
import { owned } from "../../linux/file.ts";
import type { DeviceRule } from "../../oci/rare.ts";
import type { Resources } from "../../oci/spec.ts";
import { core, planBundleLimits, withoutNoLimits } from "../../plan/bundle/limits.ts";
import { lackOf, limitStep, type Setting } from "../../plan/cgroup.ts";
import { planDeviceRules } from "../../plan/device/rules.ts";
import { replaceDeviceFilter } from "../device-filter.ts";
import { rememberLimits, writeLimit } from "../limit.ts";
import { lock, readState, statusOf, writeState } from "./state.ts";

/** Changes what is named; all of it or, if the kernel takes one of them not, nothing. @throws UnsupportedError */
export function updateContainer(root: string, id: string, changes: Resources): void {
  using _ = owned(lock(root, id));
  const state = readState(root, id);
  if (statusOf(root, state) === "stopped") throw new ConflictError("container not running");
  const { cgroup } = state;
  const { linux } = state.config;
  if (cgroup === undefined) throw new UnsupportedError(`${id} has no cgroup of its own, so it has no limits`);
  const resources = merge(linux.resources ?? {}, changes);
  if (resources.memory?.checkBeforeUpdate) checkMemory(cgroup, changes.memory?.limit ?? 0);
  const files = new Set(planBundleLimits(changes).map(({ file }) => file));
  // Some files take what two fields say.
  const cgroup2 = findCgroup2();
  const all = planBundleLimits(resources).filter(({ file }) => files.has(file));
  const settings = withoutNoLimits(all, cgroup2?.controllers);
  const controllers = [...new Set(settings.map(({ controller }) => controller))].filter((name) => name !== core);
  const lacking = controllers.filter((name) => !cgroup2?.controllers.includes(name));
  if (lacking.length > 0) throw new UnsupportedError(...lackOf(lacking, cgroup2 ? { cgroup2 } : {}));
  if (cgroup2) delegateControllers(cgroup2, cgroup.slice(cgroup2.mountPoint.length), controllers);
  const limits = settings.map((setting) => limitStep(cgroup, setting));
  const undo = rememberLimits(limits);
  try {
    for (const limit of limits) writeLimit(limit);
    if (state.scope !== undefined) tellSystemd(state.scope, settings, changes.devices);
    // systemd rounds.
    if (state.scope !== undefined) for (const limit of limits) writeLimit(limit);
    if (changes.devices?.length) replaceDeviceFilter(cgroup, planDeviceRules(changes.devices));
  } catch (error) {
    undo();
    throw error;
  }
  writeState(root, { ...state, config: { ...state.config, linux: { ...linux, resources } } });
}

/** Loaded for those whose cgroup it has made. */
function tellSystemd(scope: string, settings: Setting[], devices: DeviceRule[] = []): void {
  const { scopeProperties } = require("../../plan/bundle/scope.ts") as typeof import("../../plan/bundle/scope.ts");
  const { setScopeLimits } = require("../systemd/scope.ts") as typeof import("../systemd/scope.ts");
  setScopeLimits({ unit: scope, properties: scopeProperties(settings, devices.length > 0 ? devices : undefined) });
}

/** As version 1 of cgroups does it: with less memory than it has taken, the kernel would end it. */
function checkMemory(cgroup: string, limit: number): void {
  const used = Number(readCgroupFile(cgroup, "memory.current") ?? 0);
  if (limit <= 0 || used <= limit) return;
  throw new ConflictError(
    `memory.limit: ${limit} bytes are less than the ${used} that the container has taken`,
    "checkBeforeUpdate asks for this check",
  );
}

/** Field by field, two levels deep: `cpu.quota` leaves `cpu.period` as it was. */
function merge(before: Resources, changes: Resources): Resources {
  const merged: Record<string, unknown> = { ...before };
  for (const [name, value] of Object.entries(changes)) {
    const old = merged[name];
    const areObjects = [old, value].every((one) => typeof one === "object" && one !== null && !Array.isArray(one));
    merged[name] = areObjects ? { ...(old as object), ...(value as object) } : value;
  }
  return merged as Resources;
}
