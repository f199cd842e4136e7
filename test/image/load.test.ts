import { describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DamagedError, InvalidError } from "../../src/errors.ts";
import { collectGarbage } from "../../src/image/garbage.ts";
import { loadImages } from "../../src/image/load.ts";
import { peekImages } from "../../src/image/peek.ts";
import { removeImage } from "../../src/image/remove.ts";
import { findSource } from "../../src/image/source.ts";
import { findImage, type Image, listImages } from "../../src/image/store.ts";
import { type Paths, pathsOf } from "../../src/paths.ts";
import { bzip2Sync, gzipSync, xzSync, zstdSync } from "../support/compress.ts";
import { architecture, configOf, dockerArchive, entriesOf, ociLayout, rootfs, sha256 } from "../support/images.ts";
import { pax, tarOf } from "../support/tars.ts";
import { isRoot, temporaryDirectory } from "../support/temporary.ts";

function setup(): { paths: Paths; put: (name: string, content: Buffer | string) => string; directory: string } {
  const directory = temporaryDirectory();
  return {
    directory,
    paths: pathsOf(`${directory}/root`),
    put(name, content) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), content);
      return join(directory, name);
    },
  };
}

const found = (paths: Paths, reference: string): Image => findImage(paths, reference) as Image;
const names = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory).sort() : []);
const content = (image: Image, layer: number, file: string) => readFileSync(`${image.layers[layer]}/${file}`, "utf8");

/** Nothing of an image is to be seen, and nothing is left that garbage collection does not take. */
function expectNothing(paths: Paths): void {
  for (const directory of [paths.refs, paths.images, paths.blobs, paths.sources, paths.staging])
    expect(names(directory)).toEqual([]);
  collectGarbage(paths);
  for (const directory of [paths.layers, paths.links, paths.trash]) expect(names(directory)).toEqual([]);
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

const base = rootfs({ name: "etc/" }, { name: "etc/base", content: "base" });
const upper = tarOf({ name: "etc/upper", content: "upper" }, { name: "bin/.wh.sh" });
const config = configOf([base, upper]);

// Layers hold owners and devices.
describe.skipIf(!isRoot)("loadImages() (root only)", () => {
  test("makes busybox:latest of busybox.tar, found by every name it has", async () => {
    const { paths, put } = setup();
    const file = put("busybox.tar", rootfs());
    const [loaded] = await loadImages(paths, file);
    expect(loaded?.references).toEqual(["busybox:latest"]);
    const id = loaded?.id as string;
    for (const name of ["busybox", "busybox:latest", "docker.io/library/busybox", id, id.slice(7), id.slice(7, 19)])
      expect(found(paths, name).id).toBe(id as never);
    const image = found(paths, "busybox");
    expect(content(image, 0, "bin/sh")).toBe("#!");
    expect(image.config.rootfs.diff_ids).toEqual([`sha256:${sha256(rootfs())}`]);
    expect(image).toMatchObject({ references: ["busybox:latest"], sizeBytes: 2, created: "2001-09-09T01:46:40Z" });
    expect(readlinkSync(image.layers[0] as string)).toBe(`../layers/${sha256(rootfs())}/fs`);
    expect(statSync(paths.root).mode & 0o777).toBe(0o700);
    expect(names(paths.staging)).toEqual([]);
  });

  test("gives the same tar the same id, wherever and whenever it was written", async () => {
    const { paths, put } = setup();
    const [a] = await loadImages(paths, put("a/x.tar", rootfs()));
    const other = put("b/y.tar.gz", gzipSync(rootfs()));
    utimesSync(other, 5, 5);
    const [b] = await loadImages(paths, other, { reference: "other:1" });
    expect(b?.id).toBe(a?.id as never);
    expect(found(paths, "x").references).toEqual(["other:1", "x:latest"]);
    expect(names(paths.layers)).toHaveLength(1);
  });

  test("knows a file again until it changes, is replaced, or its image is gone", async () => {
    const { paths, put, directory } = setup();
    const file = put("busybox.tar", rootfs());
    expect(findSource(paths, file)).toBeUndefined();
    const [loaded] = await loadImages(paths, file);
    expect(findSource(paths, file)?.id).toBe(loaded?.id as never);
    const copy = put("copy.tar", rootfs());
    utimesSync(copy, statSync(file).atime, statSync(file).mtime);
    renameSync(copy, file);
    expect(findSource(paths, file)).toBeUndefined();
    await loadImages(paths, file);
    expect(findSource(paths, file)).toBeDefined();
    removeImage(paths, "busybox", { inUse: () => undefined });
    expect(findSource(paths, file)).toBeUndefined();
    expect(findSource(paths, `${directory}/missing.tar`)).toBeUndefined();
  });

  test("reads a docker archive: layers on each other, names, configuration", async () => {
    const { paths, put } = setup();
    const file = put("x.tar", tarOf(...dockerArchive({ config, layers: [base, upper], tags: ["app:1", "app:2"] })));
    const [loaded] = await loadImages(paths, file);
    expect(loaded).toEqual({ id: `sha256:${sha256(config)}`, references: ["app:1", "app:2"] });
    const image = found(paths, "app:2");
    expect(image.config.config.Cmd).toEqual(["/bin/sh"]);
    expect([content(image, 0, "etc/base"), content(image, 1, "etc/upper")]).toEqual(["base", "upper"]);
    expect(lstatSync(`${image.layers[1]}/bin/sh`).rdev).toBe(0);
    expect(readFileSync(`${paths.blobs}/${sha256(config)}`, "utf8")).toBe(config);
    expect(findSource(paths, file)?.id).toBe(image.id);
  });

  test("shares layers between images, and follows the links of old archives", async () => {
    const { paths, put } = setup();
    const single = configOf([base]);
    const entries = dockerArchive({ config, layers: [base, upper], tags: ["two:1"] });
    const manifest = [
      { Config: "c1.json", RepoTags: ["one:1"], Layers: ["aaa/layer.tar"] },
      ...JSON.parse(entries.pop()?.content as string),
    ];
    const file = put(
      "x.tar",
      tarOf(
        { name: "c1.json", content: single },
        { name: "aaa/layer.tar", type: "2", link: `../${sha256(base)}/layer.tar` },
        ...entries,
        { name: "manifest.json", content: JSON.stringify(manifest) },
      ),
    );
    const seen: number[] = [];
    await loadImages(paths, file, { onProgress: ({ ofLayers }) => seen.push(ofLayers) });
    expect([names(paths.layers).length, Math.max(...seen)]).toEqual([2, 2]);
    expect(found(paths, "one:1").layers[0]).toBe(found(paths, "two:1").layers[0] as string);
    expect(() => findSource(paths, file)).toThrow("holds several images: one:1, two:1");
  });

  test("reads OCI layouts as tar and as directory, and knows both again", async () => {
    const { paths, put, directory } = setup();
    const parts = { config, layers: [base, upper], blobs: [gzipSync(base), zstdSync(upper)] };
    const files = ociLayout({ ...parts, annotations: { "org.opencontainers.image.ref.name": "v7" } });
    const [fromTar] = await loadImages(paths, put("my.tar", tarOf(...entriesOf(files))));
    expect(fromTar).toEqual({ id: `sha256:${sha256(config)}`, references: ["my:v7"] });
    for (const [name, bytes] of files) put(`layout/${name}`, bytes);
    const [fromDirectory] = await loadImages(paths, `${directory}/layout`);
    expect(fromDirectory?.references).toEqual(["layout:v7"]);
    expect(findSource(paths, `${directory}/layout/`)?.id).toBe(fromTar?.id as never);
    expect(
      JSON.parse(readFileSync(`${realpathSync(found(paths, "my:v7").layers[0] as string)}/../meta.json`, "utf8")),
    ).toMatchObject({
      diffId: `sha256:${sha256(base)}`,
      digest: `sha256:${sha256(parts.blobs[0] as Buffer)}`,
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      entries: 5,
      sizeBytes: 6,
    });
  });

  test("takes this machine's image out of an index for several platforms", async () => {
    const { paths, put } = setup();
    const foreign = configOf([upper], { architecture: "s390x" });
    const files = ociLayout(
      { config: foreign, layers: [upper], platform: { os: "linux", architecture: "s390x" } },
      { config, layers: [base, upper], platform: { os: "linux", architecture } },
      { config: foreign, layers: [upper], platform: { os: "unknown", architecture: "unknown" } },
    );
    const [loaded] = await loadImages(paths, put("multi.tar", tarOf(...entriesOf(files))));
    expect(loaded).toEqual({ id: `sha256:${sha256(config)}`, references: [] });
  });

  test("takes the platform that is asked for, and nothing else", async () => {
    const { paths, put } = setup();
    const foreign = configOf([upper], { architecture: "s390x" });
    const files = ociLayout(
      { config, layers: [base, upper], platform: { os: "linux", architecture } },
      { config: foreign, layers: [upper], platform: { os: "linux", architecture: "s390x" } },
    );
    const file = put("multi.tar", tarOf(...entriesOf(files)));
    const [loaded] = await loadImages(paths, file, { platform: { os: "linux", architecture: "s390x" } });
    expect(loaded?.id).toBe(`sha256:${sha256(foreign)}`);
    expect(findSource(paths, file)).toBeUndefined(); // `run FILE` still means this machine's
    const mips = { os: "linux", architecture: "mips" };
    await expect(loadImages(paths, file, { platform: mips })).rejects.toThrow(
      `has no image for linux/mips, only linux/${architecture}, linux/s390x`,
    );
    const single = put("single.tar", tarOf(...dockerArchive({ config, layers: [base, upper], tags: ["one"] })));
    for (const path of [single, put("rootfs.tar", rootfs())])
      await expect(loadImages(paths, path, { platform: mips })).rejects.toThrow(
        /is for linux\/\w+, not for linux\/mips/,
      );
    expect(listImages(paths).map(({ id }) => id)).toEqual([loaded!.id]);
  });

  test("takes the variant of this machine's architecture that makes the most of it", async () => {
    const { paths, put } = setup();
    const variants = architecture === "arm64" ? ["v9", "v8", undefined] : ["v9", "v1", undefined];
    const images = variants.map((variant) => ({
      config: configOf([upper], { variant }),
      layers: [upper],
      platform: { os: "linux", architecture, ...(variant && { variant }) },
    }));
    const [loaded] = await loadImages(paths, put("multi.tar", tarOf(...entriesOf(ociLayout(...images)))));
    expect(loaded?.id).toBe(`sha256:${sha256(images[1]!.config)}`);
  });

  const chart = { config: "{}", layers: [upper], configType: "application/vnd.cncf.helm.config.v1+json" };
  const signature = {
    config: configOf([upper]),
    layers: [upper],
    mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
  };
  test("leaves out what is no image: signatures, charts, lists of materials", async () => {
    const { paths, put } = setup();
    const both = ociLayout(signature, { config, layers: [base, upper] }, chart);
    const loaded = await loadImages(paths, put("both.tar", tarOf(...entriesOf(both))));
    expect(loaded.map(({ id }) => String(id))).toEqual([`sha256:${sha256(config)}`]);
    const error = await failure(loadImages(paths, put("none.tar", tarOf(...entriesOf(ociLayout(signature, chart))))));
    expect(error.message).toContain("lists no image, only application/vnd.dev.cosign.simplesigning.v1+json");
  });

  test("gives an archive without a name none, and takes none from another image", async () => {
    const { paths, put } = setup();
    const [old] = await loadImages(paths, put("app.tar", rootfs()));
    for (const tags of [null, [], ["<none>:<none>"]]) {
      const file = put("app.tar", tarOf(...dockerArchive({ config, layers: [base, upper], tags })));
      expect(await loadImages(paths, file)).toEqual([{ id: `sha256:${sha256(config)}`, references: [] }]);
    }
    expect(found(paths, "app").id).toBe(old?.id as never);
  });

  const harmless: Record<string, object> = {
    "no architecture and no os": { architecture: undefined, os: undefined },
    "null where Go writes nothing": {
      config: { Volumes: { "/v": null }, ExposedPorts: { "80/tcp": null }, Labels: { a: null } },
    },
    "null for lists and maps": {
      config: { Env: null, Cmd: null, Volumes: null, Labels: null, Healthcheck: null },
      history: null,
    },
    "a negative health check": { config: { Healthcheck: { Test: ["CMD", "x"], Interval: -1, Retries: -3 } } },
  };
  for (const [what, changes] of Object.entries(harmless))
    test(`reads a configuration with ${what}`, async () => {
      const { paths, put } = setup();
      const odd = configOf([base], changes);
      await loadImages(paths, put("x.tar", tarOf(...dockerArchive({ config: odd, layers: [base], tags: ["odd"] }))));
      expect(found(paths, "odd").config).toMatchObject({ architecture, os: "linux" });
    });

  test("reads odd but harmless entries: a/../b, a global path, ids with a sign", async () => {
    const { paths, put } = setup();
    const entries = [
      { name: "d/../e/./f", content: "x", uid: -2 },
      { ...pax({ path: "g", comment: "made by git" }), type: "g" },
      { name: "h", content: "y" },
    ];
    await loadImages(paths, put("odd.tar", rootfs(...entries)));
    expect(content(found(paths, "odd"), 0, "e/f")).toBe("x");
    expect(content(found(paths, "odd"), 0, "h")).toBe("y");
    expect(statSync(`${found(paths, "odd").layers[0]}/e/f`).uid).toBe(4294967294);
  });

  test("refuses an archive of before Docker 1.10 by name", async () => {
    const { paths, put } = setup();
    const id = "0".repeat(64);
    const legacy = tarOf(
      { name: `${id}/` },
      { name: `${id}/json`, content: "{}" },
      { name: `${id}/layer.tar`, content: base },
      { name: "repositories", content: "{}" },
    );
    for (const bytes of [legacy, gzipSync(legacy) as Buffer]) {
      const error = await failure(loadImages(paths, put("old.tar", bytes)));
      expect(error.message).toContain("the format of Docker before 1.10");
    }
    expectNothing(paths);
  });

  test("says which platforms there are if none is this machine's", async () => {
    const { paths, put } = setup();
    const files = ociLayout(
      { config, layers: [base, upper], platform: { os: "linux", architecture: "s390x" } },
      { config: configOf([base]), layers: [base], platform: { os: "linux", architecture: "mips" } },
    );
    const error = await failure(loadImages(paths, put("multi.tar", tarOf(...entriesOf(files)))));
    expect(error.message).toContain("only linux/s390x, linux/mips");
    expectNothing(paths);
  });

  for (const [kind, compress] of Object.entries({ gzip: gzipSync, zstd: zstdSync, xz: xzSync, bzip2: bzip2Sync })) {
    test.skipIf(!compress(Buffer.from("x")))(
      `reads root filesystems and archives compressed with ${kind}`,
      async () => {
        const { paths, put } = setup();
        await loadImages(paths, put("fs.tar.z", compress(rootfs()) as Buffer), { reference: "fs" });
        expect(content(found(paths, "fs"), 0, "bin/sh")).toBe("#!");
        const archive = tarOf(...dockerArchive({ config, layers: [base, upper], tags: ["app"] }));
        await loadImages(paths, put("archive", compress(archive) as Buffer));
        expect(content(found(paths, "app"), 1, "etc/upper")).toBe("upper");
        const half = compress(archive) as Buffer;
        const error = await failure(loadImages(paths, put("half", half.subarray(0, half.length / 2))));
        expect(error).toBeInstanceOf(InvalidError);
      },
    );
  }

  test("takes a root filesystem that has a manifest.json for what it is", async () => {
    const { paths, put } = setup();
    const tar = rootfs({ name: "manifest.json", content: '{"a":1}' });
    for (const [name, bytes] of Object.entries({ plain: tar, packed: gzipSync(tar) as Buffer })) {
      await loadImages(paths, put(`${name}.tar`, bytes));
      expect(content(found(paths, name), 0, "manifest.json")).toBe('{"a":1}');
    }
  });

  test("reads a pipe, which gets no name by itself", async () => {
    const { paths, put, directory } = setup();
    Bun.spawnSync(["mkfifo", `${directory}/fifo`]);
    const file = put("x.tar", gzipSync(rootfs()) as Buffer);
    const cat = Bun.spawn(["sh", "-c", `cat ${file} > ${directory}/fifo`]);
    const [loaded] = await loadImages(paths, `${directory}/fifo`);
    await cat.exited;
    expect(loaded?.references).toEqual([]);
    expect(content(found(paths, loaded?.id as string), 0, "bin/sh")).toBe("#!");
  });

  test("tells progress up to the end", async () => {
    const { paths, put } = setup();
    const tar = rootfs({ name: "big", content: "x".repeat(5_000_000) });
    const seen: number[] = [];
    await loadImages(paths, put("x.tar", tar), { onProgress: (at) => seen.push(at.bytes / at.totalBytes) });
    expect(seen.length).toBeGreaterThan(3);
    expect([seen.at(-1), seen.toSorted((a, b) => a - b)]).toEqual([1, seen]);
  });

  const layout = (change: (files: Map<string, string | Buffer>) => void, parts = {}): Buffer => {
    const files = ociLayout({ config, layers: [base, upper], ...parts });
    change(files);
    return tarOf(...entriesOf(files));
  };
  const blob = (bytes: Buffer | string) => `blobs/sha256/${sha256(bytes)}`;
  const twisted = Buffer.from(upper);
  twisted[512] = 0x58; // the first byte of etc/upper's content
  const corrupt = Buffer.from(gzipSync(rootfs({ name: "r", content: "0123456789".repeat(5000) })) as Buffer);
  corrupt[corrupt.length - 6] = (corrupt[corrupt.length - 6] as number) ^ 0xff;
  const refused: Record<string, Buffer> = {
    "nothing at all": Buffer.alloc(0),
    "an empty tar": Buffer.alloc(10240),
    "no tar": Buffer.from("hello ".repeat(200)),
    "a tar cut off": rootfs({ name: "big", content: "x".repeat(3000) }).subarray(0, 4000),
    "a gzip file cut off": (gzipSync(rootfs()) as Buffer).subarray(0, -5),
    "a gzip file with a wrong checksum": corrupt,
    "a gzip file with something behind it": Buffer.concat([gzipSync(rootfs()) as Buffer, Buffer.from("garbage")]),
    "a zstd file cut off": (zstdSync(rootfs()) as Buffer).subarray(0, -1),
    "a zstd file with something behind it": Buffer.concat([zstdSync(rootfs()) as Buffer, Buffer.from("garbage")]),
    "a bomb of zeros": gzipSync(Buffer.concat([rootfs(), Buffer.alloc(1200 << 20)])) as Buffer,
    "a name that leads out": rootfs({ name: "../../evil", content: "x" }),
    "a NUL in a pax path": rootfs(pax({ path: "a\0b" }), { name: "f" }),
    "a layer with another diff id": tarOf(...dockerArchive({ config: configOf([base, base]), layers: [base, upper] })),
    "a layer more than diff ids": tarOf(...dockerArchive({ config, layers: [base, upper, upper] })),
    "a layer that is missing": tarOf(
      ...dockerArchive({ config, layers: [base, upper] }).filter((entry) => entry.content !== upper),
    ),
    "a configuration that is missing": tarOf(...dockerArchive({ config, layers: [base, upper] }).slice(1)),
    "a manifest.json that is no JSON": tarOf({ name: "manifest.json", content: "[" }),
    "a manifest.json nested too deep": tarOf({ name: "manifest.json", content: "[".repeat(100000) }),
    "a manifest.json without images": tarOf({ name: "manifest.json", content: "[]" }),
    "a bad tag": tarOf(...dockerArchive({ config, layers: [base, upper], tags: ["../evil:1"] })),
    "an index.json that is a list": layout((files) => files.set("index.json", "[]")),
    "an index without images": layout((files) => files.set("index.json", '{"schemaVersion":2,"manifests":[]}')),
    "a blob with another digest": layout((files) => files.set(blob(upper), twisted)),
    "a blob of another size": layout((files) => files.set(blob(upper), Buffer.concat([upper, upper]))),
    "a compressed blob with another digest": layout(
      (files) => files.set(blob(gzipSync(upper) as Buffer), gzipSync(twisted) as Buffer),
      { blobs: [base, gzipSync(upper)] },
    ),
    "a manifest with another digest": layout((files) => {
      const index = JSON.parse(files.get("index.json") as string);
      const name = `blobs/sha256/${index.manifests[0].digest.slice(7)}`;
      files.set(name, (files.get(name) as string).replace("schemaVersion", "schemaversion"));
    }),
    "a digest that is a path": layout((files) =>
      files.set(
        "index.json",
        (files.get("index.json") as string).replace(/sha256:[0-9a-f]{64}/, "sha256:../../etc/passwd"),
      ),
    ),
    "a layout of the future": layout((files) => files.set("oci-layout", '{"imageLayoutVersion":"9"}')),
  };
  for (const [what, bytes] of Object.entries(refused))
    test(`refuses ${what}, and keeps nothing of it`, async () => {
      const { paths, put, directory } = setup();
      const error = await failure(loadImages(paths, put("bad.tar", bytes)));
      expect(error.constructor.name).toMatch(/InvalidError|UnsupportedError/);
      expect(error.message).toContain("bad");
      expectNothing(paths);
      expect(names(directory)).toEqual(["bad.tar", "root"]);
    });

  test("keeps the old image of a name when its new one is refused", async () => {
    const { paths, put } = setup();
    const [old] = await loadImages(paths, put("app.tar", rootfs()));
    await failure(loadImages(paths, put("app.tar", rootfs({ name: "../x" }))));
    expect(found(paths, "app").id).toBe(old?.id as never);
    await loadImages(paths, put("app.tar", rootfs({ name: "new" })));
    expect(found(paths, "app").id).not.toBe(old?.id as never);
    expect(found(paths, old?.id as string).references).toEqual([]);
  });

  test("lets loaders of the same image run side by side", async () => {
    const { paths, put } = setup();
    const file = put("x.tar", tarOf(...dockerArchive({ config, layers: [base, upper], tags: ["app"] })));
    const script = put(
      "load.ts",
      `import { loadImages } from ${JSON.stringify(join(import.meta.dir, "../../src/image/load.ts"))};
       import { pathsOf } from ${JSON.stringify(join(import.meta.dir, "../../src/paths.ts"))};
       await loadImages(pathsOf(${JSON.stringify(paths.root)}), ${JSON.stringify(file)});`,
    );
    const loaders = Array.from({ length: 6 }, () => Bun.spawn([process.execPath, script], { stderr: "inherit" }));
    expect(await Promise.all(loaders.map((loader) => loader.exited))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(listImages(paths).map((image) => image.references)).toEqual([["app:latest"]]);
    expect([names(paths.layers).length, names(paths.staging)]).toEqual([2, []]);
    collectGarbage(paths);
    expect(content(found(paths, "app"), 1, "etc/upper")).toBe("upper");
  });

  test("gets along with removals and garbage collection beside it", async () => {
    const { paths, put } = setup();
    const file = put("x.tar", tarOf(...dockerArchive({ config, layers: [base, upper], tags: ["app"] })));
    const from = (name: string) => JSON.stringify(join(import.meta.dir, `../../src/${name}.ts`));
    const script = put(
      "churn.ts",
      `import { loadImages } from ${from("image/load")};
       import { removeImage } from ${from("image/remove")};
       import { NotFoundError } from ${from("errors")};
       import { pathsOf } from ${from("paths")};
       const paths = pathsOf(${JSON.stringify(paths.root)});
       for (let i = 0; i < 15; i++) {
         await loadImages(paths, ${JSON.stringify(file)});
         try { removeImage(paths, "app", { force: true, inUse: () => undefined }); }
         catch (error) { if (!(error instanceof NotFoundError)) throw error; }
       }`,
    );
    const churns = Array.from({ length: 4 }, () => Bun.spawn([process.execPath, script], { stderr: "inherit" }));
    expect(await Promise.all(churns.map((churn) => churn.exited))).toEqual([0, 0, 0, 0]);
    await loadImages(paths, file);
    expect(content(found(paths, "app"), 1, "etc/upper")).toBe("upper");
    removeImage(paths, "app", { inUse: () => undefined });
    expectNothing(paths);
  });

  test("says that the disk is full, keeps nothing, and leaves what was there", async () => {
    const { paths, put, directory } = setup();
    const from = (name: string) => JSON.stringify(join(import.meta.dir, `../../src/${name}.ts`));
    const many = Array.from({ length: 2000 }, (_, i) => ({ name: `f${i}`, content: "x" })); // more in blocks than in bytes
    const script = put(
      "full.ts",
      `import { loadImages } from ${from("image/load")};
       import { listImages } from ${from("image/store")};
       import { pathsOf } from ${from("paths")};
       const paths = pathsOf(${JSON.stringify(paths.root)});
       await loadImages(paths, ${JSON.stringify(put("small.tar", rootfs()))});
       for (const file of ${JSON.stringify([
         put("big.tar", rootfs({ name: "big", content: "x".repeat(3 << 20) })),
         put("many.tar", rootfs(...many)),
       ])}) await loadImages(paths, file).catch((error) => console.log(error.code, "|", error.hint));
       console.log(JSON.stringify(listImages(paths).map((image) => image.references)), (await Array.fromAsync(
         new Bun.Glob("{staging,trash}/*/**").scan({ cwd: paths.root, dot: true }))).length);`,
    );
    mkdirSync(paths.root);
    const mount = `mount -t tmpfs -o size=2m none ${paths.root} && exec ${process.execPath} ${script}`;
    const done = Bun.spawnSync(["unshare", "-m", "sh", "-c", mount], { cwd: directory });
    expect(done.stdout.toString().trim().split("\n")).toEqual([
      "ENOSPC | the disk is full: nothing of this image was kept",
      "ENOSPC | the disk is full: nothing of this image was kept",
      '[["small:latest"]] 0',
    ]);
  });

  test("leaves a usable store when it is killed at any moment", async () => {
    const { paths, put } = setup();
    const many = Array.from({ length: 400 }, (_, i) => ({ name: `f${i}`, content: "x".repeat(i * 20) }));
    const layers = [base, upper, tarOf(...many)];
    const image = { config: configOf(layers), layers, tags: ["app"] };
    const file = put("x.tar", tarOf(...dockerArchive(image)));
    const script = put(
      "load.ts",
      `import { loadImages } from ${JSON.stringify(join(import.meta.dir, "../../src/image/load.ts"))};
       import { pathsOf } from ${JSON.stringify(join(import.meta.dir, "../../src/paths.ts"))};
       const paths = pathsOf(${JSON.stringify(paths.root)});
       console.log("ready");
       await loadImages(paths, ${JSON.stringify(file)});`,
    );
    for (let delayMs = 0; delayMs < 60; delayMs += 4) {
      const loader = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit" });
      await loader.stdout.getReader().read();
      await Bun.sleep(delayMs);
      loader.kill("SIGKILL");
      await loader.exited;
      const seen = findImage(paths, "app");
      if (seen) expect(content(seen, 2, "f399")).toHaveLength(399 * 20);
      collectGarbage(paths);
      expect([names(paths.staging), names(paths.trash)]).toEqual([[], []]);
      expect(names(paths.layers)).toHaveLength(findImage(paths, "app") || names(paths.images).length > 0 ? 3 : 0);
    }
    await loadImages(paths, file);
    expect(found(paths, "app").layers).toHaveLength(3);
  });
});

describe.skipIf(!isRoot)("the store (root only)", () => {
  async function filled() {
    const world = setup();
    await loadImages(
      world.paths,
      world.put("one.tar", tarOf(...dockerArchive({ config, layers: [base, upper], tags: ["a:1", "a:2"] }))),
    );
    await loadImages(
      world.paths,
      world.put("two.tar", tarOf(...dockerArchive({ config: configOf([base]), layers: [base], tags: ["b:1"] }))),
    );
    return world;
  }
  const free = { inUse: () => undefined };

  test("lists images with their names and sizes", async () => {
    const { paths } = await filled();
    const listed = listImages(paths).map(({ references, sizeBytes }) => [references, sizeBytes]);
    expect(listed.sort()).toEqual([
      [["a:1", "a:2"], 11],
      [["b:1"], 6],
    ]);
    expect(listImages(pathsOf("/nonexistent"))).toEqual([]);
  });

  test("removes names one by one, then the image with the layers only it had", async () => {
    const { paths } = await filled();
    const id = found(paths, "a:1").id;
    expect(removeImage(paths, "a:1", free)).toEqual({ id, untagged: ["a:1"] });
    expect(removeImage(paths, "a:2", free)).toEqual({ id, untagged: ["a:2"], deleted: id });
    expect(findImage(paths, id)).toBeUndefined();
    expect([names(paths.layers), names(paths.trash)]).toEqual([[sha256(base)], []]);
    expect(content(found(paths, "b:1"), 0, "etc/base")).toBe("base");
    expect(removeImage(paths, "b:1", free).untagged).toEqual(["b:1"]);
    expect([names(paths.layers), names(paths.links), names(paths.blobs)]).toEqual([[], [], []]);
    expect(() => removeImage(paths, "b:1", free)).toThrow("no such image");
  });

  test("removes by id only with force where there are several names", async () => {
    const { paths } = await filled();
    const id = found(paths, "a:1").id;
    expect(() => removeImage(paths, id.slice(7, 20), free)).toThrow("several names (a:1, a:2)");
    expect(removeImage(paths, id, { ...free, force: true })).toEqual({ id, untagged: ["a:1", "a:2"], deleted: id });
  });

  test("does not remove what a container uses; forced, only its name", async () => {
    const { paths } = await filled();
    const inUse = () => "container web";
    expect(() => removeImage(paths, "b:1", { inUse })).toThrow("container web uses it");
    const other = found(paths, "a:1").id;
    expect(removeImage(paths, "a:1", { inUse })).toEqual({ id: other, untagged: ["a:1"] });
    const id = found(paths, "b:1").id;
    expect(removeImage(paths, "b:1", { inUse, force: true })).toEqual({ id, untagged: ["b:1"] });
    collectGarbage(paths);
    expect(content(found(paths, id), 0, "etc/base")).toBe("base");
  });

  test("refuses to guess between ids that begin alike", async () => {
    const { paths } = await filled();
    for (const digit of "ab") writeFileSync(`${paths.images}/${"f".repeat(20)}${digit.repeat(44)}`, "{}");
    expect(() => findImage(paths, "ffff")).toThrow("2 image ids begin with ffff");
    expect(findImage(paths, "0123456789ab")).toBeUndefined();
  });

  test("shows the other images when one is damaged, and collects nothing it cannot account for", async () => {
    const { paths } = await filled();
    writeFileSync(`${paths.images}/${found(paths, "a:1").id.slice(7)}`, "damaged");
    expect(listImages(paths).filter((image) => image.damage === undefined)).toMatchObject([{ references: ["b:1"] }]);
    expect(() => findImage(paths, "a:1")).toThrow(DamagedError);
    collectGarbage(paths);
    expect(names(paths.layers)).toHaveLength(2);
  });

  test("gives two layers whose ids begin alike links of different length", async () => {
    const { paths, put } = setup();
    const hex = sha256(rootfs());
    mkdirSync(paths.links, { recursive: true });
    Bun.spawnSync(["ln", "-s", "../layers/other/fs", `${paths.links}/${hex.slice(0, 12)}`]);
    mkdirSync(paths.staging, { recursive: true });
    const keeper = Bun.spawn(["flock", mkdirAt(`${paths.staging}/alive`), "sleep", "30"]); // so that the link is not collected
    await Bun.sleep(100);
    await loadImages(paths, put("x.tar", rootfs()));
    keeper.kill();
    expect(found(paths, "x").layers).toEqual([`${paths.links}/${hex.slice(0, 13)}`]);
  });
});

const mkdirAt = (path: string): string => {
  mkdirSync(path);
  return path;
};

describe("peekImages()", () => {
  test("tells what is in a file without loading it and without root", async () => {
    const { put, directory } = setup();
    const archive = tarOf(...dockerArchive({ config, layers: [base, upper], tags: ["app:1"] }));
    const files = ociLayout({ config, layers: [base, upper] });
    for (const [name, bytes] of files) put(`layout/${name}`, bytes);
    const expected = { references: ["app:1"], layerCount: 2, config: { config: { Cmd: ["/bin/sh"] } } };
    expect(await peekImages(put("a.tar", archive))).toMatchObject([{ kind: "archive", ...expected }]);
    expect(await peekImages(put("a.tgz", gzipSync(archive) as Buffer))).toMatchObject([
      { kind: "archive", ...expected },
    ]);
    expect(await peekImages(`${directory}/layout`)).toMatchObject([{ kind: "layout", ...expected, references: [] }]);
    for (const bytes of [rootfs(), gzipSync(rootfs()) as Buffer])
      expect(await peekImages(put("fs.tar", bytes))).toMatchObject([
        { kind: "rootfs", references: ["fs:latest"], layerCount: 1 },
      ]);
    expect(await failure(peekImages(put("bad", "hello ".repeat(200))))).toBeInstanceOf(InvalidError);
    expect((await failure(peekImages(`${directory}/none`))).message).toContain("no such file");
  });
});

test("the store moves as a whole: its links are relative", async () => {
  if (!isRoot) return;
  const { paths, put, directory } = setup();
  await loadImages(paths, put("x.tar", rootfs()));
  cpSync(paths.root, `${directory}/moved`, { recursive: true, verbatimSymlinks: true });
  expect(content(found(pathsOf(`${directory}/moved`), "x"), 0, "bin/sh")).toBe("#!");
});
