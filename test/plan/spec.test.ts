import { describe, expect, test } from "bun:test";
import { UnsupportedError, UsageError } from "../../src/errors.ts";
import { capabilityNames } from "../../src/oci/capabilities.ts";
import { defaultCapabilities } from "../../src/plan/capabilities.ts";
import { type NetworkOptions, noNetworkOptions } from "../../src/plan/network/options.ts";
import { noOptions } from "../../src/plan/options.ts";
import { lacksCommand, planEnv, planSpec } from "../../src/plan/spec.ts";
import { aSpec, facts, id, options, rootfs } from "../support/plans.ts";

const image = {
  Entrypoint: ["/entry", "-e"],
  Cmd: ["one", "two"],
  Env: ["PATH=/image", "A=image"],
  WorkingDir: "/srv",
  User: "app:staff",
};

describe("the program", () => {
  const args = (changes: Parameters<typeof aSpec>[0], from: Parameters<typeof aSpec>[1] = image) =>
    aSpec(changes, from).process.args;

  test("is the image's Entrypoint and Cmd when nothing is said", () => {
    expect(args({})).toEqual(["/entry", "-e", "one", "two"]);
  });
  test("a command takes the place of Cmd, and the Entrypoint stays", () => {
    expect(args({ command: ["three"] })).toEqual(["/entry", "-e", "three"]);
  });
  test("--entrypoint takes the place of Entrypoint and drops Cmd", () => {
    expect(args({ entrypoint: ["/mine"] })).toEqual(["/mine"]);
    expect(args({ entrypoint: ["/mine"], command: ["x"] })).toEqual(["/mine", "x"]);
  });
  test("an empty --entrypoint leaves the command alone", () => {
    expect(args({ entrypoint: [], command: ["x", "y"] })).toEqual(["x", "y"]);
  });
  test("is /bin/sh when neither the user nor the image says one", () => {
    for (const empty of [{}, { Entrypoint: null, Cmd: null }, { Entrypoint: [], Cmd: [] }]) {
      expect(args({}, empty)).toEqual(["/bin/sh"]);
      expect(lacksCommand({ command: [] }, empty)).toBe(true);
    }
    expect(lacksCommand({ command: [] }, { Cmd: ["x"] })).toBe(false);
  });
});

describe("the environment", () => {
  const env = (changes: Parameters<typeof aSpec>[0], from: Parameters<typeof aSpec>[1] = image) =>
    aSpec(changes, from).process.env;

  test("is ours, then the image's, then the user's; the last one said wins and each name is there once", () => {
    expect(env({ env: ["A=user", "B=1", "B=2"] })).toEqual(["PATH=/image", "HOSTNAME=box", "A=user", "B=2"]);
  });
  test("has a PATH, HOSTNAME and, on a terminal, TERM", () => {
    expect(env({ terminal: true, hostname: "h" }, {})).toEqual([
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOSTNAME=h",
      "TERM=xterm",
    ]);
  });
  test("has no HOSTNAME where the host's own name is the container's", () => {
    expect(planEnv({ ...noOptions, env: [] }, {}).some((entry) => entry.startsWith("HOSTNAME"))).toBe(false);
  });
  test("keeps equals signs and newlines of a value", () => {
    expect(env({ env: ["A=b=c\nd"] }, {})).toContain("A=b=c\nd");
  });
});

test("directory and user are the user's, else the image's, else / and root", () => {
  const where = (changes: Parameters<typeof aSpec>[0], from = image as Parameters<typeof aSpec>[1]) => {
    const { cwd, user } = aSpec(changes, from).process;
    return [cwd, user.username];
  };
  expect(where({ workdir: "/w", user: "1:2" })).toEqual(["/w", "1:2"]);
  expect(where({})).toEqual(["/srv", "app:staff"]);
  expect(where({}, { WorkingDir: "", User: "" })).toEqual(["/", "0"]);
});

describe("capabilities", () => {
  const of = (changes: Parameters<typeof aSpec>[0], at = facts) =>
    aSpec(changes, {}, rootfs, at).process.capabilities!.bounding;

  test("are Docker's by default; nothing is inheritable or ambient", () => {
    const { bounding, effective, permitted, inheritable, ambient } = aSpec().process.capabilities!;
    expect([...bounding].sort()).toEqual([...defaultCapabilities].sort());
    expect(defaultCapabilities).toHaveLength(14);
    expect(effective).toEqual(bounding);
    expect(permitted).toEqual(bounding);
    expect([...inheritable, ...ambient]).toEqual([]);
  });
  test("--cap-drop takes one away, by any spelling", () => {
    for (const name of ["chown", "CHOWN", "cap_chown", "CAP_CHOWN"])
      expect(of({ capDrop: [name] })).not.toContain("CAP_CHOWN");
    expect(of({ capDrop: ["chown"] })).toHaveLength(13);
  });
  test("--cap-drop ALL with --cap-add leaves just those", () => {
    expect(of({ capDrop: ["all"], capAdd: ["net_admin", "chown"] })).toEqual(["CAP_CHOWN", "CAP_NET_ADMIN"]);
    expect(of({ capDrop: ["ALL"] })).toEqual([]);
  });
  test("--cap-add ALL is all of them, less what is dropped", () => {
    expect(of({ capAdd: ["ALL"] })).toEqual([...capabilityNames]);
    expect(of({ capAdd: ["ALL"], capDrop: ["sys_admin"] })).toEqual(
      capabilityNames.filter((name) => name !== "CAP_SYS_ADMIN"),
    );
  });
  test("--privileged is all that we have ourselves", () => {
    const here = { ...facts, capabilities: ["CAP_CHOWN", "CAP_SYS_ADMIN"] };
    expect(of({ privileged: true }, here)).toEqual(["CAP_CHOWN", "CAP_SYS_ADMIN"]);
  });
  test("an unknown one is refused, and one that we have not got is not promised", () => {
    expect(() => of({ capAdd: ["fly"] })).toThrow(UsageError);
    expect(() => of({ capDrop: [""] })).toThrow(UsageError);
    expect(() => of({ capAdd: ["sys_admin"] }, { ...facts, capabilities: ["CAP_CHOWN"] })).toThrow(UnsupportedError);
  });
});

describe("limits", () => {
  const of = (changes: Parameters<typeof aSpec>[0]) => {
    const { devices: _, ...limits } = aSpec(changes).linux.resources!;
    return limits;
  };
  test("are none where nothing is said or assumed", () => {
    expect(of({})).toEqual({});
  });
  test("that are assumed count where nothing is said", () => {
    const assumed = { cpus: 1, memoryBytes: 512 << 20, memorySwapBytes: 512 << 20, pidsLimit: 2048 };
    const memory = { limit: 512 << 20, swap: 512 << 20 };
    const cpu = { quota: 100_000, period: 100_000 };
    expect(of({ assumed })).toEqual({ memory, cpu, pids: { limit: 2048 } });
    expect(of({ assumed, memoryBytes: 64, cpus: 2, pidsLimit: 9 })).toEqual({
      memory: { limit: 64, swap: 128 },
      cpu: { quota: 200_000, period: 100_000 },
      pids: { limit: 9 },
    });
    expect(of({ assumed, memoryBytes: 0, cpus: 0, pidsLimit: 0 })).toEqual({});
    expect(of({ assumed, memoryBytes: 0, cpus: 0, pidsLimit: -1 })).toEqual({});
  });
  test("of memory come with as much swap again, unless something is said of it", () => {
    expect(of({ memoryBytes: 64 })).toEqual({ memory: { limit: 64, swap: 128 } });
    expect(of({ memoryBytes: 64, resources: { memorySwapBytes: 64 } })).toEqual({ memory: { limit: 64, swap: 64 } });
    expect(of({ memoryBytes: 64, resources: { memorySwapBytes: -1 } })).toEqual({ memory: { limit: 64, swap: -1 } });
  });
  test("zero is unlimited", () => {
    expect(of({ cpus: 0, memoryBytes: 0, pidsLimit: 0 })).toEqual({});
  });
  const rlimit = (type: string, hardLimits: Record<string, number> = {}) =>
    aSpec({}, {}, rootfs, { ...facts, hardLimits }).process.rlimits!.find((limit) => limit.type === type);
  test("open files are never above what the host allows", () => {
    const files = (hard: number) => rlimit("RLIMIT_NOFILE", { RLIMIT_NOFILE: hard });
    expect(files(1 << 20)).toMatchObject({ soft: 1024, hard: 524288 });
    expect(files(4096)).toMatchObject({ soft: 1024, hard: 4096 });
    expect(files(256)).toMatchObject({ soft: 256, hard: 256 });
  });
  test("there are no core files unless the program raises its limit, which it may", () => {
    expect(rlimit("RLIMIT_CORE")).toMatchObject({ soft: 0, hard: 2 ** 64 });
  });
  test("every limit that a caller may have lowered is said", () => {
    for (const type of ["RLIMIT_STACK", "RLIMIT_NPROC", "RLIMIT_AS", "RLIMIT_MEMLOCK", "RLIMIT_CPU"])
      expect(rlimit(type)).toBeDefined();
  });
});

describe("namespaces and host name", () => {
  const types = (changes: Parameters<typeof aSpec>[0]) => aSpec(changes).linux.namespaces.map(({ type }) => type);

  test("there is one of each kind, and the cgroup is named by the id", () => {
    expect(types({}).sort()).toEqual(["cgroup", "ipc", "mount", "network", "pid", "uts"]);
    expect(aSpec().linux.cgroupsPath).toBe(`/tinydocker/${id}`);
  });
  test("the host's network is not unshared; the host name is the one that is said, or the host's", () => {
    const host: NetworkOptions = { ...noNetworkOptions, mode: "host" };
    expect(types({ network: host })).not.toContain("network");
    const { hostname: _, ...unnamed } = options();
    expect(planSpec(id, unnamed, {}, rootfs, facts).hostname).toBeUndefined();
    expect(aSpec({ network: host, hostname: "x" }).hostname).toBe("x");
  });
});

describe("masks", () => {
  test("cover what tells about the host; settings of the kernel are read-only", () => {
    const { maskedPaths, readonlyPaths } = aSpec().linux;
    const proc = [
      "acpi",
      "asound",
      "interrupts",
      "kcore",
      "keys",
      "latency_stats",
      "sched_debug",
      "scsi",
      "timer_list",
    ];
    expect(maskedPaths).toEqual(
      expect.arrayContaining([
        ...proc.map((name) => `/proc/${name}`),
        "/proc/timer_stats",
        "/sys/firmware",
        "/sys/devices/virtual/powercap",
      ]),
    );
    expect(readonlyPaths).toEqual(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
  });
  test("--privileged lifts them, makes /sys writable and brings the host's devices once each", () => {
    const disk = { type: "b", path: "/dev/sda", major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6 } as const;
    const nothing = { type: "c", path: "/dev/null", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 } as const;
    const spec = aSpec({ privileged: true }, {}, rootfs, { ...facts, devices: [disk, nothing] });
    expect(spec.linux).not.toHaveProperty("maskedPaths");
    expect(spec.linux).not.toHaveProperty("readonlyPaths");
    expect(spec.mounts.find(({ destination }) => destination === "/sys")!.options).toContain("rw");
    const paths = spec.linux.devices!.map(({ path }) => path);
    expect(paths.filter((path) => path === "/dev/null")).toHaveLength(1);
    expect(paths).toContain("/dev/sda");
    expect(aSpec().linux.devices!.map(({ path }) => path)).not.toContain("/dev/sda");
  });
});

test("the overlay's topmost layer comes first, and colons and commas of a path are escaped", () => {
  const [mount] = aSpec({}, {}, { ...rootfs, kind: "overlay", lower: ["/a:b", "/c,d\\e"] } as typeof rootfs).mounts;
  expect(mount).toMatchObject({ destination: "/", type: "overlay" });
  expect(mount!.options![0]).toBe("lowerdir=/c\\,d\\\\e:/a\\:b");
});

test("a root directory is used in place: nothing is mounted over it", () => {
  const spec = aSpec({}, {}, { kind: "directory", path: "/r" });
  expect(spec.root).toEqual({ path: "/r", readonly: false });
  expect(spec.mounts.map(({ destination }) => destination)).not.toContain("/");
});
