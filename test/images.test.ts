import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "tar-stream";
import { buildImage } from "../helpers/images.ts";
import { tarOf } from "../images/recipe.ts";

for (const name of ["busybox", "probe"]) {
  test(`the ${name} image has the same bytes each time`, async () => {
    const directory = mkdtempSync(join(tmpdir(), "images-"));
    try {
      const [one, two] = [
        await buildImage(name, join(directory, "1.tar")),
        await buildImage(name, join(directory, "2.tar")),
      ];
      expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

test("a tar is sorted, owned by root, and has the parents nobody listed", async () => {
  const tar = await tarOf([
    { path: "b/c/link", type: "symlink", target: "../a" },
    { path: "tmp", type: "directory", mode: 0o1777 },
    { path: "a", type: "file", data: "text", mode: 0o4755 },
  ]);
  const seen: string[] = [];
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const { name, type, mode = 0, uid, gid, linkname } = entry.header;
    seen.push([type, mode.toString(8), `${uid}:${gid}`, name, linkname ?? ""].join(" ").trim());
    entry.resume();
  }
  expect(seen).toEqual([
    "file 4755 0:0 a",
    "directory 755 0:0 b",
    "directory 755 0:0 b/c",
    "symlink 777 0:0 b/c/link ../a",
    "directory 1777 0:0 tmp",
  ]);
});
