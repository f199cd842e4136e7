import { describe, expect, test } from "bun:test";
import { checkSwap, parseResources } from "../../../src/cli/resource/resources.ts";
import { UnsupportedError, UsageError } from "../../../src/errors.ts";

const parse = (args: Parameters<typeof parseResources>[0], beside: Parameters<typeof parseResources>[1] = {}) =>
  parseResources(args, beside);

describe("options of resources", () => {
  test("are nothing where nothing is said", () => {
    expect(parse({})).toEqual({});
    for (const [option, none] of [
      ["memory-swap", "0"],
      ["memory-swappiness", "-1"],
    ])
      expect(parse({ [option!]: none! })).toEqual({});
  });
  test("are sizes, where a bare number is MB, as with --memory", () => {
    expect(parse({ "memory-swap": "1024", "memory-reservation": "64m" })).toEqual({
      memorySwapBytes: 2 ** 30,
      memoryReservationBytes: 64 << 20,
    });
    expect(parse({ "memory-swap": "-1" })).toEqual({ memorySwapBytes: -1 });
  });
  test("are numbers in their ranges; 0 is the kernel's own", () => {
    const all = { "cpu-shares": "512", "cpu-period": "50000", "cpu-quota": "25000", "blkio-weight": "300" };
    expect(parse(all)).toEqual({ cpuShares: 512, cpuPeriodUs: 50000, cpuQuotaUs: 25000, blkioWeight: 300 });
    expect(parse({ "cpu-shares": "0", "cpu-quota": "-1" })).toEqual({ cpuShares: 0, cpuQuotaUs: -1 });
  });
  test("name disks", () => {
    const of = (...values: string[]) => values;
    expect(
      parse({
        "blkio-weight-device": of("/dev/sda:100"),
        "device-read-bps": of("/dev/sda:1mb", "/dev/disk/by-id/a:b:10k"),
        "device-write-iops": of("/dev/sdb:100"),
      }),
    ).toEqual({
      blkioWeightDevices: [{ path: "/dev/sda", value: 100 }],
      deviceReadBps: [
        { path: "/dev/sda", value: 1 << 20 },
        { path: "/dev/disk/by-id/a:b", value: 10 << 10 },
      ],
      deviceWriteIops: [{ path: "/dev/sdb", value: 100 }],
    });
  });
  test("that are wrong are refused by their names", () => {
    for (const [option, values] of Object.entries({
      "memory-swap": ["x", "-2", "1.5.5"],
      "memory-reservation": ["1", "x", "900t"],
      "memory-swappiness": ["101", "-2", "x"],
      "cpu-shares": ["", "1", "262145", "-1", "1.5", "0x10"],
      "cpu-period": ["999", "1000001", "x"],
      "cpu-quota": ["999", "-2", "x"],
      "cpuset-cpus": ["x", "0-", "1-0", "0,,1", "99999", "-1", "0 1", "0-999999"],
      "cpuset-mems": ["64", "x"],
      "blkio-weight": ["9", "1001", "x"],
      "cgroup-parent": ["../x"],
    }))
      for (const value of values) {
        const refused = () => parse({ [option]: value });
        expect(refused).toThrow(UsageError);
        expect(refused).toThrow(`--${option}`);
      }
    for (const [option, values] of Object.entries({
      "blkio-weight-device": ["/dev/sda", "/dev/sda:5", "sda:100"],
      "device-read-bps": ["/dev/sda", "/dev/sda:", "/dev/sda:0", "/dev/sda:x", "sda:1mb"],
      "storage-opt": ["size", "size=", "size=x", "size=1k", "x=1", ""],
      "device-write-iops": ["/dev/sda:0", "/dev/sda:1k", "/tmp/x:1"],
    }))
      for (const value of values) expect(() => parse({ [option]: [value] })).toThrow(`--${option}`);
  });
  test("that cgroup v2 has not are refused by name, right or not", () => {
    expect(() => parse({ "memory-swappiness": "60" })).toThrow(UnsupportedError);
    expect(() => parse({ "oom-kill-disable": true })).toThrow(UnsupportedError);
    expect(parse({ "oom-kill-disable": false })).toEqual({});
  });
  test("that say the same, or can't be together, are refused", () => {
    for (const args of [{ "cpu-quota": "50000" }, { "cpu-period": "50000" }]) {
      expect(() => parse(args, { cpus: 1 })).toThrow(UsageError);
      expect(Object.keys(parse(args, { cpus: 0 }))).toHaveLength(1);
    }
    expect(() => parse({ "memory-reservation": "64m" }, { memoryBytes: 32 << 20 })).toThrow(UsageError);
  });
});

test("--memory-swap is memory and swap together", () => {
  for (const [swap, memory] of [
    [undefined, undefined],
    [-1, undefined],
    [-1, 64],
    [64, 64],
    [65, 64],
  ])
    checkSwap(swap, memory);
  for (const [swap, memory] of [
    [64, undefined],
    [64, 0],
    [63, 64],
  ] as const)
    expect(() => checkSwap(swap, memory)).toThrow(UsageError);
});
