/** Who we are, told to registries: tokens, names and passwords, and to nobody else. */

import { describe, expect, test } from "bun:test";
import type { Digest } from "../../src/oci/digest.ts";
import { challenge, manifestType, serveRegistry, type TestRegistry } from "../support/registry.ts";
import { content, failure, open, read } from "../support/registry-client.ts";

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
