import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { addResources, cgroupBelow, controllersOf } from "../../src/plan/resources.ts";

const numbers: Record<string, { major: number; minor: number }> = { "/dev/sda": { major: 8, minor: 0 } };
const add = (options: Parameters<typeof addResources>[1], plain: Parameters<typeof addResources>[0] = {}) =>
  addResources(plain, options, (path) => numbers[path]!);

describe("addResources()", () => {
  test("adds nothing where nothing is said", () => {
    expect(add({})).toEqual({});
    expect(add({ cpuShares: 0, blkioWeight: 0, cpusetCpus: "", cpuQuotaUs: -1, deviceReadBps: [] })).toEqual({});
  });
  test("leaves what is there of memory and CPUs, beside its own", () => {
    const plain = { memory: { limit: 9, swap: 9 }, cpu: { quota: 100, period: 100 }, pids: { limit: 1 } };
    expect(add({ memoryReservationBytes: 5, cpuShares: 512, cpusetCpus: "0" }, plain)).toEqual({
      memory: { limit: 9, swap: 9, reservation: 5 },
      cpu: { quota: 100, period: 100, shares: 512, cpus: "0" },
      pids: { limit: 1 },
    });
  });
  test("has disks by their numbers", () => {
    const figures = [{ path: "/dev/sda", value: 7 }];
    expect(add({ blkioWeight: 10, blkioWeightDevices: figures, deviceWriteIops: figures }).blockIO).toEqual({
      weight: 10,
      weightDevice: [{ major: 8, minor: 0, weight: 7 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 7 }],
    });
  });
});

test("controllersOf() names what each option needs, and nothing for what is no limit", () => {
  const of = (options: Parameters<typeof controllersOf>[0]) => [...controllersOf(options)];
  expect(of({})).toEqual([]);
  expect(of({ cpuShares: 0, cpuQuotaUs: -1, blkioWeight: 0, cpusetCpus: "", deviceReadBps: [] })).toEqual([]);
  expect(of({ memorySwapBytes: -1 })).toEqual([]);
  expect(of({ memoryReservationBytes: 5 })).toEqual(["memory"]);
  for (const cpu of [{ cpuShares: 2 }, { cpuPeriodUs: 1000 }, { cpuQuotaUs: 1000 }]) expect(of(cpu)).toEqual(["cpu"]);
  expect(of({ cpusetMems: "0" })).toEqual(["cpuset"]);
  expect(of({ deviceWriteBps: [{ path: "/dev/sda", value: 1 }] })).toEqual(["io"]);
});

test("cgroupBelow() is below what was asked for, and a slice is where systemd has it", () => {
  for (const [parent, path] of [
    ["/", "/ID"],
    ["a", "/a/ID"],
    ["/a/b/", "/a/b/ID"],
    ["./a//b", "/a/b/ID"],
    ["web.slice", "/web.slice/ID"],
    ["a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice/ID"],
    ["-.slice", "/ID"],
    ["/a-b.slice", "/a-b.slice/ID"],
    ["/system.slice/a-b.slice", "/system.slice/a-b.slice/ID"],
  ])
    expect([parent, cgroupBelow(parent!, "ID")]).toEqual([parent, path]);
  for (const wrong of ["..", "/a/../b", "a--b.slice", "a\0b"])
    expect(() => cgroupBelow(wrong, "ID")).toThrow(UsageError);
});
