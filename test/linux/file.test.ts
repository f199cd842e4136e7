/** Files and directories through libc, where the kernel has its own ideas. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readdir, readEntries } from "../../src/linux/directory.ts";
import { close, O_DIRECTORY, O_RDONLY, open } from "../../src/linux/file.ts";

test("a directory that is removed while it is read has no entries", () => {
  const path = mkdtempSync(join(tmpdir(), "file-"));
  const fd = open(path, O_RDONLY | O_DIRECTORY);
  rmdirSync(path);
  const names: string[] = [];
  readEntries(fd, path, (name) => names.push(name.toString()));
  close(fd);
  expect([names, readdir(path)]).toEqual([[], undefined]);
});
