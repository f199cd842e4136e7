/** A registry in the test's own process, as small as can be, that remembers what it was asked and may do what none should. */

import { onTestFinished } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";

/** What came. */
export interface Seen {
  method: string;
  /** With the query. */
  path: string;
  authorization: string | null;
  headers: Headers;
}

export interface TestRegistry {
  /** `127.0.0.1:40000`. */
  host: string;
  url: string;
  seen: Seen[];
  blobs: Map<string, Uint8Array>;
  /** By `repository:tag` and `repository@digest`. */
  manifests: Map<string, { mediaType: string; bytes: Uint8Array }>;
  /** Asked before anything else; undefined leaves it to the registry. */
  intercept: ((request: Request, url: URL) => Response | undefined | Promise<Response | undefined>)[];
  addBlob(content: string | Uint8Array): { digest: string; size: number };
  addManifest(repository: string, tag: string, manifest: object, mediaType?: string): string;
}

export interface ServeOptions {
  tls?: { cert: string; key: string; ca?: string; requestCert?: boolean; rejectUnauthorized?: boolean };
  hostname?: string;
}

export const manifestType = "application/vnd.oci.image.manifest.v1+json";
export const indexType = "application/vnd.oci.image.index.v1+json";

/** Call it inside a test: it ends with it. */
export function serveRegistry({ tls, hostname = "127.0.0.1" }: ServeOptions = {}): TestRegistry {
  const registry: Omit<TestRegistry, "host" | "url"> = {
    seen: [],
    blobs: new Map(),
    manifests: new Map(),
    intercept: [],
    addBlob: (content) => {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const digest = digestOf(bytes);
      registry.blobs.set(digest, bytes);
      return { digest, size: bytes.length };
    },
    addManifest: (repository, tag, manifest, mediaType = manifestType) => {
      const bytes = new TextEncoder().encode(JSON.stringify(manifest));
      const entry = { mediaType, bytes };
      registry.manifests.set(`${repository}:${tag}`, entry);
      registry.manifests.set(`${repository}@${digestOf(bytes)}`, entry);
      return digestOf(bytes);
    },
  };
  const server = Bun.serve({
    port: 0,
    hostname,
    idleTimeout: 0,
    ...(tls && { tls }),
    fetch: async (request) => {
      const url = new URL(request.url);
      const { headers, method } = request;
      const authorization = headers.get("authorization");
      registry.seen.push({ method, path: url.pathname + url.search, authorization, headers });
      for (const intercept of registry.intercept) {
        const answer = await intercept(request, url);
        if (answer) return answer;
      }
      return answerTo(registry, request, url);
    },
  });
  onTestFinished(async () => await server.stop(true));
  const host = `${hostname}:${server.port}`;
  return Object.assign(registry, { host, url: `${tls ? "https" : "http"}://${host}` });
}

const none = (code: string, status = 404) =>
  Response.json({ errors: [{ code, message: "unknown to us" }] }, { status });

function answerTo({ blobs, manifests }: Omit<TestRegistry, "host" | "url">, request: Request, url: URL): Response {
  if (url.pathname === "/v2/") return Response.json({});
  const [, repository, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(url.pathname) ?? [];
  if (kind === "tags") {
    const tags = [...manifests.keys()].filter((key) => key.startsWith(`${repository}:`) && !key.includes("@"));
    return Response.json({ name: repository, tags: tags.map((key) => key.slice(key.lastIndexOf(":") + 1)) });
  }
  if (kind === "manifests") {
    const found = manifests.get(`${repository}${reference!.includes(":") ? "@" : ":"}${reference}`);
    if (!found) return none("MANIFEST_UNKNOWN");
    const headers = { "content-type": found.mediaType, "docker-content-digest": digestOf(found.bytes) };
    return new Response(found.bytes as Uint8Array<ArrayBuffer>, { headers });
  }
  const blob = kind === "blobs" ? blobs.get(reference!) : undefined;
  if (!blob) return none("BLOB_UNKNOWN");
  const from = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1];
  if (from === undefined) return new Response(blob as Uint8Array<ArrayBuffer>);
  const headers = { "content-range": `bytes ${from}-${blob.length - 1}/${blob.length}` };
  return new Response(blob.subarray(Number(from)) as Uint8Array<ArrayBuffer>, { status: 206, headers });
}

/** An answer in which a registry asks for a token. */
export const challenge = (realm: string, service: string, scope: string): Response =>
  new Response("{}", {
    status: 401,
    headers: { "www-authenticate": `Bearer realm="${realm}",service="${service}",scope="${scope}"` },
  });
