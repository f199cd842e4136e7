/** Settings of the kernel as files (sysctl(8)); those of networks are of the network namespace that we are in. */

import { hasCode } from "../errors.ts";
import { O_WRONLY, openIfAny, owned, readFileIfAny, writeAll } from "./file.ts";

/** A setting that was changed, so that it can be given back. */
export interface SysctlChange {
  /** With slashes, as device names may have dots: `net/ipv4/ip_forward`. */
  name: string;
  before: string;
  after: string;
}

const pathOf = (name: string): string => `/proc/sys/${name}`;

/** Undefined where the kernel has no such setting. */
export const readSysctl = (name: string): string | undefined => readFileIfAny(pathOf(name))?.trim();

/** The release of the kernel, as uname(2) has it. */
export const kernelVersion = (): string => readSysctl("kernel/osrelease")!;

/** @returns false where the kernel has no such setting. @throws SyscallError if it cannot be changed and is another. */
export function writeSysctl(name: string, value: string): boolean {
  try {
    using setting = owned(openIfAny(pathOf(name), O_WRONLY));
    if (setting === undefined) return false;
    writeAll(setting.fd, new TextEncoder().encode(value), pathOf(name));
    return true;
  } catch (error) {
    // Its device went while we wrote.
    if (hasCode(error, "ENOENT")) return false;
    if (readSysctl(name) === value) return true;
    throw hasCode(error, "EROFS") ? error.withHint(`mount /proc/sys writable, or set it to ${value} yourself`) : error;
  }
}

/** Sets what is not so already. @returns what was changed. */
export function changeSysctl(name: string, after: string): SysctlChange[] {
  const before = readSysctl(name);
  if (before === undefined || before === after) return [];
  writeSysctl(name, after);
  return [{ name, before, after }];
}

/** Gives settings back, but for those that somebody has changed since. */
export function restoreSysctls(changes: readonly SysctlChange[]): void {
  for (const { name, before, after } of changes.toReversed()) if (readSysctl(name) === after) writeSysctl(name, before);
}
