/** Who a program runs as, by the files of its rootfs (passwd(5), group(5)). */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { close, type Fd, O_DIRECTORY, O_PATH, open } from "../../src/linux/file.ts";
import { type Identity, identityOf, resolveUser } from "../../src/runtime/mount/user.ts";

const passwd = `root:x:0:0:root:/root:/bin/sh
web:x:1000:1001:Web:/srv/web:/bin/sh
1234:x:77:78::/numeric:
other:x:1003:1003::/:
homeless:x:1002:1002::
bad:x:many:1:::
huge:x:4294967295:1:::
short
`;
const group = `root:x:0:
web:x:1001:
log:x:50:web,other
admin:x:51:other,web
nobody:x:65534:
alone:x:52:webmaster
odd:x:none:web
`;

describe("resolveUser()", () => {
  let directory: string;
  let full: Fd;
  let empty: Fd;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "user-"));
    for (const path of ["full/etc", "empty", "linked"]) mkdirSync(join(directory, path), { recursive: true });
    writeFileSync(join(directory, "full/etc/passwd"), passwd);
    writeFileSync(join(directory, "full/etc/group"), group);
    full = open(join(directory, "full"), O_PATH | O_DIRECTORY);
    empty = open(join(directory, "empty"), O_PATH | O_DIRECTORY);
  });
  afterAll(() => {
    close(full);
    close(empty);
    rmSync(directory, { recursive: true });
  });

  const cases: [string, string, Identity][] = [
    ["root with no group but its own", "root", { uid: 0, gid: 0, groups: [0], home: "/root" }],
    ["a name with all groups that list it", "web", { uid: 1000, gid: 1001, groups: [1001, 50, 51], home: "/srv/web" }],
    [
      "a number that has a name as that name",
      "1000",
      { uid: 1000, gid: 1001, groups: [1001, 50, 51], home: "/srv/web" },
    ],
    ["a number that nobody has, in the group root", "4711", { uid: 4711, gid: 0, groups: [0], home: "/" }],
    ["a name of digits before the number", "1234", { uid: 77, gid: 78, groups: [78], home: "/numeric" }],
    ["a group by its name, instead of all others", "web:log", { uid: 1000, gid: 50, groups: [50], home: "/srv/web" }],
    ["a group by its number", "4711:4712", { uid: 4711, gid: 4712, groups: [4712], home: "/" }],
    ["a home that is empty as the root directory", "homeless", { uid: 1002, gid: 1002, groups: [1002], home: "/" }],
    ["a colon with no group as no group", "web:", { uid: 1000, gid: 1001, groups: [1001, 50, 51], home: "/srv/web" }],
    ["a group with no user as root's", ":log", { uid: 0, gid: 50, groups: [50], home: "/root" }],
    ["the highest id there is", "4294967294", { uid: 4294967294, gid: 0, groups: [0], home: "/" }],
  ];
  for (const [what, user, identity] of cases)
    test(`takes ${what}`, () => {
      expect(resolveUser(full, user)).toEqual(identity);
    });

  const refused: [string, string, string][] = [
    ["a name that nobody has", "ghost", 'no user "ghost"'],
    ["a group that there is not", "web:ghosts", 'no group "ghosts"'],
    ["an id that is none", "4294967295", 'no user "4294967295"'],
    ["a number with a sign", "-1", 'no user "-1"'],
    ["an entry whose id is no number", "bad", 'no user "bad"'],
    ["an entry whose id is -1", "huge", 'no user "huge"'],
    ["a group whose id is no number", "web:odd", 'no group "odd"'],
  ];
  for (const [what, user, message] of refused)
    test(`refuses ${what}`, () => {
      expect(() => resolveUser(full, user)).toThrow(message);
    });

  test("needs no files for numbers, and has none for names", () => {
    expect(resolveUser(empty, "5:6")).toEqual({ uid: 5, gid: 6, groups: [6], home: "/" });
    expect(() => resolveUser(empty, "root")).toThrow('no user "root"');
  });
  test("is in the groups that are added, by name or number, whatever group it has", () => {
    expect(resolveUser(full, "4711", ["log", "7"]).groups).toEqual([0, 50, 7]);
    expect(resolveUser(full, "web", ["50", "7"]).groups).toEqual([1001, 50, 51, 7]);
    expect(identityOf(full, { name: "web:log", more: ["admin"] }).groups).toEqual([50, 51]);
    expect(() => resolveUser(full, "web", ["ghosts"])).toThrow('no group "ghosts" in the image\'s /etc/group');
  });
  test("reads files with the line ends of Windows", () => {
    const root = made("windows", { passwd: passwd.replaceAll("\n", "\r\n"), group: group.replaceAll("\n", "\r\n") });
    expect(resolveUser(root, "web").groups).toEqual([1001, 50, 51]);
    expect(resolveUser(root, "other").groups).toEqual([1003, 50, 51]);
    close(root);
  });
  const made = (name: string, files: Record<string, string | ((path: string) => void)>): Fd => {
    mkdirSync(join(directory, name, "etc"), { recursive: true });
    for (const [file, content] of Object.entries(files)) {
      const path = join(directory, name, "etc", file);
      if (typeof content === "string") writeFileSync(path, content);
      else content(path);
    }
    return open(join(directory, name), O_PATH | O_DIRECTORY);
  };
  test("takes a number whatever the container has made of its files, and a name only from a file", () => {
    const odd: Record<string, string | ((path: string) => void)> = {
      fifo: (path) => Bun.spawnSync(["mkfifo", path]),
      directory: (path) => mkdirSync(path),
      endless: (path) => {
        writeFileSync(path, "");
        truncateSync(path, 2 ** 40);
      },
      circle: (path) => symlinkSync("passwd", path),
    };
    for (const [name, make] of Object.entries(odd)) {
      const root = made(name, { passwd: make, group: make });
      expect(resolveUser(root, "0")).toEqual({ uid: 0, gid: 0, groups: [0], home: "/" });
      expect(resolveUser(root, "5:6", ["7"])).toEqual({ uid: 5, gid: 6, groups: [6, 7], home: "/" });
      expect(identityOf(root, { uid: 5, gid: 6, groups: [] }).home).toBe("/");
      expect(() => resolveUser(root, "root")).toThrow();
      expect(() => resolveUser(root, "0:wheel")).toThrow();
      expect(() => resolveUser(root, "0", ["wheel"])).toThrow();
      close(root);
    }
  });
  test("takes a number that is in more groups than the kernel knows as if it were in none, and refuses the name", () => {
    const many = Array.from({ length: 70_000 }, (_, index) => `g${index}:x:${index + 1}:root\n`).join("");
    const root = made("many", { passwd, group: many });
    expect(resolveUser(root, "0")).toEqual({ uid: 0, gid: 0, groups: [0], home: "/root" });
    expect(resolveUser(root, "0:g9").groups).toEqual([10]);
    expect(() => resolveUser(root, "root")).toThrow("is in 70001 groups, and the kernel knows 65536");
    close(root);
  });
  test("searches a file of eight million lines, or of one with as many fields, without taking it apart", () => {
    for (const [name, sign] of [
      ["lines", "\n"],
      ["fields", ":"],
      ["members", ","],
    ] as const) {
      const long = sign.repeat(8_000_000);
      const root = made(name, { passwd: `${long}\nroot:x:0:0:root:/root:\n`, group: `g:x:9:${long}root\n` });
      const before = process.memoryUsage().rss;
      expect(resolveUser(root, "root")).toMatchObject({ uid: 0, home: "/root" });
      expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
      close(root);
    }
  });
  test("takes no home that could not be a path", () => {
    for (const [name, home] of [
      ["long", `/${"a".repeat(200_000)}`],
      ["nul", "/a\0b"],
    ] as const) {
      const root = made(name, { passwd: `root:x:0:0::${home}:/bin/sh\n` });
      expect(resolveUser(root, "0").home).toBe("/");
      close(root);
    }
  });
  test("compares whole fields, letter by letter", () => {
    const root = made("exact", {
      passwd: "a.c:x:1:1::/a:\nabc:x:2:2::/b:\nx:abc:3:3::/c:\nshort:x:4\n",
      group: "g:x:11:abcd,xabc\nh:x:12:abc\ni:x:13:x,abc,y:more\nj:x:14:a.c\nabc:x:15:\nk:x:16:q:abc\n",
    });
    expect(resolveUser(root, "a.c")).toMatchObject({ uid: 1, groups: [1, 14] });
    expect(resolveUser(root, "abc")).toMatchObject({ uid: 2, groups: [2, 12, 13] });
    expect(resolveUser(root, "short")).toEqual({ uid: 4, gid: 0, groups: [0], home: "/" });
    expect(() => resolveUser(root, "ab")).toThrow('no user "ab"');
    expect(resolveUser(root, "4711")).toMatchObject({ uid: 4711, groups: [0] });
    close(root);
  });
  test("never leaves the rootfs", () => {
    mkdirSync(join(directory, "linked/etc"));
    symlinkSync(join(directory, "full/etc/passwd"), join(directory, "linked/etc/passwd"));
    const linked = open(join(directory, "linked"), O_PATH | O_DIRECTORY);
    expect(() => resolveUser(linked, "root")).toThrow('no user "root"');
    close(linked);
  });
  test("is not asked for numbers that a spec gives, but for their home", () => {
    expect(identityOf(full, { uid: 1000, gid: 5, groups: [6] })).toEqual({
      uid: 1000,
      gid: 5,
      groups: [6],
      home: "/srv/web",
    });
  });
});
