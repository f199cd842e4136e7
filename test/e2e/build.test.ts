/** The built binary is sealed: no environment variable and no file of the current directory turns it into something else (B1, R1, R2). */

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { backdoors } from "../../helpers/seal.ts";
import manifest from "../../package.json";
import { binary } from "../support/cli.ts";
import { sandbox } from "../support/sandbox.ts";

/** Runs `tinydocker --version` in a directory full of traps; what came of it. */
async function versionWith(env: Record<string, string>) {
  await using box = await sandbox();
  const traps: Record<string, string> = {
    "evil.js": 'console.log("EVIL"); require("node:fs").writeFileSync("evil-was-here", "");',
    "bunfig.toml": 'preload = ["./evil.js"]\n',
    ".env": "TINYDOCKER_ROOT=/evil\nBUN_OPTIONS=--preload=./evil.js\n",
    "package.json": '{"name": "evil", "version": "6.6.6"}',
    "tsconfig.json": "{ not json",
    "index.ts": 'console.log("EVIL")',
  };
  for (const [name, content] of Object.entries(traps)) writeFileSync(join(box.directory, name), content);
  const before = box.snapshot();
  const result = await box.run(["--version"], { env });
  await box.expectNothingLeft(before);
  return result;
}

const expected = { code: 0, signal: null, stderr: "", stdout: expect.stringContaining(manifest.version) };

test("the version is that of package.json, with the commit it was built from", async () => {
  const { stdout } = await versionWith({});
  expect(stdout).toContain(manifest.version);
  expect(stdout).toMatch(/\b([0-9a-f]{12}(-dirty)?|unknown)\b/);
  expect(stdout.trim().split("\n")).toHaveLength(1);
});

test("bunfig.toml, .env, package.json and tsconfig.json of the current directory are not read (R2)", async () => {
  expect(await versionWith({})).toEqual(expected);
});

const attempts: Record<string, string> = {
  BUN_OPTIONS: "--preload=./evil.js",
  BUN_BE_BUN: "1",
  BUN_BYTECODE_ORDER_OUT: "./written",
  BUN_BYTECODE_ORDER_NAMES_OUT: "./written",
  BUN_BYTECODE_DIGEST_OUT: "./written",
  BUN_INSPECT: "ws://127.0.0.1:0/evil",
  BUN_INSPECT_PRELOAD: "./evil.js",
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: "./written",
  BUN_TRACE: "./written",
  BUN_WATCHER_TRACE: "./written",
  BUN_THREADPOOL_STATS: "1",
  BUN_DEBUG_ALL: "1",
  BUN_JSC_dumpOptions: "2",
  BUN_JSC_noSuchOption: "1",
  BUN_JSC_useJITDump: "1",
  BUN_CONFIG_VERBOSE_FETCH: "1",
  NODE_OPTIONS: "--require=./evil.js",
  NODE_V8_COVERAGE: "./written",
  NODE_CHANNEL_FD: "0",
};
for (const [name, value] of Object.entries(attempts)) {
  test(`${name}=${value} changes nothing (R1)`, async () => {
    expect(await versionWith({ [name]: value })).toEqual(expected);
  });
}

test("a variable that holds a blanked name changes nothing either", async () => {
  expect(await versionWith({ UN_OPTIONS: "--preload=./evil.js", "=UN_OPTIONS": "--preload=./evil.js" })).toEqual(
    expected,
  );
});

test("no name of a backdoor is left as a string of its own", () => {
  // What follows the runtime is our own program, which may mention them.
  const content = readFileSync(binary()).subarray(0, statSync(process.execPath).size);
  for (const name of Object.keys(backdoors)) {
    const string = name.endsWith("*") ? `\0${name.slice(0, -1)}` : `\0${name}\0`;
    expect({ name, at: content.indexOf(string) }).toEqual({ name, at: -1 });
  }
  for (const name of ["BUN_BE_BUN", "BUN_OPTIONS"]) expect(content.indexOf(name)).toBe(-1);
});

test("the build leaves one file, beside the manual page", () => {
  const made = readdirSync(join(binary(), "..")).filter((file) => /^tinydocker.*\.(?!1$)/.test(file));
  expect(made).toEqual([]);
});
