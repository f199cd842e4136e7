/** Programs of the host: by absolute path, with a fixed environment, to their end. */

import { UnsupportedError } from "./errors.ts";
import { wait } from "./linux/clone.ts";
import { type Fd, readAll, seekToStart } from "./linux/file.ts";
import { closeAll } from "./linux/poll.ts";
import { memfd, stringVector } from "./linux/process.ts";
import { posixSpawn } from "./linux/spawn.ts";
import { statIfAny } from "./linux/stat.ts";

const directories = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/run/current-system/sw/bin"];
const environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"];

/** Where a program of the system is. */
export const findHostProgram = (name: string): string | undefined =>
  directories.map((directory) => `${directory}/${name}`).find((path) => statIfAny(path) !== undefined);

export interface HostProgramResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program that may fail. @param input what it reads. @throws UnsupportedError where there is no such program. */
export function runHostProgram(name: string, args: string[], input = ""): HostProgramResult {
  const path = findHostProgram(name);
  if (path === undefined) throw new UnsupportedError(`the program ${name} is needed, and it is not installed`);
  const files = [memfd("stdin", input), memfd("stdout", ""), memfd("stderr", "")];
  try {
    const pid = posixSpawn(path, stringVector([name, ...args]), stringVector(environment), { fds: files });
    const ended = wait({ pid });
    const [, stdout = "", stderr = ""] = files.map(textOf);
    return { code: ended?.exit.code ?? 128, stdout, stderr };
  } finally {
    closeAll(files);
  }
}

const decoder = new TextDecoder();

function textOf(file: Fd): string {
  seekToStart(file);
  return decoder.decode(readAll(file, "what a program of the host wrote"));
}
