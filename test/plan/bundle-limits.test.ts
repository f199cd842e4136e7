/** The limits of a bundle as lines in the files of a cgroup. */

import { expect, test } from "bun:test";
import type { Resources } from "../../src/oci/spec.ts";
import { planBundleLimits, withoutNoLimits } from "../../src/plan/bundle/limits.ts";

const lines = (resources: Resources) =>
  planBundleLimits(resources).map(({ file, value, optional }) => `${file} ${value}${optional ? " (if there)" : ""}`);

test("memory and swap together become memory, and swap beside it", () => {
  expect(lines({ memory: { limit: 100, swap: 150, reservation: 50 } })).toEqual([
    "memory.max 100",
    "memory.swap.max 50 (if there)",
    "memory.low 50",
  ]);
});

test("no limit is written, too: somebody else may have made the cgroup", () => {
  expect(lines({ memory: { limit: -1, reservation: -1 }, pids: { limit: -1 }, cpu: { quota: -1 } })).toEqual([
    "memory.max max",
    "memory.swap.max max (if there)",
    "memory.low max",
    "pids.max max",
    "cpu.max max",
  ]);
  expect(lines({ memory: { limit: 5, swap: -1 } })).toEqual(["memory.max 5", "memory.swap.max max (if there)"]);
});

test("zeros of Go's encoders are nothing", () => {
  expect(
    lines({ memory: { limit: 0, swap: 0, reservation: 0 }, cpu: { quota: 0, shares: 0 }, pids: { limit: 0 } }),
  ).toEqual([]);
  expect(lines({ memory: { limit: 5, swap: 0 } })).toEqual(["memory.max 5"]);
});

test("less swap and memory together than memory alone is an error", () => {
  expect(() => lines({ memory: { limit: 5, swap: 4 } })).toThrow("linux.resources.memory.swap");
  expect(() => lines({ memory: { swap: 4 } })).toThrow("linux.resources.memory.swap");
});

test("the weight comes before idle, which takes none, and the quota before the burst, which is part of it", () => {
  expect(lines({ cpu: { idle: 1, shares: 2, burst: 7, quota: 1000, period: 5000 } })).toEqual([
    "cpu.max 1000 5000",
    "cpu.weight 1",
    "cpu.max.burst 7",
    "cpu.idle 1",
  ]);
});

test("huge pages are limited as they are used, and as they are reserved", () => {
  expect(lines({ hugepageLimits: [{ pageSize: "2MB", limit: 2 ** 22 }] })).toEqual([
    "hugetlb.2MB.max 4194304",
    "hugetlb.2MB.rsvd.max 4194304 (if there)",
  ]);
});

test("a device of RDMA has one line", () => {
  expect(lines({ rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 }, rxe3: { hcaObjects: 1 } } })).toEqual([
    "rdma.max mlx5_1 hca_handle=3 hca_object=10000",
    "rdma.max rxe3 hca_object=1",
  ]);
});

test("what is unified is written as it is, line by line", () => {
  const unified = { "io.max": "259:0 rbps=2097152\n253:0 wiops=120\n", "memory.high": "5", "cgroup.max.depth": "1" };
  const settings = planBundleLimits({ unified });
  expect(settings.map(({ controller, file, value }) => [controller, file, value])).toEqual([
    ["io", "io.max", "259:0 rbps=2097152"],
    ["io", "io.max", "253:0 wiops=120"],
    ["memory", "memory.high", "5"],
    ["cgroup", "cgroup.max.depth", "1"],
  ]);
});

test("without a controller no limit, and the share that all have, need none", () => {
  const left = (resources: Resources, controllers: string[] = []) =>
    withoutNoLimits(planBundleLimits(resources), controllers).map(({ file }) => file);
  const nothing: Resources = { memory: { limit: -1 }, cpu: { shares: 1024, quota: -1 }, pids: { limit: -1 } };
  expect(left(nothing)).toEqual([]);
  expect(left(nothing, ["cpu"])).toEqual(["cpu.weight", "cpu.max"]);
  expect(left({ cpu: { shares: 2 } })).toEqual(["cpu.weight"]);
});
