/** A bug of ours: what is printed says where in the source it is, and what to report. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { compile } from "../../helpers/build.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("is printed with places in our source, and ends the program", async () => {
  const program = join(temporaryDirectory(), "crash");
  await compile(join(import.meta.dir, "../support/crash.ts"), program);
  // Thrown by a command, and when nobody is there any more to catch it.
  for (const command of ["man", "info"]) {
    const child = Bun.spawn([program, command], { stdio: ["ignore", "pipe", "pipe"], env: {} });
    const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toBe("tinydocker: internal error: TypeError: this is a bug");
    const frames = lines.filter((line) => /^ +at /.test(line));
    expect(frames[0]).toMatch(/^ +at test\/support\/crash\.ts:\d+:\d+$/);
    for (const frame of frames) expect(frame).toMatch(/^ +at ((src|test)\/[\w/-]+\.ts:\d+:\d+|native)$/);
    expect(lines.at(-2)).toMatch(/^tinydocker: tinydocker \S+ \(\S+, \w+\), Linux \d+\.\d+/);
    expect(lines.at(-1)).toStartWith("tinydocker: hint: this is a bug in tinydocker: please report these lines");
    expect([stdout, code > 0]).toEqual(["", true]);
  }
});
