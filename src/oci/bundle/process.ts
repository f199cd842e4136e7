/** `process` of a config.json: the program, who it is, and what it may. */

import type { IoPriority, Scheduler } from "../rare.ts";
import type { Capabilities, Process, Rlimit, User } from "../spec.ts";
import {
  absolutePath,
  flag,
  int32,
  integer,
  listOf,
  optional,
  orElse,
  structure,
  text,
  textLike,
  uint16,
  uint64,
  word,
} from "./reader.ts";

const texts = listOf(text);
const noTexts = orElse(texts, []);

/** All ones mean "leave it as it is" to the kernel's calls. */
const id = integer(0, 2 ** 32 - 2);

/** The names of ours are not among them: users of a bundle are numbers. */
const user = structure<Omit<User, "username" | "groupNames">>(
  {
    uid: orElse(id, 0),
    gid: orElse(id, 0),
    additionalGids: optional(listOf(id)),
    umask: optional(integer(0, 0o777)),
  },
  ["username"],
);

const capabilities = structure<Omit<Capabilities, "unlessRoot">>({
  bounding: noTexts,
  effective: noTexts,
  permitted: noTexts,
  inheritable: noTexts,
  ambient: noTexts,
});

/** The resources of getrlimit(2). */
export const rlimitTypes = [
  ...["AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS"],
  ...["RTPRIO", "RTTIME", "SIGPENDING", "STACK"],
].map((name) => `RLIMIT_${name}`);

const rlimit = structure<Rlimit>({ type: word(...rlimitTypes), soft: uint64, hard: uint64 });

export const schedulerPolicies = [
  "SCHED_OTHER",
  "SCHED_FIFO",
  "SCHED_RR",
  "SCHED_BATCH",
  "SCHED_ISO",
  "SCHED_IDLE",
  "SCHED_DEADLINE",
] as const;

export const schedulerFlags = [
  "SCHED_FLAG_RESET_ON_FORK",
  "SCHED_FLAG_RECLAIM",
  "SCHED_FLAG_DL_OVERRUN",
  "SCHED_FLAG_KEEP_POLICY",
  "SCHED_FLAG_KEEP_PARAMS",
  "SCHED_FLAG_UTIL_CLAMP_MIN",
  "SCHED_FLAG_UTIL_CLAMP_MAX",
] as const;

const scheduler = structure<Scheduler>({
  policy: word(...schedulerPolicies),
  nice: optional(integer(-20, 19)),
  priority: optional(int32),
  flags: optional(listOf(word(...schedulerFlags))),
  runtime: optional(uint64),
  deadline: optional(uint64),
  period: optional(uint64),
});

const ioPriority = structure<IoPriority>({
  class: word("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"),
  priority: optional(integer(0, 7)),
});

/** A list of CPUs or memory nodes, as cpuset(7) has it. */
export const numberList = textLike(/^\s*(\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*)?\s*$/, "a list as 0-2,4");

export const process = structure<Process & { user: Omit<User, "username" | "groupNames"> }>(
  {
    terminal: optional(flag),
    consoleSize: optional(structure<{ height: number; width: number }>({ height: uint16, width: uint16 })),
    user: orElse(user, { uid: 0, gid: 0 }),
    args: texts,
    env: noTexts,
    cwd: absolutePath,
    capabilities: optional(capabilities),
    rlimits: optional(listOf(rlimit)),
    noNewPrivileges: optional(flag),
    oomScoreAdj: optional(integer(-1000, 1000)),
    scheduler: optional(scheduler),
    ioPriority: optional(ioPriority),
    execCPUAffinity: optional(
      structure<{ initial?: string; final?: string }>({ initial: optional(numberList), final: optional(numberList) }),
    ),
    apparmorProfile: optional(text),
    selinuxLabel: optional(text),
  },
  ["commandLine"],
);
