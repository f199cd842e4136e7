/** Where mounts go in an image, and what cannot be mounted there; what images with odd words in them do. */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageTar, Machine } from "../support/containers.ts";
import { configOf, dockerArchive } from "../support/images.ts";
import { needing, root } from "../support/needs.ts";
import { type RawEntry, tarOf } from "../support/tars.ts";

const test = needing(root);

const links: RawEntry[] = [
  { name: "etc/localtime", type: "2", link: "../usr/share/zoneinfo/X" },
  { name: "out", type: "2", link: "../../../x/y" },
  { name: "loop", type: "2", link: "loop" },
];

let machine: Machine;
beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  machine = await new Machine().open();
  await machine.loadFile(imageTar("busybox"), "busybox");
  const layers = [readFileSync(imageTar("busybox")), tarOf(...links)];
  const path = join(machine.tmp, "links.tar");
  writeFileSync(path, tarOf(...dockerArchive({ config: configOf(layers), layers, tags: ["links"] })));
  await machine.loadFile(path, "links");
});
afterAll(async () => await machine?.[Symbol.asyncDispose]());

const run = (...args: string[]) => machine.run(["run", "--rm", "--network", "none", ...args]);

describe("a mount", () => {
  test("on a symbolic link that leads nowhere goes where it leads, inside the root", async () => {
    const file = machine.file("tmp/zone", "a zone\n");
    const directory = machine.file("tmp/shared/");
    writeFileSync(join(directory, "f"), "a file\n");
    const mounts = ["-v", `${file}:/etc/localtime`, "-v", `${directory}:/out`, "-v", `${directory}:/out/below`];
    const script = "readlink /etc/localtime; cat /usr/share/zoneinfo/X /etc/localtime /x/y/f /out/below/f";
    const { stdout } = await run(...mounts, "links", "sh", "-c", script);
    expect(stdout).toBe("../usr/share/zoneinfo/X\na zone\na zone\na file\na file\n");
    expect((await run("-v", `${directory}:/loop`, "links", "true")).stderr).toContain("ELOOP");
  });
  test("of a file on a directory, or the other way round, is refused by both their names", async () => {
    const file = machine.file("tmp/file", "x");
    for (const [mount, why] of [
      [`${file}:/etc`, `cannot mount ${file} on /etc: one is a file, the other a directory`],
      [`${machine.tmp}:/bin/sh`, `cannot mount ${machine.tmp} on /bin/sh: one is a directory, the other a file`],
    ] as const) {
      const { code, stderr } = await run("-v", mount, "busybox", "true");
      expect([code, stderr]).toEqual([125, expect.stringContaining(why)]);
    }
    // What lies over the image is what counts.
    const covered = await run(
      "-v",
      "/d",
      "-v",
      `${file}:/d/bin`,
      "-v",
      `${file}:/etc/file`,
      "busybox",
      "cat",
      "/d/bin",
    );
    expect(covered.stdout).toBe("x");
  });
  test("of what is private is not passed on, and says so", async () => {
    const { code, stderr } = await run("-v", `${machine.tmp}:/m:rshared`, "busybox", "true");
    expect([code, stderr]).toEqual([
      125,
      expect.stringMatching(/cannot mount .* as rshared: it is on .*, which is not a shared mount/),
    ]);
  });
});

test("image prune and system prune go by when an image was made, too", async () => {
  await machine.run(["tag", "links", "made-2024"]);
  const pruned = await machine.run(["image", "prune", "-af", "--filter", "until=2023-01-01T00:00:00Z"]);
  expect(pruned.stdout).not.toContain("links");
  const old = await machine.run(["system", "prune", "-af", "--filter", "until=2025-01-01T00:00:00Z"]);
  expect(old.stdout).toContain("untagged: links:latest\nuntagged: made-2024:latest\n");
  const volumes = await machine.run(["system", "prune", "-f", "--volumes", "--filter", "until=1h"]);
  expect([volumes.code, volumes.stderr]).toEqual([125, expect.stringContaining("is not supported with --volumes")]);
  const empty = await machine.run(["import", machine.file("tmp/empty.tar"), "busybox"]);
  expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining("is empty: there is no file in it")]);
});
