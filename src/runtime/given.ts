/** What every process is told that becomes a program, and what decides which records its own program has. */

import { readFile } from "../linux/file.ts";
import { ignoredSignals } from "../linux/signalfd.ts";
import { type CompileOptions, given } from "../plan/program/context.ts";
import type { Identity } from "./mount/user.ts";
import type { ConnectedStdio } from "./stdio.ts";

/** What decides which records there are. */
export const compileOptions = (): CompileOptions => ({
  ignoredSignals: ignoredSignals(),
  lastCapability: Number(readFile("/proc/sys/kernel/cap_last_cap")),
});

/** What every process is told that becomes a program. */
export function givenFor(
  { uid, gid, groups, home }: Identity,
  sync: number,
  exe: number,
  stdio: ConnectedStdio["inside"],
): Record<string, number | string | Uint8Array> {
  const values: Record<string, number | string | Uint8Array> = {
    [given.sync.name]: sync,
    [given.exe.name]: exe,
    [given.exeHigh.name]: exe * 2 ** 32,
    [given.uid.name]: uid,
    [given.gid.name]: gid,
    [given.groupCount.name]: groups.length,
    [given.groups.name]: new Uint8Array(new Uint32Array(groups).buffer),
    [given.home.name]: `HOME=${home}`,
  };
  stdio.forEach((fd, index) => {
    if (fd !== undefined) values[given.stdio[index]!.name] = fd;
  });
  return values;
}
