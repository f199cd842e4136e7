/** Values of config.json as nobody would write them, and ones that somebody would with mistakes in them; none is about the host. */

import fc from "fast-check";
import type { Config } from "./runtimes.ts";

/** What takes the place of a value. No absolute path is one of the host's that anybody could write to. */
const texts = [
  ...["", " ", ".", "..", "a/../b", "\0", "a\0b", "ä", "\u{1f980}", "\u001b[31m", "x".repeat(300), "x".repeat(70_000)],
  ...["true", "-1", "0", "/nowhere/at/all", "/proc", "/proc/self/fd/3", "/proc/self/exe", "/sys/x", "CAP_NOTHING", "/"],
  ...[
    "%s%n",
    "a:b",
    "a=b",
    "tmpfs",
    "bind",
    "/tmp",
    "/etc/passwd",
    "/bin/sh",
    "rbind",
    "ro",
    "c",
    "user",
    "/dev/null/x",
  ],
];
const numbers = [0, 1, -1, 7, 255, 4095, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 53, -(2 ** 53), 1e300, 0.5, 2 ** 64];
const others = [null, true, false, [], {}, [[]], [null], [{}], { a: 1 }, ["x"], [0], ["a", "a"]];

/** What configurations of engines have beside the usual. */
const more: Record<string, unknown> = {
  annotations: { "org.example": "x" },
  domainname: "example.org",
  hooks: { poststop: [{ path: "/bin/true", args: ["true"], timeout: 5 }], prestart: [{ path: "/bin/true" }] },
};
const moreOfProcess: Record<string, unknown> = {
  apparmorProfile: "",
  consoleSize: { height: 24, width: 80 },
  execCPUAffinity: { initial: "0", final: "0" },
  ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 },
  oomScoreAdj: 100,
  scheduler: { policy: "SCHED_OTHER", nice: 1 },
  terminal: true,
};
const moreOfLinux: Record<string, unknown> = {
  cgroupsPath: "/fuzz/box",
  devices: [{ path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 438, uid: 0, gid: 0 }],
  memoryPolicy: { mode: "MPOL_BIND", nodes: "0" },
  mountLabel: "",
  netDevices: { nothing0: { name: "eth0" } },
  personality: { domain: "LINUX32" },
  resources: {
    devices: [{ allow: true, type: "c", major: 1, minor: 3, access: "rwm" }],
    memory: { limit: -1, swap: -1 },
    cpu: { period: 100000 },
    pids: { limit: -1 },
  },
  rootfsPropagation: "slave",
  seccomp: {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86_64"],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { names: ["acct", "nothing"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
      { names: ["personality"], action: "SCMP_ACT_KILL", args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] },
    ],
  },
  sysctl: { "net.core.somaxconn": "256" },
};
const moreMounts: unknown[] = [
  { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=1m", "mode=1777", "tmpcopyup"] },
  { destination: "/mnt", type: "bind", source: "in", options: ["rbind", "ro", "rprivate", "rnosuid"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "opt/./deep//er/", type: "tmpfs", source: "x" },
];

interface Change {
  /** Which place, counted over all of them. */
  at: number;
  /** Which value, and what kind of change. */
  to: number;
  how: "same type" | "any type" | "leave out" | "twice";
}

/** Every place below a value, as keys that lead to it. */
const placesOf = (value: unknown): string[][] =>
  typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, below]) => [[key], ...placesOf(below).map((keys) => [key, ...keys])])
    : [];

function oddOf(value: unknown, { to, how }: Change): unknown {
  const alike =
    typeof value === "string" ? texts : typeof value === "number" ? numbers : [...texts, ...numbers, ...others];
  const from: unknown[] = how === "same type" ? alike : [...texts, ...numbers, ...others];
  return from[to % from.length];
}

/** An object with one place of it changed. */
function changed(all: Config, change: Change): Config {
  const places = placesOf(all);
  const copy = structuredClone(all);
  const keys = [...places[change.at % places.length]!];
  const last = keys.pop()!;
  const parent = keys.reduce((value, key) => value[key], copy);
  if (change.how === "leave out") Array.isArray(parent) ? parent.splice(Number(last), 1) : delete parent[last];
  else if (change.how === "twice" && Array.isArray(parent)) parent.push(structuredClone(parent[Number(last)]));
  else parent[last] = oddOf(parent[last], change);
  return copy;
}

/** Whose root, or the source of whose mount, would be the host's, is not run: what is made for a mount would be made there. */
function isHarmless(config: Config, rootfs: string): boolean {
  const { path } = config.root ?? {};
  const mounts: Config[] = Array.isArray(config.mounts) ? config.mounts : [];
  return (
    (path === rootfs || typeof path !== "string" || path.startsWith("/nowhere")) &&
    mounts.every((mount) => typeof mount?.source !== "string" || !/^\/(proc|sys)|\.\./.test(mount.source))
  );
}

/** Namespaces, with what they need. */
const moreNamespaces: Record<string, Config> = {
  user: {
    uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
    gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
  },
  cgroup: {},
  time: { timeOffsets: { monotonic: { secs: 1, nanosecs: 0 } } },
};

/** Up to three of them. */
const some = (from: Record<string, unknown>) =>
  fc.subarray(Object.entries(from), { maxLength: 3 }).map((entries) => Object.fromEntries(entries));

const big = fc.noBias(fc.nat(1_000_000));
const change: fc.Arbitrary<Change> = fc.record({
  at: big,
  to: big,
  how: fc.noBias(fc.constantFrom("same type", "same type", "same type", "same type", "any type", "leave out", "twice")),
});

/** Configurations that are right but for up to three places. @param base one that runs */
export const almostRight = (base: Config): fc.Arbitrary<Config> =>
  fc
    .record({
      top: some(more),
      process: some(moreOfProcess),
      linux: some(moreOfLinux),
      mounts: fc.subarray(moreMounts),
      namespaces: fc.subarray(Object.keys(moreNamespaces)),
      changes: fc.array(change, { maxLength: 3 }),
    })
    .map(({ top, process, linux, mounts, namespaces, changes }) => {
      const config = {
        ...base,
        ...top,
        process: { ...base.process, ...process },
        mounts: [...base.mounts, ...mounts],
        linux: {
          ...base.linux,
          ...linux,
          ...Object.assign({}, ...namespaces.map((type) => moreNamespaces[type])),
          namespaces: [...base.linux.namespaces, ...namespaces.map((type) => ({ type }))],
        },
      };
      return changes.reduce(changed, config);
    })
    .filter((config) => isHarmless(config, base.root.path));

/** The text of a file that is no configuration, or one by chance. */
export const anything: fc.Arbitrary<string> = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "{", "[", "null", '{"ociVersion":"1.0.2"}', "[".repeat(100_000), `"${"x".repeat(1_000_000)}"`),
);
