/** What a bundle says of its cgroup, in the words of systemd. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { annotatedProperties } from "../../../src/plan/systemd/annotations.ts";
import { deviceProperties } from "../../../src/plan/systemd/devices.ts";
import { limitProperties } from "../../../src/plan/systemd/limits.ts";
import { planScope } from "../../../src/plan/systemd/scope.ts";

const scopeOf = (path: string | undefined) => {
  const { unit, path: cgroup, properties } = planScope(path, "box", undefined);
  return { unit, cgroup, slice: properties.find(({ name }) => name === "Slice")!.value };
};

describe("planScope()", () => {
  test("reads slice:prefix:name, and a slice with dashes is below others", () => {
    expect(scopeOf("machine.slice:libpod:abc")).toEqual({
      unit: "libpod-abc.scope",
      cgroup: "/machine.slice/libpod-abc.scope",
      slice: "machine.slice",
    });
    expect(scopeOf("kubepods-burstable-pod1.slice:cri-containerd:x").cgroup).toBe(
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-x.scope",
    );
  });
  test("is in system.slice, under a name of ours, when nothing is said; - is the root", () => {
    const unsaid = {
      unit: "tinydocker-box.scope",
      cgroup: "/system.slice/tinydocker-box.scope",
      slice: "system.slice",
    };
    expect([scopeOf(undefined), scopeOf("")]).toEqual([unsaid, unsaid]);
    expect(scopeOf(":a:b").cgroup).toBe("/system.slice/a-b.scope");
    expect(scopeOf("-:a:b")).toEqual({ unit: "a-b.scope", cgroup: "/a-b.scope", slice: "-.slice" });
    expect(scopeOf("-.slice:a:b").cgroup).toBe("/a-b.scope");
  });
  test("refuses what is no unit's name, and says which part", () => {
    const message = (path: string) => {
      try {
        return scopeOf(path);
      } catch (error) {
        return (error as Error).message;
      }
    };
    for (const path of ["/a/b", "a", "a:b", "a:b:c:d"]) expect(message(path)).toContain("is not slice:prefix:name");
    for (const slice of ["a--b.slice", "-a.slice", "a-.slice", "a/b.slice", ".slice", "a", "a.scope"])
      expect(message(`${slice}:x:y`)).toContain(`${JSON.stringify(slice)} is not a valid name of a slice`);
    expect(message("::y.slice")).toContain("y.slice is a slice");
    for (const name of ["", "a b", "a/b", "a+b", "a@b", "n".repeat(250)])
      expect(message(`:x:${name}`)).toContain("is not a valid name of a systemd unit");
  });
  test("whatever is written there: a scope below the slice, or a refusal", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab-:./\\ é\0".split("")) }), (path) => {
        try {
          expect(scopeOf(path).cgroup).toMatch(/^(\/[\w:.\\-]+\.slice)*\/[\w:.\\-]+\.scope$/);
        } catch (error) {
          expect((error as Error).name).toMatch(/^(Usage|Unsupported)Error$/);
        }
      }),
    );
  });
});

describe("annotatedProperties()", () => {
  const one = (name: string, text: string) => annotatedProperties({ [`org.systemd.property.${name}`]: text })[0];
  const value = (text: string) => {
    const { type, value } = one("Something", text)!;
    return [type, value];
  };
  test("values are in the text format of GVariant, with their types", () => {
    expect(value("true")).toEqual(["b", true]);
    expect(value("'inactive-or-failed'")).toEqual(["s", "inactive-or-failed"]);
    expect(value(`"it's \\"so\\""`)).toEqual(["s", `it's "so"`]);
    expect(value("-5")).toEqual(["i", -5]);
    expect(value("uint32 5")).toEqual(["u", 5]);
    expect(value("uint64 18446744073709551615")).toEqual(["t", "18446744073709551615"]);
    expect(value("int64 -9")).toEqual(["x", "-9"]);
    expect(value("byte 0x1f")).toEqual(["y", 31]);
    expect(value("1.5")).toEqual(["d", 1.5]);
    expect(value(" ['a.service', 'b.service'] ")).toEqual(["as", ["a.service", "b.service"]]);
    expect(value("[uint64 1, uint64 2]")).toEqual(["at", ["1", "2"]]);
  });
  test("NameSec is in seconds, and NameUSec what systemd calls it", () => {
    expect(one("TimeoutStopSec", "uint64 7")).toEqual({ name: "TimeoutStopUSec", type: "t", value: "7000000" });
    expect(one("TimeoutStopSec", "1.5")).toEqual({ name: "TimeoutStopUSec", type: "t", value: "1500000" });
    expect(one("TimeoutStopUSec", "uint64 7")).toEqual({ name: "TimeoutStopUSec", type: "t", value: "7" });
    expect(() => one("TimeoutStopSec", "'soon'")).toThrow("is not a number of seconds");
    expect(() => one("TimeoutStopSec", "-1")).toThrow("is not a number of seconds");
  });
  test("anything else is refused by name, and other annotations are somebody else's", () => {
    for (const text of [
      "",
      "'a",
      "5 6",
      "uint32 -1",
      "int32 3000000000",
      "[]",
      "['a', 1]",
      "['a'",
      "(1, 2)",
      "@as []",
      "nothing",
      "uint64",
    ])
      expect(() => one("CollectMode", text)).toThrow("org.systemd.property.CollectMode");
    for (const name of ["", "a", "Ab", "collectMode", "Collect_Mode", "Collect.Mode"])
      expect(() => one(name, "true")).toThrow("is not a valid name of a property");
    expect(annotatedProperties({ "org.systemd.other": "x" })).toEqual([]);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."a1'\"[], -.\\uint64x".split("")) }), (text) => {
        try {
          one("CollectMode", text);
        } catch (error) {
          expect((error as Error).name).toBe("InvalidError");
        }
      }),
    );
  });
});

describe("limitProperties()", () => {
  const of = (file: string, value: string) =>
    limitProperties([{ file, value }]).map(({ name, type, value: own }) => [name, type, own]);
  test("what systemd has a property for; the rest is the kernel's alone", () => {
    expect(of("memory.max", "1024")).toEqual([["MemoryMax", "t", "1024"]]);
    expect(of("pids.max", "max")).toEqual([["TasksMax", "t", "18446744073709551615"]]);
    expect(of("cpu.weight", "79")).toEqual([["CPUWeight", "t", "79"]]);
    expect(of("io.weight", "default 200")).toEqual([["IOWeight", "t", "200"]]);
    expect(of("cpuset.cpus", "0,2-3,9")).toEqual([["AllowedCPUs", "ay", [0b1101, 0b10]]]);
    const alone = [
      ["memory.max", "1G"],
      ["io.weight", "8:0 100"],
      ["io.max", "8:0 rbps=1"],
      ["cpuset.cpus", "3-1"],
      ["cpuset.mems", ""],
      ["hugetlb.2MB.max", "1"],
      ["toString", "1"],
    ] as const;
    for (const [file, value] of alone) expect(of(file, value)).toEqual([]);
  });
  test("a quota is for each second, rounded up to a hundredth of a CPU, as systemd counts", () => {
    const quota = (value: string) => limitProperties([{ file: "cpu.max", value }]).map(({ value: own }) => own);
    expect(quota("50000 100000")).toEqual(["100000", "500000"]);
    expect(quota("12345 50000")).toEqual(["50000", "250000"]);
    expect(quota("max 50000")).toEqual(["50000", "18446744073709551615"]);
    expect(quota("max")).toEqual(["100000", "18446744073709551615"]);
    expect(quota("1 0")).toEqual([]);
  });
});

describe("deviceProperties()", () => {
  const allow = (rules: string[] | undefined) => {
    const [policy, reset, entries] = deviceProperties(rules);
    expect([policy!.name, reset]).toEqual(["DevicePolicy", { name: "DeviceAllow", type: "a(ss)", value: [] }]);
    return [policy!.value, ...((entries?.value as string[][] | undefined) ?? []).map((entry) => entry.join(" "))];
  };
  test("never forbid what our own filter allows: letters of one device are together, and what can't be said allows all", () => {
    const rules = ["deny a *:* rwm", "a *:* m", "c 1:3 r", "c 1:3 w", "b 8:0 r", "c 136:* rw"];
    expect(allow(rules)).toEqual([
      ...["strict", "char-* m", "block-* m"],
      ...["/dev/char/1:3 rw", "/dev/block/8:0 r", "char-pts rw"],
    ]);
    expect(allow(undefined)).toEqual(["auto"]);
    for (const rule of ["c 10:* rw", "a 1:3 r", "b *:3 r", "deny c 1:3 r"])
      expect(allow(["deny a *:* rwm", rule])).toEqual(["auto"]);
    expect(allow(["a *:* rwm", "deny c 1:3 r"])).toEqual(["auto"]);
  });
});
