/** The client against docker-registry, by TLS and with tokens of a server of the test's own. */

import { describe, expect } from "bun:test";
import { createPrivateKey, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { openRepository } from "../../src/registry/client.ts";
import { defaultPatience, type RegistrySettings } from "../../src/registry/settings.ts";
import { certificates } from "../support/certificates.ts";
import { dockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { needing } from "../support/needs.ts";
import { manifestType, serveRegistry } from "../support/registry.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const test = needing(dockerRegistry);
const issuer = "tokens of tests";
const service = 'a registry, of "tests"';

/** What docker-registry believes: signed by a certificate whose authority it knows. */
function jwt(scopes: string[]): string {
  const { cert, key } = certificates().server;
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const access = scopes.map((scope) => {
    const [, type, name, actions = ""] = /^([^:]+):(.+):([^:]*)$/.exec(scope) ?? [];
    return { type, name, actions: actions.split(",") };
  });
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, nbf: now - 60, exp: now + 300 };
  const header = { typ: "JWT", alg: "ES256", x5c: [cert.replace(/-----[^-]*-----|\s/g, "")] };
  const text = `${encode(header)}.${encode({ iss: issuer, sub: "me", aud: service, jti: "1", ...times, access })}`;
  const signature = sign("sha256", Buffer.from(text), { key: createPrivateKey(key), dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

describe("docker-registry by TLS, with tokens", () => {
  test("takes blobs and manifests, mounts, gives them back from a byte on, and is asked for no token twice", async () => {
    const { ca, server } = certificates();
    const directory = temporaryDirectory();
    const bundle = join(directory, "ca.pem");
    writeFileSync(bundle, ca);
    const tokens = serveRegistry();
    tokens.intercept = [
      ({ headers }, url) =>
        headers.get("authorization") === `Basic ${btoa("me:secret")}` && url.searchParams.get("service") === service
          ? Response.json({ access_token: jwt(url.searchParams.getAll("scope")), expires_in: 300 })
          : new Response("{}", { status: 401 }),
    ];
    const token = { realm: `${tokens.url}/token`, service, issuer, rootcertbundle: bundle };
    const { host } = await startDockerRegistry({ tls: server, token });
    const settings: RegistrySettings = {
      ...{ registries: {}, insecureRanges: [], verifyTls: true, certificateDirectories: [] },
      credentials: async () => ({ username: "me", password: "secret" }),
      environment: { SSL_CERT_FILE: bundle },
      patience: { ...defaultPatience, firstWaitMs: 1 },
    };
    const open = (path: string) => openRepository(`${host}/${path}`, settings, "pull,push");
    const repository = open("team/app");
    const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7) % 251));
    const digest = digestOf(content);
    expect(await repository.hasBlob(digest)).toBe(false);
    await repository.putBlob(digest, content.length, (from) => new Blob([content.subarray(from)]));
    const config = Buffer.from("{}");
    await repository.putBlob(digestOf(config), config.length, (from) => new Blob([config.subarray(from)]));
    expect(tokens.seen).toHaveLength(1);
    expect(await open("team/other").mountBlob(digest, "team/app")).toBe(true);
    expect(await open("team/other").mountBlob(`sha256:${"0".repeat(64)}` as Digest, "team/app")).toBe(false);
    const describe = (bytes: Uint8Array, mediaType: string) => ({
      mediaType,
      digest: digestOf(bytes),
      size: bytes.length,
    });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: describe(config, "application/vnd.oci.image.config.v1+json"),
        layers: [describe(content, "application/vnd.oci.image.layer.v1.tar")],
      }),
    );
    for (const tag of ["b", "a"])
      expect(await repository.putManifest(tag, manifestType, manifest)).toBe(digestOf(manifest));
    const found = await repository.manifest("a");
    expect(found).toMatchObject({ digest: digestOf(manifest), mediaType: manifestType });
    expect(await repository.headManifest("b")).toMatchObject({ digest: digestOf(manifest), size: manifest.length });
    expect(await repository.manifest("c")).toBeUndefined();
    const tags: string[] = [];
    for await (const tag of repository.tags()) tags.push(tag);
    expect(tags.sort()).toEqual(["a", "b"]);
    const pieces: Uint8Array[] = [];
    for await (const piece of repository.blob({ digest, size: content.length }, { from: 1_000_000 }))
      pieces.push(piece);
    expect(Buffer.concat(pieces).equals(content.subarray(1_000_000))).toBe(true);
    const stranger = openRepository(`${host}/team/app`, { ...settings, credentials: async () => undefined }, "pull");
    expect(await stranger.manifest("a").catch((error: Error) => error.message)).toContain("answers 401");
  });
});
