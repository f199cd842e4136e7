/** `registry serve` without a server: paths, pages, addresses, owners of sockets, passwords, and what of repositories is alive. */

import { describe, expect, test } from "bun:test";
import { connect, createServer } from "node:net";
import fc from "fast-check";
import { findDead } from "../../src/image/repository/collect.ts";
import type { ManifestRecord } from "../../src/image/repository/records.ts";
import { parsePasswords } from "../../src/image/serve/htpasswd.ts";
import { checkOpenness, isLoopback, parseListen } from "../../src/image/serve/listen.ts";
import { inOrder, page } from "../../src/image/serve/lists.ts";
import { acceptable, essenceOf } from "../../src/image/serve/media-type.ts";
import { ownerOf } from "../../src/image/serve/peer.ts";
import { Problem } from "../../src/image/serve/problem.ts";
import { parsePushed } from "../../src/image/serve/pushed.ts";
import { routeOf } from "../../src/image/serve/route.ts";
import type { Digest } from "../../src/oci/digest.ts";

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

describe("routeOf()", () => {
  const repository = (asked: string, name = asked) => ({ asked, name });
  test("finds the endpoint, whatever words a name has in it", () => {
    expect(routeOf("/v2/")).toEqual({ endpoint: "base" });
    expect(routeOf("/v2/tags/list/tags/list")).toEqual({ endpoint: "tags", repository: repository("tags/list") });
    expect(routeOf("/v2/a/blobs/uploads/blobs/uploads/")).toEqual({
      endpoint: "uploads",
      repository: repository("a/blobs/uploads"),
    });
    expect(routeOf(`/v2/a/manifests/b/blobs/${digest("a")}`)).toEqual({
      endpoint: "blob",
      repository: repository("a/manifests/b"),
      digest: digest("a"),
    });
    expect(routeOf(`/v2/a/manifests/${digest("b").replace(":", "%3A")}`)).toMatchObject({
      reference: { digest: digest("b") },
    });
    expect(routeOf("/v2/docker.io/library/busybox/manifests/latest")).toMatchObject({
      repository: repository("docker.io/library/busybox", "busybox"),
      reference: { tag: "latest" },
    });
  });
  test("of any path gives names without a dot segment, a NUL or a backslash, or a Problem", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "v2",
        "..",
        ".",
        "a",
        "%2e%2e",
        "%00",
        "tags",
        "list",
        "blobs",
        "uploads",
        "manifests",
        digest("c"),
        "%5c",
        "A",
      ),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        try {
          const route = routeOf(`/v2/${pieces.join("/")}`);
          if (!route || !("repository" in route)) return;
          for (const name of [route.repository.asked, route.repository.name])
            expect(name).toMatch(/^[a-z0-9]+([._/-]+[a-z0-9]+)*$/);
          for (const part of route.repository.name.split("/")) expect(["", ".", ".."]).not.toContain(part);
          if ("reference" in route && "tag" in route.reference)
            expect(route.reference.tag).toMatch(/^\w[\w.-]{0,127}$/);
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test("page() goes through everything once, in order, whatever the size of a page", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,5}$/)),
      fc.integer({ min: 1, max: 5 }),
      (items, n) => {
        const sorted = items.toSorted(inOrder);
        const seen: string[] = [];
        for (let next: string | undefined = `/v2/a/tags/list?n=${n}`; next !== undefined; ) {
          const found = page(sorted, new URL(next, "http://localhost"));
          seen.push(...found.items);
          next = /^<(.*)>; rel="next"$/.exec(found.headers.Link ?? "")?.[1];
        }
        expect(seen).toEqual(sorted);
      },
    ),
  );
});

test("parseListen() takes addresses and ports, and loopback needs neither TLS nor passwords", () => {
  expect(parseListen("[::1]:5000")).toEqual({ host: "::1", port: 5000 });
  expect(parseListen(":0")).toEqual({ host: "0.0.0.0", port: 0 });
  const open = { tls: false, passwords: false, insecure: false };
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"]) {
    expect(isLoopback(host)).toBe(true);
    checkOpenness({ host, port: 1 }, open);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "127.example.org"]) {
    expect(() => checkOpenness({ host, port: 1 }, { ...open, tls: true })).toThrow("--htpasswd: other machines");
    checkOpenness({ host, port: 1 }, { ...open, insecure: true });
  }
});

test("ownerOf() tells whose process is at the other end, over IPv4 and IPv6", async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    const server = createServer();
    const listening = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(0, host, () => resolve(true));
    });
    if (!listening) continue; // no IPv6 here
    const socket = connect((server.address() as { port: number }).port, host);
    await new Promise((resolve) => socket.once("connect", resolve));
    expect(ownerOf(host, socket.localPort!)).toBe(process.getuid!());
    expect(ownerOf(host, 1)).toBeUndefined();
    socket.destroy();
    server.close();
  }
});

test("parsePasswords() takes bcrypt alone", () => {
  const hash = "$2y$05$CwTycUXWue0Thq9StjUM0uJ8i0GZkYy3LhH3m4t0Zb6u4a1fJ8b5K";
  expect([...parsePasswords(`# who\n\nada:${hash}\r\neve:${hash}\n`, "users")].map(([name]) => name)).toEqual([
    "ada",
    "eve",
  ]);
  for (const text of ["ada:secret", "ada:$apr1$x$y", `:${hash}`, `ada:${hash}x`, "ada"])
    expect(() => parsePasswords(text, "users")).toThrow("line 1 of users");
  expect(() => parsePasswords("\n", "users")).toThrow("users has no users");
});

test("acceptable() goes by the types of manifests that an Accept names", () => {
  const index = "application/vnd.oci.image.index.v1+json";
  const manifest = "application/vnd.oci.image.manifest.v1+json";
  for (const accept of [null, "", "*/*", "text/html", index, `${manifest}, ${index}; q=0.5`, `${manifest},*/*`])
    expect(acceptable(accept, index)).toBe(true);
  for (const accept of [manifest, `${manifest};q=1, text/html`]) expect(acceptable(accept, index)).toBe(false);
  expect(essenceOf(" Application/JSON ; charset=utf-8")).toBe("application/json");
});

describe("findDead()", () => {
  const record = (digit: string, more: Partial<ManifestRecord> = {}): ManifestRecord => ({
    digest: digest(digit),
    mediaType: "",
    size: 1,
    blobs: [],
    manifests: [],
    ...more,
  });
  const dead = (manifests: ManifestRecord[], tagged: string[], named: string[]) =>
    [
      ...findDead(
        manifests,
        new Set(tagged.map(digest)),
        ({ digest: of, image }) => image === undefined || named.map(digest).includes(of),
      ),
    ].map((of) => of[7]);
  const image = digest("e");

  test("an index that nothing names takes with it what only it had", () => {
    const all = [record("a"), record("b", { image }), record("c", { image, manifests: [digest("a"), digest("b")] })];
    expect(dead(all, [], ["c"])).toEqual([]);
    expect(dead(all, ["c"], [])).toEqual([]);
    expect(dead(all, [], []).sort()).toEqual(["a", "b", "c"]);
    expect(dead(all, ["a"], []).sort()).toEqual(["b", "c"]);
    expect(dead([...all, record("d", { manifests: [digest("a")] })], [], []).sort()).toEqual(["b", "c"]);
  });
  test("a signature goes with what it is about, if that was here; what is no image stays until it is deleted", () => {
    const signed = record("a", { image });
    const signature = record("b", { subject: digest("a") });
    const early = record("c", { subject: digest("f") });
    expect(dead([signed, signature, early, record("d")], [], [])).toEqual(["a", "b"]);
    expect(dead([signed, signature], ["b"], [])).toEqual(["a"]);
  });
});

test("parsePushed() of anything is a manifest or a Problem", () => {
  const part = { mediaType: "a/b", digest: digest("a"), size: 1 };
  const value = fc.oneof(
    fc.constantFrom(part, [part], null, 2, "application/vnd.oci.image.manifest.v1+json", {}, []),
    fc.jsonValue(),
  );
  const manifest = fc.dictionary(
    fc.constantFrom(
      "schemaVersion",
      "mediaType",
      "config",
      "layers",
      "manifests",
      "subject",
      "annotations",
      "artifactType",
    ),
    value,
  );
  fc.assert(
    fc.property(
      fc.oneof(
        manifest.map((one) => JSON.stringify(one)),
        fc.string(),
      ),
      (text) => {
        try {
          const { record } = parsePushed(new TextEncoder().encode(text), null);
          expect(record.size).toBe(new TextEncoder().encode(text).length);
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
        }
      },
    ),
    { numRuns: 5000 },
  );
});
