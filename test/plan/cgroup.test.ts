import { describe, expect, test } from "bun:test";
import { planCgroup } from "../../src/plan/cgroup.ts";
import { planRareLimits, planUpdate, weightOfShares } from "../../src/plan/rare-limits.ts";

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

test("an update writes the files that are changed, and what is no limit where there is to be none any more", () => {
  const resources = { memory: { limit: 100, swap: 100 }, pids: { limit: 5 } };
  const files = (...changed: string[]) =>
    planUpdate(resources, new Set(changed)).map(({ file, value }) => [file, value]);
  expect(files()).toEqual([]);
  expect(files("cpu.max", "memory.max", "memory.swap.max")).toEqual([
    ["memory.max", "100"],
    ["memory.swap.max", "0"],
    ["cpu.max", "max"],
  ]);
  expect(files("pids.max", "cpu.weight", "memory.low", "io.bfq.weight")).toEqual([
    ["pids.max", "5"],
    ["memory.low", "0"],
    ["cpu.weight", "100"],
    ["io.bfq.weight", "100"],
  ]);
  expect(planUpdate({}, new Set(["memory.max", "memory.swap.max"])).map(({ value }) => value)).toEqual(["max", "max"]);
});

describe("limits that few ask for", () => {
  const rare = (resources: Parameters<typeof planRareLimits>[0]) =>
    planRareLimits(resources).map(({ controller, file, value, or }) => [controller, file, value, ...(or ? [or] : [])]);

  test("are none where nothing is said", () => {
    expect(rare({})).toEqual([]);
    expect(rare({ memory: { limit: 5, swap: 6 }, cpu: { quota: 1000, period: 1000 }, pids: { limit: 1 } })).toEqual([]);
  });
  test("of memory and CPUs have files of their own", () => {
    expect(rare({ memory: { reservation: 7 } })).toEqual([["memory", "memory.low", "7"]]);
    expect(rare({ cpu: { period: 50_000 } })).toEqual([["cpu", "cpu.max", "max 50000"]]);
    expect(rare({ cpu: { shares: 512, cpus: "0-1", mems: "0" } })).toEqual([
      ["cpu", "cpu.weight", "59"],
      ["cpuset", "cpuset.cpus", "0-1"],
      ["cpuset", "cpuset.mems", "0"],
    ]);
  });
  test("of disks are by their numbers; weights are what either scheduler counts in", () => {
    const disk = { major: 8, minor: 0 };
    expect(rare({ blockIO: { weight: 500, weightDevice: [{ ...disk, weight: 10 }] } })).toEqual([
      ["io", "io.bfq.weight", "500", { file: "io.weight", value: "4950" }],
      ["io", "io.bfq.weight", "8:0 10", { file: "io.weight", value: "8:0 1" }],
    ]);
    const rate = [{ ...disk, rate: 9 }];
    expect(
      rare({
        blockIO: {
          ...{ throttleReadBpsDevice: rate, throttleWriteBpsDevice: rate },
          ...{ throttleReadIOPSDevice: rate, throttleWriteIOPSDevice: rate },
        },
      }),
    ).toEqual([
      ["io", "io.max", "8:0 rbps=9"],
      ["io", "io.max", "8:0 wbps=9"],
      ["io", "io.max", "8:0 riops=9"],
      ["io", "io.max", "8:0 wiops=9"],
    ]);
  });
  test("the default share is the default weight, and the ends are the ends", () => {
    expect([2, 1024, 262144].map(weightOfShares)).toEqual([1, 100, 10_000]);
    const weights = Array.from({ length: 18 }, (_, power) => weightOfShares(2 ** (power + 1)));
    expect(weights).toEqual(weights.toSorted((a, b) => a - b));
  });
});
