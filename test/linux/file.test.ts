/** Files and directories through libc, where the kernel has its own ideas. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readdir, readEntries } from "../../src/linux/directory.ts";
import { close, O_DIRECTORY, O_RDONLY, open, owned, readAll } from "../../src/linux/file.ts";

test("a file that is too large is so in units that people read", () => {
  using file = owned(open("/dev/zero", O_RDONLY));
  expect(() => readAll(file.fd, "it", 1 << 20)).toThrow("cannot read it: larger than 1 MiB");
});

test("a directory that is removed while it is read has no entries", () => {
  const path = mkdtempSync(join(tmpdir(), "file-"));
  const fd = open(path, O_RDONLY | O_DIRECTORY);
  rmdirSync(path);
  const names: string[] = [];
  readEntries(fd, path, (name) => names.push(name.toString()));
  close(fd);
  expect([names, readdir(path)]).toEqual([[], undefined]);
});
