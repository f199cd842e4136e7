/** `linux.seccomp` of config.json, as the runtime specification has it. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { machineOf, numbersOf } from "../../src/linux/seccomp/architectures.ts";
import { type BundleMachine, type Json, test, testOurs, withBundle } from "../support/bundle.ts";

const numbers = numbersOf(machineOf(process.arch));

/** What a program of the bundle gets of these calls, each made with arguments of -1. */
async function answers(machine: BundleMachine, seccomp: Json, change: Json, ...names: string[]): Promise<string[]> {
  const asked = names.map((name) => String(numbers.get(name)!));
  machine.configure({ process: { args: ["/bin/probe", "calls", ...asked] }, linux: { seccomp } }, change);
  const { stdout, stderr, code } = await machine.runtime(["run", "one"]);
  expect([code, stderr]).toEqual([0, ""]);
  const all = JSON.parse(stdout) as Record<string, string>;
  return asked.map((number) => all[number]!);
}

const call = (name: string, action: string, more: Json = {}): Json => ({ names: [name], action, ...more });
const when = (index: number, op: string, value: number, valueTwo?: number): Json => ({
  args: [{ index, op, value, ...(valueTwo !== undefined && { valueTwo }) }],
});

describe("linux.seccomp", () => {
  test("'action' and 'errnoRet' of each rule are what its calls get, and 'The default is EPERM'", async () => {
    await withBundle(async (machine) => {
      const seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          call("umask", "SCMP_ACT_ERRNO"),
          call("getpgid", "SCMP_ACT_ERRNO", { errnoRet: 42 }),
          call("getpriority", "SCMP_ACT_KILL_PROCESS"),
          call("setpriority", "SCMP_ACT_TRAP"),
          call("sched_yield", "SCMP_ACT_LOG"),
        ],
      };
      const names = ["umask", "getpgid", "getpriority", "setpriority", "sched_yield"];
      expect(await answers(machine, seccomp, {}, ...names)).toEqual([
        "EPERM",
        "ENOMSG",
        "signal 31",
        "signal 31",
        "ok",
      ]);
    });
  });

  test("'args' are compared by all operators", async () => {
    await withBundle(async (machine) => {
      // All arguments are -1.
      const rules: [name: string, rule: Json, held: boolean][] = [
        ["fchdir", when(0, "SCMP_CMP_NE", 5), true],
        ["fchmod", when(0, "SCMP_CMP_LT", 5), false],
        ["fchown", when(0, "SCMP_CMP_LE", 5), false],
        ["fsync", when(0, "SCMP_CMP_EQ", 5), false],
        ["fdatasync", when(0, "SCMP_CMP_GE", 5), true],
        ["ftruncate", when(0, "SCMP_CMP_GT", 5), true],
        ["flock", when(0, "SCMP_CMP_MASKED_EQ", 0xff, 0xff), true],
        ["fallocate", when(0, "SCMP_CMP_MASKED_EQ", 0xff, 0xfe), false],
      ];
      const seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: rules.map(([name, rule]) => call(name, "SCMP_ACT_ERRNO", { errnoRet: 42, ...rule })),
      };
      const given = await answers(machine, seccomp, {}, ...rules.map(([name]) => name));
      expect(given.map((errno) => errno === "ENOMSG")).toEqual(rules.map(([, , held]) => held));
    });
  });

  test("is loaded with no_new_privs and without, for root and for another user", async () => {
    await withBundle(async (machine) => {
      const seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [call("umask", "SCMP_ACT_ERRNO")] };
      for (const noNewPrivileges of [true, false])
        for (const uid of [0, 1000]) {
          const change = { process: { noNewPrivileges, user: { uid, gid: uid } } };
          expect([change, await answers(machine, seccomp, change, "umask")]).toEqual([change, ["EPERM"]]);
        }
    });
  });

  test("'architectures' may name others than the machine's", async () => {
    await withBundle(async (machine) => {
      const architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64", "SCMP_ARCH_X86", "SCMP_ARCH_PPC64LE"];
      const seccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures, syscalls: [call("umask", "SCMP_ACT_ERRNO")] };
      expect(await answers(machine, seccomp, {}, "umask")).toEqual(["EPERM"]);
    });
  });

  testOurs("with what cannot be honoured is refused by its name (M136)", async () => {
    await withBundle(async (machine) => {
      for (const [seccomp, message] of [
        [{ defaultAction: "SCMP_ACT_PANIC" }, 'linux.seccomp.defaultAction is "SCMP_ACT_PANIC"'],
        [{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [call("read", "SCMP_ACT_NOTIFY")] }, "there is no listenerPath"],
        [{ defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 5 }, "SCMP_ACT_ALLOW has no errno"],
      ] as const) {
        machine.configure({ linux: { seccomp } });
        const { code, stderr } = await machine.runtime(["run", "one"]);
        expect([code === 0, stderr]).toEqual([false, expect.stringContaining(message)]);
      }
    });
  });
});
