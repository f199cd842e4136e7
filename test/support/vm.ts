/** Runs commands and tests in a virtual machine with cgroup v2 alone, where limits can be enforced whatever this machine is. */

import { join } from "node:path";
import { type VmOptions, vm } from "../../helpers/vm.ts";
import type { Result } from "./cli.ts";

const repository = join(import.meta.dir, "../..");

/** Runs a command in a new machine. About 8 s go into booting it. */
export async function runInVm(command: string[], options: VmOptions = {}): Promise<Result> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const sink = (list: Buffer[]) => (data: Buffer) => void list.push(data);
  const code = await vm(command, { cwd: repository, ...options }, sink(stdout), sink(stderr));
  const text = (list: Buffer[]) => Buffer.concat(list).toString();
  return { code, signal: null, stdout: text(stdout), stderr: text(stderr) };
}

/** Runs a test file in a new machine; its own bun test does not see it, as it is no *.test.ts. */
export const bunTestInVm = (file: string, options: VmOptions = {}): Promise<Result> =>
  runInVm([process.execPath, "test", join(repository, file)], { memMB: 2048, ...options });
