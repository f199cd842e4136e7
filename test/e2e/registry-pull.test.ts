/** `pull`, and `run` of an image that is not here: from a registry in the test's own process, which may do what none should. */

import { describe, expect } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Machine } from "../support/containers.ts";
import { architecture } from "../support/images.ts";
import { needing, root, tool } from "../support/needs.ts";
import {
  addImage,
  addIndex,
  busyboxLayer,
  layerOf,
  runHere,
  spawnHere,
  type TestLayer,
  timesAsked,
} from "../support/pulls.ts";
import { serveRegistry, type TestRegistry } from "../support/registry.ts";

const test = needing(root, tool("nsenter"));

const inStore = (machine: Machine, directory: string): string[] =>
  existsSync(join(machine.root, directory)) ? readdirSync(join(machine.root, directory)).sort() : [];

/** All that a pull may leave, but for what the next one goes on with. */
const leftOf = (machine: Machine) => ({
  names: inStore(machine, "refs"),
  images: inStore(machine, "images"),
  layers: inStore(machine, "layers"),
  staging: inStore(machine, "staging"),
  trash: inStore(machine, "trash"),
});
const nothing = { names: [], images: [], layers: [], staging: [], trash: [] };

describe("pull", () => {
  test("takes this machine's image out of nested indexes, knows it by tag and digest, and asks for no layer twice", async () => {
    await using machine = await new Machine().open();
    const registry = serveRegistry();
    const other = addImage(registry, "app:other", [layerOf("other")], { config: { architecture: "s390x" } });
    const image = addImage(registry, "app:mine", [layerOf("one"), layerOf("two")]);
    const inner = addIndex(registry, "app:inner", [
      { ...other.descriptor, platform: { os: "linux", architecture: "s390x" } },
      { ...image.descriptor, platform: { os: "linux", architecture } },
    ]);
    const outer = addIndex(registry, "app:1", [
      { ...image.descriptor, digest: `sha256:${"0".repeat(64)}`, platform: { os: "unknown", architecture: "unknown" } },
      inner,
    ]);
    const name = `${registry.host}/app`;
    const first = await runHere(machine, "pull", `${name}:1`);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout.split("\n")).toEqual([
      "1: Pulling from app",
      ...image.blobs.map((digest) => `${digest.slice(7, 19)}: Pulling fs layer`),
      ...first.stdout.split("\n").slice(3, -3),
      `Digest: ${outer.digest}`,
      `Status: Downloaded newer image for ${name}:1`,
      `${name}:1`,
    ]);
    for (const digest of image.blobs) {
      const id = digest.slice(7, 19);
      const [complete, pulled] = [`${id}: Download complete`, `${id}: Pull complete`].map((line) =>
        first.stdout.indexOf(line),
      );
      expect(pulled).toBeGreaterThan(complete!);
      expect(complete).toBeGreaterThan(0);
    }
    const again = await runHere(machine, "pull", `${name}:1`);
    expect(again.stdout).toContain(`Status: Image is up to date for ${name}:1`);
    expect(again.stdout).toContain(`${image.blobs[0]!.slice(7, 19)}: Already exists`);
    for (const digest of image.blobs) expect(timesAsked(registry, digest)).toBe(1);

    const [described] = JSON.parse((await machine.run(["image", "inspect", `${name}@${outer.digest}`])).stdout);
    expect(described).toMatchObject({
      Id: image.id,
      RepoTags: [`${name}:1`],
      RepoDigests: [`${name}@${outer.digest}`],
    });
    const listed = async (...args: string[]) => (await machine.run(["images", ...args])).stdout.trim();
    const row = "{{.Repository}} {{.Tag}} {{.Digest}}";
    expect(await listed("--digests", "--format", row)).toBe(`${name} 1 ${outer.digest}`);
    expect(await listed("-q", "--filter", `reference=${name}@${outer.digest}`)).toBe(image.id.slice(7, 19));
    // By digest, and what the tag was for another image.
    expect((await runHere(machine, "pull", "-q", `${name}:ignored@${other.digest}`)).stdout).toBe(
      `${name}@${other.digest}`,
    );
    expect(await listed("--digests", "--filter", "dangling=true", "--format", row)).toBe(
      `${name} <none> ${other.digest}`,
    );
    expect((await machine.run(["image", "prune", "-f"])).stdout).toContain(`untagged: ${name}@${other.digest}`);
    // Room is made of layers as they came, and the image stays.
    const [kept, size] = [
      inStore(machine, "blobs/sha256"),
      image.blobs.map((blob) => registry.blobs.get(blob)!.length),
    ];
    const df = async () =>
      (await machine.run(["system", "df", "--format", "{{.Type}} {{.Size}}"])).stdout.split("\n")[0];
    const before = await df();
    const room = await machine.run(["system", "prune", "-f", "--keep-storage", "0"]);
    expect(room.stdout).toContain(`Total reclaimed space: ${size[0]! + size[1]!}B`);
    expect(inStore(machine, "blobs/sha256")).toEqual(kept.filter((hex) => !image.blobs.includes(`sha256:${hex}`)));
    expect(await df()).not.toBe(before);
    expect((await runHere(machine, "pull", "-q", `${name}:1`)).code).toBe(0);
    // With the last tag goes what it was pulled as, and all that it brought.
    const removed = await machine.run(["rmi", `${name}:1`]);
    expect(removed.stdout.trim().split("\n")).toEqual([
      `Untagged: ${name}:1`,
      `Untagged: ${name}@${outer.digest}`,
      `Deleted: ${image.id}`,
    ]);
    expect(leftOf(machine)).toEqual(nothing);
    expect([inStore(machine, "blobs/sha256"), inStore(machine, "partial")]).toEqual([[], []]);
  });

  test("extracts layers of every kind: gzip, zstd, in chunks, plain, from elsewhere; -a takes every tag", async () => {
    await using machine = await new Machine().open();
    const [registry, elsewhere] = [serveRegistry(), serveRegistry()];
    const layers: TestLayer[] = (["gzip", "zstd", "chunked", "plain"] as const).map((packing) => ({
      ...layerOf(packing),
      packing,
    }));
    const foreign = layerOf("foreign");
    addImage(elsewhere, "foreign", [foreign]);
    const image = addImage(registry, "app:1", [
      ...layers,
      { ...foreign, more: { mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" } },
    ]);
    const [digest] = image.blobs.slice(-1) as [string];
    const url = `${elsewhere.url}/v2/foreign/blobs/${digest}`;
    registry.blobs.delete(digest);
    const { bytes } = registry.manifests.get("app:1")!;
    const manifest = JSON.parse(new TextDecoder().decode(bytes));
    manifest.layers.at(-1).urls = [url];
    registry.addManifest("app", "1", manifest);
    addImage(registry, "app:2", layers);
    const pulled = await runHere(machine, "pull", "-a", `${registry.host}/app`);
    expect(pulled).toMatchObject({ code: 0, stderr: "" });
    expect(pulled.stdout).toMatch(/^1: Pulling from app\n[\s\S]*\n2: Pulling from app\n/);
    const files = inStore(machine, "layers").flatMap((layer) => inStore(machine, `layers/${layer}/fs/etc`));
    expect(files.sort()).toEqual(["chunked", "foreign", "gzip", "plain", "zstd"]);
    expect(timesAsked(elsewhere, digest)).toBe(1);
  });

  test("refuses what is no image or is not what it says, by name, and leaves no name and no layer (R30)", async () => {
    await using machine = await new Machine().open();
    const registry = serveRegistry();
    const layer = layerOf("file");
    addImage(registry, "artifact", [layer], { manifest: { artifactType: "application/vnd.example.sbom" } });
    addImage(registry, "other-diff-id", [layer], {
      config: { rootfs: { type: "layers", diff_ids: [`sha256:${"1".repeat(64)}`] } },
    });
    addImage(registry, "fewer", [layer, layerOf("more")], { config: { rootfs: { type: "layers", diff_ids: [] } } });
    addImage(registry, "platform", [layerOf("foreign")], { config: { architecture: "s390x" } });
    registry.addManifest(
      "old",
      "latest",
      { schemaVersion: 1, name: "old" },
      "application/vnd.docker.distribution.manifest.v1+json",
    );
    const lies = addImage(registry, "lies", [layerOf("lie", "x".repeat(5000))]);
    registry.blobs.set(
      lies.blobs[0]!,
      registry.blobs.get(lies.blobs[0]!)!.map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
    );
    const lost = addImage(registry, "lost", [layerOf("lost")]);
    registry.blobs.delete(lost.blobs[0]!);
    const refused: [args: string[], RegExp][] = [
      [["artifact"], /is no image: it is of type "application\/vnd.example.sbom"/],
      [["other-diff-id"], /its diff id is sha256:[0-9a-f]{64}, not sha256:1{64}/],
      [["fewer"], /the manifest lists 2 layers, the configuration 0/],
      [["--platform", "linux/arm/v7", "platform"], /is for linux\/s390x, not for linux\/arm\/v7/],
      [["old"], /old schema 1/],
      [["lies"], /corrupt|digest/],
      [["lost"], /404|not found/],
      [["nowhere"], /manifest for \S+\/nowhere:latest not found/],
      [[`nowhere@sha256:${"2".repeat(64)}`], /not found/],
    ];
    for (const [args, message] of refused) {
      const result = await runHere(machine, "pull", "-q", ...args.slice(0, -1), `${registry.host}/${args.at(-1)}`);
      expect([args, result.code, result.stdout]).toEqual([args, 1, ""]);
      expect(result.stderr).toMatch(message);
      expect(leftOf(machine)).toEqual(nothing);
    }
    expect(inStore(machine, "partial")).toEqual([]);
  });

  test("that was cut off, killed or interrupted goes on with what has come; two at once ask for each layer once", async () => {
    await using machine = await new Machine().open();
    const registry = serveRegistry();
    const content = Buffer.alloc(400_000);
    crypto.getRandomValues(content.subarray(0, 65536));
    for (let at = 65536; at < content.length; at += 65536)
      content.copyWithin(at, 0, Math.min(65536, content.length - at));
    const image = addImage(registry, "app", [
      layerOf("bottom"),
      { ...layerOf("large", content), packing: "plain" },
      layerOf("top"),
    ]);
    const [bottom, large] = image.blobs as [string, string];
    const name = `${registry.host}/app`;
    const ranges = () =>
      registry.seen.filter(({ path }) => path.endsWith(large)).map(({ headers }) => headers.get("range"));
    const part = join(machine.root, "partial", large.slice(7));
    const partHasCome = async () => {
      while (!existsSync(part) || statSync(part).size < 200_000) await Bun.sleep(10);
    };
    // The first answers give half of it, and then nothing.
    const held = holdBack(registry, large, 200_000);
    for (const signal of ["SIGKILL", "SIGINT", "SIGTERM"] as const) {
      const child = spawnHere(machine, "pull", name);
      await held.reached();
      await partHasCome();
      child.kill(signal);
      const code = await child.exited;
      if (signal !== "SIGKILL") expect(code).toBe(signal === "SIGINT" ? 130 : 143);
      expect(inStore(machine, "refs")).toEqual([]);
      if (signal !== "SIGKILL") expect(leftOf(machine)).toEqual(nothing);
    }
    const children = [spawnHere(machine, "pull", name), spawnHere(machine, "pull", "-q", name)];
    await held.reached();
    held.letGo();
    expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([0, 0]);
    expect(ranges()).toEqual([null, ...Array(3).fill("bytes=200000-")]);
    expect(timesAsked(registry, bottom)).toBe(1);
    expect(inStore(machine, "partial")).toEqual([]);
    expect((await machine.run(["images", "-q", "--no-trunc"])).stdout.trim()).toBe(image.id);
  });
});

/** Answers for a blob stop at that byte until they are let go. */
function holdBack(registry: TestRegistry, digest: string, bytes: number) {
  const go = Promise.withResolvers<void>();
  let asked = Promise.withResolvers<void>();
  registry.intercept.push(({ headers }, { pathname }) => {
    if (!pathname.endsWith(digest)) return undefined;
    const blob = registry.blobs.get(digest)!;
    const from = Number(/^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1] ?? 0);
    const body = new ReadableStream({
      async start(controller) {
        if (from < bytes) controller.enqueue(blob.subarray(from, bytes));
        asked.resolve();
        await go.promise;
        try {
          controller.enqueue(blob.subarray(Math.max(from, bytes)));
          controller.close();
        } catch {} // who asked is gone
      },
    });
    const range = { "content-range": `bytes ${from}-${blob.length - 1}/${blob.length}` };
    return new Response(body, from > 0 ? { status: 206, headers: range } : {});
  });
  return {
    /** One has come so far. */
    async reached() {
      await asked.promise;
      asked = Promise.withResolvers();
    },
    letGo: () => go.resolve(),
  };
}

describe("run", () => {
  test("pulls what is not here and says so on stderr; --pull always, never and newer do as they say", async () => {
    await using machine = await new Machine().open();
    const registry = serveRegistry();
    addImage(registry, "box", [busyboxLayer()]);
    const name = `${registry.host}/box`;
    const run = (...args: string[]) => runHere(machine, "run", "--rm", "--network", "none", ...args);
    const never = await run("--pull", "never", name, "true");
    expect([never.code, never.stderr]).toEqual([125, expect.stringContaining(`no such image: ${name}`)]);
    const missing = await run(name, "sh", "-c", "echo out; exit 7");
    expect([missing.code, missing.stdout]).toEqual([7, "out"]);
    expect(missing.stderr).toMatch(/^Unable to find image '\S+\/box:latest' locally\nlatest: Pulling from box\n/);
    expect(missing.stderr).toContain(`Status: Downloaded newer image for ${name}:latest`);
    const asked = registry.seen.length;
    expect(await run(name, "true")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(registry.seen.length).toBe(asked);
    const always = await run("--pull", "always", name, "true");
    expect([always.code, always.stderr]).toEqual([
      0,
      expect.stringContaining(`Status: Image is up to date for ${name}:latest`),
    ]);
    expect(await run("--pull", "always", "-q", name, "true")).toEqual({ code: 0, stdout: "", stderr: "" });
    registry.manifests.clear();
    const newer = await run("--pull", "newer", name, "true");
    expect([newer.code, newer.stderr]).toEqual([0, expect.stringContaining("the image that is here is used")]);
    for (const args of [["--pull", "always", name], [`${registry.host}/nothing`]]) {
      const result = await run(...args, "true");
      expect([result.code, result.stderr]).toEqual([125, expect.stringContaining("not found: manifest unknown")]);
    }
    expect((await run("--pull", "sometimes", name, "true")).code).toBe(125);
  });
});
