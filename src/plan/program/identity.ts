/** Who the program is: limits, users, capabilities, signals, as records. Each gives up what the one before it needed. */

import { Block, Label, names } from "../../linux/program/record.ts";
import { ints, words } from "../../linux/program/writer.ts";
import { capabilityNumber } from "../../oci/capabilities.ts";
import type { InitStep } from "../init-step.ts";
import { type Context, given } from "./context.ts";

type Of<Kind> = Extract<InitStep, { do: Kind }>;

/** The container dies with its monitor; and nobody may trace us or open our files while we hold the host's. */
export function bindToParent({ writer }: Context): void {
  writer.call("prctl", [names("PR_SET_PDEATHSIG"), names("SIGKILL")]);
  writer.call("prctl", [names("PR_SET_DUMPABLE"), 0]);
}

export const outlive = ({ writer }: Context): void => writer.call("prctl", [names("PR_SET_PDEATHSIG"), 0]);

/** The kernel's own for its first process. */
const timerSlackNs = 50_000;
const everyCpu = new Block("cpu_set_t", { bytes: new Uint8Array(128).fill(0xff) });
const denied = ["EPERM", "EACCES"] as const;
const notInheritable = ["EPERM"] as const;
const absent = ["ENOSYS", "EPERM"] as const;

/** What is inherited from whoever called us, and again from whoever restarts it. Some of it can't be reset without the privilege to. */
export function resetAttributes(context: Context, step: Of<"reset-attributes">): void {
  const { oomScoreAdj, keepOomScoreAdj } = step;
  const { writer } = context;
  writer.call("sched_setscheduler", [0, names("SCHED_OTHER"), ints("sched_param", [0])], { ok: denied });
  writer.call("setpriority", [names("PRIO_PROCESS"), 0, 0], { ok: denied });
  writer.call("sched_setaffinity", [0, 128, everyCpu], { ok: denied });
  writer.call("ioprio_set", [names("IOPRIO_WHO_PROCESS"), 0, 0], { ok: absent });
  writer.call("set_mempolicy", [names("MPOL_DEFAULT"), 0, 0], { ok: absent });
  writer.call("personality", [0]);
  // Else a change of user might take no capability away, also in the container.
  writer.call("prctl", [names("PR_SET_SECUREBITS"), 0], { ok: denied });
  // 0 would be what the thread that cloned us has: that is what the kernel takes for the default of a child.
  writer.call("prctl", [names("PR_SET_TIMERSLACK"), timerSlackNs]);
  // What was asked for has to be so; below ours it takes CAP_SYS_RESOURCE.
  if (oomScoreAdj !== undefined) writeProc(context, "/proc/self/oom_score_adj", String(oomScoreAdj));
  else if (!keepOomScoreAdj) writeProc(context, "/proc/self/oom_score_adj", "0", denied);
  writeProc(context, "/proc/self/coredump_filter", "0x33", denied);
}

/** A setting of our own process, where this kernel has it. */
function writeProc({ writer }: Context, path: string, text: string, ok?: typeof denied): void {
  const nothing = new Label();
  const flags = names("O_WRONLY", "O_CLOEXEC");
  const fd = writer.into("fd", "openat", [names("AT_FDCWD"), path, flags], { ok: ["ENOENT"], to: nothing });
  writer.about(path);
  writer.call("write", [fd, text, text.length], ok ? { ok } : {});
  writer.call("close", [fd]);
  writer.label(nothing);
}

export const umask = ({ writer }: Context, { mask }: Of<"umask">): void => writer.call("umask", [mask]);

/** RLIM_INFINITY, which a JavaScript number can't hold. */
const infinity = -1;
const bits64 = (value: number): number => (value >= 2 ** 63 ? infinity : value);

export function rlimit({ writer }: Context, { rlimit: { type, soft, hard } }: Of<"rlimit">): void {
  writer.about(type);
  const limits = words("rlimit64", { rlim_cur: bits64(soft), rlim_max: bits64(hard) });
  writer.call("prlimit64", [0, names(type as "RLIMIT_CORE"), limits, 0]);
}

const dropCapability = names("PR_CAPBSET_DROP");

/** Also those that have no name here yet. */
export function boundingSet({ writer, options }: Context, { keep }: Of<"bounding-set">): void {
  const kept = new Set(keep.map(capabilityNumber));
  for (let number = 0; number <= options.lastCapability; number++)
    if (!kept.has(number)) writer.call("prctl", [dropCapability, number]);
}

/** setgroups(2), setresgid(2), setresuid(2): the other order fails, or leaves some. */
export function ids(context: Context): void {
  const { writer } = context;
  writer.call("prctl", [names("PR_SET_KEEPCAPS"), 1]);
  writer.call("setgroups", [given.groupCount, given.groups]);
  writer.call("setresgid", [given.gid, given.gid, given.gid]);
  writer.call("setresuid", [given.uid, given.uid, given.uid]);
  // A change of user takes both back.
  bindToParent(context);
}

const LINUX_CAPABILITY_VERSION_3 = 0x20080522;

/** Two words of 32 bits for the three sets, as capset(2) takes them. */
function capabilityData(sets: { effective: string[]; permitted: string[]; inheritable: string[] }): Block {
  const halves = [0, 0, 0, 0, 0, 0];
  [sets.effective, sets.permitted, sets.inheritable].forEach((list, index) => {
    for (const name of list) {
      const number = capabilityNumber(name);
      halves[index + (number < 32 ? 0 : 3)]! |= 1 << (number % 32);
    }
  });
  return ints("cap_user_data_t", halves);
}

export function capabilities(context: Context, { capabilities: sets, untilExecve }: Of<"capabilities">): void {
  const { writer } = context;
  context.capabilities = sets;
  const { effective, permitted, inheritable, ambient, unlessRoot = [] } = sets;
  const including = (names: string[]) => [...new Set([...names, ...(untilExecve ? [untilExecve] : [])])];
  const header = ints("cap_user_header_t", [LINUX_CAPABILITY_VERSION_3, 0]);
  const other = new Label();
  const done = new Label();
  const set = (data: Parameters<typeof capabilityData>[0], raised: string[]) => {
    writer.call("capset", [header, capabilityData(data)]);
    writer.call("prctl", [names("PR_CAP_AMBIENT"), names("PR_CAP_AMBIENT_CLEAR_ALL"), 0, 0, 0]);
    // As other runtimes do: one that is not inheritable can't be ambient, and what `runc spec` writes has such ones.
    for (const name of raised)
      writer.call("prctl", [names("PR_CAP_AMBIENT"), names("PR_CAP_AMBIENT_RAISE"), capabilityNumber(name), 0, 0], {
        ok: notInheritable,
      });
  };
  writer.test(given.uid, -1, 0, other);
  set({ effective: including(effective), permitted: including(permitted), inheritable }, ambient);
  writer.jump(done);
  writer.label(other);
  // What a user other than root would lose at execve anyway is not held for the moment before it.
  const kept = [...new Set([...ambient, ...unlessRoot])];
  const held = including(kept);
  set({ effective: held, permitted: held, inheritable: [...new Set([...inheritable, ...unlessRoot])] }, kept);
  writer.label(done);
  writer.call("prctl", [names("PR_SET_KEEPCAPS"), 0]);
}

export const noNewPrivileges = ({ writer }: Context): void =>
  writer.call("prctl", [names("PR_SET_NO_NEW_PRIVS"), 1, 0, 0, 0]);

/** At execve: nothing but stdio, and what the caller wants it to have, reaches the program (CVE-2024-21626). */
export function closeFds({ writer }: Context, { preserve = 0 }: Of<"close-fds">): void {
  writer.call("close_range", [3 + preserve, -1, names("CLOSE_RANGE_CLOEXEC")]);
  // Bun has marked what it was started with.
  for (let fd = 3; fd < 3 + preserve; fd++) writer.call("fcntl", [fd, names("F_SETFD"), 0]);
}

const sigaction = new Block("sigaction", { bytes: new Uint8Array(32) });
const noSignals = new Block("sigset_t", { bytes: new Uint8Array(8) });

/** Handlers were cleared by the clone; what is ignored stays ignored, and all are blocked. */
export function resetSignals({ writer, options }: Context): void {
  for (const signal of options.ignoredSignals) writer.call("rt_sigaction", [signal, sigaction, 0, 8]);
  writer.call("rt_sigprocmask", [names("SIG_SETMASK"), noSignals, 0, 8]);
}
