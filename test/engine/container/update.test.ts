import { describe, expect, test } from "bun:test";
import { updateOptions } from "../../../src/engine/container/update.ts";
import { UsageError } from "../../../src/errors.ts";
import { noOptions, type RunOptions } from "../../../src/plan/options.ts";
import type { ResourceOptions } from "../../../src/plan/resource-options.ts";

const update = (
  before: Partial<RunOptions>,
  limits: Pick<RunOptions, "cpus" | "memoryBytes" | "pidsLimit">,
  resources: ResourceOptions = {},
) => updateOptions({ ...noOptions, ...before }, { limits, resources });

describe("what is said later takes the place of what was said before", () => {
  test("and what is not said stays", () => {
    const before = { cpus: 1, memoryBytes: 64, resources: { cpuShares: 2, cgroupParent: "a" } };
    expect(update(before, { pidsLimit: 5 }, { cpuShares: 9 })).toMatchObject({
      ...{ cpus: 1, memoryBytes: 64, pidsLimit: 5 },
      resources: { cpuShares: 9, cgroupParent: "a" },
    });
    expect(update({}, { cpus: 1 })).not.toHaveProperty("resources");
  });
  test("also where it says the same in another way: CPUs, or a quota and a period", () => {
    const byPeriod = { resources: { cpuPeriodUs: 50_000, cpuQuotaUs: 25_000, cpuShares: 2 } };
    expect(update(byPeriod, { cpus: 2 })).toMatchObject({ cpus: 2, resources: { cpuShares: 2 } });
    expect(update(byPeriod, { cpus: 2 }).resources).toEqual({ cpuShares: 2 });
    expect(update({ cpus: 2 }, {}, { cpuQuotaUs: 25_000 })).toMatchObject({
      cpus: 0,
      resources: { cpuQuotaUs: 25_000 },
    });
    expect(update({ assumed: { cpus: 1 } }, {}, { cpuPeriodUs: 5000 }).cpus).toBe(0);
  });
});

describe("memory and swap", () => {
  const swap = (...args: Parameters<typeof update>) => update(...args).resources?.memorySwapBytes;
  test("stay what they are to each other", () => {
    expect(swap({ memoryBytes: 64 }, { memoryBytes: 128 })).toBeUndefined();
    expect(swap({ memoryBytes: 64, resources: { memorySwapBytes: 64 } }, { memoryBytes: 128 })).toBe(128);
    expect(swap({ memoryBytes: 64, resources: { memorySwapBytes: -1 } }, { memoryBytes: 128 })).toBe(-1);
    expect(swap({ memoryBytes: 64, resources: { memorySwapBytes: 256 } }, { memoryBytes: 128 })).toBe(256);
    expect(swap({ memoryBytes: 64, resources: { memorySwapBytes: 256 } }, { memoryBytes: 0 })).toBeUndefined();
    expect(swap({ memoryBytes: 64, resources: { memorySwapBytes: 64 } }, { cpus: 1 })).toBe(64);
  });
  test("are what is said", () => {
    expect(swap({ memoryBytes: 64 }, {}, { memorySwapBytes: 64 })).toBe(64);
    expect(swap({}, {}, { memorySwapBytes: -1 })).toBe(-1);
    expect(swap({ assumed: { memoryBytes: 64 } }, {}, { memorySwapBytes: 96 })).toBe(96);
  });
  test("that do not go together are refused", () => {
    const before = { memoryBytes: 64, resources: { memorySwapBytes: 96 } };
    expect(() => update(before, { memoryBytes: 128 })).toThrow(UsageError);
    expect(() => update(before, {}, { memorySwapBytes: 32 })).toThrow(UsageError);
    expect(() => update(before, { memoryBytes: 97 }, { memorySwapBytes: 96 })).toThrow(UsageError);
    expect(() => update({}, {}, { memorySwapBytes: 96 })).toThrow(UsageError);
    expect(() => update(before, { memoryBytes: 0 }, { memorySwapBytes: 96 })).toThrow(UsageError);
    expect(() => update({ memoryBytes: 64 }, {}, { memoryReservationBytes: 65 })).toThrow(UsageError);
  });
});
