/** Filters of system calls: what a profile says, and what the compiled filter answers. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { auditNumbers, isCall, type Machine, numbersOf, x32Bit } from "../../src/linux/seccomp/architectures.ts";
import { answers, decode, encode, type Instruction, maxInstructions } from "../../src/linux/seccomp/bpf.ts";
import { seccompProfile } from "../../src/oci/bundle/seccomp.ts";
import { capabilityNames } from "../../src/oci/capabilities.ts";
import {
  architectureOf,
  parseWithBits64,
  type Seccomp,
  type SeccompAction,
  type SeccompArchitecture,
  type SeccompArgument,
  type SeccompCalls,
  seccompOperators,
} from "../../src/oci/seccomp.ts";
import { defaultCapabilities } from "../../src/plan/capabilities.ts";
import { builtinProfile } from "../../src/plan/seccomp/builtin.ts";
import { compileFilter } from "../../src/plan/seccomp/filter.ts";
import { resolveProfile } from "../../src/plan/seccomp/resolve.ts";
import { evaluate } from "../support/bpf.ts";

const [EPERM, ENOSYS] = [1, 38];
const X86_64 = auditNumbers.X86_64.X86_64!;
const I386 = auditNumbers.X86_64.X86!;
const refused = answers.errno + EPERM;
const unknown = answers.errno + ENOSYS;

const builtin = (capabilities: readonly string[] = defaultCapabilities, machine: Machine = "X86_64"): Instruction[] =>
  decode(compileFilter(resolveProfile(builtinProfile, { capabilities, machine, kernel: "6.1.0" }, "builtin"), machine));

const filterOf = (seccomp: Seccomp, machine: Machine = "X86_64") => decode(compileFilter(seccomp, machine));
const numbers = { X86_64: numbersOf("X86_64"), AARCH64: numbersOf("AARCH64"), X86: numbersOf("X86") };

/** What a filter answers to a call of x86_64, by its name. */
const ask = (filter: Instruction[], name: string, ...args: (number | bigint)[]): number =>
  evaluate(filter, { architecture: X86_64, number: numbers.X86_64.get(name)!, args: args.map(BigInt) }).answer;

describe("the built-in filter", () => {
  const filter = builtin();

  test("allows what programs live on", () => {
    for (const name of [
      "read",
      "write",
      "execve",
      "clone",
      "openat",
      "futex",
      "exit_group",
      "mmap",
      "chroot",
      "ptrace",
    ])
      expect([name, ask(filter, name)]).toEqual([name, answers.allow]);
  });
  test("refuses what leads out of a container (R22)", () => {
    const names = [
      "keyctl",
      "bpf",
      "unshare",
      "mount",
      "umount2",
      "setns",
      "io_uring_setup",
      "open_by_handle_at",
      "reboot",
    ];
    for (const name of [
      ...names,
      "init_module",
      "kexec_load",
      "swapon",
      "userfaultfd",
      "perf_event_open",
      "pivot_root",
    ])
      expect([name, ask(filter, name)]).toEqual([name, refused]);
  });
  test("refuses sockets of AF_ALG and AF_VSOCK, whatever is in the upper half of the argument (R22)", () => {
    const family = (number: number | bigint) => ask(filter, "socket", number);
    expect([1, 2, 10, 16, 17, 37, 39, 41].map(family)).toEqual(Array(8).fill(answers.allow));
    expect([38, 40, (1n << 32n) + 38n, (7n << 40n) + 40n].map(family)).toEqual(Array(4).fill(refused));
  });
  test("refuses to type into a terminal (TIOCSTI, TIOCLINUX), whatever is in the upper half of the argument", () => {
    const request = (number: number | bigint) => ask(filter, "ioctl", 0, number);
    expect([0x5413, 0x5412 + 1, 0x541d, 0xffffffff].map(request)).toEqual(Array(4).fill(answers.allow));
    expect([0x5412, 0x541c, (1n << 32n) + 0x5412n, 2n ** 64n - 2n ** 32n + 0x541cn].map(request)).toEqual(
      Array(4).fill(refused),
    );
  });
  test("refuses new namespaces of clone(2), and knows no clone3(2), whose flags it can't see", () => {
    expect(ask(filter, "clone", 0x11)).toBe(answers.allow);
    for (const namespace of [0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000])
      expect(ask(filter, "clone", namespace + 0x11)).toBe(refused);
    expect(ask(filter, "clone3")).toBe(unknown);
  });
  test("knows no call that is newer than its profile, so that programs do without", () => {
    for (const number of [469, 480, 1000, x32Bit - 1])
      expect(evaluate(filter, { architecture: X86_64, number }).answer).toBe(unknown);
    expect(evaluate(filter, { architecture: X86_64, number: 0xffffffff }).answer).toBe(refused);
  });
  test("kills what makes calls of i386 or x32 (R22)", () => {
    for (const call of [
      { architecture: I386, number: 4 },
      { architecture: X86_64, number: x32Bit + 1 },
    ])
      expect(evaluate(filter, call).answer).toBe(answers.killProcess);
    expect(evaluate(builtin(defaultCapabilities, "AARCH64"), { architecture: 0x40000028, number: 4 }).answer).toBe(
      answers.killProcess,
    );
  });
  test("allows with a capability what it is for", () => {
    const withOnly = (...names: string[]) => builtin(names);
    expect(ask(withOnly("CAP_SYS_ADMIN"), "mount")).toBe(answers.allow);
    expect(ask(withOnly("CAP_SYS_ADMIN"), "clone", 0x7e020000)).toBe(answers.allow);
    expect(ask(withOnly("CAP_SYS_ADMIN"), "clone3")).toBe(answers.allow);
    expect(ask(withOnly(), "chroot")).toBe(refused);
    expect(ask(withOnly("CAP_SYS_TIME"), "clock_settime")).toBe(answers.allow);
    expect(ask(withOnly("CAP_BPF"), "bpf")).toBe(answers.allow);
  });
  test("never answers anything but yes, no and unknown to a call of its own architecture", () => {
    for (const number of [...numbers.X86_64.values(), 335, 400, 423])
      expect([answers.allow, refused, unknown]).toContain(evaluate(filter, { architecture: X86_64, number }).answer);
  });
  test("answers every call after at most twenty instructions", () => {
    const steps = [...numbers.X86_64.values()].map(
      (number) => evaluate(filter, { architecture: X86_64, number }).steps,
    );
    expect(Math.max(...steps)).toBeLessThanOrEqual(20);
  });
  test("names only calls that there are, on some architecture", () => {
    // Calls that kernels had only before they were in any release, or that have other names by now.
    const names = builtinProfile.syscalls!.flatMap((rule) => rule.names).filter((name) => !isCall(name));
    expect(names.sort()).toEqual(["getsid", "utimensat_time64"].filter((name) => names.includes(name)));
  });
});

describe("a profile", () => {
  const resolve = (rules: unknown[], facts: { capabilities?: string[]; machine?: Machine; kernel?: string } = {}) =>
    resolveProfile(
      seccompProfile({ defaultAction: "SCMP_ACT_ERRNO", syscalls: rules }, "p.json:"),
      { capabilities: [], machine: "X86_64", kernel: "5.14.0-1", ...facts },
      "p.json",
    ).syscalls!.map(({ names }) => names[0]);
  const rule = (name: string, more: object) => ({ names: [name], action: "SCMP_ACT_ALLOW", ...more });

  test("includes a rule if all conditions hold", () => {
    const both = rule("a", { includes: { caps: ["CAP_X", "CAP_Y"], arches: ["amd64"], minKernel: "5.10" } });
    expect(resolve([both], { capabilities: ["CAP_X", "CAP_Y"] })).toEqual(["a"]);
    expect(resolve([both], { capabilities: ["CAP_X"] })).toEqual([]);
    expect(resolve([both], { capabilities: ["CAP_X", "CAP_Y"], machine: "AARCH64" })).toEqual([]);
    expect(resolve([both], { capabilities: ["CAP_X", "CAP_Y"], kernel: "4.19.0" })).toEqual([]);
  });
  test("excludes a rule if one condition holds", () => {
    const one = rule("a", { excludes: { caps: ["CAP_X", "CAP_Y"], minKernel: "6.0" } });
    expect(resolve([one])).toEqual(["a"]);
    expect(resolve([one], { capabilities: ["CAP_Y"] })).toEqual([]);
    expect(resolve([one], { kernel: "6.1.0" })).toEqual([]);
  });
  test("has the architectures that go with the machine's", () => {
    const archMap = [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }];
    const profile = seccompProfile({ defaultAction: "SCMP_ACT_ERRNO", archMap }, "p.json:");
    const architecturesOn = (machine: Machine) =>
      resolveProfile(profile, { capabilities: [], machine, kernel: "6.1" }, "p.json:").architectures;
    expect(architecturesOn("X86_64")).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    expect(architecturesOn("AARCH64")).toBeUndefined();
  });
  test("keeps numbers that JavaScript's can't hold", () => {
    const args = parseWithBits64('[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]');
    const call = { names: ["ioctl"], action: "SCMP_ACT_ALLOW", args };
    const seccomp = seccompProfile({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [call] }, "p.json:");
    const filter = filterOf(JSON.parse(JSON.stringify(seccomp)));
    expect(ask(filter, "ioctl", 2n ** 64n - 1n)).toBe(answers.allow);
    expect(ask(filter, "ioctl", 2n ** 64n - 2n)).toBe(refused);
    for (const value of ["5", "18446744073709551616", "-1", 2 ** 64])
      expect(() =>
        seccompProfile(
          { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ ...call, args: [{ index: 0, value, op: "SCMP_CMP_EQ" }] }] },
          "p.json:",
        ),
      ).toThrow("syscalls[0].args[0].value");
  });
  test.each([
    [{}, "p.json: defaultAction is not there, but it must be"],
    [{ defaultAction: "SCMP_ACT_NONE" }, 'p.json: defaultAction is "SCMP_ACT_NONE", and not one of SCMP_ACT_KILL, '],
    [{ defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 }, "SCMP_ACT_ALLOW has no errno"],
    [{ defaultAction: "SCMP_ACT_NOTIFY" }, "defaultAction is SCMP_ACT_NOTIFY: no program could start"],
    [{ defaultAction: "SCMP_ACT_ERRNO", flags: ["X"] }, 'flags[0] is "X", and not one of'],
    [{ defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ action: "SCMP_ACT_ALLOW" }] }, "syscalls[0].names is empty"],
    [
      { defaultAction: "SCMP_ACT_ERRNO", syscalls: [rule("a", { args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] })] },
      "args[0].index is 6, and not 0 to 5",
    ],
    [
      { defaultAction: "SCMP_ACT_ERRNO", syscalls: [rule("a", { action: "SCMP_ACT_NOTIFY" })] },
      "and there is no listenerPath",
    ],
    [
      {
        defaultAction: "SCMP_ACT_ERRNO",
        architectures: ["SCMP_ARCH_ARM"],
        archMap: [{ architecture: "SCMP_ARCH_X32" }],
      },
      "p.json: archMap is given beside architectures",
    ],
  ])("that says %j is refused", (profile, message) => {
    expect(() => seccompProfile(profile, "p.json:")).toThrow(message);
  });
  test("for an architecture that nobody knows is refused", () => {
    const profile = { defaultAction: "SCMP_ACT_ERRNO", architectures: ["SCMP_ARCH_Z80"] };
    expect(() => seccompProfile(profile, "p.json:")).toThrow('architectures[0] is "SCMP_ARCH_Z80", and not one of');
  });
});

describe("a filter", () => {
  const allow = { action: "SCMP_ACT_ALLOW" } as const;
  const args = (...list: [index: number, op: SeccompArgument["op"], value: number, valueTwo?: number][]) => ({
    args: list.map(([index, op, value, valueTwo]) => ({
      index,
      op,
      value,
      ...(valueTwo !== undefined && { valueTwo }),
    })),
  });

  test("of two conditions upon different arguments wants both, upon the same one of them", () => {
    const both = { names: ["ioctl"], ...allow, ...args([0, "SCMP_CMP_EQ", 3], [1, "SCMP_CMP_EQ", 5]) };
    const filter = filterOf({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [both] });
    expect([ask(filter, "ioctl", 3, 5), ask(filter, "ioctl", 3, 6)]).toEqual([answers.allow, refused]);
    const either = { names: ["ioctl"], ...allow, ...args([0, "SCMP_CMP_EQ", 3], [0, "SCMP_CMP_EQ", 5]) };
    const other = filterOf({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [either] });
    expect([3, 5, 4].map((value) => ask(other, "ioctl", value))).toEqual([answers.allow, answers.allow, refused]);
  });
  test("answers by the strictest of the rules that hold; of those without conditions the first counts", () => {
    const kill: SeccompCalls = { names: ["ioctl"], action: "SCMP_ACT_KILL_PROCESS", ...args([0, "SCMP_CMP_EQ", 3]) };
    const trap: SeccompCalls = { names: ["ioctl"], action: "SCMP_ACT_TRAP", ...args([1, "SCMP_CMP_EQ", 3]) };
    const log: SeccompCalls = { names: ["ioctl"], action: "SCMP_ACT_LOG" };
    const plain = { names: ["ioctl"], ...allow };
    for (const syscalls of [
      [log, plain, trap, kill],
      [kill, trap, log, plain],
    ]) {
      const filter = filterOf({ defaultAction: "SCMP_ACT_ERRNO", syscalls });
      expect([ask(filter, "ioctl", 3, 3), ask(filter, "ioctl", 0, 3), ask(filter, "ioctl")]).toEqual([
        answers.killProcess,
        answers.trap,
        answers.log,
      ]);
    }
  });
  test("knows the calls of sockets of 32-bit programs by both their names", () => {
    const syscalls = [{ names: ["connect"], action: "SCMP_ACT_ERRNO" as const }];
    const filter = filterOf({ defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"], syscalls });
    const ofI386 = (name: string, ...list: bigint[]) =>
      evaluate(filter, { architecture: I386, number: numbers.X86.get(name)!, args: list }).answer;
    expect([ofI386("connect"), ofI386("socketcall", 3n), ofI386("socketcall", 2n)]).toEqual([
      refused,
      refused,
      answers.allow,
    ]);
  });
  test("may be so large that jumps take two steps, and not larger than the kernel takes", () => {
    const rules = (count: number) =>
      Array.from({ length: count }, (_, value) => ({
        names: ["ioctl"],
        ...allow,
        ...args([2, "SCMP_CMP_EQ", value * 7]),
      }));
    const filter = filterOf({ defaultAction: "SCMP_ACT_ERRNO", syscalls: rules(900) });
    expect(filter.length).toBeGreaterThan(2000);
    expect([0, 7, 700, 899 * 7, 8].map((value) => ask(filter, "ioctl", 0, 0, value))).toEqual([
      ...Array(4).fill(answers.allow),
      refused,
    ]);
    expect(() => filterOf({ defaultAction: "SCMP_ACT_ERRNO", syscalls: rules(2000) })).toThrow(
      `and the kernel ${maxInstructions}`,
    );
  });

  const actions: SeccompAction[] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_TRAP",
    "SCMP_ACT_LOG",
  ];
  const names = ["read", "write", "ioctl", "socket", "clone", "openat", "mseal", "execve", "kill", "personality"];
  const interesting = fc.oneof(
    fc.constantFrom(0n, 1n, 7n, 0xffffffffn, 0x100000000n, 0x100000007n, 2n ** 63n, 2n ** 64n - 1n),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  );
  const anArgument: fc.Arbitrary<SeccompArgument> = fc.record({
    index: fc.integer({ min: 0, max: 5 }),
    op: fc.constantFrom(...seccompOperators),
    value: interesting.map(String),
    valueTwo: interesting.map(String),
  });
  const aProfile: fc.Arbitrary<Seccomp> = fc.record({
    defaultAction: fc.constantFrom(...actions),
    architectures: fc.subarray<SeccompArchitecture>([
      "SCMP_ARCH_X86_64",
      "SCMP_ARCH_X86",
      "SCMP_ARCH_X32",
      "SCMP_ARCH_ARM",
    ]),
    syscalls: fc.array(
      fc.record({
        names: fc.subarray(names, { minLength: 1 }),
        action: fc.constantFrom(...actions),
        args: fc.uniqueArray(anArgument, { maxLength: 4, selector: ({ index }) => index }),
      }),
      { maxLength: 12 },
    ),
  });
  const architectures = { SCMP_ARCH_X86_64: X86_64, SCMP_ARCH_X86: I386, SCMP_ARCH_X32: X86_64 } as const;

  const aCall = fc.record({
    name: fc.constantFrom(...names, "mount", "umask"),
    architecture: fc.constantFrom(...(Object.keys(architectures) as (keyof typeof architectures)[])),
    values: fc.array(interesting, { minLength: 6, maxLength: 6 }),
  });

  test("answers as the profile says, read rule by rule", () => {
    fc.assert(
      fc.property(aProfile, fc.array(aCall, { minLength: 10, maxLength: 10 }), (profile, calls) => {
        const filter = filterOf(profile);
        for (const { name, architecture, values } of calls) {
          const number = numbersOf(architectureOf(architecture)).get(name)!;
          const call = { architecture: architectures[architecture], number, args: values };
          expect(evaluate(filter, call).answer).toBe(expected(profile, name, architecture, number, values));
        }
      }),
      { numRuns: 150 },
    );
  });

  const answer: Partial<Record<SeccompAction, number>> = {
    SCMP_ACT_ALLOW: answers.allow,
    SCMP_ACT_ERRNO: refused,
    SCMP_ACT_KILL_PROCESS: answers.killProcess,
    SCMP_ACT_TRAP: answers.trap,
    SCMP_ACT_LOG: answers.log,
  };

  /** The same by the book, without numbers in order, ranges and halves. */
  function expected(
    profile: Seccomp,
    name: string,
    architecture: SeccompArchitecture,
    number: number,
    values: bigint[],
  ): number {
    const { defaultAction, syscalls = [] } = profile;
    if (architecture !== "SCMP_ARCH_X86_64" && !profile.architectures!.includes(architecture))
      return answers.killProcess;
    const own = syscalls.filter((rule) => rule.names.includes(name));
    const first = own.find((rule) => rule.args!.length === 0 && rule.action !== defaultAction);
    const plain = first?.action ?? defaultAction;
    const held = own.filter(
      (rule) => rule.args!.length > 0 && rule.args!.every((one) => holds(one, values[one.index]!)),
    );
    const order = ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_LOG", "SCMP_ACT_ALLOW"];
    const strictest = held.map(({ action }) => action).sort((a, b) => order.indexOf(a) - order.indexOf(b))[0];
    const last = Math.max(
      ...syscalls.flatMap((rule) =>
        rule.names.map((other) => numbersOf(architectureOf(architecture)).get(other) ?? -1),
      ),
    );
    if (syscalls.length > 0 && number > last && !["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"].includes(defaultAction))
      return unknown;
    if (strictest === undefined) return answer[plain]!;
    if (!first) return answer[strictest]!;
    return answer[order.indexOf(strictest) < order.indexOf(plain) ? strictest : plain]!;
  }

  function holds({ op, value, valueTwo = 0 }: SeccompArgument, given: bigint): boolean {
    const wanted = BigInt(value);
    if (op === "SCMP_CMP_MASKED_EQ") return (given & wanted) === BigInt(valueTwo);
    if (op === "SCMP_CMP_EQ") return given === wanted;
    if (op === "SCMP_CMP_NE") return given !== wanted;
    if (op === "SCMP_CMP_LT") return given < wanted;
    if (op === "SCMP_CMP_LE") return given <= wanted;
    return op === "SCMP_CMP_GT" ? given > wanted : given >= wanted;
  }
});

test("a filter's bytes are its instructions", () => {
  const filter = builtin(capabilityNames);
  expect(decode(encode(filter))).toEqual(filter);
});
