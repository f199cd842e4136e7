/** `push`: what a registry has then, what is not sent again, and what is said. */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { imageTar, Machine } from "../support/containers.ts";
import { dockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { needing, root } from "../support/needs.ts";
import { runHere } from "../support/pulls.ts";
import { type Served, startServe } from "../support/serve.ts";

const test = needing(root);

/** Who pushes, and whose store is the registry. */
let machine: Machine;
let other: Machine;
let served: Served;

beforeAll(async () => {
  if (root()) return;
  machine = await new Machine().open();
  other = await new Machine().open();
  await machine.loadFile(imageTar("busybox"), "busybox");
  served = await startServe(other);
});

afterAll(async () => {
  await served?.stop();
  await machine?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
});

const ok = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await runHere(machine, ...args);
  expect([args, code, stderr]).toEqual([args, 0, ""]);
  return stdout;
};

const digestAt = async (name: string, tag: string) =>
  (await served.ask("HEAD", `${name}/manifests/${tag}`)).headers.get("docker-content-digest");

describe("push", () => {
  test("says what it does as Docker does, and the image runs where it arrived", async () => {
    const name = `${served.host}/team/app`;
    await ok("tag", "busybox", `${name}:1`);
    const lines = (await ok("push", `${name}:1`)).split("\n");
    const digest = await digestAt("team/app", "1");
    expect(lines).toEqual([
      `The push refers to repository [${name}]`,
      expect.stringMatching(/^[0-9a-f]{12}: Preparing$/),
      expect.stringMatching(/^[0-9a-f]{12}: Pushed$/),
      expect.stringMatching(new RegExp(`^1: digest: ${digest} size: \\d+$`)),
    ]);
    const run = await other.run(["run", "--rm", "--network", "none", "team/app:1", "echo", "arrived"]);
    expect([run.code, run.stdout]).toEqual([0, "arrived\n"]);
    const [{ RepoDigests }] = JSON.parse(await ok("inspect", `${name}:1`));
    expect(RepoDigests).toEqual([`${name}@${digest}`]);
  });
  test("sends nothing twice: what is there, and what another repository of the registry has", async () => {
    const name = `${served.host}/team/app`;
    expect(await ok("push", `${name}:1`)).toContain(": Layer already exists\n");
    const before = served.log().length;
    expect(await ok("push", "busybox", `${served.host}/elsewhere/app:2`)).toContain(": Mounted from team/app\n");
    expect(served.log().slice(before)).not.toMatch(/ (PATCH|PUT) \S+\/blobs\//);
    expect(await digestAt("elsewhere/app", "2")).toBe(await digestAt("team/app", "1"));
  });
  test("has the same digest each time; --compression makes another one, beside it", async () => {
    const digest = await digestAt("team/app", "1");
    await ok("push", "-q", "--compression", "zstd", "busybox", `${served.host}/team/zstd:1`);
    const { layers } = (await (await served.ask("GET", "team/zstd/manifests/1")).json()) as {
      layers: { mediaType: string }[];
    };
    expect(layers.map(({ mediaType }) => mediaType)).toEqual(["application/vnd.oci.image.layer.v1.tar+zstd"]);
    await ok("push", "-q", "busybox", `${served.host}/team/again:1`);
    expect(await digestAt("team/again", "1")).toBe(digest);
    // And pulled, and pushed once more.
    const pulled = await runHere(other, "pull", "-q", `${served.host}/team/zstd:1`);
    expect([pulled.code, pulled.stderr]).toEqual([0, ""]);
    const refused = await runHere(machine, "push", "--compression", "lzma", "busybox", `${served.host}/team/zstd:2`);
    expect([refused.code, refused.stderr]).toEqual([
      125,
      expect.stringContaining('--compression: "lzma" is not supported'),
    ]);
  });
  test("-a pushes all tags of a repository, -q says their full names alone", async () => {
    const name = `${served.host}/team/tags`;
    for (const tag of ["b", "a"]) await ok("tag", "busybox", `${name}:${tag}`);
    expect(await ok("push", "-q", "-a", name)).toBe(`${name}:a\n${name}:b`);
    expect(await (await served.ask("GET", "team/tags/tags/list")).json()).toMatchObject({ tags: ["a", "b"] });
    expect((await runHere(machine, "push", "-a", `${name}:a`)).stderr).toContain(
      "tag can't be used with --all-tags/-a",
    );
  });
  test("of what is not here, to nobody, and to who refuses, is told; nothing is left", async () => {
    for (const [args, code, why] of [
      [["push", "nothing"], 1, "does not exist locally with the tag: nothing"],
      [["push", "-a", "nothing"], 1, "does not exist locally with the name: nothing"],
      [["push", "busybox", "127.0.0.1:1/x"], 1, "nothing listens at 127.0.0.1:1"],
      [["push", `busybox@sha256:${"0".repeat(64)}`], 125, "cannot push a digest reference"],
    ] as const) {
      const result = await runHere(machine, ...args);
      expect([args, result.code, result.stderr]).toEqual([args, code, expect.stringContaining(why)]);
    }
    const closed = await startServe(other, "-q", "--readonly");
    const refused = await runHere(machine, "push", "busybox", `${closed.host}/team/app:1`);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining("does not let 1 be overwritten, or pushed at all"),
    ]);
    expect(await closed.stop()).toBe(0);
    expect(readdirSync(join(machine.root, "staging"))).toEqual([]);
    expect(existsSync(join(machine.root, "uploads"))).toBe(false);
  });
  needing(root, dockerRegistry)("goes to docker-registry, and comes back with the same digest", async () => {
    const registry = await startDockerRegistry();
    const name = `${registry.host}/team/app:1`;
    const pushed = await ok("push", "busybox", name);
    const [, digest] = /digest: (sha256:\S+)/.exec(pushed)!;
    expect(digest).toBe((await digestAt("team/app", "1"))!);
    const pulled = await runHere(other, "pull", name);
    expect(pulled.stdout).toContain(`Digest: ${digest}`);
  });
});
