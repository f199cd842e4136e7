/** Images that the policy of a host wants signed: no name appears before that is seen to. */

import { describe, expect } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Machine } from "../support/containers.ts";
import { architecture } from "../support/images.ts";
import { needing, root, tool } from "../support/needs.ts";
import { addImage, addIndex, layerOf, runHere } from "../support/pulls.ts";
import { serveRegistry } from "../support/registry.ts";
import { signBeside } from "../support/signing.ts";

const test = needing(root, tool("nsenter"));

describe("a policy of signatures", () => {
  test("keeps out what is not signed by the key, takes in what is, and asks nothing of what it rejects", async () => {
    await using machine = await new Machine().open();
    const registry = serveRegistry();
    const [ours, theirs] = [1, 2].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }));
    const image = addImage(registry, "app:1", [layerOf("one")]);
    const keyPath = machine.file("key.pub", ours!.publicKey.export({ type: "spki", format: "pem" }).toString());
    const sigstore = { type: "sigstoreSigned", keyPath, signedIdentity: { type: "matchRepository" } };
    const docker = { [`${registry.host}/app`]: [sigstore], [`${registry.host}/gpg`]: [{ type: "signedBy" }] };
    const policy = { default: [{ type: "reject" }], transports: { docker } };
    const path = machine.file("policy.json", JSON.stringify(policy));
    const config = machine.file("config.json", JSON.stringify({ "signature-policy": path }));
    const pull = (name: string) => runHere(machine, "--config", config, "pull", `${registry.host}/${name}`);
    const names = () => (existsSync(join(machine.root, "refs")) ? readdirSync(join(machine.root, "refs")) : []);
    for (const sign of [
      () => {},
      () => signBeside(registry, "app", image.descriptor.digest, theirs!.privateKey),
      () => signBeside(registry, "app", `sha256:${"0".repeat(64)}`, ours!.privateKey),
    ]) {
      sign();
      const refused = await pull("app:1");
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/app:1 is rejected: (it is not signed|its signature is by another key)/);
      expect(names()).toEqual([]);
    }
    expect(registry.seen.filter(({ path: asked }) => asked.includes(image.blobs[0]!))).toEqual([]);
    signBeside(registry, "app", image.descriptor.digest, ours!.privateKey);
    expect((await pull("app:1")).code).toBe(0);
    expect(names()).not.toEqual([]);
    registry.seen.length = 0;
    expect((await pull("other:1")).stderr).toContain(`other:1 is rejected by ${path} (default)`);
    expect((await pull("gpg:1")).stderr).toContain("wants signedBy");
    expect(registry.seen).toEqual([]);
  });
});

describe("explain pull", () => {
  test("prints the requests that a pull then makes, mirrors first, and makes none", async () => {
    await using machine = await new Machine().open();
    const [registry, mirror] = [serveRegistry(), serveRegistry()];
    const image = addImage(registry, "app:one", [layerOf("one")]);
    addIndex(registry, "app:1", [{ ...image.descriptor, platform: { os: "linux", architecture } }]);
    const registries = { [registry.host]: { mirrors: [`${mirror.url}/below`] }, "blocked.example": { blocked: true } };
    const config = machine.file("config.json", JSON.stringify({ registries }));
    const td = (...words: string[]) => runHere(machine, "--config", config, ...words);
    const name = `${registry.host}/app:1`;
    const explained = JSON.parse((await td("explain", "--json", "pull", name)).stdout);
    expect([...registry.seen, ...mirror.seen]).toEqual([]);
    expect(explained.reference).toBe(name);
    expect(explained.endpoints.map(({ isMirror }: { isMirror: boolean }) => isMirror)).toEqual([true, false]);
    expect((await td("pull", name)).code).toBe(0);
    const planned: RegExp[] = explained.endpoints.flatMap(({ requests }: { requests: { request: string }[] }) =>
      requests.map(({ request }) => {
        const [method, url] = request.split(" ") as [string, string];
        // What is asked by TLS first, and then by http.
        const path = url.replace(/^https?:\/\/[^/]*/, "").replace(/\b(DIGEST|CONFIG|LAYER)\b/, "sha256:[0-9a-f]{64}");
        return new RegExp(`^${method} ${path.replaceAll("?", "\\?")}$`);
      }),
    );
    const made = [...mirror.seen, ...registry.seen].map(({ method, path }) => `${method} ${path}`);
    expect(made.filter((request) => !planned.some((pattern) => pattern.test(request)))).toEqual([]);
    expect(made).toContain("GET /v2/below/app/manifests/1");
    const text = (await td("explain", "pull", "docker.io/a/b:2")).stdout;
    expect(text).toContain("GET https://registry-1.docker.io/v2/a/b/manifests/2\n");
    expect((await td("explain", "pull", "blocked.example/x")).stderr).toContain("is blocked");
    expect((await td("explain", "--full", "pull", "x")).code).not.toBe(0);
  });
});

test("a name without a host is its alias's, or of the one registry that such names are of, and never of one out of several", async () => {
  await using machine = await new Machine().open();
  const explain = async (config: object, name: string) => {
    const path = machine.file("config.json", JSON.stringify(config));
    const { stdout, stderr } = await runHere(machine, "--config", path, "explain", "--json", "pull", name);
    return stdout === "" ? stderr : JSON.parse(stdout).reference;
  };
  const aliases = { base: "a.example:5000/team/base" };
  expect(await explain({ aliases }, "base:2")).toBe("a.example:5000/team/base:2");
  expect(await explain({ aliases }, "docker.io/base")).toBe("docker.io/library/base:latest");
  expect(await explain({ "unqualified-search": ["b.example"] }, "x/y")).toBe("b.example/x/y:latest");
  expect(await explain({ "unqualified-search": [] }, "x")).toContain("x has no host");
  const several = { aliases, "unqualified-search": ["b.example", "docker.io"] };
  expect(await explain(several, "x:1")).toContain("one of b.example/x:1, docker.io/x:1");
  expect(await explain(several, "base")).toBe("a.example:5000/team/base:latest");
});
