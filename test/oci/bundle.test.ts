/** A config.json is read whole: each field that the specification has is known, and a wrong one is named. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { InvalidError, UnsupportedError } from "../../src/errors.ts";
import { bundleSpec, parseBundle } from "../../src/oci/bundle/bundle.ts";
import type { Part } from "../../src/oci/bundle/reader.ts";

const minimal = {
  ociVersion: "1.2.0",
  root: { path: "rootfs" },
  process: { user: { uid: 0, gid: 0 }, args: ["true"], cwd: "/" },
  linux: { namespaces: [{ type: "mount" }] },
};

type Json = Record<string, unknown>;

/** The minimal config.json with some of its objects changed: `{ process: { cwd: "x" } }`. */
function merged(base: Json, change: Json): Json {
  const isObject = (value: unknown): value is Json =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const result = { ...base };
  for (const [name, value] of Object.entries(change)) {
    const there = result[name];
    result[name] = isObject(value) && isObject(there) ? merged(there, value) : value;
  }
  return result;
}

const parse = (change: Json = {}) => parseBundle(JSON.stringify(merged(minimal, change)), "/bundle");

/** What is said of a config.json that is changed so. */
function complaint(change: Json): string {
  try {
    parse(change);
  } catch (error) {
    if (error instanceof InvalidError || error instanceof UnsupportedError) return error.message;
    throw error;
  }
  return "";
}

const schemas = new Map<string, Json>();
function schemaFile(name: string): Json {
  if (!schemas.has(name)) {
    schemas.set(name, JSON.parse(readFileSync(join(import.meta.dir, "runtime-spec", name), "utf8")));
  }
  return schemas.get(name)!;
}

/** Paths of all properties that a schema names: `process.rlimits[].type`, `linux.resources.rdma{}.hcaHandles`. */
function propertiesOf(schema: Json, file: string, path = ""): string[] {
  const { $ref, properties, items, additionalProperties, allOf, anyOf } = schema as Record<string, never>;
  if ($ref !== undefined) {
    const [other, pointer = ""] = ($ref as string).split("#");
    const target = other || file;
    if (/solaris|windows|vm|zos/.test(target)) return [];
    let found: unknown = schemaFile(target);
    for (const name of pointer.split("/").filter(Boolean)) found = (found as Json)[name];
    return propertiesOf(found as Json, target, path);
  }
  return [
    ...Object.entries((properties ?? {}) as Json).flatMap(([name, property]) => {
      const at = path === "" ? name : `${path}.${name}`;
      return [at, ...propertiesOf(property as Json, file, at)];
    }),
    ...[...((allOf ?? []) as Json[]), ...((anyOf ?? []) as Json[])].flatMap((one) => propertiesOf(one, file, path)),
    ...(items ? propertiesOf(items, file, `${path}[]`) : []),
    ...(additionalProperties ? propertiesOf(additionalProperties, file, `${path}{}`) : []),
  ];
}

function partsOf(part: Part<unknown>, path = ""): string[] {
  const under = (name: string) => (path === "" ? name : `${path}.${name}`);
  return [
    ...Object.entries(part.fields ?? {}).flatMap(([name, field]) => [under(name), ...partsOf(field, under(name))]),
    ...(part.others ?? []).map(under),
    ...(part.items ? partsOf(part.items, `${path}[]`) : []),
    ...(part.values ? partsOf(part.values, `${path}{}`) : []),
  ];
}

const since = Object.keys(JSON.parse(readFileSync(join(import.meta.dir, "runtime-spec/since.json"), "utf8")));
const specified = new Set([...propertiesOf(schemaFile("config-schema.json"), "config-schema.json"), ...since]);

/** Refused as a whole, or read by another reader. */
const apart = /^linux\.intelRdt\./;

test("every property of the specification's schema is read, and no other", () => {
  const read = new Set(partsOf(bundleSpec));
  const leavesOf = (path: string) => [...specified].filter((other) => other.startsWith(`${path}.`));
  const missing = [...specified].filter((path) => !read.has(path) && !apart.test(path));
  expect(missing).toEqual([]);
  const invented = [...read].filter((path) => !specified.has(path) && leavesOf(path).length === 0);
  expect(invented.filter((path) => !since.some((later) => later.replace("{}", "").startsWith(`${path}.`)))).toEqual([]);
});

/** Of other systems: the specification has runtimes ignore that. */
const elsewhere = /^(process\.commandLine|solaris|windows|vm|zos|freebsd)$/;

/** All of src but what reads the specification and its types. */
const consumers = [...new Bun.Glob("**/*.ts").scanSync(join(import.meta.dir, "../../src"))]
  .filter((path) => !path.startsWith("oci/") || /^oci\/bundle\/(check|check-process|refuse)\.ts$/.test(path))
  .map((path) => readFileSync(join(import.meta.dir, "../../src", path), "utf8"))
  .join("\n");

test("what is read of a config.json somebody asks for: no property is read and then forgotten", () => {
  const leaves = [...specified].filter((path) => ![...specified].some((other) => other.startsWith(`${path}.`)));
  const forgotten = leaves.filter((path) => {
    const name = path
      .split(".")
      .at(-1)!
      .replace(/[[\]{}]/g, "");
    return !apart.test(path) && !elsewhere.test(path) && !new RegExp(`\\b${name}\\b`).test(consumers);
  });
  expect(forgotten).toEqual([]);
});

test("a minimal config.json is one, and its paths are the bundle's", () => {
  const { spec, unknown, warnings } = parse({
    mounts: [
      { destination: "/data", source: "data", options: ["rbind"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
    ],
  });
  expect(spec.root.path).toBe("/bundle/rootfs");
  expect(spec.mounts.map(({ source }) => source)).toEqual(["/bundle/data", "tmpfs"]);
  expect([unknown, warnings]).toEqual([[], []]);
});

test("a wrong field is named by its path", () => {
  const rlimit = { type: "RLIMIT_FLOPPY", soft: 1, hard: 1 };
  const wrong: [change: Json, said: string][] = [
    [{ ociVersion: "2.0.0" }, "ociVersion"],
    [{ root: { path: 5 } }, "root.path is not text"],
    [{ process: { args: "sh" } }, "process.args is not a list"],
    [{ process: { args: [] } }, "process.args"],
    [{ process: { args: ["a\0b"] } }, "process.args[0] has a NUL in it"],
    [{ process: { cwd: "tmp" } }, "process.cwd"],
    [{ process: null }, "process is not there"],
    [{ process: { rlimits: [rlimit] } }, "process.rlimits[0].type"],
    [{ process: { rlimits: [{ ...rlimit, type: "RLIMIT_CPU", soft: 2 }] } }, "process.rlimits[0]: the soft limit"],
    [{ process: { user: { uid: -1 } } }, "process.user.uid is -1"],
    [{ process: { oomScoreAdj: 1001 } }, "process.oomScoreAdj is 1001"],
    [{ process: { scheduler: { policy: "SCHED_FAST" } } }, "process.scheduler.policy"],
    [{ process: { scheduler: { policy: "SCHED_OTHER", runtime: 5 } } }, "process.scheduler.runtime"],
    [{ process: { ioPriority: { class: "IOPRIO_CLASS_BE", priority: 8 } } }, "process.ioPriority.priority"],
    [{ process: { execCPUAffinity: { initial: "a" } } }, "process.execCPUAffinity.initial"],
    [{ linux: { resources: { memory: { useHierarchy: false } } } }, "linux.resources.memory.useHierarchy"],
    [{ hostname: "h" }, "hostname: it would be the host's"],
    [{ domainname: "h" }, "domainname: it would be the host's"],
    [{ linux: { namespaces: [] } }, "linux.namespaces: there is none of type mount"],
    [{ linux: { namespaces: [{ type: "mount" }, { type: "mount" }] } }, "linux.namespaces[1]: there are two"],
    [{ linux: { namespaces: [{ type: "mount" }, { type: "moon" }] } }, "linux.namespaces[1].type"],
    [{ linux: { namespaces: [{ type: "mount", path: "proc" }] } }, "linux.namespaces[0].path"],
    [{ linux: { uidMappings: [{ containerID: 0, hostID: 1, size: 1 }] } }, "linux.uidMappings: there is no namespace"],
    [{ linux: { timeOffsets: { boottime: { secs: 1 } } } }, 'linux.timeOffsets["boottime"]: there is no namespace'],
    [{ linux: { devices: [{ type: "c", path: "/dev/x" }] } }, "linux.devices[0]: major and minor"],
    [{ linux: { devices: [{ type: "x", path: "/dev/x" }] } }, "linux.devices[0].type"],
    [{ linux: { maskedPaths: ["proc/kcore"] } }, "linux.maskedPaths[0]"],
    [{ linux: { rootfsPropagation: "loud" } }, "linux.rootfsPropagation"],
    [{ linux: { personality: { domain: "SOLARIS" } } }, "linux.personality.domain"],
    [{ linux: { memoryPolicy: { mode: "MPOL_BIND" } } }, "linux.memoryPolicy.nodes"],
    [
      { linux: { sysctl: { "vm.swappiness": "1" } } },
      'linux.sysctl["vm.swappiness"]: it is not a setting of a namespace',
    ],
    [{ linux: { sysctl: { "net.core.somaxconn": "1" } } }, "there is no namespace of type network"],
    [{ linux: { sysctl: { "net.../x": "1" } } }, "it is not the name of a setting"],
    [{ linux: { intelRdt: {} } }, "linux.intelRdt"],
    [{ linux: { netDevices: { eth1: {} } } }, "linux.netDevices: there is no namespace of type network"],
    [{ linux: { resources: { network: { classID: 5 } } } }, "linux.resources.network.classID"],
    [{ linux: { resources: { memory: { kernel: 5 } } } }, "linux.resources.memory.kernel"],
    [{ linux: { resources: { cpu: { realtimeRuntime: 5 } } } }, "linux.resources.cpu.realtimeRuntime"],
    [{ linux: { resources: { cpu: { quota: 5, burst: 6 } } } }, "linux.resources.cpu.burst"],
    [{ linux: { resources: { rdma: { hfi1: {} } } } }, 'linux.resources.rdma["hfi1"]'],
    [{ linux: { resources: { unified: { "../x": "1" } } } }, "linux.resources.unified"],
    [{ linux: { resources: { hugepageLimits: [{ pageSize: "2", limit: 1 }] } } }, "hugepageLimits[0].pageSize"],
    [{ hooks: { poststop: [{ path: "bin/x" }] } }, "hooks.poststop[0].path"],
    [{ hooks: { poststop: [{ path: "/bin/x", timeout: 0 }] } }, "hooks.poststop[0].timeout"],
    [{ mounts: [{ destination: "/" }] }, "mounts[0].destination"],
    [{ mounts: {} }, "mounts is not a list"],
  ];
  for (const [change, said] of wrong)
    expect([change, complaint(change)]).toEqual([change, expect.stringContaining(said)]);
});

test("unknown properties, and those of other systems, are ignored, and can be told", () => {
  const { unknown } = parse({
    surprise: 1,
    windows: { layerFolders: [] },
    process: { user: { username: "me" }, colour: "red" },
    mounts: [{ destination: "/a", speed: 1 }],
  });
  expect(unknown.sort()).toEqual(["mounts[0].speed", "process.colour", "process.user.username", "surprise", "windows"]);
});

test("a capability that is not known is warned of, and not given", () => {
  const { spec, warnings } = parse({ process: { capabilities: { bounding: ["CAP_KILL", "CAP_FLY"] } } });
  expect(spec.process.capabilities?.bounding).toEqual(["CAP_KILL"]);
  expect(warnings).toEqual([expect.stringContaining("CAP_FLY")]);
});

test("a number beyond 2^53 is one", () => {
  const limits = { soft: 18446744073709552000, hard: 18446744073709552000 };
  const { spec } = parse({ process: { rlimits: [{ type: "RLIMIT_CORE", ...limits }] } });
  expect(spec.process.rlimits?.[0]?.hard).toBe(2 ** 64);
});

test("whatever a config.json is, it is a spec or a structured error", () => {
  const paths = [...specified].map((path) => path.split(/\.|\[\]|\{\}/).filter(Boolean));
  const change = fc
    .tuple(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 3 }))
    .map(([path, value]) => path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Json);
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), (changes) => void complaint(changes.reduce(merged, minimal))),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(() => parseBundle(text, "/bundle")).toThrow(InvalidError);
    }),
  );
});
