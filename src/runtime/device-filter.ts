/** Device filters of containers: loaded before there is one, attached before its program runs, replaced while it does. */

import { hasCode, type SyscallError, UnsupportedError } from "../errors.ts";
import { attachDeviceFilter, detachDeviceFilter, loadDeviceFilter, openDeviceFilters } from "../linux/bpf/program.ts";
import { close, type Fd, O_DIRECTORY, O_RDONLY, open, owned, readFile } from "../linux/file.ts";
import { defaultDeviceFilter } from "../plan/device/default-filter.ts";
import { defaultDeviceRules } from "../plan/device/default-rules.ts";
import type { DeviceFilterStep } from "../plan/host-step.ts";

export { attachDeviceFilter };

/** By which it is found among others on a cgroup. */
const filterName = "td_devices";

/**
 * Loads the filter. Where this host has no such thing, or lets us load none, there is a warning, or a failure if somebody asked for
 * rules; inside a user namespace neither, as no device can be made or opened there that its owner has not given.
 * @throws UnsupportedError
 */
export function makeDeviceFilter(step: DeviceFilterStep, prepared: { warnings?: string[] }): Fd | undefined {
  try {
    return loadDeviceFilter(filterName, codeOf(step.rules));
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    if (step.asked) throw unsupported(error);
    if (!isInUserNamespace())
      prepared.warnings = [...(prepared.warnings ?? []), `the device filter is off: ${error.message}; ${unfiltered}`];
    return undefined;
  }
}

/** What a container without a filter can do. */
const unfiltered = "root in this container can make and use every device of the host (--cap-drop MKNOD prevents it)";

/** The kernel has no such thing, or has it not for us. */
const isUnsupported = (error: unknown): error is SyscallError => hasCode(error, "EPERM", "ENOSYS", "EINVAL");

const unsupported = ({ message, code }: SyscallError): UnsupportedError =>
  new UnsupportedError(
    `cannot filter devices: ${message}`,
    code === "EPERM"
      ? "it takes CAP_SYS_ADMIN, or CAP_BPF and CAP_NET_ADMIN"
      : "it takes a kernel with CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF",
  );

/** The whole range is the host's own. */
const isInUserNamespace = (): boolean => !/^ *0 +0 +4294967295$/m.test(readFile("/proc/self/uid_map"));

/** Nearly every container has the same, which is compiled already. */
function codeOf(rules: readonly string[]): Uint8Array {
  if (rules.join() === defaultDeviceRules.join()) return Buffer.from(defaultDeviceFilter, "base64");
  const { compileDeviceFilter } = require("../plan/device/compile.ts") as typeof import("../plan/device/compile.ts");
  const { encode } = require("../linux/bpf/instruction.ts") as typeof import("../linux/bpf/instruction.ts");
  return encode(compileDeviceFilter(rules));
}

/**
 * Gives a cgroup other rules than it has, in one go: at no moment it has none. Filters of others stay.
 * @param rules none where everything is allowed. @throws UnsupportedError
 */
export function replaceDeviceFilter(cgroup: string, rules: readonly string[] | undefined): void {
  try {
    replace(cgroup, rules);
  } catch (error) {
    throw isUnsupported(error) ? unsupported(error) : error;
  }
}

function replace(cgroup: string, rules: readonly string[] | undefined): void {
  using directory = owned(open(cgroup, O_RDONLY | O_DIRECTORY));
  const old = openDeviceFilters(directory.fd, filterName);
  try {
    if (rules !== undefined) {
      using filter = owned(loadDeviceFilter(filterName, codeOf(rules)));
      attachDeviceFilter(directory.fd, filter.fd, old[0]);
    }
    for (const one of rules === undefined ? old : old.slice(1)) detachDeviceFilter(directory.fd, one);
  } finally {
    old.forEach(close);
  }
}
