import { describe, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { InvalidError } from "../../src/errors.ts";
import { createExtractor } from "../../src/image/extract.ts";
import type { ExtractLimits } from "../../src/image/extraction.ts";
import { createTarReader } from "../../src/image/tar/reader.ts";
import { byteNameOf } from "../../src/linux/byte-name.ts";
import type { Fd } from "../../src/linux/file.ts";
import { removePath } from "../../src/linux/tree/tree.ts";
import { fgetxattr } from "../../src/linux/tree/xattr.ts";
import { longName, pax, type RawEntry, tarOf } from "../support/tars.ts";
import { isRoot, temporaryDirectory } from "../support/temporary.ts";

const roomy: ExtractLimits = { maxBytes: 2 ** 30, maxEntries: 10_000, freeBytes: 2 ** 40 };

/** Extracts entries into a new directory below `base`, on top of the layers given. */
function extract(base: string, entries: RawEntry[], lowers: string[] = [], limits = roomy): string {
  const directory = `${base}/layer${readdirSync(base).length}`;
  mkdirSync(directory);
  const root = openSync(directory, "r") as Fd;
  const extractor = createExtractor(root, { lowers, limits });
  try {
    const reader = createTarReader(extractor, "test.tar");
    reader.write(tarOf(...entries));
    reader.finish();
    extractor.finish();
    return directory;
  } finally {
    extractor.close();
    closeSync(root);
  }
}

const isWhiteout = (path: string): boolean => lstatSync(path).isCharacterDevice() && lstatSync(path).rdev === 0;
function xattr(path: string, key: string): Buffer | undefined {
  const fd = openSync(path, "r") as Fd;
  const value = fgetxattr(fd, byteNameOf(key));
  closeSync(fd);
  return value && Buffer.from(value);
}
const isOpaque = (path: string): boolean => xattr(path, "trusted.overlay.opaque")?.toString() === "y";
const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;

// Owners and devices need root.
describe.skipIf(!isRoot)("extraction keeps what a tar says (root only)", () => {
  test("creates every type with owner, mode and time", () => {
    const root = extract(temporaryDirectory(), [
      { name: "d/", mode: 0o1777, uid: 1, gid: 2, mtime: 100 },
      { name: "d/suid", content: "x", mode: 0o4755, uid: 3, gid: 4, mtime: 200 },
      { name: "d/link", type: "2", link: "/etc/passwd", uid: 5, gid: 6, mtime: 300 },
      { name: "d/hard", type: "1", link: "d/suid" },
      { name: "d/null", type: "3", major: 1, minor: 3, mode: 0o666, mtime: 400 },
      { name: "d/disk", type: "4", major: 259, minor: 1000, mode: 0o660, gid: 6 },
      { name: "d/fifo", type: "6", mode: 0o2600 },
      { name: "huge", content: "y", uid: 4_000_000_000, gid: 4_100_000_000 },
    ]);
    const d = statSync(`${root}/d`);
    expect([d.mode & 0o7777, d.uid, d.gid, d.mtimeMs]).toEqual([0o1777, 1, 2, 100_000]);
    const suid = statSync(`${root}/d/suid`);
    expect([suid.mode & 0o7777, suid.uid, suid.gid, suid.mtimeMs]).toEqual([0o4755, 3, 4, 200_000]);
    const link = lstatSync(`${root}/d/link`);
    expect([readlinkSync(`${root}/d/link`), link.uid, link.mtimeMs]).toEqual(["/etc/passwd", 5, 300_000]);
    expect([statSync(`${root}/d/hard`).ino, suid.nlink]).toEqual([suid.ino, 2]);
    const nul = lstatSync(`${root}/d/null`);
    expect([nul.isCharacterDevice(), nul.rdev, nul.mode & 0o7777]).toEqual([true, 0x103, 0o666]);
    const disk = lstatSync(`${root}/d/disk`);
    expect([disk.isBlockDevice(), disk.rdev >> 8, modeOf(`${root}/d/fifo`)]).toEqual([true, 0x3103, 0o2600]);
    expect([statSync(`${root}/huge`).uid, statSync(`${root}/huge`).gid]).toEqual([4_000_000_000, 4_100_000_000]);
  });

  test("keeps names that are not UTF-8, and names of 255 bytes in deep paths", () => {
    const deep = `${"d".repeat(255)}/${"e".repeat(255)}/${"f".repeat(255)}`;
    const root = extract(temporaryDirectory(), [
      { name: Buffer.from([0x66, 0xff, 0xfe]), content: "raw" },
      longName(deep),
      { name: "cut", content: "deep" },
    ]);
    const names = readdirSync(root, { encoding: "buffer" }).map((name) => Buffer.from(name).toString("latin1"));
    expect(names).toContain("f\xff\xfe");
    expect(readFileSync(`${root}/${deep}`, "utf8")).toBe("deep");
  });

  test("keeps holes", () => {
    const root = extract(temporaryDirectory(), [
      pax({ "GNU.sparse.size": "50000000", "GNU.sparse.map": "0,2,40000000,3" }),
      { name: "s", content: "abcde" },
    ]);
    const { size, blocks } = statSync(`${root}/s`);
    expect([size, blocks < 100]).toEqual([50_000_000, true]);
    expect(readFileSync(`${root}/s`).subarray(40_000_000, 40_000_003).toString()).toBe("cde");
  });

  test("takes capabilities and user attributes, and no other", () => {
    // A capability set of version 2 with CAP_NET_RAW (13) permitted and effective.
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const root = extract(temporaryDirectory(), [
      pax({
        "SCHILY.xattr.security.capability": capability,
        "SCHILY.xattr.user.note": "hi",
        "SCHILY.xattr.user.overlay.opaque": "y",
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
        "SCHILY.xattr.security.selinux": "x",
      }),
      { name: "ping", content: "x", uid: 7, mode: 0o755 },
      pax({ "SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.security.capability": capability }),
      { name: "dir/" },
    ]);
    const file = `${root}/ping`;
    expect(xattr(file, "security.capability")).toEqual(capability);
    expect(xattr(file, "user.note")?.toString()).toBe("hi");
    for (const key of ["user.overlay.opaque", "trusted.overlay.redirect", "security.selinux"])
      expect(xattr(file, key)).toBeUndefined();
    expect([isOpaque(`${root}/dir`), xattr(`${root}/dir`, "security.capability")]).toEqual([false, undefined]);
  });

  test("lets the last entry of a name win, whatever the types", () => {
    const root = extract(temporaryDirectory(), [
      { name: "a", content: "old" },
      { name: "a", content: "new" },
      { name: "b/" },
      { name: "b/deep/" },
      { name: "b/deep/file", content: "x" },
      { name: "b", type: "2", link: "a" },
      { name: "c", type: "2", link: "a" },
      { name: "c/" },
      { name: "c/in", content: "in" },
      { name: "d", content: "x" },
      { name: "d", type: "1", link: "a" },
    ]);
    expect(readFileSync(`${root}/a`, "utf8")).toBe("new");
    expect([readlinkSync(`${root}/b`), readFileSync(`${root}/c/in`, "utf8")]).toEqual(["a", "in"]);
    expect(readFileSync(`${root}/d`, "utf8")).toBe("new");
  });

  test("does not write through a hard link when its other name is replaced", () => {
    const root = extract(temporaryDirectory(), [
      { name: "a", content: "first" },
      { name: "b", type: "1", link: "a" },
      { name: "b", content: "second" },
    ]);
    expect(readFileSync(`${root}/a`, "utf8")).toBe("first");
  });

  test("gives a root that no entry describes the mode 0755", () => {
    expect(modeOf(extract(temporaryDirectory(), [{ name: "f" }]))).toBe(0o755);
  });
});

describe.skipIf(!isRoot)("layers on top of others (root only)", () => {
  test("turn whiteouts into 0:0 devices and opaque marks into the attribute", () => {
    const base = temporaryDirectory();
    const lower = extract(base, [{ name: "gone", content: "x" }, { name: "d/" }, { name: "d/old", content: "x" }]);
    const upper = extract(base, [{ name: ".wh.gone" }, { name: "d/" }, { name: "d/.wh..wh..opq" }], [lower]);
    expect([isWhiteout(`${upper}/gone`), isOpaque(`${upper}/d`)]).toEqual([true, true]);
    expect(readdirSync(`${upper}/d`)).toEqual([]);
  });

  test("keep what they have themselves when a whiteout speaks of the layers below", () => {
    const base = temporaryDirectory();
    const lower = extract(base, [{ name: "d/" }, { name: "d/old" }, { name: "f", content: "old" }]);
    const after = extract(
      base,
      [{ name: "d/" }, { name: "d/new" }, { name: ".wh.d" }, { name: "f" }, { name: ".wh.f" }],
      [lower],
    );
    expect([isOpaque(`${after}/d`), existsSync(`${after}/d/new`), statSync(`${after}/f`).size]).toEqual([
      true,
      true,
      0,
    ]);
    const before = extract(base, [{ name: ".wh.d" }, { name: "d/" }, { name: "d/new" }], [lower]);
    expect([isOpaque(`${before}/d`), existsSync(`${before}/d/new`)]).toEqual([true, true]);
  });

  test("hide every name of the layers below for an opaque root", () => {
    const base = temporaryDirectory();
    const first = extract(base, [{ name: "a" }, { name: "d/" }]);
    const second = extract(base, [{ name: "b" }], [first]);
    const top = extract(
      base,
      [{ name: "d/" }, { name: ".wh..wh..opq" }, { name: "b", content: "new" }],
      [first, second],
    );
    expect([isWhiteout(`${top}/a`), isOpaque(`${top}/d`), statSync(`${top}/b`).size]).toEqual([true, true, 3]);
  });

  test("make missing parents like the ones below them, and follow the symbolic links of those", () => {
    const base = temporaryDirectory();
    const lower = extract(base, [
      { name: "./", mode: 0o700, mtime: 55 },
      { name: "tmp/", mode: 0o1777, uid: 8, gid: 9, mtime: 77 },
      { name: "usr/lib/" },
      { name: "lib", type: "2", link: "usr/lib" },
      { name: "abs", type: "2", link: "/usr/../usr/./lib" },
    ]);
    const upper = extract(
      base,
      [{ name: "tmp/f" }, { name: "lib/one" }, { name: "abs/sub/two" }, { name: "new/f" }],
      [lower],
    );
    const tmp = statSync(`${upper}/tmp`);
    expect([tmp.mode & 0o7777, tmp.uid, tmp.gid, tmp.mtimeMs]).toEqual([0o1777, 8, 9, 77_000]);
    expect(readdirSync(upper).sort()).toEqual(["new", "tmp", "usr"]);
    expect(readdirSync(`${upper}/usr/lib`).sort()).toEqual(["one", "sub"]);
    expect([modeOf(upper), statSync(upper).mtimeMs, modeOf(`${upper}/new`)]).toEqual([0o700, 55_000, 0o755]);
  });

  test("do not find parents that a layer between has hidden", () => {
    const base = temporaryDirectory();
    const bottom = extract(base, [{ name: "a/" }, { name: "a/b/", mode: 0o711 }, { name: "c/", mode: 0o711 }]);
    const middle = extract(base, [{ name: "a/" }, { name: "a/.wh..wh..opq" }, { name: ".wh.c" }], [bottom]);
    const top = extract(base, [{ name: "a/b/f" }, { name: "c/f" }], [bottom, middle]);
    expect([modeOf(`${top}/a/b`), modeOf(`${top}/c`)]).toEqual([0o755, 0o755]);
  });

  test("link to files that only a layer below has", () => {
    const base = temporaryDirectory();
    const lower = extract(base, [{ name: "usr/" }, { name: "usr/f", content: "shared" }]);
    const upper = extract(base, [{ name: "g", type: "1", link: "usr/f" }], [lower]);
    expect([readFileSync(`${upper}/g`, "utf8"), readdirSync(upper)]).toEqual(["shared", ["g"]]);
  });

  test("leave aufs's own records out", () => {
    const base = temporaryDirectory();
    const lower = extract(base, [{ name: "a" }]);
    const entries = [{ name: ".wh..wh.plnk/" }, { name: ".wh..wh.plnk/1.2", content: "x" }, { name: ".wh..wh.aufs" }];
    expect(readdirSync(extract(base, entries, [lower]))).toEqual([]);
  });
});

describe.skipIf(!isRoot)("a parent that no entry names (root only)", () => {
  const file = { name: "foo", content: "old" };
  const link = (to: string) => ({ name: "foo", type: "2", link: to });
  const bar = { name: "foo/bar", content: "new" };
  const cases: Record<string, [lower: RawEntry[], upper: RawEntry[], where: string, opaque: boolean]> = {
    "takes the place of a file below": [[file], [bar], "foo/bar", false],
    "takes the place of a device below": [[{ name: "foo", type: "6" }], [bar], "foo/bar", false],
    "takes the place of a file in the same layer": [[], [file, bar], "foo/bar", false],
    "takes the place of a symbolic link to a file": [[{ name: "f", content: "x" }, link("f")], [bar], "foo/bar", false],
    "takes the place of a loop of symbolic links": [[link("foo")], [bar], "foo/bar", false],
    "takes the place of a loop in the same layer": [[], [link("foo"), bar], "foo/bar", false],
    "takes the place of a whiteout, and hides what that hid": [
      [{ name: "foo/" }, { name: "foo/old", content: "x" }],
      [{ name: ".wh.foo" }, bar],
      "foo/bar",
      true,
    ],
    "is where a symbolic link below leads": [[{ name: "d/" }, link("/d")], [bar], "d/bar", false],
    "is made where a symbolic link leads to nothing": [[link("d/e")], [bar], "d/e/bar", false],
    "is deep in what was a file": [[file], [{ name: "foo/a/b/bar", content: "new" }], "foo/a/b/bar", false],
  };
  for (const [what, [below, above, where, opaque]] of Object.entries(cases))
    test(what, () => {
      const base = temporaryDirectory();
      const lower = extract(base, [{ name: "other/" }, ...below]);
      const upper = extract(base, above, [lower]);
      expect(readFileSync(`${upper}/${where}`, "utf8")).toBe("new");
      expect(isOpaque(`${upper}/${where.split("/")[0]}`)).toBe(opaque);
    });
  test("of 2,000 levels is made, from a tar and by an entry alone", () => {
    const base = temporaryDirectory();
    const deep = "d/".repeat(2000);
    const lower = extract(base, [longName(deep), { name: "cut/", mode: 0o700 }]);
    const upper = extract(base, [longName(`${deep}f`), { name: "cut", content: "x" }], [lower]);
    expect(readFileSync(`${upper}/${deep}f`, "utf8")).toBe("x");
    expect(modeOf(`${upper}/${deep}`)).toBe(0o700);
    removePath(base);
  });
});

describe.skipIf(!isRoot)("hostile tars (root only)", () => {
  /** A place beside the layer that must stay as it is. */
  function guarded(): { base: string; outside: string; check: () => void } {
    const outside = temporaryDirectory();
    writeFileSync(`${outside}/canary`, "alive", { mode: 0o600 });
    const base = temporaryDirectory();
    const before = [lstatSync(outside).mtimeMs, lstatSync(`${outside}/canary`).ctimeMs];
    return {
      base,
      outside,
      check() {
        expect(readdirSync(outside)).toEqual(["canary"]);
        expect(readFileSync(`${outside}/canary`, "utf8")).toBe("alive");
        expect([lstatSync(outside).mtimeMs, lstatSync(`${outside}/canary`).ctimeMs]).toEqual(before);
        expect(readdirSync(base).every((name) => name.startsWith("layer"))).toBe(true);
      },
    };
  }

  const refused: Record<string, (outside: string) => RawEntry[]> = {
    "a name with ..": () => [{ name: "../evil", content: "x" }],
    "a name with .. in the middle": () => [{ name: "a/../../evil", content: "x" }],
    "a directory with ..": () => [{ name: "../../evil/" }],
    "a symbolic link at ..": () => [{ name: "a/../../evil", type: "2", link: "x" }],
    "a pax path with ..": () => [pax({ path: "../evil" }), { name: "f", content: "x" }],
    "a hard link to ..": () => [{ name: "evil", type: "1", link: "../canary" }],
    "a hard link to an absolute path": (outside) => [{ name: "evil", type: "1", link: `${outside}/canary` }],
    "a hard link through a symbolic link": (outside) => [
      { name: "out", type: "2", link: outside },
      { name: "evil", type: "1", link: "out/canary" },
    ],
    "a hard link to a directory": () => [{ name: "d/" }, { name: "evil", type: "1", link: "d" }],
    "a hard link to the root": () => [{ name: "evil", type: "1", link: "." }],
    "a whiteout of ..": () => [{ name: ".wh..." }],
    "a whiteout of the directory itself": () => [{ name: "d/" }, { name: "d/.wh.." }],
    "a whiteout of nothing": () => [{ name: ".wh." }],
    "a whiteout out of the tree": () => [{ name: "../.wh.canary" }],
    "an opaque mark out of the tree": () => [{ name: "../.wh..wh..opq" }],
    "a file in place of the root": () => [{ name: "./", type: "2", link: "/" }],
    "a name of 256 bytes": () => [longName("n".repeat(256)), { name: "cut", content: "x" }],
    "a path of 5000 bytes": () => [longName("d/".repeat(2500)), { name: "cut/" }],
    "a device number that cannot be": () => [{ name: "dev", type: "3", major: 5000, minor: 1 }],
    "a terabyte in one file": () => [{ name: "bomb", size: 2 ** 40 }],
    "a sparse file of a petabyte": () => [
      pax({ "GNU.sparse.size": `${2 ** 50}`, "GNU.sparse.map": "0,1" }),
      { name: "bomb", content: "x" },
    ],
  };
  for (const [what, entries] of Object.entries(refused))
    test(`are refused for ${what}`, () => {
      const { base, outside, check } = guarded();
      const lower = extract(base, [{ name: "low" }]);
      expect(() => extract(base, entries(outside), [lower])).toThrow(InvalidError);
      check();
    });

  const confined: Record<string, (outside: string) => RawEntry[]> = {
    "an absolute name": (outside) => [{ name: `${outside}/evil`, content: "x" }],
    "writing through an absolute symbolic link": (outside) => [
      { name: "out", type: "2", link: outside },
      { name: "out/evil", content: "x" },
    ],
    "writing through a symbolic link with ..": () => [
      { name: "up", type: "2", link: "../../../.." },
      { name: "up/tmp/evil", content: "x" },
    ],
    "a chain of symbolic links": (outside) => [
      { name: "a", type: "2", link: "b/.." },
      { name: "b", type: "2", link: outside },
      { name: "a/evil", content: "x" },
    ],
    "a file on top of a symbolic link": (outside) => [
      { name: "f", type: "2", link: `${outside}/canary` },
      { name: "f", content: "overwritten", mode: 0o777 },
    ],
    "a directory on top of a symbolic link": (outside) => [
      { name: "d", type: "2", link: outside },
      { name: "d/", mode: 0o777, uid: 99 },
      { name: "d/canary", content: "overwritten" },
    ],
    "a parent that is swapped for a symbolic link": (outside) => [
      { name: "d/" },
      { name: "d/one", content: "x" },
      { name: "d", type: "2", link: outside },
      { name: "d/canary", content: "overwritten" },
    ],
    "a hard link to a symbolic link": (outside) => [
      { name: "s", type: "2", link: `${outside}/canary` },
      { name: "h", type: "1", link: "s" },
      { name: "h", content: "overwritten" },
    ],
    "a whiteout through a symbolic link": (outside) => [
      { name: "out", type: "2", link: outside },
      { name: "out/.wh.canary" },
    ],
    "an opaque mark through a symbolic link": (outside) => [
      { name: "out", type: "2", link: outside },
      { name: "out/.wh..wh..opq" },
    ],
    "a device on top of a symbolic link": (outside) => [
      { name: "c", type: "2", link: `${outside}/canary` },
      { name: "c", type: "3", major: 1, minor: 3, mode: 0o777 },
    ],
    "a symbolic link into /proc": () => [
      { name: "p", type: "2", link: "/proc/self/root" },
      { name: "p/tmp/evil", content: "x" },
    ],
  };
  for (const [what, entries] of Object.entries(confined))
    test(`are confined to the layer with ${what}`, () => {
      const { base, outside, check } = guarded();
      const lower = extract(base, [{ name: "low" }]);
      extract(base, entries(outside), [lower]);
      check();
    });

  test("are confined by symbolic links of the layers below, too", () => {
    const { base, outside, check } = guarded();
    const lower = extract(base, [{ name: "out", type: "2", link: outside }]);
    const upper = extract(base, [{ name: "out/evil", content: "x" }, { name: "out/.wh.canary" }], [lower]);
    expect(existsSync(`${upper}${outside}/evil`)).toBe(true);
    check();
  });

  test("stop at the limits of entries and bytes, before anything is written", () => {
    const base = temporaryDirectory();
    const many = Array.from({ length: 20 }, (_, i) => ({ name: `f${i}` }));
    expect(() => extract(base, many, [], { ...roomy, maxEntries: 10 })).toThrow("more than 10 entries");
    const large = [{ name: "big", content: "x".repeat(2000) }];
    expect(() => extract(base, large, [], { ...roomy, maxBytes: 1000 })).toThrow("more than 1000 bytes");
    expect(existsSync(`${base}/layer1/big`)).toBe(false);
    expect(() => extract(base, large, [], { ...roomy, freeBytes: 1000 })).toThrow("ENOSPC (only 1000 bytes are free)");
  });
});
