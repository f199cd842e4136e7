/** The client of registries, against servers that do what servers do. */

import { describe, expect, test } from "bun:test";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { openRepository } from "../../src/registry/client.ts";
import { badNetwork, scripted } from "../support/bad-network.ts";
import { indexType, manifestType, serveRegistry } from "../support/registry.ts";
import { content, failure, open, quick, read, settings, withBlob } from "../support/registry-client.ts";

describe("a manifest", () => {
  const manifest = { schemaVersion: 2, mediaType: manifestType, config: {}, layers: [] };
  test("comes by tag and by digest, and is undefined where there is none", async () => {
    const registry = serveRegistry();
    const digest = registry.addManifest("team/app", "1", manifest);
    const repository = open(registry.host);
    expect(await repository.manifest("1")).toMatchObject({ digest, mediaType: manifestType });
    expect(await repository.manifest(digest)).toMatchObject({ digest });
    expect(await repository.headManifest("1")).toMatchObject({ digest, mediaType: manifestType });
    expect([await repository.manifest("2"), await repository.headManifest("2")]).toEqual([undefined, undefined]);
  });

  test("that is not what was asked for or announced is refused", async () => {
    const registry = serveRegistry();
    const digest = registry.addManifest("team/app", "1", manifest);
    const repository = open(registry.host);
    const answer = (bytes: string, headers: Record<string, string>) => {
      registry.intercept = [(_, url) => (url.pathname === "/v2/" ? undefined : new Response(bytes, { headers }))];
    };
    const type = { "content-type": manifestType };
    answer("{}", type);
    expect(await failure(repository.manifest(digest))).toContain("sends a manifest with the digest");
    answer("{}", { ...type, "docker-content-digest": digest });
    expect(await failure(repository.manifest("1"))).toContain(`announces a manifest with the digest ${digest}`);
    answer(JSON.stringify(manifest), { "content-type": indexType });
    expect(await failure(repository.manifest("1"))).toContain("that calls itself");
    answer("<html>log in</html>", { "content-type": "text/html; charset=utf-8" });
    expect(await failure(repository.manifest("1"))).toContain("answers with a web page");
    answer("x".repeat(5 << 20), type);
    expect(await failure(repository.manifest("1"))).toContain("larger than 4 MiB");
    answer("not json", type);
    expect(await failure(repository.manifest("1"))).toContain("is not JSON");
    answer("{}", { "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" });
    expect(await failure(repository.manifest("1"))).toContain("old schema 1");
    answer('{"schemaVersion":1}', { "content-type": "application/json" });
    expect(await failure(repository.manifest("1"))).toContain("old schema 1");
  });

  test("is what its content says where the server does not know", async () => {
    const registry = serveRegistry();
    registry.addManifest("team/app", "a", manifest, "application/octet-stream");
    registry.addManifest("team/app", "b", { schemaVersion: 2, manifests: [] }, "text/plain");
    const repository = open(registry.host);
    expect((await repository.manifest("a"))?.mediaType).toBe(manifestType);
    expect((await repository.manifest("b"))?.mediaType).toBe(indexType);
    // HEAD says too little there, so all of it is read.
    expect((await repository.headManifest("b"))?.mediaType).toBe(indexType);
  });
});

describe("a blob", () => {
  test("comes from a byte on", async () => {
    const { registry, blob } = withBlob();
    const repository = open(registry.host);
    expect(await read(repository.blob(blob))).toEqual(content);
    expect(await read(repository.blob(blob, { from: 199_990 }))).toEqual(content.subarray(199_990));
    expect(await read(repository.blob(blob, { from: 200_000 }))).toEqual(Buffer.alloc(0));
  });

  for (const fate of ["end", "reset"] as const)
    test(`goes on at the byte that is missing after a connection's ${fate}`, async () => {
      const { registry, blob } = withBlob();
      let got = 0;
      const trouble = [1, 2, 3, 4].map((count) => ({ after: 40_000, fate, when: () => got > count * 30_000 }));
      const network = await badNetwork(registry.host, [undefined, ...trouble]);
      const pieces: Uint8Array[] = [];
      for await (const piece of open(network.host).blob(blob)) {
        got += piece.length;
        pieces.push(piece);
      }
      expect(Buffer.concat(pieces)).toEqual(content);
      expect(registry.seen.filter(({ headers }) => headers.has("range"))).toHaveLength(4);
    });

  test("goes on after a connection on which nothing comes any more", async () => {
    const { registry, blob } = withBlob();
    const network = await badNetwork(registry.host, [undefined, { after: 40_000, fate: "stall" }]);
    const impatient = { patience: { ...quick, stallMs: 200 } };
    expect(await read(open(network.host, impatient).blob(blob))).toEqual(content);
  });

  test("is skipped up to the byte that is missing, where a server knows no ranges", async () => {
    const { registry, blob } = withBlob();
    registry.intercept = [
      ({ method }, url) => (method === "GET" && url.pathname.includes("blobs") ? new Response(content) : undefined),
    ];
    expect(await read(open(registry.host).blob(blob, { from: 150_000 }))).toEqual(content.subarray(150_000));
  });

  test("that ends early without a length is asked for again, and given up after some tries without a byte", async () => {
    const early = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde";
    const head = "HTTP/1.1 206 Partial Content\r\nConnection: close\r\n";
    const rest = `${head}Content-Range: bytes 5-9/10\r\n\r\nfghij`;
    const none = `${head}Content-Range: bytes 5-9/10\r\n\r\n`;
    const blob = { digest: digestOf("abcdefghij"), size: 10 };
    // The first connection is asked whether it speaks TLS.
    const { host } = await scripted(["no", early, none, none, rest]);
    expect((await read(open(host).blob(blob))).toString()).toBe("abcdefghij");
    const silent = await scripted(["no", early, none]);
    expect(await failure(read(open(silent.host).blob(blob)))).toContain("ended at byte 5 of 10");
  });

  test("of another length, another range or in an encoding is refused", async () => {
    const { registry, blob } = withBlob();
    const answer = (bytes: Uint8Array, init: ResponseInit = {}) => {
      registry.intercept = [
        (_, url) => (url.pathname.includes("blobs") ? new Response(bytes as Uint8Array<ArrayBuffer>, init) : undefined),
      ];
    };
    const repository = open(registry.host);
    answer(content.subarray(1));
    expect(await failure(read(repository.blob(blob)))).toContain("has 199999 bytes, and its manifest says 200000");
    answer(content, { status: 206, headers: { "content-range": "bytes 1-200000/200001" } });
    expect(await failure(read(repository.blob(blob, { from: 5 })))).toContain("sends bytes that nobody asked for");
    answer(Bun.gzipSync(content), { headers: { "content-encoding": "gzip" } });
    expect(await failure(read(repository.blob(blob)))).toContain("in an encoding that nobody asked for");
    const more = await scripted(["no", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcdefghijk"]);
    const ten = { digest: digestOf("abcdefghij"), size: 10 };
    expect(await failure(read(open(more.host).blob(ten)))).toContain("sends more than the 10 bytes");
  });

  test("that whoever asked does not want any more ends with the reason", async () => {
    const { registry, blob } = withBlob();
    const network = await badNetwork(registry.host, [undefined, { after: 40_000, fate: "stall" }]);
    const controller = new AbortController();
    const reading = read(open(network.host).blob(blob, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    expect(await failure(reading)).toBe("enough");
  });
});

describe("a registry in trouble", () => {
  test("is asked again as late as it says, and not if that is too late", async () => {
    const registry = serveRegistry();
    registry.addManifest("team/app", "1", { schemaVersion: 2, mediaType: manifestType });
    const busy = (status: number, times: number, after?: string) => {
      let left = times;
      registry.intercept = [
        (_, url) => {
          if (url.pathname === "/v2/" || left-- <= 0) return undefined;
          return new Response("busy", { status, headers: after === undefined ? {} : { "retry-after": after } });
        },
      ];
    };
    const heard: string[] = [];
    const repository = open(registry.host, { notice: (text) => heard.push(text) });
    busy(429, 2, "0");
    expect(await repository.manifest("1")).toBeDefined();
    expect(heard).toHaveLength(2);
    busy(503, 1);
    expect(await repository.manifest("1")).toBeDefined();
    busy(503, 99);
    expect(await failure(repository.manifest("1"))).toContain("answers 503 (busy)");
    busy(429, 99, "3600");
    expect(await failure(repository.manifest("1"))).toContain("asks to come back in 3600 s");
  });

  test("says what it does in one harmless line", async () => {
    const registry = serveRegistry();
    const repository = open(registry.host);
    const answer = (status: number, body: string, type = "application/json") => {
      registry.intercept = [
        (_, url) =>
          url.pathname === "/v2/" ? undefined : new Response(body, { status, headers: { "content-type": type } }),
      ];
    };
    answer(403, JSON.stringify({ errors: [{ code: "DENIED", message: "\u001b[31mno\nway\u202e" }] }));
    expect(await failure(repository.manifest("1"))).toBe(
      `cannot pull ${registry.host}/team/app:1: ${registry.host} answers 403 ([31mno way)`,
    );
    answer(418, "<html><body>x</body></html>", "text/html");
    expect(await failure(repository.manifest("1"))).toContain("a web page, which is not what registries answer");
    answer(400, "y".repeat(100_000), "text/plain");
    expect((await failure(repository.manifest("1"))).length).toBeLessThan(500);
  });
});

describe("mirrors", () => {
  test("are asked first, in their order, and passed by where they have not got it or are in trouble", async () => {
    const [one, two, own] = [serveRegistry(), serveRegistry(), serveRegistry()];
    const blob = own.addBlob(content) as { digest: Digest; size: number };
    two.addManifest("docker/team/app", "1", { schemaVersion: 2, mediaType: manifestType });
    own.addManifest("team/app", "2", { schemaVersion: 2, mediaType: manifestType });
    one.intercept = [() => new Response("away", { status: 500 })];
    const mirrors = ["127.0.0.1:1", one.url, `${two.host}/docker`];
    const more = { registries: { [own.host]: { mirrors } } };
    const repository = open(own.host, more);
    expect(await repository.manifest("1")).toBeDefined();
    expect(own.seen).toEqual([]);
    expect(await repository.manifest("2")).toBeDefined();
    expect(await read(repository.blob(blob))).toEqual(content);
    // Who pushes is not told what a mirror has.
    const pushing = openRepository(`${own.host}/team/app`, settings(more), "pull,push");
    expect(await pushing.headManifest("1")).toBeUndefined();
  });

  test("of a blocked registry, and it itself, are not asked", async () => {
    const own = serveRegistry();
    expect(() => open(own.host, { registries: { [own.host]: { blocked: true } } })).toThrow("is blocked");
    expect(own.seen).toEqual([]);
  });
});
