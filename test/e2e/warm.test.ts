/** The built binary makes the pages ready that its commands touch (helpers/warm), and runs as well where the kernel does not want to. */

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json";
import { binary } from "../support/cli.ts";
import { needing, tool } from "../support/needs.ts";
import { sandbox } from "../support/sandbox.ts";

const isWarm = (): string | undefined =>
  process.arch === "x64" && !readFileSync("/proc/self/maps", "latin1").includes("/ld-musl-")
    ? undefined
    : "a processor and a libc that this is made for";
const traced = needing(isWarm, tool("strace"));

/** Runs the binary under strace. @returns how it ended, and the calls that it made. */
async function trace(options: string[], words: string[], env: Record<string, string> = {}) {
  await using box = await sandbox();
  const file = join(box.directory, "calls");
  const argv = ["strace", "-qq", "-o", file, "-e", "trace=mmap,madvise,mincore", ...options, binary(), ...words];
  const { exitCode, stdout } = Bun.spawnSync(argv, { env: { ...process.env, ...env }, stdin: "ignore" });
  return { exitCode, stdout: stdout.toString(), calls: readFileSync(file, "utf8").split("\n") };
}

const isHeap = (call: string): boolean => /^mmap\(.*, 1073741824, PROT_READ\|PROT_WRITE, .*MAP_ANONYMOUS/.test(call);
const heapOf = (calls: string[]): number => calls.findIndex(isHeap);
/** As if the kernel had no huge pages, or had none left. */
const nothingHuge = ["-e", "inject=mincore:error=ENOSYS"];
const version = { exitCode: 0, stdout: expect.stringContaining(manifest.version) };

describe("the binary, before Bun starts,", () => {
  traced("reads its pages in, and asks for huge ones for a short command's heap", async () => {
    const { calls, ...ended } = await trace([], ["--version"]);
    expect(ended).toMatchObject(version);
    const heap = heapOf(calls);
    expect(calls.slice(0, heap).filter((call) => call.includes("MADV_POPULATE_READ")).length).toBeGreaterThan(10);
    expect(calls[heap + 1]).toContain("MADV_POPULATE_WRITE");
    expect(calls.slice(heap).some((call) => call.includes("MADV_HUGEPAGE"))).toBeTrue();
  });

  traced.each(["monitor", "network-keeper"])("asks for no memory for a %s, and for no huge pages", async (word) => {
    // Without what it is told by its starter it ends at once.
    const { calls } = await trace([], [word, "nothing"]);
    const heap = heapOf(calls);
    expect(calls[heap + 1]).toMatch(/^madvise\(\w+, 1073741824, MADV_NOHUGEPAGE\)/);
    expect(calls.filter((call) => call.includes("MADV_HUGEPAGE"))).toEqual([]);
    expect(calls.slice(heap).filter((call) => call.includes("MADV_POPULATE_WRITE"))).toEqual([]);
  });

  traced("asks a `run` for less of them, as it may stay, and the OCI runtime's not", async () => {
    const count = async (...words: string[]) =>
      (await trace(nothingHuge, words)).calls.filter((call) => call.includes("MADV_HUGEPAGE")).length;
    // One try for each kind in each mapping.
    const list = await count("ps", "--help");
    for (const words of [["run"], ["--root", "/nowhere", "run"]])
      expect(await count(...words, "--help")).toBeLessThan(list);
    expect(await count("runtime", "run", "--help")).toBe(list);
  });
});

describe("the binary runs as well", () => {
  traced("where the kernel knows none of that advice", async () => {
    expect(await trace(["-e", "inject=madvise:error=EINVAL"], ["--version"])).toMatchObject(version);
  });

  traced("where there are no huge pages: it asks for the single ones", async () => {
    const { calls, ...ended } = await trace(nothingHuge, ["--version"]);
    expect(ended).toMatchObject(version);
    const populated = calls.filter((call) => call.includes("MADV_POPULATE_WRITE"));
    expect(populated.length).toBeGreaterThan(50);
  });

  traced("where its heap cannot be had at once: that is mmap(3)'s to tell", async () => {
    const { calls } = await trace([], ["--version"]);
    const before = calls.slice(0, heapOf(calls) + 1).filter((call) => call.startsWith("mmap(")).length;
    const failing = await trace(["-e", `inject=mmap:error=ENOMEM:when=${before}`], ["--version"]);
    expect(failing).toMatchObject(version);
    expect(failing.calls.filter((call) => isHeap(call))).toHaveLength(2);
  });

  traced("where the loader binds all functions at once", async () => {
    expect(await trace([], ["--version"], { LD_BIND_NOW: "1" })).toMatchObject(version);
  });
});
