import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { InvalidError } from "../../src/errors.ts";
import type { TarEntry } from "../../src/image/tar/entry.ts";
import { createTarReader } from "../../src/image/tar/reader.ts";
import { byteNameOf } from "../../src/linux/byte-name.ts";
import { endMarker, entryBytes, longName, pax, putNumber, type RawEntry, tarOf } from "../support/tars.ts";

type Read = TarEntry & { pieces: [offset: number, text: string][] };

/** Reads a tar in chunks of the given sizes, the last one repeated. */
function readTar(tar: Uint8Array, sizes: number[] = [tar.length]): Read[] {
  const entries: Read[] = [];
  const reader = createTarReader(
    {
      entry(entry) {
        entries.push({ ...entry, pieces: [] });
        return true;
      },
      content(bytes, offset) {
        const { pieces } = entries.at(-1) as Read;
        const last = pieces.at(-1);
        if (last && last[0] + last[1].length === offset) last[1] += bytes.toString("latin1");
        else pieces.push([offset, bytes.toString("latin1")]);
      },
      end() {},
    },
    "test.tar",
  );
  for (let at = 0, i = 0; at < tar.length; i++) {
    const size = Math.max(1, sizes[Math.min(i, sizes.length - 1)] ?? tar.length);
    reader.write(tar.subarray(at, at + size));
    at += size;
  }
  reader.finish();
  return entries;
}

const one = (...entries: RawEntry[]): Read => readTar(tarOf(...entries))[0] as Read;
const sparseBlock = (map: number[], more: boolean, at = 0): Buffer => {
  const block = Buffer.alloc(512);
  for (const [i, value] of map.entries()) putNumber(block, at + i * 12, 12, value);
  block[504] = more ? 1 : 0;
  return block;
};

describe("the tar reader", () => {
  test("reads ustar fields, the prefix of long names, and content", () => {
    const entry = one({
      name: "name",
      content: "hello",
      mode: 0o4755,
      uid: 12,
      gid: 34,
      mtime: 77,
      patch: (block) => void block.write("a/long/way", 345),
    });
    expect(entry).toMatchObject({ type: "file", path: "a/long/way/name", mode: 0o4755, uid: 12, gid: 34, size: 5 });
    expect(entry.mtime).toEqual({ seconds: 77, nanoseconds: 0 });
    expect(entry.pieces).toEqual([[0, "hello"]]);
  });

  test("reads GNU long names and links, and leaves GNU's times out of the name", () => {
    const path = `${"d/".repeat(90)}file`;
    const target = "t".repeat(300);
    const entry = one(longName(target, "K"), longName(path), {
      name: path.slice(0, 99),
      type: "2",
      link: target.slice(0, 99),
      magic: "ustar  \0",
      patch: (block) => void block.write("12345670123", 345),
    });
    expect([entry.path, entry.linkPath]).toEqual([byteNameOf(path), byteNameOf(target)]);
  });

  test("reads base-256 sizes, ids and times before 1970", () => {
    const entry = one({ name: "f", uid: 4_000_000_000, gid: 3_000_000, mtime: -5 });
    expect([entry.uid, entry.gid, entry.mtime.seconds]).toEqual([4_000_000_000, 3_000_000, -5]);
  });

  test("takes a name that ends in a slash for a directory in v7 archives", () => {
    expect(one({ name: "dir/", type: "\0", magic: "\0".repeat(8) }).type).toBe("directory");
  });

  test("applies pax path, linkpath, owner, size, and times with fractions", () => {
    const entry = one(pax({ path: "päth", uid: "3000000000", gid: "7", mtime: "-1.25", comment: "x" }), {
      name: "short",
      content: "c",
    });
    expect(entry.path).toBe(byteNameOf("päth"));
    expect([entry.uid, entry.gid]).toEqual([3_000_000_000, 7]);
    expect(entry.mtime).toEqual({ seconds: -2, nanoseconds: 750_000_000 });
  });

  test("keeps binary extended attributes byte for byte", () => {
    const value = Buffer.from([1, 0, 0, 2, 0xff, 0x0a, 0, 0x3d]);
    const entry = one(pax({ "SCHILY.xattr.security.capability": value }), { name: "f" });
    expect(Buffer.from(entry.xattrs.get(byteNameOf("security.capability")) as Uint8Array)).toEqual(value);
  });

  test("lets global pax headers set times and owners, and nothing that names or measures a file", () => {
    const global = (records: Record<string, string>): RawEntry => ({ ...pax(records), type: "g" });
    expect(readTar(tarOf(global({ mtime: "5", uid: "9" }), { name: "a" }, { name: "b" })).map((e) => e.uid)).toEqual([
      9, 9,
    ]);
    // Docker takes no notice of those either.
    for (const key of ["path", "linkpath", "size", "GNU.sparse.map", "SCHILY.xattr.user.x"]) {
      const { path, size, xattrs } = one(global({ [key]: "1" }), { name: "a", content: "xy" });
      expect([String(path), size, xattrs.size]).toEqual(["a", 2, 0]);
    }
  });

  test("reads sparse files in old GNU format, with extension blocks", () => {
    const map = Array.from({ length: 6 }, (_, i) => [i * 1000, 1]).flat();
    const content = Buffer.concat([sparseBlock(map.slice(8), false), Buffer.from("abcdef")]);
    const entry = one({
      name: "s",
      type: "S",
      magic: "ustar  \0",
      size: 6,
      content,
      patch(block) {
        for (const [i, value] of map.slice(0, 8).entries()) putNumber(block, 386 + i * 12, 12, value);
        block[482] = 1;
        putNumber(block, 483, 12, 9000);
      },
    });
    expect(entry).toMatchObject({ size: 9000, storedBytes: 6, sparse: true });
    expect(entry.pieces).toEqual([..."abcdef"].map((letter, i) => [i * 1000, letter]));
  });

  test("reads sparse files in pax formats 0.0, 0.1 and 1.0", () => {
    const expected = [
      [10, "abc"],
      [100, "de"],
    ];
    const name = { name: "GNUSparseFile.0/x", content: "abcde" };
    const v00 = one(
      pax([
        ["GNU.sparse.size", "200"],
        ["GNU.sparse.numblocks", "2"],
        ...[10, 3, 100, 2].map((n, i): [string, string] => [`GNU.sparse.${i % 2 ? "numbytes" : "offset"}`, `${n}`]),
      ]),
      name,
    );
    const v01 = one(pax({ "GNU.sparse.size": "200", "GNU.sparse.name": "x", "GNU.sparse.map": "10,3,100,2" }), name);
    const map = Buffer.alloc(512);
    map.write("2\n10\n3\n100\n2\n");
    const v10 = one(
      pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "200" }),
      { ...name, content: Buffer.concat([map, Buffer.from("abcde")]) },
    );
    for (const entry of [v00, v01, v10]) {
      expect(entry.pieces).toEqual(expected as [number, string][]);
      expect(entry.size).toBe(200);
    }
    expect([v01.path, v10.path]).toEqual([byteNameOf("x"), byteNameOf("x")]);
  });

  test("ignores the size of entries that have no content, as old writers wrote it", () => {
    const entries = readTar(tarOf({ name: "l", type: "1", link: "f", size: 5000 }, { name: "f", content: "x" }));
    expect(entries.map((entry) => entry.path)).toEqual([byteNameOf("l"), byteNameOf("f")]);
  });

  test("accepts a missing end marker between entries, and anything behind one", () => {
    expect(readTar(entryBytes({ name: "f", content: "x" }))).toHaveLength(1);
    expect(readTar(Buffer.concat([tarOf({ name: "f" }), Buffer.from("garbage")]))).toHaveLength(1);
  });

  test("says of what is shorter than a header that it is no tar, and of what ends later that it is cut off", () => {
    expect(() => readTar(Buffer.from("garbage"))).toThrow("is not a tar: it has 7 bytes");
    expect(() => readTar(tarOf({ name: "f", content: "x".repeat(600) }).subarray(0, 900))).toThrow("is cut off");
  });

  const refused: Record<string, Buffer> = {
    "a wrong checksum": tarOf({ name: "f", checksum: "000001\0 " }),
    "text that is no tar": Buffer.from("#!/bin/sh\n".repeat(100)),
    "a header cut off": tarOf({ name: "f" }).subarray(0, 300),
    "content cut off": tarOf({ name: "f", content: "x".repeat(600) }).subarray(0, 900),
    "padding cut off": entryBytes({ name: "f", content: "x" }).subarray(0, 700),
    "a pax header with nothing behind it": entryBytes(pax({ path: "x" })),
    "a negative size": tarOf({ name: "f", size: -512 }),
    "a size beyond 2^53": tarOf({ name: "f", patch: (b) => void b.fill(0x80, 124, 125).fill(0xff, 126, 136) }),
    "a size that is not octal": tarOf({ name: "f", patch: (b) => void b.write("99", 124) }),
    "an unknown type": tarOf({ name: "f", type: "Z" }),
    "a multi-volume part": tarOf({ name: "f", type: "M" }),
    "data behind one block of zeros": Buffer.concat([Buffer.alloc(512), tarOf({ name: "f" })]),
    "a NUL in a pax path": tarOf(pax({ path: "a\0b" }), { name: "f" }),
    "a NUL in a pax linkpath": tarOf(pax({ linkpath: "a\0b" }), { name: "f", type: "2" }),
    "a NUL in a pax key": tarOf(pax({ "a\0b": "x" }), { name: "f" }),
    "a NUL in a long name": tarOf(longName("a\0b"), { name: "f" }),
    "a pax record that claims too much": tarOf({ name: "p", type: "x", content: "99 path=x\n" }, { name: "f" }),
    "a pax record that claims too little": tarOf({ name: "p", type: "x", content: "5 path=x\n" }, { name: "f" }),
    "a pax record without a length": tarOf({ name: "p", type: "x", content: " path=x\n" }, { name: "f" }),
    "a pax record without a newline": tarOf({ name: "p", type: "x", content: "10 path=xy" }, { name: "f" }),
    "a pax record of length zero": tarOf({ name: "p", type: "x", content: "0 path=x\n" }, { name: "f" }),
    "a pax size that is negative": tarOf(pax({ size: "-1" }), { name: "f" }),
    "a pax size with letters": tarOf(pax({ size: "0x10" }), { name: "f" }),
    "a pax time that is none": tarOf(pax({ mtime: "soon" }), { name: "f" }),
    "an owner that means nobody": tarOf(pax({ uid: "4294967295" }), { name: "f" }),
    "a negative owner": tarOf({ name: "f", uid: -1 }),
    "a pax header without end": tarOf({ name: "p", type: "x", size: 2 ** 40 }),
    "a long name without end": tarOf({ name: "p", type: "L", size: 2 ** 31 }),
    "a sparse map that overlaps": tarOf(pax({ "GNU.sparse.size": "99", "GNU.sparse.map": "5,3,6,2" }), {
      name: "f",
      content: "abcde",
    }),
    "a sparse map that leaves the file": tarOf(pax({ "GNU.sparse.size": "9", "GNU.sparse.map": "5,5" }), {
      name: "f",
      content: "abcde",
    }),
    "a sparse map that promises more than is stored": tarOf(
      pax({ "GNU.sparse.size": "99", "GNU.sparse.map": "0,50" }),
      { name: "f", content: "abcde" },
    ),
    "a sparse map out of order": tarOf(
      pax([
        ["GNU.sparse.size", "9"],
        ["GNU.sparse.numbytes", "1"],
      ]),
      { name: "f", content: "a" },
    ),
  };
  for (const [what, tar] of Object.entries(refused))
    test(`refuses ${what}`, () => {
      expect(() => readTar(tar)).toThrow(InvalidError);
    });

  test("gives the same entries whatever the chunks", () => {
    const map = Buffer.alloc(512);
    map.write("2\n10\n3\n100\n2\n");
    const tar = tarOf(
      { name: "dir/" },
      pax({ path: "x".repeat(300), "SCHILY.xattr.user.a": "b" }),
      { name: "a", content: "q".repeat(1500) },
      longName("y".repeat(200)),
      { name: "b", content: "" },
      pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s", "GNU.sparse.realsize": "200" }),
      { name: "c", content: Buffer.concat([map, Buffer.from("abcde")]) },
    );
    const whole = readTar(tar);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1600 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        expect(readTar(tar, sizes)).toEqual(whole);
      }),
    );
  });

  test("answers wild bytes with entries or InvalidError, never with anything else", () => {
    const valid = tarOf(pax({ path: "p", mtime: "1.5" }), { name: "a", content: "hello" }, { name: "d/" });
    const attempt = (tar: Uint8Array) => {
      try {
        readTar(tar, [700]);
      } catch (error) {
        if (!(error instanceof InvalidError)) throw error;
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), attempt));
    const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(damage, fc.boolean(), (changes, fixChecksums) => {
        const tar = Buffer.from(valid);
        for (const [at, byte] of changes) tar[at] = byte;
        if (fixChecksums) for (let at = 0; at < 2560; at += 1024) fixChecksum(tar, at);
        attempt(tar);
      }),
      { numRuns: 2000 },
    );
  });

  test("lets a reader of headers skip what it does not want", () => {
    const tar = Buffer.concat([entryBytes({ name: "big", content: "x".repeat(5000) }), tarOf({ name: "next" })]);
    const names: string[] = [];
    const visitor = { entry: (e: TarEntry) => names.push(e.path) < 0, content() {}, end() {} };
    const reader = createTarReader(visitor, "test.tar");
    reader.write(tar.subarray(0, 1000));
    const skipped = reader.skip();
    expect(skipped).toBe(512 + 5120 - 1000);
    reader.write(tar.subarray(1000 + skipped));
    reader.finish();
    expect(names).toEqual(["big", "next"]);
  });

  test("takes an archive of nothing but its end marker for empty", () => {
    expect(readTar(endMarker)).toEqual([]);
  });
});

function fixChecksum(tar: Buffer, at: number): void {
  tar.fill(" ", at + 148, at + 156);
  const sum = tar.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
}
