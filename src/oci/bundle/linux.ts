/** `linux` of a config.json: namespaces, devices, and what is changed of the kernel for the container. */

import type { IdMapping, MemoryPolicy } from "../rare.ts";
import type { Device, Linux, Namespace } from "../spec.ts";
import { numberList } from "./process.ts";
import {
  absolutePath,
  anything,
  int64,
  integer,
  listOf,
  mapOf,
  optional,
  optionalList,
  orElse,
  type Part,
  structure,
  text,
  textLike,
  uint32,
  word,
} from "./reader.ts";
import { resources } from "./resources.ts";
import { seccomp } from "./seccomp.ts";

export const mappings = listOf(
  structure<IdMapping>({ containerID: uint32, hostID: uint32, size: integer(1, 2 ** 32) }),
);

const fieldsOfNamespace = structure<Namespace>({
  type: word("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"),
  path: optional(textLike(/^(\/|$)/, "an absolute path")),
});

/** An empty path is none. */
const namespace: Part<Namespace> = Object.assign((value: unknown, where: string): Namespace => {
  const { type, path } = fieldsOfNamespace(value, where);
  return path ? { type, path } : { type };
}, fieldsOfNamespace);

/** `u` is an unbuffered character device: Linux has only one kind. */
const deviceType: Part<Device["type"]> = (value, where) => {
  const type = word("c", "b", "p", "u")(value, where);
  return type === "u" ? "c" : type;
};

/** podman writes all of st_mode: the kind of node is what `type` says. */
const permissions: Part<number> = (value, where) => integer(0, 0o177777)(value, where) & 0o7777;

const device = structure<Device>({
  type: deviceType,
  path: absolutePath,
  // Those of a FIFO mean nothing; of others they must be there (check.ts).
  major: orElse(integer(0, 2 ** 32 - 1), -1),
  minor: orElse(integer(0, 2 ** 32 - 1), -1),
  fileMode: orElse(permissions, 0o666),
  uid: orElse(uint32, 0),
  gid: orElse(uint32, 0),
});

const memoryPolicy = structure<MemoryPolicy>({
  mode: word(
    "MPOL_DEFAULT",
    "MPOL_PREFERRED",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
  ),
  nodes: optional(numberList),
  flags: optional(listOf(word("MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING"))),
});

const propagations = ["private", "shared", "slave", "unbindable"].flatMap((word) => [word, `r${word}`]);

export const linux = structure<Omit<Linux, "landlock">>({
  namespaces: orElse(listOf(namespace), []),
  uidMappings: optionalList(mappings),
  gidMappings: optionalList(mappings),
  timeOffsets: optional(
    mapOf(
      structure<{ secs?: number; nanosecs?: number }>({
        secs: optional(int64),
        nanosecs: optional(integer(0, 999_999_999)),
      }),
    ),
  ),
  devices: optional(listOf(device)),
  netDevices: optional(mapOf(structure<{ name?: string }>({ name: optional(text) }))),
  cgroupsPath: optional(text),
  resources: optional(resources),
  seccomp: optional(seccomp),
  rootfsPropagation: optional(word(...propagations, "")),
  sysctl: optional(mapOf(text)),
  maskedPaths: optional(listOf(absolutePath)),
  readonlyPaths: optional(listOf(absolutePath)),
  mountLabel: optional(text),
  intelRdt: optional(mapOf(anything)),
  personality: optional(
    structure<{ domain: "LINUX" | "LINUX32"; flags?: string[] }>({
      domain: word("LINUX", "LINUX32"),
      flags: optional(listOf(text)),
    }),
  ),
  memoryPolicy: optional(memoryPolicy),
});
