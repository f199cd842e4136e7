/** Layers come out of the store as they went in, and trees out of layers. */

import { describe, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { InvalidError } from "../../src/errors.ts";
import { loadImages } from "../../src/image/load.ts";
import { packTree } from "../../src/image/pack.ts";
import { type ArchiveFormat, saveImages } from "../../src/image/save.ts";
import { findImage, type Image } from "../../src/image/store.ts";
import { byteNameOf } from "../../src/linux/byte-name.ts";
import type { Fd } from "../../src/linux/file.ts";
import { fsetxattr } from "../../src/linux/tree/xattr.ts";
import { type Paths, pathsOf } from "../../src/paths.ts";
import { gzipSync } from "../support/compress.ts";
import { configOf, dockerArchive, entriesOf, ociLayout, rootfs, sha256 } from "../support/images.ts";
import { type RawEntry, tarOf } from "../support/tars.ts";
import { isRoot, temporaryDirectory } from "../support/temporary.ts";
import { describeTree, difficultTree, has, sh } from "../support/trees.ts";

/** What is saved of images, and the warnings about it. */
function save(
  paths: Paths,
  names: string[],
  format: ArchiveFormat = "docker-archive",
): { archive: Buffer; warnings: string[] } {
  const parts: Buffer[] = [];
  const warnings: string[] = [];
  const selected = names.map((name) => ({ image: findImage(paths, name) as Image, references: [name] }));
  const options = { format, onProgress() {}, warn: (text: string) => warnings.push(text) };
  saveImages(paths, selected, options, (bytes) => parts.push(Buffer.from(bytes)));
  return { archive: Buffer.concat(parts), warnings };
}

async function load(directory: string, tar: Buffer, root = "root"): Promise<Paths> {
  const paths = pathsOf(`${directory}/${root}`);
  writeFileSync(`${directory}/in.tar`, tar);
  await loadImages(paths, `${directory}/in.tar`);
  return paths;
}

/** Saves an image of a fresh store and loads what was saved into another. */
async function roundTrip(tar: Buffer, name: string, format?: ArchiveFormat) {
  const directory = temporaryDirectory();
  const paths = await load(directory, tar);
  const { archive, warnings } = save(paths, [name], format);
  const again = await load(directory, archive, "again");
  return { before: findImage(paths, name)!, after: findImage(again, name)!, archive, warnings };
}

const imageOf = (...layers: Buffer[]): Buffer =>
  tarOf(...dockerArchive({ config: configOf(layers), layers, tags: ["test:1"] }));

describe.skipIf(!isRoot)("saveImages() (root only)", () => {
  const odd: [what: string, layers: RawEntry[][]][] = [
    [
      "whiteouts and opaque directories",
      [
        [{ name: "d/" }, { name: "d/a", content: "a" }],
        [
          { name: "d/.wh.a", type: "0" },
          { name: "d/.wh..wh..opq", type: "0" },
          { name: "d/b", content: "b" },
        ],
      ],
    ],
    ["no entry for a directory", [[{ name: "deep/er/file", content: "x" }]]],
    [
      "a path through a symbolic link of the layer below",
      [[{ name: "usr/lib/" }, { name: "lib", type: "2", link: "usr/lib" }], [{ name: "lib/file", content: "through" }]],
    ],
    [
      "hard links",
      [
        [
          { name: "a", content: "one" },
          { name: "b", type: "1", link: "a" },
        ],
      ],
    ],
    [
      "garbage in headers that readers ignore",
      [[{ name: "f", content: "x", patch: (block) => block.write("junk", 500) }]],
    ],
    [
      "empty files and names in odd forms",
      [[{ name: "./x/" }, { name: "././/x//e", content: "" }, { name: "/abs", content: "abs" }]],
    ],
    ["a file whose mode allows nobody to read it", [[{ name: "secret", content: "s", mode: 0 }]]],
  ];
  for (const [what, layers] of odd)
    test(`gives back layers byte for byte: ${what}`, async () => {
      for (const format of ["docker-archive", "oci-archive"] as const) {
        const tars = [rootfs(), ...layers.map((entries) => tarOf(...entries))];
        const { before, after, archive, warnings } = await roundTrip(imageOf(...tars), "test:1", format);
        expect(warnings).toEqual([]);
        expect(after.id).toBe(before.id);
        for (const tar of tars) expect(archive.includes(tar)).toBe(true);
      }
    });
  test("gives back layers with more after the end marker, or without one", async () => {
    for (const tar of [Buffer.concat([rootfs(), Buffer.alloc(9000)]), rootfs().subarray(0, -1024)]) {
      const { before, after, archive } = await roundTrip(imageOf(tar), "test:1");
      expect(after.id).toBe(before.id);
      expect(archive.includes(tar)).toBe(true);
    }
  });
  test("writes the same bytes each time, and shared layers once", async () => {
    const base = rootfs({ name: "big", content: "x".repeat(100_000) });
    const images = ["one", "two"].map((tag) => {
      const layers = [base, tarOf({ name: tag, content: tag })];
      return { config: configOf(layers), layers, tags: [`test:${tag}`] };
    });
    const paths = await load(temporaryDirectory(), tarOf(...dockerArchive(...images)));
    const { archive } = save(paths, ["test:one", "test:two"]);
    expect(save(paths, ["test:one", "test:two"]).archive).toEqual(archive);
    expect(archive.length).toBeLessThan(2 * base.length);
  });
  test("saves the content of compressed layers: same image, same diff ids", async () => {
    const layers = [rootfs({ name: "f", content: "x".repeat(5000) })];
    const layout = ociLayout({
      config: configOf(layers),
      layers,
      blobs: layers.map((layer) => gzipSync(layer)),
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      annotations: { "io.containerd.image.name": "test:1" },
    });
    const { before, after, warnings } = await roundTrip(tarOf(...entriesOf(layout)), "test:1", "oci-archive");
    expect(after.id).toBe(before.id);
    expect(warnings).toEqual([]);
  });
  test("says so where a tar is not to be had again, and saves an image that is whole", async () => {
    const twice = rootfs({ name: "f", content: "first" }, { name: "f", content: "second" });
    const { before, after, warnings } = await roundTrip(imageOf(twice), "test:1");
    expect(after.id).not.toBe(before.id);
    expect(warnings.join()).toContain(`test:1 is saved with a new id, ${after.id}`);
    expect(readFileSync(`${after.layers[0]}/f`, "utf8")).toBe("second");
  });
  test("saves images of a store that has no record of their tars", async () => {
    const directory = temporaryDirectory();
    const paths = await load(
      directory,
      imageOf(rootfs(), tarOf({ name: "bin/.wh.sh", type: "0" }, { name: "x", content: "x" })),
    );
    for (const layer of readdirSync(paths.layers)) {
      const file = `${paths.layers}/${layer}/meta.json`;
      const { tarBytes, ...old } = JSON.parse(readFileSync(file, "utf8"));
      expect(tarBytes).toBeGreaterThan(0);
      writeFileSync(file, JSON.stringify(old));
    }
    const { archive, warnings } = save(paths, ["test:1"]);
    expect(warnings).toHaveLength(1);
    const again = findImage(await load(directory, archive, "again"), "test:1")!;
    const before = findImage(paths, "test:1")!;
    for (const [index, layer] of before.layers.entries())
      expect(pack(again.layers[index]!, true)).toEqual(pack(layer, true));
    expect(again.config.config).toEqual(before.config.config);
  });
  test("does not save a layer that somebody has changed", async () => {
    const paths = await load(temporaryDirectory(), imageOf(rootfs({ name: "f", content: "right" })));
    const file = `${findImage(paths, "test:1")!.layers[0]}/f`;
    for (const content of ["wrong", "sho"]) {
      writeFileSync(file, content);
      expect(() => save(paths, ["test:1"])).toThrow(InvalidError);
    }
    rmSync(file);
    expect(() => save(paths, ["test:1"])).toThrow("the store is damaged: f of");
    expect(readdirSync(paths.staging)).toEqual([]);
  });
});

describe.skipIf(!has("tar", "bash", "find"))("a tree packed by GNU tar (root only)", () => {
  const formats = [
    "--format=pax --xattrs --xattrs-include='*'",
    "--format=pax -S --sparse-version=0.1",
    "--format=pax -S --sparse-version=1.0",
    "--format=gnu -S",
    "--format=gnu -b 200",
  ];
  for (const flags of formats)
    test(`comes out of save as it was: ${flags}`, async () => {
      const directory = temporaryDirectory();
      difficultTree(directory);
      sh(`tar --numeric-owner ${flags} -C tree -cf tree.tar .`, directory);
      await loadImages(pathsOf(`${directory}/root`), `${directory}/tree.tar`);
      const { archive, warnings } = save(pathsOf(`${directory}/root`), ["tree:latest"]);
      expect(warnings).toEqual([]);
      expect(archive.includes(`blobs/sha256/${sha256(readFileSync(`${directory}/tree.tar`))}`)).toBe(true);
      expect(archive.includes(readFileSync(`${directory}/tree.tar`))).toBe(true);
    });
});

function pack(tree: string, layer: boolean, holes = false): Buffer {
  const parts: Buffer[] = [];
  const fd = openSync(tree, "r") as Fd;
  packTree(fd, { layer, holes }, (bytes) => parts.push(Buffer.from(bytes)));
  closeSync(fd);
  return Buffer.concat(parts);
}

/** setxattr(2), for which not every machine has a program. */
function setAttribute(path: string, key: string, value: string): void {
  const fd = openSync(path, "r") as Fd;
  fsetxattr(fd, byteNameOf(key), Buffer.from(value), byteNameOf(path));
  closeSync(fd);
}

describe.skipIf(!has("bash", "find"))("packTree() (root only)", () => {
  test("and extraction are each other's reverse, for a tree with everything that is hard", async () => {
    const directory = temporaryDirectory();
    difficultTree(directory);
    const tar = pack(`${directory}/tree`, false, true);
    expect(pack(`${directory}/tree`, false, true)).toEqual(tar);
    const image = findImage(await load(directory, tar), "in")!;
    expect(describeTree(`${image.layers[0]}/.`)).toBe(describeTree(`${directory}/tree`));
  });
  test("turns overlayfs's signs into whiteouts and back", async () => {
    const directory = temporaryDirectory();
    sh("mkdir -p upper/opaque upper/d; mknod upper/d/gone c 0 0; echo x >upper/opaque/new", directory);
    setAttribute(`${directory}/upper/opaque`, "trusted.overlay.opaque", "y");
    const upper = pack(`${directory}/upper`, true);
    const layers = [rootfs({ name: "d/gone", content: "x" }, { name: "opaque/old", content: "x" }), upper];
    const paths = await load(directory, imageOf(...layers));
    const top = findImage(paths, "test:1")!.layers[1]!;
    expect(sh("stat -c '%F %t:%T' d/gone; ls opaque", top)).toBe("character special file 0:0\nnew\n");
    expect(upper.includes("opaque/.wh..wh..opq")).toBe(true);
    expect(pack(top, true)).toEqual(upper);
  });
  test("refuses names that would mean something else in a layer, and what overlayfs alone understands", () => {
    const directory = temporaryDirectory();
    mkdirSync(`${directory}/upper/d`, { recursive: true });
    writeFileSync(`${directory}/upper/d/.wh.x`, "");
    expect(() => pack(`${directory}/upper`, true)).toThrow("d/.wh.x cannot be in a layer");
    rmSync(`${directory}/upper/d/.wh.x`);
    setAttribute(`${directory}/upper/d`, "trusted.overlay.redirect", "/old");
    expect(() => pack(`${directory}/upper`, true)).toThrow("renamed or copied up by overlayfs");
  });
  test("leaves sockets out", async () => {
    const directory = temporaryDirectory();
    mkdirSync(`${directory}/t`);
    writeFileSync(`${directory}/t/f`, "");
    const server = createServer().listen(`${directory}/t/socket`);
    await new Promise((resolve) => server.on("listening", resolve));
    const tar = pack(`${directory}/t`, false);
    server.close();
    expect(tar.includes("socket")).toBe(false);
    expect(tar.includes("f")).toBe(true);
  });
});
