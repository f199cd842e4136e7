/** Device rules, and the program that they become. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compiledDefault } from "../../../helpers/device-filter.ts";
import { InvalidError, UnsupportedError } from "../../../src/errors.ts";
import { encode } from "../../../src/linux/bpf/instruction.ts";
import type { DeviceRule } from "../../../src/oci/rare.ts";
import { compileDeviceFilter } from "../../../src/plan/device/compile.ts";
import { defaultDeviceFilter } from "../../../src/plan/device/default-filter.ts";
import { defaultDeviceRules } from "../../../src/plan/device/default-rules.ts";
import { type ParsedRule, parseDeviceRule, planDeviceRules } from "../../../src/plan/device/rules.ts";
import { type DeviceAccess, faultsOf, runDeviceFilter } from "../../support/ebpf.ts";
import { aPlan, host } from "../../support/plans.ts";

const compile = (rules: readonly string[]) => encode(compileDeviceFilter(rules));

/** Letter by letter the last rule that speaks of it; nothing is forbidden that nobody asked for. */
function isAllowed(rules: readonly string[], { type, major, minor, access }: DeviceAccess): boolean {
  const speaks = (rule: ParsedRule, letter: string) =>
    (rule.type === "a" || rule.type === type) &&
    (rule.major ?? major) === major &&
    (rule.minor ?? minor) === minor &&
    rule.access.includes(letter);
  const parsed = rules.map(parseDeviceRule);
  return [...access].every((letter) => parsed.findLast((rule) => speaks(rule, letter))?.allow === true);
}

const number = fc.constantFrom(0, 1, 2, 3, 5, 136, 0xfff, 0xfffff, 0x80000000, 0xffffffff);
const access = fc.subarray(["r", "w", "m"], { minLength: 1 }).map((some) => some.join(""));
const rule = fc
  .record({
    deny: fc.constantFrom("", "deny "),
    type: fc.constantFrom("a", "b", "c"),
    major: fc.oneof(fc.constant("*"), number),
    minor: fc.oneof(fc.constant("*"), number),
    access,
  })
  .map(({ deny, type, major, minor, access }) => `${deny}${type} ${major}:${minor} ${access}`);
const request: fc.Arbitrary<DeviceAccess> = fc.record({
  type: fc.constantFrom("b", "c"),
  major: number,
  minor: number,
  access: fc.oneof(fc.constant(""), access),
});

describe("the compiled program", () => {
  test("answers as the rules do, whatever they are, and is one that the verifier takes", () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 12 }),
        fc.array(request, { minLength: 1, maxLength: 30 }),
        (rules, asked) => {
          const code = compile(rules);
          expect([rules, faultsOf(code)]).toEqual([rules, []]);
          for (const one of asked) expect([one, runDeviceFilter(code, one)]).toEqual([one, isAllowed(rules, one)]);
        },
      ),
      { numRuns: 2000 },
    );
  });
  test("of the default rules is the one that is built in, and short", () => {
    expect(defaultDeviceFilter).toBe(compiledDefault());
    expect(Buffer.from(defaultDeviceFilter, "base64").length / 8).toBeLessThan(25);
  });
  test("is refused where a jump would be too far", () => {
    const many = Array.from({ length: 40_000 }, (_, minor) => `b 7:${minor} r`);
    expect(() => compile(many)).toThrow("too far");
  });
});

describe("the rules of a container", () => {
  const may = (rules: readonly string[], type: "b" | "c", major: number, minor: number) =>
    ["r", "w", "m"].filter((access) => isAllowed(rules, { type, major, minor, access })).join("");

  test("that nobody spoke of: its own devices, and to make every node", () => {
    const rules = defaultDeviceRules;
    for (const minor of [3, 5, 7, 8, 9]) expect(may(rules, "c", 1, minor)).toBe("rwm");
    for (const minor of [0, 1, 2]) expect(may(rules, "c", 5, minor)).toBe("rwm");
    for (const minor of [0, 7, 1 << 19]) expect(may(rules, "c", 136, minor)).toBe("rwm");
    for (const [major, minor] of [
      [1, 1],
      [1, 2],
      [1, 4],
      [1, 11],
      [10, 200],
      [4, 0],
      [5, 3],
    ] as const)
      expect(may(rules, "c", major, minor)).toBe("m");
    for (const [major, minor] of [
      [1, 3],
      [5, 0],
      [7, 0],
      [8, 0],
      [136, 0],
    ] as const)
      expect(may(rules, "b", major, minor)).toBe("m");
  });
  test("are the default ones where the bundle says nothing, or only that everything is forbidden", () => {
    for (const devices of [[], [{ allow: false, access: "rwm" }], [{ allow: false }]] as const)
      expect(planDeviceRules([...devices])).toEqual(defaultDeviceRules);
  });
  test("are gone through in their order, and the container's own come last", () => {
    const devices: DeviceRule[] = [
      { allow: true, type: "a", access: "rwm" },
      { allow: false, type: "a", major: -1, minor: -1, access: "mrw" },
      { allow: true, type: "b", major: 8, access: "r" },
      { allow: false, type: "b", major: 8, minor: 1 },
      { allow: false, type: "c", major: 1, minor: 3, access: "rw" },
    ];
    const rules = planDeviceRules(devices)!;
    expect(rules.slice(0, 4)).toEqual(["deny a *:* rwm", "b 8:* r", "deny b 8:1 rwm", "deny c 1:3 rw"]);
    expect(may(rules, "b", 8, 0)).toBe("rm");
    expect(may(rules, "b", 8, 1)).toBe("m");
    expect(may(rules, "c", 1, 3)).toBe("rwm");
  });
  test("are none where everything is allowed, and all but what is taken back", () => {
    expect(planDeviceRules([{ allow: true, access: "rwm" }])).toBeUndefined();
    expect(planDeviceRules([{ allow: true }, { allow: true, type: "c", major: 1 }])).toBeUndefined();
    const rules = planDeviceRules([{ allow: true }, { allow: false, type: "b", access: "w" }])!;
    expect(may(rules, "b", 8, 0)).toBe("rm");
    expect(may(rules, "c", 8, 0)).toBe("rwm");
  });
  test("with numbers that no device has are refused", () => {
    expect(() => planDeviceRules([{ allow: true, type: "c", major: 2 ** 32 }])).toThrow(InvalidError);
  });
});

describe("the plan", () => {
  const filterSteps = ({ build, release }: ReturnType<typeof aPlan>) =>
    [...build, ...release].filter((step) => step.do.endsWith("device-filter"));

  test("loads the filter before the container is there, and attaches it when only the program is missing", () => {
    const plan = aPlan();
    expect(filterSteps(plan)).toEqual([
      { do: "device-filter", rules: defaultDeviceRules },
      { do: "attach-device-filter", cgroup: (plan.clone as { cgroup: string }).cgroup },
    ]);
  });
  test("has none for a privileged container", () => expect(filterSteps(aPlan({ privileged: true }))).toEqual([]));
  test("says so where cgroup v2 is missing, and refuses rules that somebody asked for", () => {
    const { cgroup2: _, ...without } = host;
    expect(filterSteps(aPlan({}, {}, without))).toEqual([]);
    expect(aPlan({}, {}, without).warnings.join()).toContain("devices are not filtered");
    expect(() => aPlan({}, { askedDevices: true }, without)).toThrow(UnsupportedError);
  });
});
