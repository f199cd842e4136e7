/** A server that answers anything at all, and a client that has to come to an end with each answer: with what is right, or a failure in words. */

import { createServer, type Socket } from "node:net";
import fc from "fast-check";
import { Failure } from "../../src/errors.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { openRepository, type Repository } from "../../src/registry/client.ts";
import { checkCredentials } from "../../src/registry/login.ts";
import { searchRegistry } from "../../src/registry/search.ts";
import type { RegistrySettings } from "../../src/registry/settings.ts";

const blob = Buffer.from("what a blob may be, some bytes long");
const digest = digestOf(blob);
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: blob.length },
  layers: [],
});

const status = fc.oneof(
  fc.constantFrom(200, 201, 202, 204, 206, 301, 302, 307, 308, 400, 401, 403, 404, 405, 416, 429, 500, 503),
  fc.integer({ min: 100, max: 599 }),
);

/** Header by header: values that mean something, some that nearly do, and nonsense. */
const values: Record<string, fc.Arbitrary<string>> = {
  "content-length": fc.constantFrom(
    "0",
    String(blob.length),
    String(manifest.length),
    "99999999999999999999",
    "-1",
    "x",
  ),
  "content-type": fc.constantFrom(
    ...["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json", "application/json"],
    ...["text/html", "application/vnd.docker.distribution.manifest.v1+prettyjws", ";;", "text/plain; charset=x"],
  ),
  "docker-content-digest": fc.constantFrom(digest, digestOf(manifest), "sha512:00", "sha256:", "x"),
  "www-authenticate": fc.constantFrom(
    ...['Basic realm="x"', 'Bearer realm="http://HOST/token",service="s",scope="repository:a:pull"', "Bearer", ",,,"],
    ...['Bearer realm="http://elsewhere.example/"', 'Bearer realm="/token"', 'Bearer realm="', "Negotiate abc=="],
  ),
  location: fc.constantFrom(
    "/v2/a/blobs/x",
    "http://HOST/y?z=1",
    "http://elsewhere.example/",
    "//",
    "http://[",
    "ftp://x/",
    "\\",
  ),
  "content-range": fc.constantFrom(`bytes 0-${blob.length - 1}/${blob.length}`, "bytes 5-4/3", "bytes 5-34/35", "x"),
  range: fc.constantFrom("0-4", "0-0", "0-999999", "x", "bytes=0-9"),
  link: fc.constantFrom('</v2/a/tags/list?last=b>; rel="next"', "<http://elsewhere.example/>; rel=next", "<", "x"),
  "retry-after": fc.constantFrom("0", "1000000", "soon", "-1", "Tue, 01 Dec 2020 10:01:00 GMT"),
  "content-encoding": fc.constantFrom("gzip", "identity", "br", ""),
  "transfer-encoding": fc.constantFrom("chunked", "gzip, chunked", "x"),
  connection: fc.constantFrom("close", "keep-alive", "upgrade"),
};

const header = fc
  .constantFrom(...Object.keys(values))
  .chain((name) =>
    fc.tuple(fc.constant(name), fc.oneof({ weight: 5, arbitrary: values[name]! }, fc.string({ maxLength: 20 }))),
  );

const body = fc.oneof(
  fc.constantFrom(manifest, blob.toString(), blob.toString().slice(5), `${manifest}x`, manifest.slice(0, 40), ""),
  fc.constantFrom(
    '{"token":"T","expires_in":1}',
    '{"token":7}',
    '{"errors":[]}',
    '{"errors":[{"code":1,"message":{}}]}',
  ),
  fc.constantFrom(
    '{"tags":["a"]}',
    '{"tags":{}}',
    '{"results":[{"name":null}]}',
    '{"repositories":["a"]}',
    "[".repeat(999),
  ),
  fc.constantFrom("<html>", "5\r\nabcde\r\n0\r\n\r\n", "fffffffff\r\n", "\u0000\u0001\u001b[2J"),
  fc.json({ maxDepth: 3 }),
  fc.string({ maxLength: 200 }),
);

/** A whole answer, as bytes. */
const reply = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(status, fc.array(header, { maxLength: 6 }), body)
      .map(([code, headers, content]) =>
        [`HTTP/1.1 ${code} Said`, ...headers.map(([name, value]) => `${name}: ${value}`), "", content].join("\r\n"),
      ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 300 }) },
);

/** What is asked, in turn. What comes back in the end is right, or the promise is broken. */
const questions: ((repository: Repository, host: string, settings: RegistrySettings) => Promise<unknown>)[] = [
  async (repository) => {
    const found = await repository.manifest("1");
    if (found && digestOf(found.bytes) !== found.digest) throw new Error("the digest is not that of the manifest");
  },
  async (repository) => {
    const found = await repository.manifest(digest);
    if (found && digestOf(found.bytes) !== digest) throw new Error("a manifest that was not asked for");
  },
  (repository) => repository.headManifest("1"),
  async (repository) => {
    let size = 0;
    for await (const piece of repository.blob({ digest, size: blob.length })) size += piece.length;
    if (size !== blob.length) throw new Error(`a blob of ${size} bytes`);
  },
  async (repository) => {
    for await (const tag of repository.tags()) if (!/^\w[\w.-]*$/.test(tag)) throw new Error(`the tag ${tag}`);
  },
  (repository) => repository.hasBlob(digest as Digest),
  (repository) => repository.mountBlob(digest as Digest, "b"),
  (repository) => repository.putBlob(digest as Digest, blob.length, (from) => new Blob([blob.subarray(from)])),
  (repository) => repository.putManifest("1", "application/vnd.oci.image.manifest.v1+json", Buffer.from(manifest)),
  (_, host, settings) => searchRegistry(host, "a", 10, settings),
  (_, host, settings) => checkCredentials(host, { username: "me", password: "secret" }, settings),
];

/** Asks so many questions of a server that answers anything. @throws what no answer may lead to. @returns how many failures were told */
export async function fuzzReplies(rounds: number, seed: number): Promise<number> {
  const replies = fc.sample(reply, { numRuns: rounds, seed });
  let next = 0;
  let host = "";
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.on("error", () => {}).on("close", () => open.delete(client));
    client.once("data", (data) => {
      // The first byte of TLS, which this server does not speak.
      const text = data[0] === 0x16 ? "no" : replies[next++ % replies.length]!.replaceAll("HOST", host);
      client.end(text, "latin1");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  host = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const settings: RegistrySettings = {
    ...{ registries: {}, insecureRanges: [], verifyTls: true, certificateDirectories: [], environment: {} },
    // No other host is to be asked, whatever the answers name: there is no network for tests.
    ...{ credentials: async () => ({ username: "me", password: "secret" }) },
    patience: { tries: 2, stallMs: 20_000, commitMs: 20_000, firstWaitMs: 0, maxWaitMs: 10 },
  };
  let failures = 0;
  try {
    for (let round = 0; next < rounds; round++) {
      const repository = openRepository(`${host}/a`, settings, round % 2 === 0 ? "pull" : "pull,push");
      try {
        await questions[round % questions.length]!(repository, host, settings);
      } catch (error) {
        if (!(error instanceof Failure))
          throw new Error(`seed ${seed}, round ${round}: ${String(error)}`, { cause: error });
        if (/secret|[\p{Cc}]/u.test(error.message)) throw new Error(`seed ${seed}: ${JSON.stringify(error.message)}`);
        failures++;
      }
    }
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
  }
  return failures;
}
