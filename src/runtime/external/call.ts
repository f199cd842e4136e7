/** Calls of another OCI runtime: its command line, and what it says when it fails. */

import { Failure, StartError } from "../../errors.ts";
import { type Exit, wait } from "../../linux/clone.ts";
import { type Fd, O_RDWR, open, owned, readAll, seekToStart } from "../../linux/file.ts";
import { inMountNamespace } from "../../linux/namespace.ts";
import { memfd, stringVector, umask } from "../../linux/process.ts";
import { posixSpawn } from "../../linux/spawn.ts";
import { defaultPath } from "../../plan/path.ts";
import type { RuntimeCall } from "../../plan/rare/external.ts";

/** What a call gets beside its words. */
export interface CallOptions {
  /** Descriptors that are its stdin, stdout and stderr; the null device where there are none. */
  stdio?: (Fd | undefined)[];
  /** The mount namespace that it is called in. */
  mounts?: Fd;
}

/** A descriptor of ours, as other processes of root can open it. */
export const pathOf = (fd: Fd): string => `/proc/${process.pid}/fd/${fd}`;

/** Has the runtime do something, and waits for it. @throws RuntimeError if it fails. */
export function callRuntime(call: RuntimeCall, words: string[], options: CallOptions = {}): void {
  using log = owned(memfd("log", ""));
  using errors = owned(memfd("stderr", ""));
  const exit = run(call, ["--log", pathOf(log.fd), "--log-format", "json", ...words], options, errors.fd);
  if (exit.code === 0) return;
  throw new RuntimeError(call, words[0]!, messageOf(contentOf(log.fd)) ?? lastLine(contentOf(errors.fd)) ?? told(exit));
}

/** The runtime could not do it: its own words say why. */
export class RuntimeError extends Failure {
  constructor(
    { name }: RuntimeCall,
    command: string,
    readonly reason: string,
  ) {
    super(`the runtime ${name} cannot ${deeds[command] ?? command}: ${reason}`);
  }

  /** The same of a program that could not be started, with the exit code by which Docker tells why. */
  asStart(): StartError {
    return new StartError(this.message, this.hint, exitCodeOf(this.reason));
  }
}

const deeds: Record<string, string> = {
  create: "create the container",
  start: "start the container",
  exec: "execute a command in the container",
  kill: "signal the container",
  delete: "delete the container",
};

/** As Docker reads what runtimes say. */
function exitCodeOf(reason: string): StartError["exitCode"] {
  if (/executable file .*not found|no such file or directory/i.test(reason)) return 127;
  return /permission denied|is a directory/i.test(reason) ? 126 : 125;
}

function run(
  { path, args, root }: RuntimeCall,
  words: string[],
  { stdio = [], mounts }: CallOptions,
  errors: Fd,
): Exit {
  using nowhere = owned(open("/dev/null", O_RDWR));
  const [stdin = nowhere.fd, stdout = nowhere.fd, stderr = errors] = stdio;
  const argv = stringVector([path, ...args, "--root", root, ...words]);
  const spawn = () =>
    posixSpawn(path, argv, stringVector([defaultPath]), { fds: [stdin, stdout, stderr], session: true });
  // What it makes for itself has the usual modes.
  const before = umask(0o022);
  try {
    const pid = mounts === undefined ? spawn() : inMountNamespace(mounts, spawn);
    return wait({ pid })!.exit;
  } finally {
    umask(before);
  }
}

function contentOf(file: Fd): string {
  seekToStart(file);
  return new TextDecoder().decode(readAll(file, "what the runtime says"));
}

/** The last error of a log in JSON, one object a line. */
function messageOf(log: string): string | undefined {
  const errors = log.split("\n").flatMap((line): string[] => {
    try {
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: unknown };
      return typeof msg === "string" && (level === undefined || /^(error|fatal|panic)$/.test(level)) ? [msg] : [];
    } catch {
      return [];
    }
  });
  return errors.at(-1)?.trim();
}

const lastLine = (text: string): string | undefined => text.trim().split("\n").at(-1) || undefined;

const told = ({ code, signal }: Exit): string =>
  code === undefined ? `it was killed by signal ${signal}` : `it says nothing, and exits with ${code}`;
