/** More rules for the devices of a container that runs: `update --device-cgroup-rule`. Loaded for those that ask for some. */

import type { Paths } from "../../paths.ts";
import { parseDeviceRule, planDeviceRules } from "../../plan/device/rules.ts";
import type { RunOptions } from "../../plan/options.ts";
import { replaceDeviceFilter } from "../../runtime/device-filter.ts";
import { readSpec } from "../record/bundle.ts";
import { type Container, isUp } from "../record/container.ts";

/** Options with these rules after those that were given before. */
export function addDeviceRules({ devices = {}, ...options }: RunOptions, rules: string[]): RunOptions {
  return { ...options, devices: { ...devices, rules: [...(devices.rules ?? []), ...rules] } };
}

/** @returns what takes them back. @throws UnsupportedError where the kernel takes no filter. */
export function applyDeviceRules(paths: Paths, container: Container, options: RunOptions): () => void {
  const { state, record } = container;
  const cgroup = isUp(container) ? state.cgroup : undefined;
  if (cgroup === undefined) return () => {};
  // As it was started; all that updates have said since comes after that.
  const started = readSpec(paths, record).linux.resources?.devices ?? [];
  const rulesOf = ({ devices }: RunOptions) =>
    planDeviceRules([...started, ...(devices?.rules ?? []).map(parseDeviceRule)]);
  replaceDeviceFilter(cgroup, rulesOf(options));
  return () => replaceDeviceFilter(cgroup, rulesOf(record.options));
}
