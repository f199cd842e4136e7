import { describe, expect, test } from "bun:test";
import type { Mount } from "../../src/oci/spec.ts";
import type { InitStep } from "../../src/plan/init-step.ts";
import { planBinds, planMounts, planRoot } from "../../src/plan/mounts.ts";
import { copyUpOption, createSourceOption } from "../../src/plan/rare/mount-options.ts";
import { aSpec } from "../support/plans.ts";

const plan = (changes: Parameters<typeof aSpec>[0] = {}): InitStep[] => planMounts(aSpec(changes));
const of = <Kind extends InitStep["do"]>(steps: InitStep[], kind: Kind) =>
  steps.filter((step): step is Extract<InitStep, { do: Kind }> => step.do === kind);

test("the root comes first, then the container's own file systems in Docker's order", () => {
  const steps = plan();
  // What masks are made of lies below it, where nobody sees it.
  expect(steps.slice(0, 2)).toEqual([
    { do: "prepare-masks", path: "/s/c/rootfs" },
    { do: "attach-root", path: "/s/c/rootfs" },
  ]);
  expect(of(steps, "mount").map(({ target }) => target)).toEqual([
    "/proc",
    "/dev",
    "/dev/pts",
    "/sys",
    "/sys/fs/cgroup",
    "/dev/mqueue",
    "/dev/shm",
  ]);
});

test("every own file system is nosuid, and all but /dev are nodev and noexec; /sys and the cgroup are read-only", () => {
  for (const { target, options } of of(plan(), "mount")) {
    expect(options).toContain("nosuid");
    if (target !== "/dev") expect(options).toContain("noexec");
    if (target !== "/dev" && target !== "/dev/pts") expect(options).toContain("nodev");
    if (target.startsWith("/sys")) expect(options).toContain("ro");
  }
});

test("masks and read-only paths come after every mount, so that none can lie over them", () => {
  const steps = plan({ mounts: [{ destination: "/data", type: "tmpfs", source: "tmpfs", options: [] }] });
  const order = steps.map((step) => step.do);
  expect(order.indexOf("mask")).toBeGreaterThan(order.lastIndexOf("mount"));
  expect(order.indexOf("readonly-path")).toBeGreaterThan(order.lastIndexOf("mount"));
  expect(of(steps, "mask")).toHaveLength(12);
  expect(of(steps, "readonly-path")).toHaveLength(5);
});

test("the root is made read-only when everything that writes to it is done", () => {
  const order = plan({ readOnly: true }).map((step) => step.do);
  expect(order.at(-1)).toBe("readonly-root");
  expect(plan().map((step) => step.do)).not.toContain("readonly-root");
});

test("/dev has the default devices, by exact numbers, and the usual links", () => {
  const steps = plan();
  const devices = of(steps, "device").map(({ device: { path, type, major, minor, fileMode } }) => [
    path,
    `${type} ${major}:${minor}`,
    fileMode,
  ]);
  expect(devices).toEqual([
    ["/dev/null", "c 1:3", 0o666],
    ["/dev/zero", "c 1:5", 0o666],
    ["/dev/full", "c 1:7", 0o666],
    ["/dev/random", "c 1:8", 0o666],
    ["/dev/urandom", "c 1:9", 0o666],
    ["/dev/tty", "c 5:0", 0o666],
  ]);
  expect(Object.fromEntries(of(steps, "symlink").map(({ path, target }) => [path, target]))).toEqual({
    "/dev/ptmx": "pts/ptmx",
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
  });
});

test("a root directory is attached to itself, since pivot_root wants a mount point", () => {
  const spec = aSpec({}, {}, { kind: "directory", path: "/r" });
  expect(planRoot(spec)).toEqual({ do: "bind-root", path: "/r" });
  expect(of(planMounts(spec), "attach-root")).toEqual([{ do: "attach-root", path: "/r" }]);
});

test("the overlay's paths come back as they were, whatever is in them", () => {
  const lower = ["/bottom", "/with:colon,comma\\backslash", "/top"];
  const spec = aSpec({}, {}, { kind: "overlay", lower, upper: "/u", work: "/w", path: "/r" });
  expect(planRoot(spec)).toEqual({ do: "overlay", lower: lower.toReversed(), upper: "/u", work: "/w" });
});

test("the layer of what goes when it ends is never written to the disk for its own sake", () => {
  const rootfs = { kind: "overlay", lower: ["/l"], upper: "/u", work: "/w", path: "/r" } as const;
  expect(planRoot(aSpec({}, {}, { ...rootfs, lower: ["/l"], volatile: true }))).toMatchObject({ volatile: true });
  expect(planRoot(aSpec({}, {}, { ...rootfs, lower: ["/l"] }))).not.toHaveProperty("volatile");
});

describe("a bind mount", () => {
  const bind = (options: string[], more: Partial<Mount> = {}) =>
    planBinds(aSpec({ mounts: [{ destination: "/d", source: "/s", type: "bind", options, ...more }] }))[0]!;

  test("is recursive and private unless it says otherwise", () => {
    expect(bind([])).toEqual({
      do: "bind",
      source: "/s",
      target: "/d",
      options: [],
      recursive: true,
      propagation: "rprivate",
      createSource: false,
      copyUp: false,
    });
    expect(bind(["bind"]).recursive).toBe(false);
    expect(bind(["rbind", "rslave"])).toMatchObject({ recursive: true, propagation: "rslave" });
  });
  test("keeps attributes, and what is ours is not passed to the kernel", () => {
    const step = bind(["rbind", "ro", "nosuid", "shared", createSourceOption, copyUpOption]);
    expect(step).toMatchObject({ options: ["ro", "nosuid"], propagation: "shared", createSource: true, copyUp: true });
  });
  test("may be a part, given away, shown as somebody else's, or writable below", () => {
    const words = ["x-tinydocker.subpath=a/b", "x-tinydocker.chown", "x-tinydocker.idmap=7:8"];
    expect(bind([...words, "ro", "x-tinydocker.writable-below"])).toMatchObject({
      options: ["ro"],
      subpath: "a/b",
      chown: "0",
      idmap: { uid: 7, gid: 8, user: "0" },
      writableBelow: true,
    });
  });
  test("is known by its option as well as by its type", () => {
    const mounts = [{ destination: "/d", source: "/s", options: ["rbind"] }];
    expect(planBinds(aSpec({ mounts }))).toHaveLength(1);
    expect(of(plan({ mounts }), "attach")).toEqual([{ do: "attach", number: 0, source: "/s", target: "/d" }]);
  });
  test("has the number under which the host's side has made it, whatever lies between", () => {
    const mounts: Mount[] = [
      { destination: "/a", source: "/1", type: "bind" },
      { destination: "/t", type: "tmpfs" },
      { destination: "/b", source: "/2", type: "bind" },
    ];
    const made = planBinds(aSpec({ mounts })).map(({ source }) => source);
    for (const { number, source } of of(plan({ mounts }), "attach")) expect(made[number]).toBe(source);
    expect(made).toEqual(["/1", "/2"]);
  });
  test("lies over the container's own file systems, so the user's /dev/shm or /dev/x is the one seen", () => {
    const steps = plan({ mounts: [{ destination: "/dev/shm", source: "/s", type: "bind" }] });
    const index = (target: string) => steps.findLastIndex((step) => "target" in step && step.target === target);
    expect(steps[index("/dev/shm")]!.do).toBe("attach");
    expect(index("/dev/shm")).toBeGreaterThan(index("/dev"));
  });
});
