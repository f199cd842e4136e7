/** Policies and signatures: what of an image has to be signed, by whom, and as what. */

import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { InvalidError } from "../../src/errors.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { openRepository } from "../../src/registry/client.ts";
import { type Asked, isIdentity, parsePolicy, requirementsFor, scopesOf } from "../../src/registry/policy.ts";
import { defaultPatience } from "../../src/registry/settings.ts";
import { requireSigned } from "../../src/registry/signatures.ts";
import { manifestType, serveRegistry } from "../support/registry.ts";
import { signBeside } from "../support/signing.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const accept = [{ type: "insecureAcceptAnything" }];
const reject = [{ type: "reject" }];
const parse = (content: unknown) => parsePolicy(JSON.stringify(content), "/p.json");

describe("a policy", () => {
  test("has for an image the requirements of the narrowest scope", () => {
    const docker = {
      "docker.io/library/alpine:3": accept,
      "docker.io/library": reject,
      "r.example:5000/team": accept,
      "*.example": reject,
    };
    const policy = parse({ default: accept, transports: { docker, "docker-daemon": { "": reject } } });
    const scope = (repository: string, more: Omit<Asked, "repository"> = {}) =>
      requirementsFor(policy, { repository, ...more }).scope;
    expect(scope("docker.io/library/alpine", { tag: "3" })).toBe("docker.io/library/alpine:3");
    expect(scope("docker.io/library/alpine")).toBe("docker.io/library");
    expect(scope("docker.io/libraryx/alpine")).toBe("default");
    expect(scope("r.example:5000/team/app")).toBe("r.example:5000/team");
    expect(scope("r.example:5000/other")).toBe("*.example");
    expect(scope("a.b.example/x")).toBe("*.example");
    expect(scope("example/x")).toBe("default");
    expect(scopesOf({ repository: "a.b/c/d", digest: "sha256:x" })).toEqual([
      ...["a.b/c/d@sha256:x", "a.b/c/d", "a.b/c", "a.b", "*.b", ""],
    ]);
  });

  test("in which anything is not understood is refused whole, and named", () => {
    const signed = (more: object) => ({ default: [{ type: "sigstoreSigned", ...more }] });
    for (const [content, said] of [
      [[], "is not an object"],
      [{}, 'has no "default"'],
      [{ default: [] }, "has no requirement"],
      [{ default: accept, more: 1 }, '"more" is not known'],
      [{ default: [{ type: "reject", keyPath: "/x" }] }, '"keyPath" is not known'],
      [{ default: [{ type: "maybe" }] }, '"maybe" is not known'],
      [signed({}), "needs one of keyPath"],
      [signed({ keyPath: "/a", keyData: "eA==" }), "needs one of keyPath"],
      [signed({ keyPath: "a" }), "not an absolute path"],
      [signed({ keyPath: "/a", odd: 1 }), '"odd" is not known'],
      [signed({ keyPath: "/a", signedIdentity: { type: "x" } }), '"x" is not known'],
      [signed({ keyPath: "/a", signedIdentity: { type: "exactReference" } }), "is not text"],
    ] as const)
      expect(() => parse(content)).toThrow(said);
  });

  test("of whatever JSON is a policy or refused", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          parsePolicy(text, "/p");
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidError);
        }
      }),
    );
  });

  test("says for which names a signature holds, as containers-policy.json(5) has it", () => {
    const asked = { repository: "r.example/app", tag: "1" };
    const byDigest = { repository: "r.example/app", digest: `sha256:${"a".repeat(64)}` };
    const exact = { type: "matchRepoDigestOrExact" } as const;
    expect(isIdentity(exact, "r.example/app:1", asked)).toBe(true);
    expect(isIdentity(exact, "r.example/app:2", asked)).toBe(false);
    expect(isIdentity(exact, "r.example/app", asked)).toBe(false);
    expect(isIdentity(exact, "r.example/app:2", byDigest)).toBe(true);
    expect(isIdentity({ type: "matchExact" }, "r.example/app:2", byDigest)).toBe(false);
    expect(isIdentity({ type: "matchRepository" }, "r.example/app", asked)).toBe(true);
    expect(isIdentity({ type: "matchRepository" }, "r.example/apps", asked)).toBe(false);
    expect(isIdentity({ type: "exactReference", reference: "x.example/y:1" }, "x.example/y:1", asked)).toBe(true);
    expect(isIdentity({ type: "exactRepository", repository: "x.example/y" }, "x.example/y:7", asked)).toBe(true);
    const remap = { type: "remapIdentity", prefix: "r.example", signedPrefix: "vendor.example/x" } as const;
    expect(isIdentity(remap, "vendor.example/x/app:1", asked)).toBe(true);
    expect(isIdentity(remap, "r.example/app:1", asked)).toBe(false);
  });
});

describe("a signature", () => {
  const ours = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const theirs = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();

  function setUp() {
    const registry = serveRegistry();
    const digest = registry.addManifest("app", "1", { schemaVersion: 2, mediaType: manifestType }) as Digest;
    const settings = {
      ...{ registries: {}, insecureRanges: [], verifyTls: true, certificateDirectories: [], environment: {} },
      credentials: async () => undefined,
      patience: { ...defaultPatience, tries: 1 },
    };
    const repository = openRepository(`${registry.host}/app`, settings, "pull");
    /** `ok`, or why not. */
    const check = async (requirements: object[], digests: Digest[] = [digest]) => {
      const asked = { repository: `${registry.host}/app`, tag: "1" };
      const signed = requireSigned(repository, parse({ default: requirements }), asked, digests);
      return await signed.then(
        () => "ok",
        (error: Error) => error.message,
      );
    };
    return { registry, digest, check };
  }

  const wanting = (key: KeyObject, more: object = { signedIdentity: { type: "matchRepository" } }) => ({
    type: "sigstoreSigned",
    keyData: Buffer.from(pem(key)).toString("base64"),
    ...more,
  });

  test("by the key that is wanted, for the digest and the repository, will do; of an index as of a manifest", async () => {
    const { registry, digest, check } = setUp();
    expect(await check([wanting(ours.publicKey)])).toContain("it is not signed");
    signBeside(registry, "app", digest, ours.privateKey);
    expect(await check([wanting(ours.publicKey)])).toBe("ok");
    expect(await check([wanting(ours.publicKey)], [`sha256:${"0".repeat(64)}`, digest])).toBe("ok");
    const keyPath = join(temporaryDirectory(), "key.pub");
    writeFileSync(keyPath, pem(ours.publicKey));
    const { keyData: _, ...byFile } = wanting(ours.publicKey);
    expect(await check([{ ...byFile, keyPath }])).toBe("ok");
    // One for this tag is what is wanted where nothing else is said, and cosign signs none.
    expect(await check([wanting(ours.publicKey, {})])).toContain("its signature is for the name");
  });

  test("by another key, for another image, another name or another purpose will not", async () => {
    const { registry, digest, check } = setUp();
    signBeside(registry, "app", digest, theirs.privateKey);
    expect(await check([wanting(ours.publicKey)])).toContain("by another key");
    expect(await check([wanting(theirs.publicKey), wanting(ours.publicKey)])).toContain("by another key");
    for (const [critical, said] of [
      [{ image: { "docker-manifest-digest": `sha256:${"1".repeat(64)}` } }, "is for sha256:1111"],
      [{ identity: { "docker-reference": "elsewhere.example/app" } }, "for the name elsewhere.example/app"],
      [{ type: "atomic container signature" }, "for something else"],
      [{ more: 1 }, "for something else"],
    ] as const) {
      signBeside(registry, "app", digest, ours.privateKey, critical);
      expect(await check([wanting(ours.publicKey)])).toContain(said);
    }
  });

  test("may be by RSA and by Ed25519", async () => {
    for (const { publicKey, privateKey } of [
      generateKeyPairSync("rsa", { modulusLength: 2048 }),
      generateKeyPairSync("ed25519"),
    ]) {
      const { registry, digest, check } = setUp();
      signBeside(registry, "app", digest, privateKey);
      expect(await check([wanting(publicKey)])).toBe("ok");
    }
  });

  test("is not asked for where all is accepted, and nothing is asked where all is refused", async () => {
    const { registry, check } = setUp();
    expect(await check(accept)).toBe("ok");
    expect(await check(reject)).toContain("is rejected by /p.json (default)");
    const gpg = { type: "signedBy", keyType: "GPGKeys", keyPath: "/x" };
    expect(await check([gpg])).toContain("wants signedBy");
    const keyless = { type: "sigstoreSigned", fulcio: {}, rekorPublicKeyPath: "/x" };
    expect(await check([keyless])).toContain("wants sigstoreSigned with fulcio");
    expect(registry.seen).toEqual([]);
  });
});
