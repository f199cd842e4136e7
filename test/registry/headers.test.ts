import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mergeScopes } from "../../src/registry/authority.ts";
import { parseChallenges } from "../../src/registry/challenge.ts";
import { nextLink, parseContentRange, retryAfterMs, uploadedBytes } from "../../src/registry/headers.ts";
import { proxyFor } from "../../src/registry/proxy.ts";

describe("a challenge", () => {
  test("keeps commas, escapes and spaces of quoted texts", () => {
    const header =
      'Bearer realm="https://auth.example/token?a=b,c",service="reg, \\"inc\\"",scope="repository:a/b:pull,push"';
    expect(parseChallenges(header)).toEqual([
      {
        scheme: "bearer",
        parameters: {
          realm: "https://auth.example/token?a=b,c",
          service: 'reg, "inc"',
          scope: "repository:a/b:pull,push",
        },
      },
    ]);
  });

  test("may be one of several in one header, with and without parameters", () => {
    const header = 'Negotiate, NTLM TlRMTVNTUAAC==, Basic realm="x", BEARER Realm = "https://a", service=s';
    expect(parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }])).toEqual([
      ["negotiate", {}],
      ["ntlm", {}],
      ["basic", { realm: "x" }],
      ["bearer", { realm: "https://a", service: "s" }],
    ]);
  });

  test("is read back as it was written, whatever its texts hold", () => {
    const name = fc.stringMatching(/^[a-z][a-z_]{0,8}$/);
    const value = fc.string({ unit: "binary-ascii", maxLength: 30 });
    const challenge = fc.tuple(name, fc.dictionary(name, value, { minKeys: 1, maxKeys: 4 }));
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const header = challenges
          .map(([scheme, parameters]) => {
            const texts = Object.entries(parameters).map(([key, text]) => `${key}="${text.replace(/["\\]/g, "\\$&")}"`);
            return `${scheme} ${texts.join(", ")}`;
          })
          .join(", ");
        const read = parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }]);
        expect(read).toEqual(challenges.map(([scheme, parameters]) => [scheme, { ...parameters }]));
      }),
    );
  });

  test("of whatever bytes ends", () => {
    fc.assert(fc.property(fc.string({ maxLength: 400 }), (text) => Array.isArray(parseChallenges(text))));
  });
});

describe("headers", () => {
  test("Retry-After is seconds or a date, and nothing else", () => {
    const now = Date.parse("2026-12-01T10:00:00Z");
    const read = (text: string) => retryAfterMs(text, now);
    expect([read("7"), read("0"), read("Tue, 01 Dec 2026 10:01:00 GMT")]).toEqual([7000, 0, 60_000]);
    expect([read("Tue, 01 Dec 2020 10:01:00 GMT"), read("-1"), read("1.5"), read("soon"), retryAfterMs(null)]).toEqual([
      0,
      ...[undefined, undefined, undefined, undefined],
    ]);
  });

  test("Content-Range makes sense or is not there", () => {
    expect(parseContentRange("bytes 5-9/10")).toEqual({ first: 5, last: 9, total: 10 });
    expect(parseContentRange("bytes 5-9/*")).toEqual({ first: 5, last: 9, total: undefined });
    for (const text of ["bytes 9-5/10", "bytes 5-10/10", "bytes */10", "items 0-1/2", "bytes 0-1/99999999999999999999"])
      expect(parseContentRange(text)).toBeUndefined();
  });

  test("the Range of an upload says how many bytes have come", () => {
    expect(["0-41", "bytes=0-41", "0-0", "5-9", ""].map(uploadedBytes)).toEqual([42, 42, 0, undefined, undefined]);
  });

  test("Link leads to the next page, whatever else it holds", () => {
    expect(nextLink('</v2/_catalog?last=b&n=2>; rel="next"')).toBe("/v2/_catalog?last=b&n=2");
    expect(nextLink('<https://a/x>; rel=prev, <https://a/y;z,>; title="a, b"; rel=next')).toBe("https://a/y;z,");
    expect([nextLink('<x>; rel="prev"'), nextLink("nonsense"), nextLink(null)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("of whatever text are read without a failure", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        for (const read of [retryAfterMs, parseContentRange, uploadedBytes, nextLink]) read(text);
      }),
    );
  });
});

test("scopes of one resource become one", () => {
  const merged = mergeScopes(["repository:a/b:pull,push"], ["repository:a/b:pull", "repository:h:5000/c:pull", "x"]);
  expect(merged).toEqual(["repository:a/b:pull,push", "repository:h:5000/c:pull"]);
});

describe("a proxy", () => {
  const ask = (url: string, environment: Record<string, string>) => proxyFor(new URL(url), environment);
  test("is that of the URL's scheme, and never one for loopback", () => {
    const environment = { HTTPS_PROXY: "http://p:1", http_proxy: "q:2" };
    expect([ask("https://a.example/", environment), ask("http://a.example/", environment)]).toEqual([
      "http://p:1",
      "http://q:2",
    ]);
    for (const url of ["http://localhost:5000/", "https://127.0.0.1/", "http://[::1]:5000/"])
      expect(ask(url, environment)).toBe(false);
  });

  test("is not asked for what NO_PROXY names", () => {
    const exempt = (list: string, url: string) => ask(url, { HTTPS_PROXY: "http://p:1", NO_PROXY: list }) === false;
    expect(exempt("b.example, a.example", "https://x.a.example/")).toBe(true);
    expect(exempt(".a.example", "https://a.example/")).toBe(false);
    expect(exempt("*.a.example", "https://x.a.example/")).toBe(true);
    expect(exempt("10.0.0.0/8", "https://10.1.2.3:5000/")).toBe(true);
    expect(exempt("10.0.0.0/8", "https://11.1.2.3:5000/")).toBe(false);
    expect(exempt("a.example:5000", "https://a.example/")).toBe(false);
    expect(exempt("[fd00::1]:5000", "https://[fd00::1]:5000/")).toBe(true);
    expect(exempt("fd00::1", "https://[fd00::1]/")).toBe(true);
    expect(exempt("*", "https://a.example/")).toBe(true);
  });
});
