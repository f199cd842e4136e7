/** A directory of its own for every test that asks, removed after it. */

import { onTestFinished } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Call it inside a test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "tinydocker-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Owners, devices and trusted attributes can only be tested by root. */
export const isRoot = process.getuid?.() === 0;
