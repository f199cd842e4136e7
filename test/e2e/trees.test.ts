/** Trees that are hard to walk or to copy: commands that look through all of a container's or a volume's files. */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { closeSync, openSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { byteNameOf } from "../../src/linux/byte-name.ts";
import { cwd, type Fd } from "../../src/linux/file.ts";
import { utimesAt } from "../../src/linux/tree/metadata.ts";
import { fgetxattr, fsetxattr } from "../../src/linux/tree/xattr.ts";
import { imageTar, Machine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

let machine: Machine;
beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  machine = await new Machine().open();
  await machine.loadFile(imageTar("busybox"), "busybox");
});
afterAll(async () => await machine?.[Symbol.asyncDispose]());

async function ok(...args: string[]): Promise<string> {
  const result = await machine.run(args);
  if (result.code !== 0) throw new Error(`${args.join(" ")}: ${result.stderr}`);
  return result.stdout.trimEnd();
}

describe("a tree deeper than a path can say", () => {
  // Each move puts what there is 500 levels further down.
  const script = `P=$(printf "d/%.0s" $(seq 500)); cd $1; mkdir -p t0/$P
    for i in $(seq 4); do mkdir -p t$i/$P; mv t$((i-1)) t$i/$P; done; echo 12345 >file`;

  test("in a container stops neither ps, system df, diff nor rm", async () => {
    await ok("run", "--network", "none", "--name", "deep", "busybox", "sh", "-c", script, "sh", "/");
    expect(await ok("ps", "-as")).toMatch(/deep +6B \(virtual/);
    expect(await ok("system", "df", "-v")).toContain("deep");
    expect((await ok("diff", "deep")).split("\n")).toContain("A /t4/d/d");
    for (const command of [
      ["commit", "deep"],
      ["export", "-o", "/dev/null", "deep"],
    ]) {
      const { code, stderr } = await machine.run(command);
      expect([code, stderr]).toEqual([1, expect.stringContaining("a path of more than 4095 bytes")]);
    }
    await ok("rm", "deep");
    expect(await ok("ps", "-aq")).toBe("");
  });
  test("in a volume stops neither system df, volume rm nor option U", async () => {
    await ok("run", "--network", "none", "--rm", "-v", "deep:/v", "busybox", "sh", "-c", script, "sh", "/v");
    expect(await ok("system", "df", "-v")).toMatch(/deep +0 +6B/);
    const owner = ["-v", "deep:/v:U", "-u", "7", "busybox", "sh", "-c", "stat -c %u /v/file /v/t4/d/d"];
    expect(await ok("run", "--network", "none", "--rm", ...owner)).toBe("7\n7");
    await ok("volume", "rm", "deep");
    expect(await ok("volume", "ls", "-q")).toBe("");
  });
});

test("a tree of 600 levels is committed, exported, imported and copied both ways", async () => {
  const path = `/t/${"d/".repeat(600)}`;
  const make = `mkdir -p ${path}; echo at the end >${path}f`;
  await ok("run", "--network", "none", "--name", "deep", "busybox", "sh", "-c", make);
  await ok("commit", "deep", "committed");
  const tar = join(machine.tmp, "deep.tar");
  await ok("export", "-o", tar, "deep");
  await ok("import", tar, "imported");
  const copy = join(machine.tmp, "copy");
  await ok("cp", "deep:/t", copy);
  await ok("cp", `${copy}/.`, "deep:/back");
  const reading = ["run", "--network", "none", "--rm"];
  for (const image of ["committed", "imported"])
    expect(await ok(...reading, image, "cat", `${path}f`)).toBe("at the end");
  expect((await ok("diff", "deep")).split("\n")).toContain(`A /back${path.slice(2)}f`);
  await ok("rm", "deep");
  rmSync(tar);
  await machine.exec(["rm", "-rf", copy]);
});

const attributes: [file: string, key: string, value: Buffer][] = [
  ["a", "user.note", Buffer.from("x\0y")],
  ["d", "user.of", Buffer.from("a directory")],
  ["a", "security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex")], // cap_net_raw=ep
];

function setAttribute(path: string, key: string, value: Buffer): void {
  const fd = openSync(path, "r") as Fd;
  fsetxattr(fd, byteNameOf(key), value, byteNameOf(path));
  closeSync(fd);
}

function attributeOf(path: string, key: string): Buffer {
  const fd = openSync(path, "r") as Fd;
  const value = fgetxattr(fd, byteNameOf(key));
  closeSync(fd);
  return Buffer.from(value ?? []);
}

describe("a volume filled from the image", () => {
  test("has attributes, hard links, holes and the times of symbolic links and of before 1970", async () => {
    const make = `mkdir -p /v/d; cd /v; echo one >a; ln a d/b; ln -s a link; touch old
      dd if=/dev/zero of=hole bs=1 seek=300M count=1 2>/dev/null; chmod 2751 d; chown 3:4 a; mkfifo -m 641 pipe`;
    await ok("run", "--network", "none", "--name", "seed", "busybox", "sh", "-c", make);
    const upper = join(machine.root, "containers", await ok("ps", "-aq", "--no-trunc"), "upper/v");
    for (const [file, seconds] of [
      ["link", -2],
      ["old", -86401],
      ["d", -86401],
    ] as const)
      utimesAt(cwd, byteNameOf(join(upper, file)), { seconds, nanoseconds: 5e8 });
    for (const [file, key, value] of attributes) setAttribute(join(upper, file), key, value);
    await ok("commit", "-c", "VOLUME /v", "seed", "seeded");
    const show = `cd /v; stat -c '%n %F %a %u:%g %h %s %Y' a d d/b hole link old pipe; readlink link`;
    const before = await ok("run", "--network", "none", "--rm", "seeded", "sh", "-c", show);
    await ok("create", "--name", "keep", "-v", "kept:/v", "--network", "none", "seeded", "sh", "-c", show);
    expect(await ok("start", "-a", "keep")).toBe(before);
    const data = join(machine.root, "volumes/kept/_data");
    expect(before).toMatch(
      /^a regular file 644 3:4 2 4 \d+\nd directory 2751 0:0 2 \d+ -86401\nd\/b regular file 644 3:4 2/,
    );
    expect(before).toContain("link symbolic link 777 0:0 1 1 -2\n");
    expect(statSync(`${data}/hole`)).toMatchObject({ size: 300 * 2 ** 20 + 1 });
    expect(statSync(`${data}/hole`).blocks).toBeLessThan(100);
    for (const [file, key, value] of attributes) expect(attributeOf(join(data, file), key)).toEqual(value);
    await ok("rm", "keep", "seed");
    await ok("volume", "rm", "kept");
  });
});

test("a volume whose data somebody has removed can be removed itself", async () => {
  await ok("volume", "create", "hollow");
  rmSync(join(machine.root, "volumes/hollow/_data"), { recursive: true });
  await ok("volume", "rm", "hollow");
  expect(await ok("volume", "ls", "-q")).toBe("");
});
