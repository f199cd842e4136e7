/** Device filters in the kernel: what its verifier says, and what is on a cgroup beside them. */

import { describe, expect } from "bun:test";
import { mkdirSync, rmdirSync } from "node:fs";
import fc from "fast-check";
import { encode, Label } from "../../src/linux/bpf/instruction.ts";
import { attachDeviceFilter, loadDeviceFilter, openDeviceFilters } from "../../src/linux/bpf/program.ts";
import { findCgroup2 } from "../../src/linux/cgroup.ts";
import { close, type Fd, O_DIRECTORY, O_RDONLY, open } from "../../src/linux/file.ts";
import { compileDeviceFilter } from "../../src/plan/device/compile.ts";
import { replaceDeviceFilter } from "../../src/runtime/device-filter.ts";
import { needing, root } from "../support/needs.ts";

const cgroup2 = () => (findCgroup2() ? undefined : "cgroup v2");
const test = needing(root, cgroup2);

const allow = encode([{ op: "move", to: "r0", value: 1 }, { op: "exit" }]);

function withCgroup(use: (path: string, directory: Fd) => void): void {
  const path = `${findCgroup2()!.mountPoint}/tinydocker-test-${process.pid}`;
  mkdirSync(path);
  const directory = open(path, O_RDONLY | O_DIRECTORY);
  try {
    use(path, directory);
  } finally {
    close(directory);
    rmdirSync(path);
  }
}

/** How many filters of a name a cgroup has. */
function count(directory: Fd, name: string): number {
  const filters = openDeviceFilters(directory, name);
  filters.forEach(close);
  return filters.length;
}

describe("a device filter", () => {
  test("that the verifier refuses is refused in its words", () => {
    const label = new Label();
    const endless = encode([
      { op: "move", to: "r0", value: 1 },
      { op: "jump", to: label },
      { op: "label", label },
    ]);
    expect(() => loadDeviceFilter("test", endless)).toThrow(/BPF_PROG_LOAD.*EINVAL.*verifier says: .*/);
    const forgetful = encode([{ op: "exit" }]);
    expect(() => loadDeviceFilter("test", forgetful)).toThrow(/R0 !read_ok/);
  });
  test("is one that the kernel takes, whatever the rules are", () => {
    const part = fc.constantFrom("*", "1", "2", "4294967295");
    const rule = fc
      .tuple(
        fc.constantFrom("", "deny "),
        fc.constantFrom("a", "b", "c"),
        part,
        part,
        fc.constantFrom("r", "mw", "rwm"),
      )
      .map(([deny, type, major, minor, access]) => `${deny}${type} ${major}:${minor} ${access}`);
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 8 }), (rules) => {
        close(loadDeviceFilter("test", encode(compileDeviceFilter(rules))));
      }),
      { numRuns: 200 },
    );
  });
  test("takes the place of ours on a cgroup, and leaves those of others", () => {
    withCgroup((path, directory) => {
      const other = loadDeviceFilter("other", allow);
      attachDeviceFilter(directory, other);
      close(other);
      const counts = () => [count(directory, "td_devices"), count(directory, "other")];
      expect(counts()).toEqual([0, 1]);
      replaceDeviceFilter(path, ["a *:* r"]);
      expect(counts()).toEqual([1, 1]);
      replaceDeviceFilter(path, ["a *:* w"]);
      expect(counts()).toEqual([1, 1]);
      replaceDeviceFilter(path, undefined);
      expect(counts()).toEqual([0, 1]);
    });
  });
});
