/** Steps that only bundles of other engines ask for: what they are in system calls. */

import { expect, test } from "bun:test";
import { Block, Names } from "../../src/linux/program/record.ts";
import { bitsOfList } from "../../src/linux/program/values.ts";
import type { Spec } from "../../src/oci/spec.ts";
import { planContainer } from "../../src/plan/container.ts";
import { planExec } from "../../src/plan/exec.ts";
import type { InitStep } from "../../src/plan/init-step.ts";
import { compileInit } from "../../src/plan/program/compile.ts";
import { aSpec, container, host, initSteps } from "../support/plans.ts";

/** The calls of a step, as text: numbers, names, strings, and bytes of blocks in hexadecimal. */
function callsOf(...steps: InitStep[]): string[] {
  const { records, steps: named } = compileInit(steps, { ignoredSignals: [], lastCapability: 40 });
  const own = records.filter(({ step }) => named[step] !== "fail");
  return own.map(({ call, args }) =>
    [
      call,
      ...args.map((arg) => {
        if (arg instanceof Names) return arg.list.join("|");
        if (arg instanceof Block)
          return "bytes" in arg.content ? Buffer.from(arg.content.bytes as Uint8Array).toString("hex") : arg.name;
        return typeof arg === "object" ? ("name" in arg ? arg.name : arg.noun) : String(arg);
      }),
    ].join(" "),
  );
}

const planned = (change: (spec: Spec) => Spec): InitStep[] =>
  initSteps(planContainer(change(aSpec()), container(), host));

test("sched_setattr gets a struct sched_attr with policy, flags, nice, priority and nanoseconds", () => {
  const scheduler = {
    policy: "SCHED_DEADLINE",
    flags: ["SCHED_FLAG_RECLAIM"],
    runtime: 1,
    deadline: 2,
    period: 2 ** 32,
  };
  const [call] = callsOf({ do: "scheduler", scheduler });
  const words = ["38000000", "06000000", "0200000000000000", "00000000", "00000000"];
  const times = ["0100000000000000", "0200000000000000", "0000000001000000", "0000000000000000"];
  expect(call).toBe(`sched_setattr 0 ${[...words, ...times].join("")} 0`);
  expect(callsOf({ do: "scheduler", scheduler: { policy: "SCHED_BATCH", nice: -2 } })[0]).toContain("feffffff");
});

test("ioprio_set gets the class above thirteen bits of priority", () => {
  expect(callsOf({ do: "io-priority", priority: { class: "IOPRIO_CLASS_IDLE" } })).toEqual([
    `ioprio_set IOPRIO_WHO_PROCESS 0 ${3 << 13}`,
  ]);
});

test("a list of numbers is a mask of bits", () => {
  expect([...bitsOfList("0-2, 9,15", 16)]).toEqual([0b111, 0b1000_0010]);
  expect(() => bitsOfList("16", 16)).toThrow('16 of "16" is above 15');
});

test("set_mempolicy gets mode and flags as one number, and a mask of nodes", () => {
  const [bind] = callsOf({
    do: "memory-policy",
    policy: { mode: "MPOL_BIND", nodes: "1", flags: ["MPOL_F_STATIC_NODES"] },
  });
  expect(bind).toStartWith(`set_mempolicy ${2 + (1 << 15)} 02000000`);
  expect(callsOf({ do: "memory-policy", policy: { mode: "MPOL_LOCAL" } })).toEqual(["set_mempolicy 4 0 0"]);
});

test("clocks are set before anybody is in their namespace, and then init enters it", () => {
  const calls = callsOf({ do: "time-namespace", offsets: [{ clock: "boottime", secs: 7, nanosecs: 5 }], why: "" });
  expect(calls.map((call) => call.split(" ").slice(0, 3).join(" "))).toEqual([
    "unshare CLONE_NEWTIME",
    "openat AT_FDCWD /proc/self/timens_offsets",
    "write fd boottime",
    "close fd",
    "openat AT_FDCWD /proc/self/ns/time_for_children",
    "setns time CLONE_NEWTIME",
    "close time",
  ]);
});

test("a label is said while /proc is the host's, and all else while there is the privilege to", () => {
  const kinds = planned((spec) => ({
    ...spec,
    process: {
      ...spec.process,
      apparmorProfile: "docker-default",
      scheduler: { policy: "SCHED_BATCH" },
      ioPriority: { class: "IOPRIO_CLASS_BE" },
    },
    linux: { ...spec.linux, personality: { domain: "LINUX32" }, memoryPolicy: { mode: "MPOL_LOCAL" } },
  })).map((step) => step.do);
  expect(kinds.indexOf("security-label")).toBeLessThan(kinds.indexOf("unshare"));
  for (const kind of ["scheduler", "io-priority", "memory-policy", "personality"] as const) {
    expect(kinds.indexOf(kind)).toBeGreaterThan(kinds.indexOf("ready"));
    expect(kinds.indexOf(kind)).toBeLessThan(kinds.indexOf("bounding-set"));
  }
});

test("namespaces by path are joined, the mounts last", () => {
  const path = "/proc/7/ns/x";
  const steps = planned((spec) => ({
    ...spec,
    linux: {
      ...spec.linux,
      namespaces: (["pid", "network", "mount", "ipc", "uts", "cgroup", "time"] as const).map((type) => ({
        type,
        path,
      })),
    },
  }));
  const joined = steps.flatMap((step) => (step.do === "join-namespace" ? [step.namespace] : []));
  expect(joined).toEqual(["network", "ipc", "uts", "cgroup", "time", "mount"]);
  expect(steps.some((step) => step.do === "unshare")).toBe(false);
});

test("who joins a container runs on the CPUs that were asked for, and enters its clocks", () => {
  const spec = aSpec();
  const process = { ...spec.process, execCPUAffinity: { initial: "0", final: "1" } };
  const linux = { ...spec.linux, namespaces: [...spec.linux.namespaces, { type: "time" } as const] };
  const options = { command: ["true"], env: [], terminal: false, privileged: false, detach: false };
  const plan = planExec({ ...spec, process, linux }, options, ["null", "null", "null"], [], {
    id: "one",
    directory: "/b",
  });
  expect(plan).toMatchObject({ affinity: { initial: "0", final: "1" }, time: true });
});
