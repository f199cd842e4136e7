/** The client of registries, against servers that do what servers do. */

import { describe, expect, test } from "bun:test";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { openRepository } from "../../src/registry/client.ts";
import type { RegistrySettings } from "../../src/registry/settings.ts";
import { badNetwork, scripted } from "../support/bad-network.ts";
import { challenge, indexType, manifestType, serveRegistry, type TestRegistry } from "../support/registry.ts";

const quick = { tries: 3, stallMs: 10_000, commitMs: 10_000, firstWaitMs: 1, maxWaitMs: 5_000 };

const settings = (more: Partial<RegistrySettings> = {}): RegistrySettings => ({
  registries: {},
  insecureRanges: [],
  verifyTls: true,
  credentials: async () => undefined,
  certificateDirectories: [],
  environment: {},
  patience: quick,
  ...more,
});

const open = (host: string, more: Partial<RegistrySettings> = {}, scope: "pull" | "pull,push" = "pull") =>
  openRepository(`${host}/team/app`, settings(more), scope);

async function read(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** What is said of a failure. */
async function failure(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it went well");
}

const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 251));

function withBlob(): { registry: TestRegistry; blob: { digest: Digest; size: number } } {
  const registry = serveRegistry();
  return { registry, blob: registry.addBlob(content) as { digest: Digest; size: number } };
}

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

describe("tokens", () => {
  /** A registry that wants tokens, and gives them. */
  function guarded(ofSeconds = 300): { registry: TestRegistry; asked: URL[] } {
    const registry = serveRegistry();
    const asked: URL[] = [];
    const given = new Set<string>();
    registry.intercept = [
      ({ headers }, url) => {
        if (url.pathname === "/token") {
          asked.push(url);
          const token = `T${asked.length}`;
          given.add(`Bearer ${token}`);
          return Response.json({ token, expires_in: ofSeconds });
        }
        const said = headers.get("authorization");
        if (said !== null && given.has(said)) return undefined;
        return challenge(`${registry.url}/token`, "a, b", "repository:team/app:pull");
      },
    ];
    registry.addManifest("team/app", "1", { schemaVersion: 2, mediaType: manifestType });
    return { registry, asked };
  }

  test("are asked for once, however many requests wait for one", async () => {
    const { registry, asked } = guarded();
    const repository = open(registry.host, {}, "pull,push");
    await Promise.all([1, 2, 3].map(() => repository.manifest("1")));
    await repository.manifest("1");
    expect(asked).toHaveLength(1);
    expect(asked[0]!.searchParams.get("service")).toBe("a, b");
    expect(asked[0]!.searchParams.getAll("scope")).toEqual(["repository:team/app:pull,push"]);
  });

  test("that are over, or refused, are asked for again", async () => {
    const { registry, asked } = guarded(0.001);
    const repository = open(registry.host);
    await repository.manifest("1");
    await Bun.sleep(2);
    await repository.manifest("1");
    expect(asked.length).toBeGreaterThan(1);
  });

  test("are bought with a name and password, or with an identity token", async () => {
    const { registry } = guarded();
    const login = { username: "me", password: "se:cr,et" };
    await open(registry.host, { credentials: async () => login }).manifest("1");
    const bought = registry.seen.find(({ path }) => path.startsWith("/token"))!;
    expect(bought.authorization).toBe(`Basic ${btoa("me:se:cr,et")}`);
    expect(bought.path).toContain("account=me");
    registry.seen.length = 0;
    let form = "";
    registry.intercept.unshift(async (request, url) => {
      if (url.pathname === "/token" && request.method === "POST") form = await request.text();
      return undefined;
    });
    await open(registry.host, { credentials: async () => ({ identityToken: "ID" }) }).manifest("1");
    expect(Object.fromEntries(new URLSearchParams(form))).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "ID",
      service: "a, b",
      scope: "repository:team/app:pull",
    });
    const withToken = { credentials: async () => ({ registryToken: "R" }) };
    registry.intercept = [({ headers }) => (headers.has("authorization") ? undefined : challenge("x:/", "s", "z:y"))];
    await open(registry.host, withToken).manifest("1");
    expect(registry.seen.at(-1)!.authorization).toBe("Bearer R");
  });

  test("are not asked for without TLS, nor of what is no URL", async () => {
    const registry = serveRegistry();
    const repository = open(registry.host);
    for (const realm of ["http://tokens.example/", "ftp://x/", "nonsense", "https://me:pw@tokens.example/"]) {
      registry.intercept = [(_, url) => (url.pathname === "/v2/" ? undefined : challenge(realm, "s", "a:b:pull"))];
      expect(await failure(repository.manifest("1"))).toMatch(/not asked over TLS|names no place/);
    }
  });

  test("that are no tokens are refused", async () => {
    const registry = serveRegistry();
    const repository = open(registry.host);
    for (const body of ["{}", '{"token":"a\\r\\nb"}', "[]", "x", '{"token":5}']) {
      registry.intercept = [
        (_, url) =>
          url.pathname === "/token"
            ? new Response(body)
            : url.pathname === "/v2/"
              ? undefined
              : challenge(`${registry.url}/token`, "s", "a:b:pull"),
      ];
      expect(await failure(repository.manifest("1"))).toContain("token of");
    }
  });
});

describe("credentials", () => {
  const login = { credentials: async () => ({ username: "me", password: "secret" }) };
  const basic = () => new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });

  test("do not go along with a redirect to another host or port, and no challenge from there is answered", async () => {
    const [own, other] = [serveRegistry(), serveRegistry()];
    const blob = other.addBlob(content) as { digest: Digest; size: number };
    const needed = ({ headers }: Request) => (headers.has("authorization") ? undefined : basic());
    own.intercept = [
      needed,
      (_, url) => (url.pathname.includes("blobs") ? Response.redirect(`${other.url}${url.pathname}`, 307) : undefined),
    ];
    expect(await read(open(own.host, login).blob(blob))).toEqual(content);
    expect(own.seen.some(({ authorization }) => authorization === `Basic ${btoa("me:secret")}`)).toBe(true);
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([null]);
    other.intercept = [basic];
    expect(await failure(read(open(own.host, login).blob(blob)))).toContain(`${other.host} answers 401`);
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([null, null]);
  });

  test("stay with the same host at a redirect", async () => {
    const own = serveRegistry();
    own.addManifest("team/app", "1", { schemaVersion: 2, mediaType: manifestType });
    own.intercept = [
      ({ headers }) => (headers.has("authorization") ? undefined : basic()),
      (_, url) =>
        url.pathname.startsWith("/v2/team/") ? Response.redirect(`/v2/moved${url.pathname.slice(3)}`, 307) : undefined,
    ];
    own.manifests.set("moved/team/app:1", own.manifests.get("team/app:1")!);
    expect(await open(own.host, login).manifest("1")).toBeDefined();
  });

  test("do not go to a mirror, to foreign addresses of layers, or to another place for an upload", async () => {
    const [own, mirror, foreign] = [serveRegistry(), serveRegistry(), serveRegistry()];
    const asked: string[] = [];
    const more = {
      registries: { [own.host]: { mirrors: [mirror.host] } },
      credentials: async (host: string) => {
        asked.push(host);
        return host === own.host ? { username: "me", password: "secret" } : undefined;
      },
    };
    const blob = foreign.addBlob(content) as { digest: Digest; size: number };
    foreign.intercept = [({ method }) => (method === "GET" ? undefined : new Response("", { status: 201 }))];
    mirror.intercept = [basic];
    own.intercept = [
      ({ headers }) => (headers.has("authorization") ? undefined : basic()),
      ({ method }) =>
        method === "POST"
          ? new Response("", { status: 202, headers: { location: `${foreign.url}/upload?_state=x` } })
          : undefined,
    ];
    const urls = [`${foreign.url}/v2/x/blobs/${blob.digest}`, "file:///etc/passwd", "http://plain.example/x"];
    expect(await read(open(own.host, more).blob(blob, { urls }))).toEqual(content);
    await open(own.host, more, "pull,push").putBlob(
      blob.digest,
      blob.size,
      (from) => new Blob([content.subarray(from)]),
    );
    expect([...mirror.seen, ...foreign.seen].filter(({ authorization }) => authorization !== null)).toEqual([]);
    expect(foreign.seen.map(({ method }) => method)).toEqual(["GET", "PUT"]);
    expect(new Set(asked)).toEqual(new Set([own.host, mirror.host]));
  });

  test("of redirects that never end, lead nowhere or leave TLS nothing comes", async () => {
    const own = serveRegistry();
    const repository = open(own.host, login);
    for (const location of ["/v2/team/app/manifests/1", "file:///etc/passwd", "http://[", "javascript:1"]) {
      own.intercept = [
        (_, url) => (url.pathname === "/v2/" ? undefined : new Response("", { status: 307, headers: { location } })),
      ];
      expect(await failure(repository.manifest("1"))).toMatch(/redirects/);
    }
  });
});

describe("an upload", () => {
  /** A registry that takes blobs in the two steps of the specification, and may break off. */
  function taking(): { registry: TestRegistry; got: Map<string, Uint8Array>; breakAt: number[] } {
    const registry = serveRegistry();
    const got = new Map<string, Uint8Array>();
    const breakAt: number[] = [];
    let upload = new Uint8Array();
    registry.intercept = [
      async (request, url) => {
        const { method, headers } = request;
        const location = `${registry.url}/up?_state=${upload.length}`;
        if (method === "POST") {
          upload = new Uint8Array();
          return new Response("", { status: 202, headers: { location: "/up?_state=0" } });
        }
        if (url.pathname !== "/up") return undefined;
        const range = `0-${Math.max(upload.length - 1, 0)}`;
        if (method === "GET") return new Response(null, { status: 204, headers: { location, range } });
        const from = Number(headers.get("content-range")?.split("-")[0] ?? upload.length);
        if (from !== upload.length) return new Response("", { status: 416, headers: { location, range } });
        const stop = breakAt.shift();
        const bytes = new Uint8Array(await request.arrayBuffer());
        upload = Buffer.concat([upload, bytes.subarray(0, stop)]);
        if (stop !== undefined) return new Response("trouble", { status: 503 });
        if (method === "PATCH") return new Response("", { status: 202, headers: { location: "/up?_state=p" } });
        const digest = url.searchParams.get("digest")!;
        if (digestOf(upload) !== digest) return new Response("", { status: 400 });
        got.set(digest, upload);
        return new Response("", { status: 201 });
      },
    ];
    return { registry, got, breakAt };
  }

  const digest = digestOf(content);
  const slice = (from: number) => new Blob([content.subarray(from)]);

  test("is one PUT, with its length", async () => {
    const { registry, got } = taking();
    const told: number[] = [];
    await open(registry.host, {}, "pull,push").putBlob(digest, content.length, slice, (bytes) => told.push(bytes));
    expect(got.get(digest)).toEqual(content);
    expect(registry.seen.map(({ method }) => method)).toEqual(["POST", "PUT"]);
    expect(registry.seen[1]!.headers.get("content-length")).toBe(String(content.length));
    expect(told.at(-1)).toBe(content.length);
  });

  test("goes on with what is missing after trouble", async () => {
    const { registry, got, breakAt } = taking();
    breakAt.push(70_000, 10);
    await open(registry.host, {}, "pull,push").putBlob(digest, content.length, slice);
    expect(got.get(digest)).toEqual(content);
    const methods = registry.seen.map(({ method, headers }) =>
      `${method} ${headers.get("content-range") ?? ""}`.trim(),
    );
    expect(methods.filter((method) => /PUT|PATCH/.test(method))).toEqual([
      "PUT",
      "PATCH 70000-199999",
      "PATCH 70010-199999",
      "PUT",
    ]);
  });

  test("that a registry takes for something else is a failure", async () => {
    const { registry } = taking();
    registry.intercept.unshift(({ method }) =>
      method === "PUT"
        ? new Response("", { status: 201, headers: { "docker-content-digest": digestOf("x") } })
        : undefined,
    );
    const putting = open(registry.host, {}, "pull,push").putBlob(digest, content.length, slice);
    expect(await failure(putting)).toContain("has stored a blob with the digest");
  });

  test("is not needed where the blob is next door", async () => {
    const { registry } = taking();
    const repository = open(registry.host, {}, "pull,push");
    expect(await repository.mountBlob(digest, "team/base")).toBe(false);
    expect(registry.seen.at(-1)!.method).toBe("DELETE");
    registry.intercept.unshift(({ method }) => (method === "POST" ? new Response("", { status: 201 }) : undefined));
    expect(await repository.mountBlob(digest, "team/base")).toBe(true);
  });
});

describe("tags", () => {
  test("come page by page, and no page leads elsewhere or round in a circle", async () => {
    const registry = serveRegistry();
    const page = (tags: unknown, next?: string) =>
      Response.json({ tags }, { headers: next === undefined ? {} : { link: `<${next}>; rel="next"` } });
    const list = async () => {
      const all: string[] = [];
      for await (const tag of open(registry.host).tags()) all.push(tag);
      return all;
    };
    const answer = (reply: (url: URL) => Response) => {
      registry.intercept = [(_, url) => (url.pathname === "/v2/" ? undefined : reply(url))];
    };
    answer((url) =>
      url.searchParams.get("last") ? page(["c"]) : page(["a", "b", "../x"], "/v2/team/app/tags/list?last=b"),
    );
    expect(await list()).toEqual(["a", "b", "c"]);
    answer(() => page(null));
    expect(await list()).toEqual([]);
    answer(() => page(["a"], "http://elsewhere.example/v2/"));
    expect(await failure(list())).toContain("not one of its own");
    answer(() => page(["a"], "/v2/team/app/tags/list?last=a"));
    expect(await failure(list())).toContain("not one of its own");
    answer(() => page([7]));
    expect(await failure(list())).toContain("is not text");
  });
});
