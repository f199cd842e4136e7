import { describe, expect, test } from "bun:test";
import { Readable } from "node:stream";
import fc from "fast-check";
import { extract as createTarStream } from "tar-stream";
import type { TarEntry } from "../../src/image/tar/entry.ts";
import { createTarReader } from "../../src/image/tar/reader.ts";
import { createTarWriter, type TarMember } from "../../src/image/tar/writer.ts";
import { type ByteName, byteName, byteNameIn, byteNameOf } from "../../src/linux/byte-name.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { has, sh } from "../support/trees.ts";

type WithContent = TarMember & { content?: Buffer };

function write(...members: WithContent[]): Buffer {
  const parts: Buffer[] = [];
  const writer = createTarWriter((bytes) => parts.push(Buffer.from(bytes)));
  for (const { content, ...member } of members) {
    writer.member({ ...member, ...(content && { size: member.size ?? content.length }) });
    if (content) writer.content(content);
  }
  writer.finish();
  return Buffer.concat(parts);
}

function read(tar: Buffer): { entry: TarEntry; content: string }[] {
  const found: { entry: TarEntry; content: string }[] = [];
  const reader = createTarReader(
    {
      entry: (entry) => Boolean(found.push({ entry, content: "" })),
      content: (bytes) => {
        found.at(-1)!.content += bytes.toString("latin1");
      },
      end() {},
    },
    "test.tar",
  );
  reader.write(tar);
  reader.finish();
  return found;
}

const nameChars = fc.integer({ min: 1, max: 255 }).filter((code) => code !== 0x2f);
const component = fc
  .array(nameChars, { minLength: 1, maxLength: 120 })
  .map((codes) => String.fromCharCode(...codes))
  .filter((name) => !/^\.+$/.test(name));
const path = fc
  .array(component, { minLength: 1, maxLength: 4 })
  .map((parts) => byteNameIn(Buffer.from(parts.join("/"), "latin1")));
const id = fc.oneof(fc.integer({ min: 0, max: 70000 }), fc.integer({ min: 0, max: 2 ** 32 - 2 }));
const mtime = fc.record({
  seconds: fc.integer({ min: -(2 ** 35), max: 2 ** 36 }),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
});
const common = { path, mode: fc.integer({ min: 0, max: 0o7777 }), uid: id, gid: id, mtime };
const xattrs = fc
  .array(fc.tuple(fc.constantFrom("user.a", "user.b=c", "security.capability"), fc.uint8Array({ maxLength: 40 })))
  .map(
    (pairs) =>
      new Map<ByteName, Uint8Array>(
        pairs.filter(([key]) => !key.includes("=")).map(([key, value]) => [byteNameOf(key), value]),
      ),
  );
const content = fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes));
const member: fc.Arbitrary<WithContent> = fc.oneof(
  fc.record({ type: fc.constant("file" as const), ...common, content, xattrs }),
  fc.record({ type: fc.constantFrom("directory" as const, "fifo" as const), ...common }),
  fc.record({ type: fc.constantFrom("symlink" as const, "hardlink" as const), ...common, linkPath: path }),
  fc.record({
    type: fc.constantFrom("char" as const, "block" as const),
    ...common,
    major: fc.nat(0xfff),
    minor: fc.nat(0xfffff),
  }),
);

describe("createTarWriter()", () => {
  test("writes what our reader reads back, whatever the names, owners, times and attributes", () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 8 }), (members) => {
        const found = read(write(...members));
        expect(found).toHaveLength(members.length);
        for (const [index, { entry, content }] of found.entries()) {
          const { content: expected = Buffer.alloc(0), ...wanted } = members[index]!;
          const slash = wanted.type === "directory" ? "/" : "";
          expect(entry).toMatchObject({ ...wanted, path: wanted.path + slash, xattrs: wanted.xattrs ?? new Map() });
          expect(content).toBe(expected.toString("latin1"));
        }
      }),
      { numRuns: 200 },
    );
  });
  test("writes sizes beyond 8 GiB, and holes, without their bytes", () => {
    const sparse: TarMember = {
      type: "file",
      path: byteNameOf("s".repeat(150)),
      mode: 0o600,
      size: 2 ** 36,
      sparse: [2 ** 35, 3],
    };
    const [only] = read(write({ ...sparse, content: Buffer.from("abc") }));
    expect(only!.entry).toMatchObject({ path: sparse.path, size: 2 ** 36, sparse: true });
    expect(only!.content).toBe("abc");
  });
  test("writes the same bytes for the same members, with nothing of now in them", () => {
    const members: WithContent[] = [
      {
        type: "file",
        path: byteName`b`,
        mode: 0o644,
        content: Buffer.from("x"),
        xattrs: new Map([
          [byteName`user.z`, Buffer.from("1")],
          [byteName`user.a`, Buffer.from("2")],
        ]),
      },
    ];
    const turned = members.map((one) => ({ ...one, xattrs: new Map([...one.xattrs!].reverse()) }));
    expect(write(...members)).toEqual(write(...turned));
  });
  test("refuses content that is not as long as announced, and names with a NUL", () => {
    const file: TarMember = { type: "file", path: byteName`f`, mode: 0, size: 3 };
    expect(() => write({ ...file, content: Buffer.from("toolong") })).toThrow("longer than announced");
    expect(() => write({ ...file, content: Buffer.from("ab") })).toThrow("1 bytes shorter than announced");
    expect(() => write({ type: "file", path: byteNameOf("a\0b"), mode: 0 })).toThrow("is not a valid name for a tar");
  });
});

describe("what others read", () => {
  const long = byteNameOf(`${"directory-".repeat(12)}/${"n".repeat(200)}`);
  const members: WithContent[] = [
    { type: "directory", path: byteName`d`, mode: 0o1777, mtime: { seconds: 1_000_000_000, nanoseconds: 0 } },
    {
      type: "file",
      path: byteName`d/file`,
      mode: 0o4755,
      uid: 1000,
      gid: 2000,
      content: Buffer.from("hello"),
      mtime: { seconds: 1_234_567_890, nanoseconds: 123_000_000 },
    },
    { type: "hardlink", path: byteName`d/hard`, linkPath: byteName`d/file`, mode: 0o4755, uid: 1000, gid: 2000 },
    { type: "symlink", path: byteName`soft`, linkPath: byteNameOf("t".repeat(300)), mode: 0o777 },
    { type: "file", path: long, mode: 0o600, uid: 4_000_000_000, content: Buffer.from("deep") },
    {
      type: "file",
      path: byteNameIn(Buffer.from("raw-\xff\xfe", "latin1")),
      mode: 0o600,
      content: Buffer.from("bytes"),
    },
    { type: "char", path: byteName`null`, mode: 0o666, major: 1, minor: 3 },
    { type: "fifo", path: byteName`pipe`, mode: 0o620 },
    {
      type: "file",
      path: byteName`holes`,
      mode: 0o600,
      size: 30_000_000,
      sparse: [4096, 512, 20_000_256, 2],
      content: Buffer.from(`${"a".repeat(512)}de`),
    },
  ];
  test("tar-stream finds every name, type, owner and size", async () => {
    const found: Record<string, unknown>[] = [];
    const extract = createTarStream();
    extract.on("entry", (header, stream, next) => {
      found.push({ name: header.name, type: header.type, size: header.size });
      stream.on("end", next).resume();
    });
    await new Promise<void>((resolve, reject) => {
      extract.on("finish", () => resolve()).on("error", reject);
      Readable.from([write(...members.slice(0, 5))]).pipe(extract);
    });
    expect(found).toEqual([
      { name: "d/", type: "directory", size: 0 },
      { name: "d/file", type: "file", size: 5 },
      { name: "d/hard", type: "link", size: 0 },
      { name: "soft", type: "symlink", size: 0 },
      { name: long, type: "file", size: 4 },
    ]);
  });
  test.skipIf(!has("tar", "bash"))("GNU tar extracts all of it as it was meant (root only)", async () => {
    const directory = temporaryDirectory();
    await Bun.write(`${directory}/t.tar`, write(...members));
    const out = sh(
      `mkdir x; tar --numeric-owner -C x -xpf t.tar; cd x
       stat -c '%n %F %a %u:%g %s %Y' d d/file holes pipe; stat -c '%t:%T' null; cat d/hard; readlink soft | wc -c; cat ${long}; stat -c %u ${long}
       cat $'raw-\\xff\\xfe'; [ d/file -ef d/hard ] && echo linked; stat -c %b holes; tail -c +4097 holes | head -c 3; tail -c +20000257 holes | head -c 2`,
      directory,
    );
    expect(out).toContain("d directory 1777 0:0");
    expect(out).toContain("d/file regular file 4755 1000:2000 5 1234567890");
    expect(out).toContain("holes regular file 600 0:0 30000000 0");
    expect(out).toContain("pipe fifo 620 0:0 0 0\n1:3\nhello301\ndeep4000000000\nbyteslinked\n");
    expect(out).toEndWith("aaade");
    expect(Number(out.split("linked\n")[1]!.split("\n")[0])).toBeLessThan(100);
  });
});
