import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksums, notesOf } from "../helpers/release.ts";

const changelog = `# Changelog

## [Unreleased]

- next

## [0.2.0] - 2024-02-01

### Fixed

- this

[0.2.0]: https://example.org/0.2.0
`;

test("a release's text is its section of the changelog, or what is unreleased", () => {
  expect(notesOf(changelog, "0.2.0")).toBe("### Fixed\n\n- this\n");
  expect(notesOf(changelog, "0.3.0")).toBe("- next\n");
  expect(() => notesOf("# Changelog\n", "0.3.0")).toThrow("says nothing about 0.3.0");
});

test("the checksums are as sha256sum(1) writes them, sorted, without their own file", () => {
  const directory = mkdtempSync(join(tmpdir(), "release-"));
  for (const file of ["b", "a", "SHA256SUMS"]) writeFileSync(join(directory, file), "");
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(checksums(directory)).toBe(`${empty}  a\n${empty}  b\n`);
  rmSync(directory, { recursive: true });
});
