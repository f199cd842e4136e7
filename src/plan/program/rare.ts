/** Records of the steps that few ask for. */

import { Block, type Names, names } from "../../linux/program/record.ts";
import { bitsOfList } from "../../linux/program/values.ts";
import type { Scheduler } from "../../oci/rare.ts";
import type { RareStep } from "../rare/step.ts";
import type { Context } from "./context.ts";
import { selfTest } from "./self-test.ts";

type Of<Kind> = Extract<RareStep, { do: Kind }>;

/** For each kind of step that few ask for, what makes records of it. */
export const rareCompilers: { [Kind in RareStep["do"]]: (context: Context, step: Of<Kind>) => void } = {
  "time-namespace": timeNamespace,
  scheduler: ({ writer }, { scheduler }) => {
    writer.about(scheduler.policy);
    writer.call("sched_setattr", [0, new Block("sched_attr", { bytes: schedulerAttributes(scheduler) }), 0]);
  },
  "io-priority": ({ writer }, { priority: { class: name, priority = 0 } }) => {
    writer.about(name);
    writer.call("ioprio_set", [names("IOPRIO_WHO_PROCESS"), 0, ioClasses[name]! * 2 ** 13 + priority]);
  },
  affinity,
  "memory-policy": ({ writer }, { policy: { mode, nodes, flags = [] } }) => {
    writer.about(mode);
    const value = flags.reduce((sum, flag) => sum + memoryFlags[flag]!, memoryModes.indexOf(mode));
    if (!nodes?.trim()) writer.call("set_mempolicy", [value, 0, 0]);
    else {
      const mask = bitsOfList(nodes, maxNodes);
      // The kernel takes one bit less than it is told.
      writer.call("set_mempolicy", [value, new Block("nodemask", { bytes: mask }), maxNodes + 1]);
    }
  },
  personality: ({ writer }, { domain }) => writer.call("personality", [domain === "LINUX32" ? PER_LINUX32 : 0]),
  "security-label": ({ writer }, { of, label }) => {
    writer.about(`the ${of} label ${label}`);
    const [path, text] =
      of === "AppArmor"
        ? ["/proc/thread-self/attr/apparmor/exec", `exec ${label}`]
        : ["/proc/thread-self/attr/exec", label];
    writeOwn({ writer }, path, text);
  },
  "landlock-rules": (context, step) => landlock().landlockRules(context, step),
  landlock: (context) => landlock().landlock(context),
  "self-test": selfTest,
  "root-propagation": ({ writer }, { propagation }) => {
    writer.about(`/ ${propagation}`);
    const recursive = propagation.startsWith("r");
    const kind = names(propagations[recursive ? propagation.slice(1) : propagation]!);
    const flags: Names = recursive ? names("MS_REC", ...kind.list) : kind;
    writer.call("mount", [0, "/", 0, flags, 0]);
  },
  remount: (context, step) => mounts().remount(context, step),
};

/** Loaded for those that have some. */
const mounts = () => require("./rare-mounts.ts") as typeof import("./rare-mounts.ts");
const landlock = () => require("./landlock.ts") as typeof import("./landlock.ts");

const propagations = {
  private: "MS_PRIVATE",
  slave: "MS_SLAVE",
  shared: "MS_SHARED",
  unbindable: "MS_UNBINDABLE",
} as Record<string, "MS_PRIVATE" | "MS_SLAVE" | "MS_SHARED" | "MS_UNBINDABLE">;

/** A setting of our own process. */
function writeOwn({ writer }: Pick<Context, "writer">, path: string, text: string): void {
  const fd = writer.into("fd", "openat", [names("AT_FDCWD"), path, names("O_WRONLY", "O_CLOEXEC")]);
  writer.call("write", [fd, text, new TextEncoder().encode(text).length]);
  writer.call("close", [fd]);
}

/**
 * unshare(2) puts only children into a new time namespace, and its clocks can be set until somebody is in it: so we enter it
 * ourselves when they are.
 */
function timeNamespace(context: Context, { offsets }: Of<"time-namespace">): void {
  const { writer } = context;
  writer.call("unshare", [names("CLONE_NEWTIME")]);
  for (const { clock, secs, nanosecs } of offsets) {
    writer.about(`clock ${clock}`);
    writeOwn(context, "/proc/self/timens_offsets", `${clock} ${secs} ${nanosecs}`);
  }
  const path = "/proc/self/ns/time_for_children";
  const namespace = writer.into("time", "openat", [names("AT_FDCWD"), path, names("O_RDONLY", "O_CLOEXEC")]);
  writer.call("setns", [namespace, names("CLONE_NEWTIME")]);
  writer.call("close", [namespace]);
}

const policies = ["SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"];
const schedulerFlags = [
  ...["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY"],
  ...["SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"],
];

/** struct sched_attr of sched_setattr(2), with the clamps of utilization. */
function schedulerAttributes({ policy, nice = 0, priority = 0, flags = [], ...times }: Scheduler): Uint8Array {
  const attributes = new DataView(new ArrayBuffer(56));
  attributes.setUint32(0, attributes.byteLength, true);
  attributes.setUint32(4, policies.indexOf(policy), true);
  attributes.setUint32(
    8,
    flags.reduce((bits, flag) => bits | (1 << schedulerFlags.indexOf(flag)), 0),
    true,
  );
  attributes.setInt32(16, nice, true);
  attributes.setInt32(20, priority, true);
  const { runtime = 0, deadline = 0, period = 0 } = times;
  [runtime, deadline, period].forEach((value, index) => {
    attributes.setBigUint64(24 + 8 * index, BigInt.asUintN(64, BigInt(value)), true);
  });
  return new Uint8Array(attributes.buffer);
}

const ioClasses: Record<string, number> = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 };

/** In the order of their numbers. */
const memoryModes = [
  ...["MPOL_DEFAULT", "MPOL_PREFERRED", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL"],
  ...["MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"],
];
const memoryFlags: Record<string, number> = {
  MPOL_F_STATIC_NODES: 1 << 15,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_NUMA_BALANCING: 1 << 13,
};

/** As many as kernels are built for, at most: CONFIG_NODES_SHIFT and NR_CPUS. */
const maxNodes = 1024;
const maxCpus = 8192;

const PER_LINUX32 = 8;

function affinity({ writer }: Context, { cpus }: Of<"affinity">): void {
  writer.about(cpus === undefined ? "all CPUs" : `CPUs ${cpus}`);
  const mask = cpus === undefined ? new Uint8Array(maxCpus / 8).fill(0xff) : bitsOfList(cpus, maxCpus);
  writer.call("sched_setaffinity", [0, maxCpus / 8, new Block("cpu_set_t", { bytes: mask })]);
}
