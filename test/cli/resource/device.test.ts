import { describe, expect, test } from "bun:test";
import { parseDevices } from "../../../src/cli/resource/device.ts";
import { UsageError } from "../../../src/errors.ts";

const parse = (device: string[], more: { rules?: string[]; gpus?: string[] } = {}) =>
  parseDevices({ device, "device-cgroup-rule": more.rules ?? [], gpus: more.gpus ?? [] });

describe("--device", () => {
  test("is a path on the host, one in the container, and what is allowed", () => {
    const device = (text: string) => parse([text]).devices![0]!;
    expect(device("/dev/fuse")).toEqual({ path: "/dev/fuse", target: "/dev/fuse", access: "rwm" });
    expect(device("/dev/sr0:/dev/dvd")).toEqual({ path: "/dev/sr0", target: "/dev/dvd", access: "rwm" });
    expect(device("/dev/sr0:r")).toEqual({ path: "/dev/sr0", target: "/dev/sr0", access: "r" });
    expect(device("/dev/sr0:/dev/dvd:rm")).toEqual({ path: "/dev/sr0", target: "/dev/dvd", access: "rm" });
    expect(device("/dev/snd/")).toMatchObject({ path: "/dev/snd", target: "/dev/snd" });
  });
  test("with a name of the Container Device Interface is one", () => {
    for (const name of ["nvidia.com/gpu=all", "nvidia.com/gpu=GPU-1:0", "v-1.x/c_l-s=a.b"])
      expect(parse([name])).toEqual({ cdi: [name] });
    expect(parse(["/dev/null", "v.com/c=a"])).toMatchObject({ cdi: ["v.com/c=a"], devices: [{ path: "/dev/null" }] });
  });
  test("that is wrong is refused", () => {
    for (const text of [
      "",
      "fuse",
      "/dev/x:/dev/y:rwx",
      "/dev/x:/dev/y:rr",
      "/dev/x:/dev/y:r:w",
      "/dev/x:",
      "/dev/x:y",
    ])
      expect(() => parse([text])).toThrow(UsageError);
    for (const text of [
      "/dev/x:/proc/y",
      "/dev/x:/",
      "/dev/x:/dev/../etc",
      "v.com/gpu=",
      "v.com=x",
      "/dev/x:/dev",
      "/dev/x:/dev/",
    ])
      expect(() => parse([text])).toThrow(UsageError);
  });
});

test("--device-cgroup-rule is a rule of the device filter", () => {
  const rules = ["c 42:* rwm", "b *:* r", "a *:* rwm", "c 1:3 mr"];
  expect(parse([], { rules })).toEqual({ rules });
  for (const wrong of ["", "c 42:*", "d 1:1 r", "c 1 r", "c 1:1 x", "c 1:1 rwmr", "c  1:1 r", "c -1:1 r"])
    expect(() => parse([], { rules: [wrong] })).toThrow(UsageError);
});

describe("--gpus", () => {
  const gpus = (text: string) => parse([], { gpus: [text] }).gpus![0]!;
  test("is all, a number, or devices", () => {
    const any = { driver: "", capabilities: ["gpu"], options: {} };
    expect(gpus("all")).toEqual({ ...any, count: -1 });
    expect(gpus("2")).toEqual({ ...any, count: 2 });
    expect(gpus('"device=0,GPU-1"')).toEqual({ ...any, ids: ["0", "GPU-1"] });
    // Docker counts the second for a number, and refuses both.
    expect(gpus("device=0,1")).toEqual({ ...any, ids: ["0", "1"] });
    expect(gpus('all,"capabilities=compute,utility"')).toEqual({
      ...any,
      count: -1,
      capabilities: ["gpu", "compute", "utility"],
    });
    expect(gpus("driver=amd,count=1")).toEqual({ ...any, driver: "amd", count: 1 });
    expect(gpus("capabilities=utility")).toMatchObject({ count: -1 });
  });
  test("that is wrong is refused", () => {
    for (const wrong of ["", "0", "x", "none", "device=", "device=a/b", "all,device=0", "size=1", "1.5", 'a"b'])
      expect(() => gpus(wrong)).toThrow(UsageError);
  });
});
