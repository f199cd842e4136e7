/** The import rule of the design as a test: imports only go down, and some things are done in one place only. */

import { expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Each room and those right below it; what is below those may be imported too. A folder's own files are a room, and each folder
 * in it is one of its own.
 */
const below: Record<string, string[]> = {
  main: ["cli", "api"],
  cli: ["cli/system", "cli/explain"],
  "cli/explain": ["cli/container", "cli/image", "cli/oci"],
  "cli/oci": ["cli/words"],
  "cli/system": ["cli/life", "cli/container", "cli/image", "cli/manifest", "cli/network", "cli/secret", "cli/volume"],
  "cli/life": ["cli/container"],
  "cli/container": ["cli/resource"],
  "cli/resource": ["cli/words"],
  "cli/image": ["cli/words"],
  "cli/manifest": ["cli/registry"],
  "cli/registry": ["cli/words"],
  "cli/network": ["cli/words"],
  "cli/secret": ["cli/words"],
  "cli/volume": ["cli/words"],
  "cli/words": ["cli/words/template", "build"],
  "cli/words/template": [],
  api: ["build"],
  build: ["engine/doctor"],
  "engine/doctor": ["engine/system"],
  "engine/system": ["engine/files", "engine/inspect"],
  "engine/inspect": ["engine/container"],
  "engine/files": ["engine/container"],
  "engine/container": [
    "engine/security",
    "engine/external",
    "engine/network",
    "engine/image",
    "engine/secret",
    "engine/volume",
    "engine/device",
    "engine/ids",
  ],
  "engine/network": ["engine/record"],
  "engine/image": ["engine/record"],
  "engine/secret": ["engine/record"],
  "engine/security": ["engine/record"],
  "engine/external": ["engine/record"],
  "engine/volume": ["engine/record"],
  "engine/device": ["engine/record"],
  "engine/ids": ["engine/record"],
  "engine/record": [
    "runtime/oci",
    "runtime/external",
    "runtime/monitor",
    "image/serve",
    "network/dns",
    "network/firewall",
    "network/relay",
  ],
  "runtime/oci": ["runtime"],
  "runtime/monitor": ["runtime"],
  "runtime/external": ["runtime", "plan/external"],
  runtime: ["runtime/mount", "runtime/security", "runtime/systemd", "plan/program", "plan/bundle"],
  "runtime/systemd": ["runtime/userns"],
  "runtime/mount": ["runtime/userns"],
  "runtime/security": ["plan", "linux/seccomp"],
  "runtime/userns": ["linux/netlink", "linux/proc", "linux/program", "linux/tree", "plan"],
  "image/serve": ["image/registry"],
  "image/registry": ["image", "registry"],
  registry: ["oci", "linux/tree"],
  image: ["image/dockerfile", "image/repository", "image/tar"],
  "image/repository": ["oci", "linux/tree"],
  "image/dockerfile": ["oci", "linux/tree"],
  "image/tar": ["oci", "linux/tree"],
  "network/dns": ["network"],
  "network/firewall": ["network"],
  "network/relay": ["network"],
  network: ["plan", "linux/netlink"],
  "plan/program": ["plan/seccomp", "linux/program"],
  "plan/external": ["plan/seccomp"],
  "plan/seccomp": ["plan", "linux/seccomp"],
  "plan/bundle": ["plan", "linux"],
  plan: ["plan/userns", "plan/device", "plan/systemd", "plan/network"],
  "plan/systemd": ["plan/rare"],
  "plan/network": ["plan/rare"],
  "plan/userns": ["plan/rare"],
  "plan/rare": ["oci/bundle"],
  "plan/device": ["oci/bundle", "linux/bpf"],
  "linux/bpf": ["linux"],
  "linux/netlink": ["linux"],
  "linux/proc": ["linux"],
  "linux/program": ["linux"],
  "linux/seccomp": ["linux"],
  "linux/tree": ["linux"],
  linux: [],
  "oci/bundle": ["oci"],
  oci: [],
  "record-file": ["linux"],
  "host-program": ["linux"],
};
/** Single files that hold no layer: who may import them. */
const everywhere = ["errors", "readable-bytes"];
const notAtTheBottom = ["paths", "version", "schema", "nil", "record-file", "host-program"];
/** More than this nobody finds anything in. */
const maxFiles = 40;

const source = join(import.meta.dir, "../src");
const files = globSync("**/*.ts", { cwd: source }).sort();

/** `linux` of linux/mount.ts, `engine/record` of engine/record/events.ts, `main` of main.ts. */
const roomOf = (file: string): string => (file.includes("/") ? dirname(file) : file.replace(/\.ts$/, ""));

/** `engine` of engine/record/events.ts. */
const layerOf = (file: string): string => file.split("/")[0]?.replace(/\.ts$/, "") as string;

const text = new Map(files.map((file) => [file, withoutComments(readFileSync(join(source, file), "utf8"))]));
const types = new Map(files.map((file) => [file, typesOf(file)]));
const values = new Map(files.map((file) => [file, valuesOf(file)]));
const imports = new Map(files.map((file) => [file, [...new Set([...values.get(file)!, ...types.get(file)!])]]));

/** Imports of a file that are there when it runs: "node:fs", "bun:ffi", "citty", and files of ours as paths below src. */
function valuesOf(file: string): string[] {
  const code = text.get(file) as string;
  return new Bun.Transpiler({ loader: "ts" }).scanImports(code).map(({ path }) => absolute(file, path));
}

/** The transpiler forgets imports of types, which are dependencies of the architecture all the same. */
function typesOf(file: string): string[] {
  const code = text.get(file) as string;
  const whole = code.matchAll(/^(?:import|export) type [^;]*? from "([^"]+)"/gm);
  const single = code.matchAll(/^import \{[^;}]*\btype [^;}]*\} from "([^"]+)"/gm);
  return [...whole, ...single].map(([, path]) => absolute(file, path as string));
}

function absolute(file: string, path: string): string {
  return path.startsWith(".") ? join(dirname(file), path) : path;
}

function withoutComments(code: string): string {
  return code.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/(^|\s)\/\/ .*$/gm, "$1");
}

const reached = new Map<string, Set<string>>();
function reachable(room: string): Set<string> {
  let all = reached.get(room);
  if (all === undefined) {
    all = new Set((below[room] ?? []).flatMap((next) => [next, ...reachable(next)]));
    reached.set(room, all);
  }
  return all;
}

/** One sentence for each import that breaks a rule. */
function offences(offends: (file: string, path: string) => boolean, rule: string): string[] {
  return [...imports].flatMap(([file, paths]) =>
    paths.filter((path) => offends(file, path)).map((path) => `src/${file} imports ${path}: ${rule}`),
  );
}

const ours = (path: string): boolean => path.endsWith(".ts");

test("every folder of src is a room that has its place", () => {
  const known = [...Object.keys(below), ...everywhere, ...notAtTheBottom];
  expect(files.filter((file) => !known.includes(roomOf(file))).map((file) => `src/${file} is in no room`)).toEqual([]);
});

test(`no room has more than ${maxFiles} files`, () => {
  const rooms = Map.groupBy(files, roomOf);
  const full = [...rooms].filter(([, inIt]) => inIt.length > maxFiles);
  expect(full.map(([room, inIt]) => `src/${room} has ${inIt.length} files`)).toEqual([]);
});

test("imports only go down", () => {
  const upwards = (file: string, path: string): boolean => {
    const [from, to] = [roomOf(file), roomOf(path)];
    if (!ours(path) || from === to || everywhere.includes(to)) return false;
    if (notAtTheBottom.includes(to)) return ["linux", "oci"].includes(layerOf(file));
    return !reachable(from).has(to);
  };
  expect(offences(upwards, "that room is not below it")).toEqual([]);
});

test("no imports go round in a circle", () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const follow = (file: string, trail: string[]): void => {
    const start = trail.indexOf(file);
    if (start !== -1) circles.push(`src/${[...trail.slice(start), file].join(" imports ")}`);
    if (start !== -1 || done.has(file)) return;
    for (const path of imports.get(file) ?? []) if (ours(path)) follow(path, [...trail, file]);
    done.add(file);
  };
  for (const file of files) follow(file, []);
  expect(circles).toEqual([]);
});

test("runtime, plan, linux and oci import no node:* module, which would start threads or cost milliseconds", () => {
  const layers = ["runtime", "plan", "linux", "oci"];
  const node = (file: string, path: string) => layers.includes(layerOf(file)) && path.startsWith("node:");
  expect(offences(node, "use linux/ instead")).toEqual([]);
});

test("only linux/libc.ts opens libc", () => {
  const ffi = (file: string, path: string) => path === "bun:ffi" && layerOf(file) !== "linux";
  expect(offences(ffi, "only linux/ may")).toEqual([]);
  expect(filesWith(/\bdlopen\(/)).toEqual(["linux/libc.ts"]);
});

test("only linux/errno.ts has the numbers of errnos", () => {
  expect(filesWith(/\bconst E[A-Z\d]+ = \d|\bENOENT: \d/)).toEqual(["linux/errno.ts"]);
});

test("only cli/ and main.ts print", () => {
  const printing = filesWith(/\bconsole\.\w+\(|\bprocess\.(stdout|stderr)\b/);
  expect(printing.filter((file) => !["cli", "main"].includes(layerOf(file)))).toEqual([]);
});

test("only main.ts exits", () => {
  expect(filesWith(/\bprocess\.exit\(/)).toEqual([]);
  expect(filesWith(/\bexitNow\(/).filter((file) => file !== "linux/clone.ts")).toEqual(["main.ts"]);
});

test("what plans are compiled to is pure: no record knows libc", () => {
  const planned = [...imports].flatMap(([file, paths]) => (layerOf(file) === "plan" ? paths : []));
  expect(planned.filter((path) => path.startsWith("linux/") && !pure.includes(path))).toEqual([]);
  const impure = (file: string, path: string) =>
    pure.includes(file) && path.startsWith("linux/") && !pure.includes(path);
  expect(offences(impure, "a pure module of programs")).toEqual([]);
});

/** What plans are compiled to. */
const pure = [
  "linux/constants.ts",
  "linux/bpf/instruction.ts",
  "linux/errno.ts",
  "linux/mount-attributes.ts",
  ...["calls", "record", "values", "writer"].map((name) => `linux/program/${name}.ts`),
  ...["architectures.ts", "bpf.ts", "syscalls.txt"].map((name) => `linux/seccomp/${name}`),
];

const filesWith = (pattern: RegExp): string[] => files.filter((file) => pattern.test(text.get(file) as string));
