/** `manifest create`, `add`, `push` and `rm`: lists of images for several platforms, made here. */

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageTar, Machine } from "../support/containers.ts";
import { configOf, dockerArchive, rootfs } from "../support/images.ts";
import { needing, root } from "../support/needs.ts";
import { runHere } from "../support/pulls.ts";
import { startServe } from "../support/serve.ts";
import { tarOf } from "../support/tars.ts";

const test = needing(root);

interface Index {
  manifests: { digest: string; platform: object; annotations?: object }[];
}

test("a list is made of images, sent with all of them, and taken away without them", async () => {
  await using machine = await new Machine().open();
  await using other = await new Machine().open();
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await runHere(machine, ...args);
    expect([args, code, stderr]).toEqual([args, 0, ""]);
    return stdout;
  };
  await machine.loadFile(imageTar("busybox"), "busybox");
  const layer = rootfs({ name: "etc/arm", content: "arm" });
  const archive = join(machine.tmp, "arm.tar");
  const config = configOf([layer], { architecture: "arm" });
  writeFileSync(archive, tarOf(...dockerArchive({ config, layers: [layer], tags: ["app:arm"] })));
  await ok("load", "-q", "-i", archive);

  const served = await startServe(other, "-q");
  const name = `${served.host}/team/many`;
  expect(await ok("manifest", "create", `${name}:1`, "busybox")).toBe(`Created manifest list ${name}:1`);
  await ok("manifest", "add", "--variant", "v7", "--annotation", "a=b", `${name}:1`, "app:arm");
  const index = JSON.parse(await ok("manifest", "inspect", `${name}:1`)) as Index;
  expect(index.manifests.map(({ platform, annotations }) => [platform, annotations])).toEqual([
    [{ os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" }, undefined],
    [{ os: "linux", architecture: "arm", variant: "v7" }, { a: "b" }],
  ]);
  // No garbage: the images may lose their names.
  await ok("rmi", "app:arm");
  await ok("image", "prune", "-f");

  const digest = await ok("manifest", "push", `${name}:1`);
  const got = await served.ask("GET", "team/many/manifests/1");
  expect([got.headers.get("docker-content-digest"), await got.json()]).toEqual([digest, index as object]);
  for (const one of index.manifests) {
    const manifest = await served.ask("GET", `team/many/manifests/${one.digest}`);
    const { layers } = (await manifest.json()) as { layers: { digest: string }[] };
    expect((await served.ask("HEAD", `team/many/blobs/${layers[0]!.digest}`)).status).toBe(200);
  }
  const run = await other.run(["run", "--rm", "--network", "none", "team/many:1", "echo", "runs"]);
  expect([run.code, run.stdout]).toEqual([0, "runs\n"]);

  for (const [args, why] of [
    [["create", `${name}:1`], "there is a list"],
    [["create", "busybox"], "is the name of an image"],
    [["create", "x:1", "nothing"], "no such image: nothing"],
    [["add", "nothing", "busybox"], "no such list: nothing"],
    [["rm", "busybox"], "no such list: busybox"],
    [["push", "nothing"], "no such list: nothing"],
  ] as const) {
    const { code, stderr } = await runHere(machine, "manifest", ...args);
    expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining(why)]);
  }
  await ok("manifest", "create", "--amend", `${name}:1`);
  expect(JSON.parse(await ok("manifest", "inspect", `${name}:1`)).manifests).toEqual([]);
  expect(await ok("manifest", "rm", `${name}:1`)).toMatch(/^Untagged: \S+:1\nDeleted: sha256:[0-9a-f]{64}$/);
  expect(await ok("images", "-q", "busybox")).not.toBe("");
  expect(await served.stop()).toBe(0);
});
