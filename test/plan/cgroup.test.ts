import { expect, test } from "bun:test";
import { planCgroup, planUpdate } from "../../src/plan/cgroup.ts";

const lines = (resources: Parameters<typeof planCgroup>[0]) =>
  planCgroup(resources).map(({ controller, file, value }) => [controller, file, value]);

test("limits are written in the words of cgroup v2", () => {
  const resources = {
    memory: { limit: 6 << 20, swap: 6 << 20 },
    cpu: { quota: 1000, period: 100_000 },
    pids: { limit: 1 },
  };
  expect(lines(resources)).toEqual([
    ["memory", "memory.max", "6291456"],
    ["memory", "memory.swap.max", "0"],
    ["cpu", "cpu.max", "1000 100000"],
    ["pids", "pids.max", "1"],
  ]);
});

test("swap is what is beyond the memory: the specification counts both together", () => {
  expect(lines({ memory: { limit: 100, swap: 150 } })).toContainEqual(["memory", "memory.swap.max", "50"]);
  expect(lines({ memory: { limit: 100, swap: 50 } })).toContainEqual(["memory", "memory.swap.max", "0"]);
  expect(lines({ memory: { limit: 100, swap: -1 } })).toEqual([["memory", "memory.max", "100"]]);
});

test("unlimited writes nothing", () => {
  expect(lines({})).toEqual([]);
  expect(lines({ memory: { limit: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } })).toEqual([]);
  expect(lines({ memory: { limit: 0 }, cpu: { quota: 0 }, pids: { limit: 0 } })).toEqual([]);
});

test("a quota without a period gets the kernel's own", () => {
  expect(lines({ cpu: { quota: 50_000 } })).toEqual([["cpu", "cpu.max", "50000 100000"]]);
});

test("each says what it is for", () => {
  expect(planCgroup({ cpu: { quota: 150_000, period: 100_000 } })[0]!.why).toContain("1.5 CPUs");
});

test("an update writes the files of what is changed, and max where there is to be no limit any more", () => {
  const resources = { memory: { limit: 100, swap: 100 }, pids: { limit: 5 } };
  const files = (changed: ("memory" | "cpu" | "pids")[]) =>
    planUpdate(resources, new Set(changed)).map(({ file, value }) => [file, value]);
  expect(files([])).toEqual([]);
  expect(files(["memory", "cpu"])).toEqual([
    ["memory.max", "100"],
    ["memory.swap.max", "0"],
    ["cpu.max", "max"],
  ]);
  expect(files(["pids"])).toEqual([["pids.max", "5"]]);
  expect(planUpdate({}, new Set(["memory"])).map(({ value }) => value)).toEqual(["max", "max"]);
});
