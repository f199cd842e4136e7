/** What is told of registries without pulling: search, and manifests. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { binary, runProgram } from "../support/cli.ts";
import { architecture } from "../support/images.ts";
import { addImage, addIndex, layerOf } from "../support/pulls.ts";
import { indexType, manifestType, serveRegistry } from "../support/registry.ts";
import { temporaryDirectory } from "../support/temporary.ts";

function user() {
  const home = temporaryDirectory();
  const env = { PATH: process.env.PATH!, HOME: home, TINYDOCKER_ROOT: join(home, "root"), TINYDOCKER_CONFIG: "" };
  return (...words: string[]) => runProgram([binary(), ...words], { env });
}

describe("search", () => {
  test("asks a registry that can search, or goes through its list; nothing that it says is an order to the terminal", async () => {
    const [able, plain, neither] = [serveRegistry(), serveRegistry(), serveRegistry()];
    const description = "a\u001b[31m long\nstory about what this image is and how it came to be";
    const results = [
      { name: "team/app", description, star_count: 7, is_official: true },
      { name: "x/app", description: null, star_count: 1 },
    ];
    able.intercept = [(_, url) => (url.pathname === "/v1/search" ? Response.json({ results }) : undefined)];
    plain.intercept = [
      (_, url) => {
        if (url.pathname !== "/v2/_catalog") return undefined;
        const link = { link: '</v2/_catalog?last=b>; rel="next"' };
        return url.searchParams.has("last")
          ? Response.json({ repositories: ["c/app"] })
          : Response.json({ repositories: ["a/app", "b/other"] }, { headers: link });
      },
    ];
    const td = user();
    const table = await td("search", `${able.host}/app`);
    expect(table.stdout.replaceAll(able.host, "HOST")).toMatch(
      /^NAME +DESCRIPTION +STARS +OFFICIAL\nHOST\/team\/app +a\?\[31m long story.*… +7 +\[OK\]\nHOST\/x\/app +1 *\n$/,
    );
    expect(able.seen.map(({ path }) => path)).toContain("/v1/search?q=app&n=25");
    const starred = ["search", "--filter", "stars=5", "--filter", "is-official=true", "--format", "{{.Name}}"];
    expect((await td(...starred, `${able.host}/app`)).stdout).toBe(`${able.host}/team/app\n`);
    const listed = await td("search", "--format", "{{.Name}}", `${plain.host}/app`);
    expect(listed.stdout).toBe(`${plain.host}/a/app\n${plain.host}/c/app\n`);
    expect((await td("search", "--limit", "1", "--format", "{{.Name}}", `${plain.host}/app`)).stdout).toBe(
      `${plain.host}/a/app\n`,
    );
    neither.intercept = [() => new Response("<html>", { status: 404, headers: { "content-type": "text/html" } })];
    expect((await td("search", `${neither.host}/app`)).stderr).toContain("it has no search, and gives no list");
    for (const words of [["--limit", "0", "x"], ["--filter", "stars=x", "x"], ["a b"], [""]])
      expect((await td("search", ...words)).code).not.toBe(0);
  });
});

describe("manifest inspect", () => {
  test("prints what the registry has, by tag and digest, and fails where that is nothing", async () => {
    const registry = serveRegistry();
    const content = { schemaVersion: 2, mediaType: indexType, manifests: [] };
    const digest = registry.addManifest("team/app", "1", content, indexType);
    registry.addManifest("team/app", "2", { schemaVersion: 2, mediaType: manifestType });
    const td = user();
    for (const name of [`${registry.host}/team/app:1`, `${registry.host}/team/app@${digest}`])
      expect(JSON.parse((await td("manifest", "inspect", name)).stdout)).toEqual(content);
    const none = await td("manifest", "inspect", `${registry.host}/team/app:3`);
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toContain(`${registry.host} has no manifest ${registry.host}/team/app:3`);
  });
});

describe("image inspect --remote", () => {
  test("tells of an image that is not here what the registry has of it, for this platform or another", async () => {
    const registry = serveRegistry();
    const image = addImage(registry, "app:1", [layerOf("one")], { config: { config: { Cmd: ["hello"] } } });
    const other = addImage(registry, "app:other", [layerOf("two")], { config: { architecture: "s390x" } });
    addIndex(registry, "app:all", [
      { ...other.descriptor, platform: { os: "linux", architecture: "s390x" } },
      { ...image.descriptor, platform: { os: "linux", architecture } },
    ]);
    const td = user();
    const inspect = async (...words: string[]) =>
      JSON.parse((await td("image", "inspect", "--remote", ...words)).stdout)[0];
    const name = `${registry.host}/app`;
    const found = await inspect(`${name}:1`);
    expect(found).toMatchObject({
      Architecture: architecture,
      Config: { Cmd: ["hello"] },
      RepoTags: [`${name}:1`],
      RepoDigests: [`${name}@${image.descriptor.digest}`],
    });
    expect((await inspect(`${name}:all`)).Id).toBe(found.Id);
    expect((await inspect("--platform", "linux/s390x", `${name}:all`)).Architecture).toBe("s390x");
    expect((await td("image", "inspect", "--remote", `${name}:2`)).code).toBe(1);
    expect(registry.seen.filter(({ path }) => path.includes(image.blobs[0]!))).toEqual([]);
  });
});
