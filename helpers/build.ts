/**
 * Builds the binary: `npm run build` leaves dist/tinydocker for this kind of machine,
 * `npm run build -- --target linux-arm64-musl` (or `all`) leaves dist/tinydocker-<target>.
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json";
import { run, text } from "./process.ts";
import { seal } from "./seal.ts";
import { tune } from "./tune.ts";
import { startWhereverItIs } from "./unlinked.ts";
import type { WarmPages } from "./warm/pages.ts";
import { warm } from "./warm/patch.ts";

const root = join(import.meta.dir, "..");
const dist = join(root, "dist");

/** Each target and the npm package that has its bun. */
export const targets = {
  "linux-x64": "@oven/bun-linux-x64",
  "linux-x64-musl": "@oven/bun-linux-x64-musl",
  "linux-arm64": "@oven/bun-linux-aarch64",
  "linux-arm64-musl": "@oven/bun-linux-aarch64-musl",
} as const;
export type Target = keyof typeof targets;

/**
 * Compiles, seals, tunes and puts in place one binary; a running one is replaced by rename, as writing to it gives ETXTBSY.
 * @param how.cold without what makes its pages ready (helpers/warm).
 */
export async function build(target: Target, outfile: string, how: { cold?: boolean } = {}): Promise<void> {
  const started = performance.now();
  const temporary = `${outfile}.${process.pid}.new`;
  mkdirSync(dist, { recursive: true });
  try {
    await compile(join(root, "src/main.ts"), temporary, target);
    const binary = readFileSync(temporary);
    // Bun comes first and unchanged, then our program, in which the names mean nothing.
    const bun = binary.subarray(0, statSync(bunFor(target)).size);
    const hits = seal(bun, target.startsWith("linux-arm64") ? "arm64" : "x64");
    if (target === "linux-x64") tune(binary);
    if (target.startsWith("linux-x64")) startWhereverItIs(binary);
    const isWarm = target === "linux-x64" && !how.cold;
    writeFileSync(temporary, isWarm ? warm(binary, warmPages()) : binary);
    chmodSync(temporary, 0o755);
    renameSync(temporary, outfile);
    const closed = [...hits.values()].reduce((sum, count) => sum + count, 0);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${outfile}: ${(binary.length / 1e6).toFixed(0)} MB, ${closed} backdoors closed, ${seconds} s`);
  } finally {
    rmSync(temporary, { force: true });
  }
}

const warmPages = (): WarmPages => JSON.parse(readFileSync(join(import.meta.dir, "warm/pages.json"), "utf8"));

/** Compiles a program with the options of ours, which the bench does too with an empty one. @throws AggregateError. */
export async function compile(entry: string, outfile: string, target: Target = hostTarget()): Promise<void> {
  const parts = mkdtempSync(`${outfile}.parts-`);
  try {
    await bundle(entry, join(parts, "program"), target);
    renameSync(join(parts, "program"), outfile);
  } finally {
    // The source maps lie there as files, too.
    rmSync(parts, { recursive: true });
  }
}

async function bundle(entry: string, outfile: string, target: Target): Promise<void> {
  const result = await Bun.build({
    entrypoints: [entry],
    compile: {
      target: `bun-${target}`,
      executablePath: bunFor(target),
      outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      jitPolicy: 100,
    },
    minify: true,
    // Goes into the binary, 1 MB of it, and is read when an error is printed: no start costs more.
    sourcemap: "external",
    bytecode: true,
    format: "esm",
    splitting: true,
    define: {
      TINYDOCKER_VERSION: JSON.stringify(manifest.version),
      TINYDOCKER_COMMIT: JSON.stringify(commit()),
    },
  });
  if (!result.success) throw new AggregateError(result.logs, `cannot build ${target}`);
}

/** The target of the machine we run on. */
export function hostTarget(): Target {
  const musl = readFileSync("/proc/self/maps", "latin1").includes("/ld-musl-");
  const target = `linux-${process.arch}${musl ? "-musl" : ""}`;
  if (!(target in targets)) throw new Error(`there is no bun for ${target}`);
  return target as Target;
}

/** The bun to build into the binary: the running one, or the target's from the npm registry, checked against bun.lock. */
function bunFor(target: Target): string {
  if (target === hostTarget()) return process.execPath;
  const name = `${targets[target]}@${Bun.version}`;
  const cache = join(root, "node_modules/.cache/bun", `${target}-${Bun.version}`);
  const executable = join(cache, "package/bin/bun");
  if (existsSync(executable)) return executable;
  mkdirSync(cache, { recursive: true });
  run("npm", ["pack", name, "--silent", "--pack-destination", cache], { stdio: "ignore" });
  const tarball = readdirSync(cache).find((file) => file.endsWith(".tgz"));
  if (tarball === undefined) throw new Error(`npm pack ${name} left no file in ${cache}`);
  const packed = join(cache, tarball);
  const digest = new Bun.CryptoHasher("sha512").update(readFileSync(packed)).digest("base64");
  if (lockedDigest(name) !== digest) throw new Error(`${name} has the digest ${digest}, which is not that of bun.lock`);
  run("tar", ["-xzf", packed, "-C", cache]);
  rmSync(packed);
  return executable;
}

/** The sha512 digest, as base64, to which bun.lock pins a package. */
function lockedDigest(name: string): string | undefined {
  const lines = readFileSync(join(root, "bun.lock"), "utf8").split("\n");
  return /"sha512-([^"]+)"/.exec(lines.find((line) => line.includes(`["${name}",`)) ?? "")?.[1];
}

/** Twelve digits of HEAD, `-dirty` when tracked files differ; `unknown` outside git. */
function commit(): string {
  try {
    const head = text("git", ["-C", root, "rev-parse", "--short=12", "HEAD"]);
    return text("git", ["-C", root, "status", "--porcelain", "--untracked-files=no"]) ? `${head}-dirty` : head;
  } catch {
    return "unknown";
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { target: { type: "string" } } });
  const wanted = values.target;
  if (wanted === undefined) await build(hostTarget(), join(dist, "tinydocker"));
  else if (wanted !== "all" && !(wanted in targets)) {
    throw new Error(`no target ${wanted}: one of ${Object.keys(targets).join(", ")}, all`);
  } else {
    const list = wanted === "all" ? Object.keys(targets) : [wanted];
    for (const target of list as Target[]) await build(target, join(dist, `tinydocker-${target}`));
  }
}
