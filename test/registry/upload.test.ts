/** What is written to registries, and lists of what they have. */

import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { serveRegistry, type TestRegistry } from "../support/registry.ts";
import { content, failure, open } from "../support/registry-client.ts";

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
