/** A directory of its own for every test that asks, removed after it. */

import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "tinydocker-test-"));
  made.push(directory);
  return directory;
}

/** Owners, devices and trusted attributes can only be tested by root. */
export const isRoot = process.getuid?.() === 0;
