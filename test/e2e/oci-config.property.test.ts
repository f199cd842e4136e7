/**
 * Whatever a config.json says: a run, or an error in words; no crash, and nothing left of it. The suite does the same few each
 * time, for some 15 s at most; FUZZ_SECONDS=600 does others, as long as it says.
 */

import { expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { almostRight, anything } from "../support/configs.ts";
import { needing, root } from "../support/needs.ts";
import { patienceMs } from "../support/patience.ts";
import { type Config, type RuntimeSandbox, runtimeSandbox } from "../support/runtimes.ts";

const test = needing(root);

const seconds = Number(process.env.FUZZ_SECONDS ?? 0);

/** A bundle whose configuration changes. */
class Fuzzed {
  readonly bundle: string;
  readonly base: Config;
  private readonly log: string;

  constructor(readonly box: RuntimeSandbox) {
    this.bundle = box.bundle("b", ["true"]);
    this.base = JSON.parse(readFileSync(join(this.bundle, "config.json"), "utf8"));
    this.log = join(box.tmp, "log");
    mkdirSync(join(this.bundle, "in"));
    mkdirSync(join(box.rootfs, "in"), { recursive: true });
  }

  /** Runs what a text says. @throws Error unless that was a run, or an error in words */
  async run(text: string): Promise<void> {
    writeFileSync(join(this.bundle, "config.json"), text);
    const { box, log } = this;
    const words = ["--log", log, "--log-format", "json", "run", "-b", this.bundle, "c"];
    const { code, signal, stderr } = await box.call(words, { timeoutMs: patienceMs });
    const lines = readFileSync(log, { encoding: "utf8", flag: "a+" }).trim().split("\n").filter(Boolean);
    rmSync(log);
    const errors = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === "error");
    expect({ signal, stderr }).toEqual({ signal: null, stderr: expect.not.stringMatching(trace) });
    for (const { msg } of errors) expect(msg).toEqual(expect.not.stringMatching(trace));
    // A program that could not be started is an error, too; of one that ran we know nothing.
    if (code === 1) expect(errors.map(({ msg }) => msg).join("")).not.toBe("");
    expect(readdirSync(box.states)).toEqual([]);
  }

  /** How many mounts and cgroups there are. */
  counts(): number[] {
    const { mounts, cgroups } = this.box.snapshot();
    return [mounts.length, cgroups.length];
  }
}

/** What is printed of a bug: of ours, or of the machine that runs us. */
const trace =
  /internal error|\bat .*:\d+:\d+|bunfs|panic|TypeError|undefined is not|null is not|RangeError|Segmentation/;

test(
  "any config.json gives a run or an error in words, and leaves nothing",
  async () => {
    await using box = await runtimeSandbox("tinydocker");
    const fuzzed = new Fuzzed(box);
    await fuzzed.run(JSON.stringify(fuzzed.base));
    const before = box.snapshot();
    const texts = fc.oneof(
      { weight: 9, arbitrary: almostRight(fuzzed.base).map((config) => JSON.stringify(config)) },
      { weight: 1, arbitrary: anything },
    );
    await fc.assert(
      fc.asyncProperty(texts, (text) => fuzzed.run(text)),
      {
        ...(seconds > 0
          ? { numRuns: seconds * 1000, interruptAfterTimeLimit: seconds * 1000 }
          : { numRuns: 100, seed: 11, interruptAfterTimeLimit: 15_000 }),
        markInterruptAsFailure: false,
      },
    );
    // What is made in the root for a mount stays there, as with every runtime.
    await box.expectNothingLeft(before, 10_000, (all) => ({
      ...all,
      files: all.files.filter((file) => !file.startsWith("rootfs/") || before.files.includes(file)),
    }));
  },
  60_000 + seconds * 1000,
);
