/** execvp(3): the program by the PATH of the container's environment, and what can be wrong with it. */

import { hasCode, SyscallError } from "../errors.ts";
import { statIfAny } from "../linux/file.ts";
import { type StringVector, stringVector } from "../linux/process.ts";

type Execute = (path: string, argv: StringVector, envp: StringVector) => never;

/** Becomes (or starts) the first program of that name that can be executed. @throws SyscallError if there is none. */
export function executeByPath(args: string[], env: string[], execute: Execute): never {
  const program = args[0]!;
  if (program === "") throw new SyscallError("execute", '""', "ENOENT", "the command is empty");
  const argv = stringVector(args);
  const envp = stringVector(env);
  if (program.includes("/")) executeFile(program, argv, envp, execute);
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? "/bin:/usr/bin";
  let denied: unknown;
  for (const directory of path.split(":")) {
    const file = `${directory || "."}/${program}`;
    try {
      // Asked first, because a failed execve would be an exception for each directory before the right one.
      if (statIfAny(file)) executeFile(file, argv, envp, execute);
    } catch (error) {
      // Like execvp: go on looking, but remember a file that is there and may not be executed.
      if (hasCode(error, "EACCES")) denied = error;
      else if (!hasCode(error, "ENOENT", "ENOTDIR") || error.reason === missingInterpreter) throw error;
    }
  }
  throw denied ?? new SyscallError("execute", program, "ENOENT", `not found in PATH=${path}`);
}

const missingInterpreter = "the file is there, but the interpreter that its #! line or ELF header names is not";

function executeFile(path: string, argv: StringVector, envp: StringVector, execute: Execute): never {
  try {
    execute(path, argv, envp);
  } catch (error) {
    if (!hasCode(error, "ENOENT") || !statIfAny(path)) throw error;
    throw new SyscallError("execute", path, "ENOENT", missingInterpreter);
  }
}
