/**
 * What is loaded before anything is done: a start is work done once, so each function that is there costs it, called or not
 * (docs/speed.md). What only some containers need is loaded where they need it, by `require()` or `import()` in a function.
 */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const source = join(import.meta.dir, "../src");
const transpiler = new Bun.Transpiler({ loader: "ts" });

/** What the build runs, and leaves only the result of. */
const atBuild = /^import .* with \{ type: "macro" \};$/gm;

/** The modules that a module imports where it stands, types not counted. */
const importsOf = (file: string): string[] =>
  transpiler
    .scanImports(readFileSync(join(source, file), "utf8").replace(atBuild, ""))
    .filter(({ kind, path }) => kind === "import-statement" && path.startsWith("."))
    .map(({ path }) => join(dirname(file), path));

/** All that is there when these have been loaded. */
function loadedWith(...files: string[]): Set<string> {
  const loaded = new Set<string>();
  for (const rest = [...files]; rest.length > 0; ) {
    const file = rest.pop()!;
    if (loaded.has(file)) continue;
    loaded.add(file);
    rest.push(...importsOf(file));
  }
  return loaded;
}

/** Of code: types and comments are not in the binary. */
const kilobytesOf = (files: Set<string>): number =>
  [...files].reduce((sum, file) => sum + codeOf(file).length, 0) / 1000;

const codeOf = (file: string): string =>
  transpiler.transformSync(readFileSync(join(source, file), "utf8").replace(atBuild, ""));

const everyCommand = ["cli/role.ts", "cli/main.ts"];

describe("what is loaded", () => {
  const run = loadedWith(...everyCommand, "cli/container/run.ts");
  test("for a plain `run` is at most 380 KB of code", () => expect(kilobytesOf(run)).toBeLessThan(380));
  test("for `exec` is at most 217 KB", () =>
    expect(kilobytesOf(loadedWith(...everyCommand, "cli/container/exec.ts"))).toBeLessThan(217));
  test("for every command is at most 34 KB", () => expect(kilobytesOf(loadedWith(...everyCommand))).toBeLessThan(34));
  test("before the signals are blocked is what blocks them, as Bun starts threads soon", () => {
    const first = [
      "cli/role.ts",
      "errors.ts",
      "linux/errno.ts",
      "linux/libc.ts",
      "linux/signal.ts",
      "runtime/forwarded.ts",
    ];
    expect([...loadedWith("cli/role.ts")].sort()).toEqual(first);
  });
  test("for a plain `run` has nothing of mounts, networks, images from elsewhere, health, attached clients and failures", () => {
    const others = [
      "cli/container/mounts.ts",
      "cli/container/network.ts",
      "cli/container/rootfs-mode.ts",
      "cli/words/units.ts",
      "engine/network/reserve.ts",
      "engine/record/container-kind.ts",
      "image/load.ts",
      "image/source.ts",
      "linux/socket.ts",
      "plan/network/connection.ts",
      "plan/health.ts",
      "runtime/mount/bind.ts",
      "runtime/clients.ts",
      "runtime/failure.ts",
    ];
    expect(others.filter((file) => run.has(file))).toEqual([]);
  });
  test("for the commands of the OCI runtime is at most what each needs, and hardly more than nothing for those that only touch files", () => {
    const limits = { start: 62, delete: 70, kill: 73, state: 66, create: 288, run: 310, exec: 194 };
    const loaded = (name: string) => loadedWith("cli/role.ts", "cli/oci/main.ts", `cli/oci/${name}.ts`);
    const above = Object.entries(limits).filter(([name, limit]) => kilobytesOf(loaded(name)) > limit);
    expect(above).toEqual([]);
    for (const file of ["plan/mounts.ts", "runtime/host.ts", "oci/bundle/bundle.ts"])
      expect(loaded("exec")).not.toContain(file);
    // `delete` has to know where cgroups are.
    for (const name of ["start", "delete", "kill", "state"])
      for (const file of loaded(name)) expect(file).not.toMatch(/^plan\/(?!cgroup.ts)/);
  });
  test("for the OCI runtime has nothing of systemd, but for those whose cgroups it makes", () => {
    const all = ["create", "run", "exec", "update", "delete"].map((name) => `cli/oci/${name}.ts`);
    const systemd = /^(plan|runtime)\/systemd\/(?!documentation)/;
    expect([...loadedWith("cli/oci/main.ts", ...all, "runtime/host.ts")].filter((file) => systemd.test(file))).toEqual(
      [],
    );
  });
});
