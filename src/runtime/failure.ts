/** Why a process did not become the program: what its frame says, in words. A frame lies in memory that a stranger may write. */

import { StartError, SyscallError } from "../errors.ts";
import { describeErrno } from "../linux/errno.ts";
import { isErrno } from "../linux/program/arena.ts";
import type { Assembled } from "../linux/program/assemble.ts";
import type { Frame, Rec } from "../linux/program/record.ts";
import type { InitStep } from "../plan/init-step.ts";

/** Where a process was when it failed, or was killed. */
export interface Failed {
  /** Name of the step. */
  step: string;
  record: Rec;
  /** 0 if no call failed. */
  errno: number;
  /** What the kernel says of a file system that could not be made. */
  log: string;
  /** Of the step that becomes the program. */
  program: { args: string[]; env: string[] };
}

/** The failure that one of these processes has noted; otherwise where the first of them is. */
export function readFailure(
  { arena, sources, steps, log }: Assembled,
  frames: Frame[],
  plan: readonly InitStep[],
): Failed | undefined {
  const last = plan.at(-1);
  const program = last?.do === "execute" || last?.do === "reap" ? last : { args: [""], env: [] };
  const read = ({ at }: Frame): Failed | undefined => {
    const [, step = 0, errno = 0, index = 0] = arena.i32.subarray(at >> 2, (at >> 2) + 4);
    const record = sources[index];
    const name = steps[step];
    if (!record || name === undefined || (errno !== 0 && !isErrno(errno))) return undefined;
    return { step: name, record, errno, log: log ? textAt(arena.copy(log.at, 1000)) : "", program };
  };
  const all = frames.map(read);
  return all.find((failed) => failed?.errno) ?? all[0];
}

/** Up to the first NUL, and nothing that moves a cursor. */
function textAt(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder()
    .decode(bytes.subarray(0, end < 0 ? bytes.length : end))
    .replace(/[\x00-\x1f\x7f]+/g, " ")
    .trim();
}

/** What a call does, in the words of an error. */
const verbs: Record<string, string> = {
  add: "use",
  clone: "clone",
  fsconfig: "mount",
  fsmount: "mount",
  fsopen: "mount",
  fchdir: "chdir to",
  fstatfs: "stat",
  keyctl: "join",
  mkdirat: "mkdir",
  mknodat: "mknod",
  mount_setattr: "remount",
  move_mount: "mount",
  open_tree: "clone the mount of",
  openat: "open",
  openat2: "open",
  prlimit64: "set limit",
  setns: "enter",
  setdomainname: "set domain name",
  sethostname: "set hostname",
  statx: "stat",
  symlinkat: "symlink",
  umount2: "unmount",
  write: "write to",
};

/** Calls whose second argument is the path that they are about. */
const byPath = ["openat", "openat2", "mkdirat", "mknodat", "statx"];

function subjectOf({ call, args, subject = "" }: Rec): string {
  const path = call === "execve" ? args[0] : byPath.includes(call) ? args[1] : undefined;
  if (typeof path !== "string" || path === "") return subject;
  // Looked up below what was mounted just now: the whole path says where.
  return subject.startsWith("/") && subject.endsWith(`/${path}`) ? subject : path;
}

const missingInterpreter = "the file is there, but the interpreter that its #! line or ELF header names is not";

/** Calls of the search for the program: what goes wrong with them is about the program. */
const executing = ["execve", "statx", "add"];

/** The errno as a failure that names the step, what was done to what, and what to do about it. */
export function startError(failed: Failed): StartError {
  const { step, record, errno, log, program } = failed;
  const [code, meaning] = describeErrno(errno);
  if ((step === "execute" || step === "reap") && executing.includes(record.call)) {
    const error = executeError(record, code, meaning, program);
    return new StartError(error.message, error.hint, code === "ENOENT" || code === "ENOTDIR" ? 127 : 126);
  }
  if (step === "find-program") return notFound(code, meaning, program);
  const verb =
    record.call === "add" && (step === "mount" || step === "attach") ? "mount on" : (verbs[record.call] ?? record.call);
  const hint = log && verb === "mount" ? `the kernel says: ${log.replace(/^[ewi] /, "")}` : hints[step]?.(code);
  // The label says more than the file that it is written to.
  const subject = step === "security-label" ? record.subject : undefined;
  const error = new SyscallError(verb, subject ?? subjectOf(record), code, meaning, hint);
  return new StartError(`${step}: ${error.message}`, error.hint, 125);
}

const hints: Record<string, (code: string) => string | undefined> = {
  "reset-attributes": (code) =>
    code === "EACCES" ? "without CAP_SYS_RESOURCE --oom-score-adj can only be raised above our own" : undefined,
  "security-label": (code) => (code === "ENOENT" ? "the security module that it is for is not on" : undefined),
  sysctl: (code) => (code === "ENOENT" ? "this kernel, or this network, has no such setting" : undefined),
  "exe-file": () =>
    "this kernel has no CONFIG_CHECKPOINT_RESTORE, and we have no CAP_SYS_RESOURCE: without either our binary could be seen inside",
};

/** In the words of runc, by which podman and docker know what happened, and which exit code they give. */
function notFound(code: string, meaning: string, { args: [name = ""] }: Failed["program"]): StartError {
  const isMissing = code === "ENOENT" || code === "ENOTDIR";
  const reason =
    isMissing && !name.includes("/")
      ? "executable file not found in $PATH"
      : isMissing
        ? `stat ${name}: no such file or directory`
        : meaning;
  return new StartError(`exec: ${JSON.stringify(name)}: ${reason}`, undefined, isMissing ? 127 : 126);
}

function executeError(record: Rec, code: string, meaning: string, { args, env }: Failed["program"]): SyscallError {
  const [name = ""] = args;
  const error = (subject: string, reason: string) => new SyscallError("execute", subject, code, reason);
  if (record.call !== "add") {
    const subject = subjectOf(record) || name;
    return error(subject, code === "ENOENT" && record.call === "execve" ? missingInterpreter : meaning);
  }
  if (name === "") return error('""', "the command is empty");
  if (name.includes("/")) return error(name, meaning);
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? "/bin:/usr/bin";
  return error(name, `not found in PATH=${path}`);
}
