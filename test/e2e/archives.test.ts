/** Archives that lie, and names that are none: `load` and `run` refuse them by what is wrong, and keep nothing of them. */

import { expect } from "bun:test";
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { byteNameOf } from "../../src/linux/byte-name.ts";
import type { Fd } from "../../src/linux/file.ts";
import { fgetxattr } from "../../src/linux/tree/xattr.ts";
import { said, withMachine } from "../support/containers.ts";
import { configOf, dockerArchive, entriesOf, ociLayout, rootfs, sha256 } from "../support/images.ts";
import { needing, root } from "../support/needs.ts";
import { longName, pax, tarOf } from "../support/tars.ts";

const test = needing(root);

const layer = rootfs({ name: "file", content: "content" });
const twisted = Buffer.from(layer);
twisted[512 * 5] = 0x58;
const config = configOf([layer]);
const image = (parts: Partial<Parameters<typeof dockerArchive>[0]> = {}) =>
  dockerArchive({ config, layers: [layer], tags: ["bad:1"], ...parts });

const layout = (change: (files: Map<string, string | Buffer>) => void): Buffer => {
  const annotations = { "org.opencontainers.image.ref.name": "bad:1" };
  const files = ociLayout({ config, layers: [layer], annotations });
  change(files);
  return tarOf(...entriesOf(files));
};

const blob = `blobs/sha256/${sha256(layer)}`;

/** What each of them is, by the requirement that it is against. */
const archives = (victim: string): Record<string, Record<string, Buffer>> => ({
  "R27: out of the layer": {
    "..": rootfs({ name: "../../evil", content: "x" }),
    "a pax path with ..": rootfs(pax({ path: "a/../../evil" }), { name: "f", content: "x" }),
    "a NUL in a pax path": rootfs(pax({ path: "a\0b" }), { name: "f" }),
    "a hard link out": rootfs({ name: "h", type: "1", link: victim }),
    "a hard link through a symbolic link": rootfs(
      { name: "out", type: "2", link: dirname(victim) },
      { name: "h", type: "1", link: "out/victim" },
    ),
    "a whiteout of ..": rootfs({ name: ".wh..." }),
    "a whiteout out of the layer": rootfs({ name: "../.wh.victim" }),
  },
  "R29: bombs": {
    "a terabyte in one file": rootfs({ name: "bomb", size: 2 ** 40 }),
    "a sparse file of a petabyte": rootfs(pax({ "GNU.sparse.size": `${2 ** 50}`, "GNU.sparse.map": "0,1" }), {
      name: "bomb",
      content: "x",
    }),
    "a name of 256 bytes": rootfs(longName("n".repeat(256)), { name: "cut", content: "x" }),
    "a path of 5000 bytes": rootfs(longName("d/".repeat(2500)), { name: "cut/" }),
    "a pax header of two megabytes": rootfs(pax({ comment: "x".repeat(2 << 20) }), { name: "f" }),
    "a manifest nested too deep": tarOf({ name: "manifest.json", content: "[".repeat(100_000) }),
    "a configuration of fifty megabytes": tarOf(...image({ config: `${config.slice(0, -1)}${" ".repeat(50 << 20)}}` })),
  },
  "R30: not what it says": {
    "a layer with another diff id": tarOf(...image({ layers: [twisted] })),
    "a layer more than diff ids": tarOf(...image({ layers: [layer, layer] })),
    "a blob with another digest": layout((files) => files.set(blob, twisted)),
    "a blob of another size": layout((files) => files.set(blob, Buffer.concat([layer, layer]))),
    "a digest that is a path": layout((files) =>
      files.set("index.json", String(files.get("index.json")).replace(/sha256:[0-9a-f]{64}/, "sha256:../../etc/bad")),
    ),
  },
  "R31: no name": { "a tag that leads out": tarOf(...image({ tags: ["../../evil:1"] })) },
});

test("an archive that leads out, is a bomb or is not what it says gives no image and leaves nothing (R27, R29, R30)", async () => {
  await withMachine(["busybox"], async (machine) => {
    const victim = machine.file("victim", "untouched");
    const path = join(machine.tmp, "bad.tar");
    const before = machine.snapshot();
    for (const [kind, all] of Object.entries(archives(victim)))
      for (const [what, bytes] of Object.entries(all)) {
        writeFileSync(path, bytes);
        const result = await machine.run(["load", "-q", "-i", path]);
        expect([kind, what, result.code, result.stdout]).toEqual([kind, what, 1, ""]);
        expect([what, said(result)]).toEqual([what, expect.stringMatching(/^tinydocker: .*bad/)]);
        expect(said(result)).not.toContain("internal error");
      }
    rmSync(path);
    expect((await machine.run(["image", "ls", "--format", "{{.Repository}}"])).stdout).toBe("busybox\n");
    expect(readFileSync(victim, "utf8")).toBe("untouched");
    await machine.run(["image", "prune", "-f"]);
    await machine.expectNothingLeft(before);
    rmSync(victim);
  });
});

test("of extended attributes only capabilities and those of users come out of a layer (R32)", async () => {
  await withMachine(["busybox"], async (machine) => {
    const there = readdirSync(join(machine.root, "layers"));
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const attributes = {
      "security.capability": capability,
      "user.note": "hi",
      "user.overlay.opaque": "y",
      "trusted.overlay.redirect": "/etc",
      "trusted.overlay.opaque": "y",
      "security.selinux": "x",
    };
    const records = Object.entries(attributes).map(([key, value]): [string, string | Buffer] => [
      `SCHILY.xattr.${key}`,
      value,
    ]);
    await machine.load("marked", [
      { name: "bin/" },
      pax(records),
      { name: "bin/ping", content: "x", mode: 0o755 },
      pax(records.slice(1)),
      { name: "dir/" },
    ]);
    const found = readdirSync(join(machine.root, "layers")).find((name) => !there.includes(name));
    const keysOf = (path: string) => {
      const fd = openSync(join(machine.root, "layers", found!, "fs", path), "r") as Fd;
      const keys = Object.keys(attributes).filter((key) => fgetxattr(fd, byteNameOf(key)) !== undefined);
      closeSync(fd);
      return keys;
    };
    expect(keysOf("bin/ping")).toEqual(["security.capability", "user.note"]);
    expect(keysOf("dir")).toEqual(["user.note"]);
    await machine.run(["rmi", "marked"]);
    await machine.run(["image", "prune", "-f"]);
  });
});

test("what is no name is refused as one, and shown so that it does nothing to who reads it (R31)", async () => {
  await withMachine(["busybox"], async (machine) => {
    const wrong = ["../evil", "a/b", "a\n\u001b[31m", "-x", "..", "a".repeat(300), "ä"];
    const images = ["../evil", "a\n\u001b[31m", "A/B", "a:..", "a@sha256:../x", "-x", `a:${"b".repeat(200)}`];
    for (const words of [
      ...wrong.flatMap((name) => [
        ["create", `--name=${name}`, "busybox"],
        ["volume", "create", "--", name],
        ["network", "create", "--", name],
      ]),
      ...images.map((name) => ["tag", "busybox", "--", name]),
    ]) {
      const result = await machine.run(words);
      expect([words, result.stdout, said(result)]).toEqual([words, "", expect.stringMatching(/^tinydocker: /)]);
      expect([1, 125]).toContain(result.code!);
      expect(said(result)).not.toMatch(/internal error|\u001b/);
    }
  });
});
