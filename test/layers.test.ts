/** The import rule of the design as a test: imports only go down, and some things are done in one place only. */

import { expect, test } from "bun:test";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Each layer and those right below it; what is below those may be imported too. */
const below: Record<string, string[]> = {
  main: ["cli"],
  cli: ["engine"],
  engine: ["image", "runtime", "network"],
  image: ["linux", "oci"],
  runtime: ["plan", "linux"],
  network: ["plan", "linux"],
  plan: ["oci"],
  linux: [],
  oci: [],
};
/** Single files that hold no layer: who may import them. */
const everywhere = ["errors"];
const notAtTheBottom = ["paths", "schema", "version"];

const source = join(import.meta.dir, "../src");
const files = globSync("**/*.ts", { cwd: source }).sort();

/** `linux` of linux/mount.ts, `main` of main.ts. */
const layerOf = (file: string): string => file.split("/")[0]?.replace(/\.ts$/, "") as string;

const text = new Map(files.map((file) => [file, withoutComments(readFileSync(join(source, file), "utf8"))]));
const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** Every import of a file: "node:fs", "bun:ffi", "citty", and files of ours as paths below src. */
function importsOf(file: string): string[] {
  const code = text.get(file) as string;
  const values = new Bun.Transpiler({ loader: "ts" }).scanImports(code).map(({ path }) => path);
  // The transpiler forgets imports of types, which are dependencies of the architecture all the same.
  const types = [...code.matchAll(/^(?:import|export) type [^;]*? from "([^"]+)"/gm)].map(([, path]) => path as string);
  return [...new Set([...values, ...types])].map((path) => (path.startsWith(".") ? join(dirname(file), path) : path));
}

function withoutComments(code: string): string {
  return code.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/(^|\s)\/\/ .*$/gm, "$1");
}

function reachable(layer: string): string[] {
  return (below[layer] ?? []).flatMap((next) => [next, ...reachable(next)]);
}

/** One sentence for each import that breaks a rule. */
function offences(offends: (file: string, path: string) => boolean, rule: string): string[] {
  return [...imports].flatMap(([file, paths]) =>
    paths.filter((path) => offends(file, path)).map((path) => `src/${file} imports ${path}: ${rule}`),
  );
}

const ours = (path: string): boolean => path.endsWith(".ts");

test("every folder of src is a layer", () => {
  const known = [...Object.keys(below), ...everywhere, ...notAtTheBottom];
  expect(files.filter((file) => !known.includes(layerOf(file))).map((file) => `src/${file} is in no layer`)).toEqual(
    [],
  );
});

/** What plans are compiled to. */
const pure = [
  "linux/constants.ts",
  "linux/mount-attributes.ts",
  ...["calls", "record", "values", "writer"].map((name) => `linux/program/${name}.ts`),
];

test("imports only go down", () => {
  const upwards = (file: string, path: string): boolean => {
    const [from, to] = [layerOf(file), layerOf(path)];
    if (!ours(path) || from === to || everywhere.includes(to)) return false;
    // What plans are compiled to is said in the words of records, which are pure.
    if (from === "plan" && pure.includes(path)) return false;
    if (notAtTheBottom.includes(to)) return from === "linux" || from === "oci";
    return !reachable(from).includes(to);
  };
  expect(offences(upwards, "that layer is not below it")).toEqual([]);
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

test("only main.ts exits", () => {
  expect(filesWith(/\bprocess\.exit\(/)).toEqual([]);
  expect(filesWith(/\bexitNow\(/).filter((file) => file !== "linux/clone.ts")).toEqual(["main.ts"]);
});

test("what plans are compiled to is pure: no record knows libc", () => {
  const planned = [...imports].flatMap(([file, paths]) => (layerOf(file) === "plan" ? paths : []));
  expect(planned.filter((path) => path.startsWith("linux/") && !pure.includes(path))).toEqual([]);
  const impure = (file: string, path: string) =>
    pure.includes(file) && path.startsWith("linux/") && !pure.includes(path) && path !== "linux/errno.ts";
  expect(offences(impure, "a pure module of programs")).toEqual([]);
});

test("only cli/ and main.ts print", () => {
  const printing = filesWith(/\bconsole\.\w+\(|\bprocess\.(stdout|stderr)\b/);
  expect(printing.filter((file) => !["cli", "main"].includes(layerOf(file)))).toEqual([]);
});

const filesWith = (pattern: RegExp): string[] => files.filter((file) => pattern.test(text.get(file) as string));
