/**
 * `registry serve` against the OCI distribution specification: each title is a sentence of it, or most of one.
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { Machine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";
import {
  artifactOf,
  blobOf,
  codesOf,
  imageOf,
  indexOf,
  putBlob,
  putImage,
  putManifest,
  type Served,
  startServe,
  types,
} from "../support/serve.ts";

const test = needing(root);

let machine: Machine;
let served: Served;
const ask: Served["ask"] = (...how) => served.ask(...how);

const image = imageOf([{ name: "etc/release", content: "one" }]);
const missing = `sha256:${"0".repeat(64)}`;
let names = 0;
/** A repository that no other test has. */
const fresh = () => `spec/r${names++}`;

beforeAll(async () => {
  if (root()) return;
  machine = await new Machine().open();
  served = await startServe(machine, "-q");
  await putImage(served, "spec/app", "v1", image);
});

afterAll(async () => {
  await served?.stop();
  await machine?.[Symbol.asyncDispose]();
});

const textOf = async (response: Response) => [response.status, await response.text()];

describe("determining support", () => {
  test("`GET /v2/`: if the response is 200 OK, then the registry implements this specification", async () => {
    const response = await ask("GET", "/v2/");
    expect([response.status, response.headers.get("docker-distribution-api-version")]).toEqual([200, "registry/2.0"]);
  });
});

describe("pull", () => {
  test("<name> MUST match the regular expression", async () => {
    for (const name of [
      "UPPER",
      "a//b",
      "-a",
      "a-",
      "a___b",
      "a..b",
      "a/_b",
      "..%2fetc",
      "a%00b",
      `${"a/".repeat(128)}a`,
    ])
      expect([name, ...(await codesOf(await ask("GET", `${name}/tags/list`)))]).toEqual([name, 400, "NAME_INVALID"]);
    for (const name of ["a", "a__b", "a--b/c.d/e_f", "0/1"])
      expect([name, ...(await codesOf(await ask("GET", `${name}/tags/list`)))]).toEqual([name, 404, "NAME_UNKNOWN"]);
  });
  test("<reference> as a tag MUST be at most 128 characters in length and MUST match the regular expression", async () => {
    for (const tag of ["a".repeat(129), ".a", "-a", "a%20b", "a+b"])
      expect([tag, ...(await codesOf(await ask("GET", `spec/app/manifests/${tag}`)))]).toEqual([
        tag,
        400,
        "MANIFEST_INVALID",
      ]);
    expect(await codesOf(await ask("GET", `spec/app/manifests/${"a".repeat(128)}`))).toEqual([404, "MANIFEST_UNKNOWN"]);
  });
  test("a GET request to an existing manifest URL MUST provide the expected manifest, with a response code that MUST be 200 OK", async () => {
    for (const reference of ["v1", image.manifest.digest]) {
      const response = await ask("GET", `spec/app/manifests/${reference}`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, types.manifest]);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(image.manifest.bytes);
    }
  });
  test("a successful response SHOULD contain the digest of the uploaded blob in the header Docker-Content-Digest", async () => {
    for (const [path, digest] of [
      ["manifests/v1", image.manifest.digest],
      [`manifests/${image.manifest.digest}`, image.manifest.digest],
      [`blobs/${image.layer.digest}`, image.layer.digest],
    ])
      for (const method of ["GET", "HEAD"]) {
        const response = await ask(method, `spec/app/${path}`);
        expect([response.status, response.headers.get("docker-content-digest")]).toEqual([200, digest!]);
        await response.arrayBuffer();
      }
  });
  test("if the manifest is not found in the registry, the response code MUST be 404 Not Found", async () => {
    for (const reference of ["v2", missing])
      expect(await codesOf(await ask("GET", `spec/app/manifests/${reference}`))).toEqual([404, "MANIFEST_UNKNOWN"]);
  });
  test("an attempt to pull from a nonexistent repository MUST return 404 Not Found", async () => {
    for (const path of ["manifests/v1", `blobs/${image.layer.digest}`, "tags/list"])
      expect(await codesOf(await ask("GET", `spec/nowhere/${path}`))).toEqual([404, "NAME_UNKNOWN"]);
  });
  test("a GET request to an existing blob URL MUST provide the expected blob, with a response code that MUST be 200 OK", async () => {
    for (const { digest, bytes } of image.blobs) {
      const response = await ask("GET", `spec/app/blobs/${digest}`);
      expect([response.status, Buffer.from(await response.arrayBuffer())]).toEqual([200, bytes]);
    }
  });
  test("if the blob is not found in the registry, the response code MUST be 404 Not Found", async () => {
    expect(await codesOf(await ask("GET", `spec/app/blobs/${missing}`))).toEqual([404, "BLOB_UNKNOWN"]);
    expect((await ask("HEAD", `spec/app/blobs/${missing}`)).status).toBe(404);
    expect((await ask("HEAD", "spec/app/manifests/v2")).status).toBe(404);
  });
  test("a HEAD request to an existing blob or manifest URL MUST return 200 OK, with its size and no content", async () => {
    const { length } = image.manifest.bytes;
    for (const [path, size] of [
      ["manifests/v1", length],
      [`blobs/${image.layer.digest}`, image.layer.bytes.length],
    ]) {
      const response = await ask("HEAD", `spec/app/${path}`);
      expect([response.status, response.headers.get("content-length")]).toEqual([200, String(size)]);
      expect((await response.arrayBuffer()).byteLength).toBe(0);
    }
  });
  test("a registry SHOULD support the Range request header in accordance with RFC 9110", async () => {
    const { digest, bytes } = image.layer;
    const part = async (range: string) => {
      const response = await ask("GET", `spec/app/blobs/${digest}`, { headers: { Range: range } });
      const content = Buffer.from(await response.arrayBuffer());
      return [response.status, response.headers.get("content-range"), response.status === 206 ? content : undefined];
    };
    const all = bytes.length;
    expect(await part("bytes=10-19")).toEqual([206, `bytes 10-19/${all}`, bytes.subarray(10, 20)]);
    expect(await part("bytes=10-")).toEqual([206, `bytes 10-${all - 1}/${all}`, bytes.subarray(10)]);
    expect(await part("bytes=-5")).toEqual([206, `bytes ${all - 5}-${all - 1}/${all}`, bytes.subarray(-5)]);
    expect((await part(`bytes=${all}-`))[0]).toBe(416);
  });
  test("clients that know no index get the manifest for linux/amd64 by its tag, and by digest what they asked for", async () => {
    const name = fresh();
    const amd = imageOf([{ name: "amd", content: "1" }], { config: { architecture: "amd64" } });
    const arm = imageOf([{ name: "arm", content: "1" }], { config: { architecture: "arm64" } });
    for (const one of [amd, arm]) await putImage(served, name, one.manifest.digest, one);
    const index = indexOf([
      { manifest: arm.manifest, architecture: "arm64" },
      { manifest: amd.manifest, architecture: "amd64" },
    ]);
    expect((await putManifest(served, name, "all", index, types.index)).status).toBe(201);
    const got = async (reference: string, accept: string) =>
      (await ask("GET", `${name}/manifests/${reference}`, { headers: { Accept: accept } })).headers.get(
        "docker-content-digest",
      );
    expect(await got("all", `${types.manifest}, ${types.docker}`)).toBe(amd.manifest.digest);
    for (const accept of ["*/*", types.index, `${types.docker}, ${types.index};q=0.5`, "text/html"])
      expect(await got("all", accept)).toBe(index.digest);
    expect(await got(index.digest, types.manifest)).toBe(index.digest);
  });
});

describe("push: blobs", () => {
  test("POST: upon success, the response MUST have a code of 202 Accepted, and MUST include the Location header with a unique session ID", async () => {
    const name = fresh();
    const places = [await ask("POST", `${name}/blobs/uploads/`), await ask("POST", `${name}/blobs/uploads/`)];
    expect(places.map(({ status }) => status)).toEqual([202, 202]);
    const locations = places.map(({ headers }) => headers.get("location")!);
    for (const location of locations)
      expect(location).toMatch(new RegExp(`^/v2/${name}/blobs/uploads/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`));
    expect(new Set(locations).size).toBe(2);
    for (const location of locations) expect((await ask("DELETE", location)).status).toBe(204);
  });
  test("POST then PUT: the response MUST have code 201 Created and a Location that is a pullable blob URL", async () => {
    const blob = blobOf("post then put");
    const name = fresh();
    const location = (await ask("POST", `${name}/blobs/uploads/`)).headers.get("location")!;
    const response = await ask("PUT", `${location}?digest=${blob.digest}`, { body: blob.bytes });
    expect(response.status).toBe(201);
    expect(await textOf(await ask("GET", response.headers.get("location")!))).toEqual([200, "post then put"]);
  });
  test("single POST: successful completion MUST return 201 Created and MUST include a Location that is a pullable blob URL", async () => {
    const response = await putBlob(served, fresh(), blobOf("single post"));
    expect(await textOf(await ask("GET", response.headers.get("location")!))).toEqual([200, "single post"]);
  });
  test("the <digest> MUST match the blob's digest; nothing of what came is kept otherwise", async () => {
    const name = fresh();
    const wrong = await ask("POST", `${name}/blobs/uploads/?digest=${missing}`, { body: "other" });
    expect(await codesOf(wrong)).toEqual([400, "DIGEST_INVALID"]);
    const location = (await ask("POST", `${name}/blobs/uploads/`)).headers.get("location")!;
    expect(await codesOf(await ask("PUT", `${location}?digest=${missing}`, { body: "other" }))).toEqual([
      400,
      "DIGEST_INVALID",
    ]);
    expect((await ask("GET", location)).status).toBe(404);
    for (const digest of ["", "sha256:abc", `md5:${"0".repeat(32)}`, `sha256:${"A".repeat(64)}`])
      expect(await codesOf(await ask("POST", `${name}/blobs/uploads/?digest=${digest}`))).toEqual([
        400,
        "DIGEST_INVALID",
      ]);
  });
  test("chunks: each successful chunk upload MUST have a 202 Accepted response code, and MUST have the headers Location and Range", async () => {
    const name = fresh();
    let location = (await ask("POST", `${name}/blobs/uploads/`)).headers.get("location")!;
    for (const [chunk, range, end] of [
      ["0123", "0-3", "0-3"],
      ["45", "4-5", "0-5"],
    ] as const) {
      const response = await ask("PATCH", location, { body: chunk, headers: { "Content-Range": range } });
      expect([response.status, response.headers.get("range")]).toEqual([202, end]);
      location = response.headers.get("location")!;
    }
    const { digest } = blobOf("0123456789");
    const last = await ask("PUT", `${location}?digest=${digest}`, {
      body: "6789",
      headers: { "Content-Range": "6-9" },
    });
    expect(last.status).toBe(201);
    expect(await textOf(await ask("GET", last.headers.get("location")!))).toEqual([200, "0123456789"]);
  });
  test("the final chunk MAY be uploaded using a PATCH request; the closing PUT then has no body", async () => {
    const name = fresh();
    const location = (await ask("POST", `${name}/blobs/uploads/`)).headers.get("location")!;
    await ask("PATCH", location, { body: "all of it" });
    expect((await ask("PUT", `${location}?digest=${blobOf("all of it").digest}`)).status).toBe(201);
  });
  test("if a chunk is uploaded out of order, the registry MUST respond with 416 Requested Range Not Satisfiable", async () => {
    const name = fresh();
    const location = (await ask("POST", `${name}/blobs/uploads/`)).headers.get("location")!;
    await ask("PATCH", location, { body: "0123", headers: { "Content-Range": "0-3" } });
    for (const range of ["5-8", "0-3", "3-6", "x", "4-"]) {
      const response = await ask("PATCH", location, { body: "4567", headers: { "Content-Range": range } });
      expect([range, response.status, response.headers.get("range"), response.headers.get("location")]).toEqual([
        range,
        416,
        "0-3",
        location,
      ]);
    }
    expect(await codesOf(await ask("PATCH", location, { body: "45", headers: { "Content-Range": "4-9" } }))).toEqual([
      400,
      "SIZE_INVALID",
    ]);
    await ask("DELETE", location);
  });
  test("the Content-Range of a PUT is checked as that of a PATCH", async () => {
    const location = (await ask("POST", `${fresh()}/blobs/uploads/`)).headers.get("location")!;
    const response = await ask("PUT", `${location}?digest=${blobOf("x").digest}`, {
      body: "x",
      headers: { "Content-Range": "7-7" },
    });
    expect(response.status).toBe(416);
    await ask("DELETE", location);
  });
  test("to get the current status after a 416 error, issue a GET request: 204 No Content with Location and Range", async () => {
    const location = (await ask("POST", `${fresh()}/blobs/uploads/`)).headers.get("location")!;
    await ask("PATCH", location, { body: "0123" });
    const response = await ask("GET", location);
    expect([response.status, response.headers.get("range"), response.headers.get("location")]).toEqual([
      204,
      "0-3",
      location,
    ]);
    await ask("DELETE", location);
  });
  test("to cancel an upload, issue a DELETE request: 204 No Content, and the session is unknown from then on", async () => {
    const location = (await ask("POST", `${fresh()}/blobs/uploads/`)).headers.get("location")!;
    expect((await ask("DELETE", location)).status).toBe(204);
    for (const method of ["GET", "PATCH", "DELETE"])
      expect(await codesOf(await ask(method, location))).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
  });
  test("an upload belongs to the repository that it was begun in", async () => {
    const location = (await ask("POST", "spec/app/blobs/uploads/")).headers.get("location")!;
    const elsewhere = location.replace("spec/app", "spec/other");
    expect(await codesOf(await ask("GET", elsewhere))).toEqual([404, "BLOB_UPLOAD_UNKNOWN"]);
    await ask("DELETE", location);
  });
  test("mounting: the response to a successful mount MUST be 201 Created, and MUST contain the Location header", async () => {
    const name = fresh();
    const { digest, bytes } = image.layer;
    const response = await ask("POST", `${name}/blobs/uploads/?mount=${digest}&from=spec/app`);
    expect(response.status).toBe(201);
    const got = await ask("GET", response.headers.get("location")!);
    expect(Buffer.from(await got.arrayBuffer())).toEqual(bytes);
  });
  test("a registry that is unable to mount the requested blob SHOULD return a 202: the upload session has begun", async () => {
    for (const query of [
      `mount=${missing}&from=spec/app`,
      "mount=nonsense&from=spec/app",
      `mount=${image.layer.digest}&from=UPPER`,
    ]) {
      const response = await ask("POST", `${fresh()}/blobs/uploads/?${query}`);
      expect([query, response.status]).toEqual([query, 202]);
      await ask("DELETE", response.headers.get("location")!);
    }
  });
});

describe("push: manifests", () => {
  test("upon a successful upload, the registry MUST return 201 Created and a Location that is a pullable manifest URL", async () => {
    const name = fresh();
    for (const blob of image.blobs) await putBlob(served, name, blob);
    for (const reference of ["v1", image.manifest.digest]) {
      const response = await putManifest(served, name, reference, image.manifest);
      expect([response.status, response.headers.get("docker-content-digest")]).toEqual([201, image.manifest.digest]);
      const got = await ask("GET", response.headers.get("location")!);
      expect(Buffer.from(await got.arrayBuffer())).toEqual(image.manifest.bytes);
    }
  });
  test("a registry MAY reject a manifest that references blobs that are not uploaded: MANIFEST_BLOB_UNKNOWN for each", async () => {
    const other = imageOf([{ name: "never", content: "pushed" }]);
    const response = await putManifest(served, fresh(), "v1", other.manifest);
    const { errors } = (await response.json()) as { errors: { code: string; detail: { digest: string } }[] };
    expect(errors.map(({ code, detail }) => [code, detail.digest])).toEqual(
      other.blobs.map(({ digest }) => ["MANIFEST_BLOB_UNKNOWN", digest]),
    );
    expect(response.status).toBe(400);
    const index = indexOf([{ manifest: other.manifest, architecture: "amd64" }]);
    expect(await codesOf(await putManifest(served, fresh(), "v1", index, types.index))).toEqual([
      400,
      "MANIFEST_BLOB_UNKNOWN",
    ]);
  });
  test("if <reference> is a digest, it MUST match the digest of the manifest", async () => {
    expect(await codesOf(await putManifest(served, "spec/app", missing, image.manifest))).toEqual([
      400,
      "DIGEST_INVALID",
    ]);
  });
  test("clients SHOULD set the Content-Type to the mediaType of the manifest: another is MANIFEST_INVALID", async () => {
    for (const type of [
      types.index,
      types.docker,
      "application/json",
      "application/vnd.docker.distribution.manifest.v1+prettyjws",
    ])
      expect(await codesOf(await putManifest(served, "spec/app", "bad", image.manifest, type))).toEqual([
        400,
        "MANIFEST_INVALID",
      ]);
    const parameters = await putManifest(served, "spec/app", "v1", image.manifest, `${types.manifest}; charset=utf-8`);
    expect(parameters.status).toBe(201);
    expect((await ask("HEAD", "spec/app/manifests/v1")).headers.get("content-type")).toBe(types.manifest);
  });
  test("what is no manifest is MANIFEST_INVALID", async () => {
    const blob = image.layer.digest;
    for (const text of [
      "",
      "{",
      "[]",
      '{"schemaVersion":1}',
      '{"schemaVersion":2}',
      "null",
      "\0",
      `{"a":${"[".repeat(5000)}`,
      JSON.stringify({ schemaVersion: 2, config: { digest: "x" }, layers: [] }),
      JSON.stringify({ schemaVersion: 2, config: { digest: blob, size: -1 }, layers: [] }),
    ])
      expect([
        text.slice(0, 40),
        ...(await codesOf(await putManifest(served, "spec/app", "bad", blobOf(text)))),
      ]).toEqual([text.slice(0, 40), 400, "MANIFEST_INVALID"]);
    expect((await ask("GET", "spec/app/manifests/bad")).status).toBe(404);
  });
  test("registries SHOULD accept manifests of 4 megabytes, and larger ones are 413", async () => {
    const large = (bytes: number) => artifactOf("large", { annotations: { padding: "x".repeat(bytes) } });
    await putImage(served, fresh(), "large", large(3_900_000));
    const tooLarge = await putManifest(served, fresh(), "larger", large(4_300_000).manifest);
    expect(await codesOf(tooLarge)).toEqual([413, "MANIFEST_INVALID"]);
  });
  test("sizes in a manifest are those of its blobs, and its layers what the configuration says", async () => {
    const wrong = (change: (manifest: { layers: { size: number }[]; config: object }) => void) => {
      const manifest = JSON.parse(image.manifest.bytes.toString());
      change(manifest);
      return putManifest(served, "spec/app", "bad", blobOf(JSON.stringify(manifest)));
    };
    expect(await codesOf(await wrong(({ layers }) => layers[0]!.size++))).toEqual([400, "SIZE_INVALID"]);
    expect(await codesOf(await wrong(({ layers }) => layers.push(layers[0]!)))).toEqual([400, "MANIFEST_INVALID"]);
  });
});

describe("push: manifests with a subject, and referrers", () => {
  const subject = { mediaType: types.manifest, digest: image.manifest.digest, size: image.manifest.bytes.length };
  const listed = async (path: string) => {
    const response = await ask("GET", path);
    const { mediaType, manifests } = (await response.json()) as {
      mediaType: string;
      manifests: Record<string, unknown>[];
    };
    const { headers } = response;
    return {
      status: response.status,
      type: headers.get("content-type"),
      mediaType,
      manifests,
      filters: headers.get("oci-filters-applied"),
    };
  };

  test("the response MUST include OCI-Subject, with the subject's digest", async () => {
    const about = artifactOf("signature", { subject });
    for (const blob of about.blobs) await putBlob(served, "spec/app", blob);
    const response = await putManifest(served, "spec/app", about.manifest.digest, about.manifest);
    expect([response.status, response.headers.get("oci-subject")]).toEqual([201, subject.digest]);
    const plain = await putManifest(served, "spec/app", "v1", image.manifest);
    expect(plain.headers.get("oci-subject")).toBeNull();
  });
  test("the registry MUST accept an otherwise valid manifest with a subject field that references a manifest that does not exist", async () => {
    await putImage(served, fresh(), "early", artifactOf("early", { subject: { ...subject, digest: missing } }));
  });
  test("upon success, the response MUST be a JSON body with an image index of descriptors, and the Content-Type of one", async () => {
    const name = fresh();
    const about = artifactOf("list", { subject, artifactType: "application/example", annotations: { a: "b" } });
    await putImage(served, name, about.manifest.digest, about);
    const { digest, bytes } = about.manifest;
    const descriptor = {
      mediaType: types.manifest,
      digest,
      size: bytes.length,
      artifactType: "application/example",
      annotations: { a: "b" },
    };
    expect(await listed(`${name}/referrers/${subject.digest}`)).toEqual({
      status: 200,
      type: types.index,
      mediaType: types.index,
      manifests: [descriptor],
      filters: null,
    });
  });
  test("if the artifactType is missing in the image manifest, it MUST be set to the config descriptor mediaType", async () => {
    const name = fresh();
    await putImage(served, name, "s", artifactOf("no type", { subject }));
    const { manifests } = await listed(`${name}/referrers/${subject.digest}`);
    expect(manifests.map(({ artifactType }) => artifactType)).toEqual(["application/vnd.oci.empty.v1+json"]);
  });
  test("if the query results in no matching referrers, an empty manifest list MUST be returned; the registry MUST NOT return a 404", async () => {
    for (const name of ["spec/app", "spec/nowhere"])
      expect(await listed(`${name}/referrers/${missing}`)).toMatchObject({ status: 200, manifests: [] });
    expect(await codesOf(await ask("GET", "spec/app/referrers/sha256:abc"))).toEqual([400, "DIGEST_INVALID"]);
  });
  test("if filtering is requested and applied, the response MUST include a header OCI-Filters-Applied", async () => {
    const name = fresh();
    const [a, b] = ["application/a", "application/b"].map((artifactType) =>
      artifactOf(artifactType, { subject, artifactType }),
    );
    for (const one of [a!, b!]) await putImage(served, name, one.manifest.digest, one);
    const { manifests, filters } = await listed(`${name}/referrers/${subject.digest}?artifactType=application%2Fb`);
    expect([manifests.map(({ digest }) => digest), filters]).toEqual([[b!.manifest.digest], "artifactType"]);
    expect(await listed(`${name}/referrers/${subject.digest}?artifactType=x/y`)).toMatchObject({
      manifests: [],
      filters: "artifactType",
    });
  });
  test("an index may have a subject too, and what was deleted is no referrer any more", async () => {
    const name = fresh();
    const other = artifactOf("of the index");
    await putImage(served, name, other.manifest.digest, other);
    const index = indexOf([{ manifest: other.manifest, architecture: "amd64" }], {
      subject,
      artifactType: "application/list",
    });
    expect((await putManifest(served, name, index.digest, index, types.index)).headers.get("oci-subject")).toBe(
      subject.digest,
    );
    expect((await listed(`${name}/referrers/${subject.digest}`)).manifests).toMatchObject([
      { digest: index.digest, mediaType: types.index, artifactType: "application/list" },
    ]);
    expect((await ask("DELETE", `${name}/manifests/${index.digest}`)).status).toBe(202);
    expect((await listed(`${name}/referrers/${subject.digest}`)).manifests).toEqual([]);
  });
});

describe("content discovery", () => {
  const tags = ["B", "a", "A", "c10", "c2", "latest"];
  const name = "spec/tags";
  const list = async (query = "") => {
    const response = await ask("GET", `${name}/tags/list${query}`);
    return { ...((await response.json()) as { name: string; tags: string[] }), link: response.headers.get("link") };
  };

  test("the response MUST be a JSON body with the name and all tags, which MUST be in lexical order", async () => {
    const small = artifactOf("tagged");
    await putImage(served, name, "B", small);
    for (const tag of tags) await putManifest(served, name, tag, small.manifest);
    expect(await list()).toEqual({ name, tags: ["A", "a", "B", "c10", "c2", "latest"], link: null });
  });
  test("with n the response MUST include n results and a Link to the next; without more of them there is none", async () => {
    const first = await list("?n=4");
    expect(first).toMatchObject({ tags: ["A", "a", "B", "c10"] });
    const next = /^<(\/v2\/.+)>; rel="next"$/.exec(first.link!)![1]!;
    expect(await (await ask("GET", next)).json()).toEqual({ name, tags: ["c2", "latest"] });
    expect((await ask("GET", next)).headers.get("link")).toBeNull();
    expect(await list("?n=6")).toMatchObject({ link: null });
    expect(await list("?n=100")).toMatchObject({ tags: { length: 6 }, link: null });
  });
  test("when n is zero, this endpoint MUST return an empty list, and MUST NOT include a Link header", async () => {
    expect(await list("?n=0")).toEqual({ name, tags: [], link: null });
  });
  test("last: the tags begin non-inclusively after it, and n is OPTIONAL", async () => {
    expect((await list("?last=B")).tags).toEqual(["c10", "c2", "latest"]);
    expect((await list("?n=1&last=a")).tags).toEqual(["B"]);
    expect((await list("?last=zzz")).tags).toEqual([]);
    expect((await list("?n=2&last=b")).tags).toEqual(["c10", "c2"]);
    expect(await codesOf(await ask("GET", `${name}/tags/list?n=-1`))).toEqual([400, "UNSUPPORTED"]);
  });
  test("the list of tags MAY be empty if there are no tags on the repository", async () => {
    const empty = fresh();
    await putBlob(served, empty, blobOf("no tag"));
    expect(await (await ask("GET", `${empty}/tags/list`)).json()).toEqual({ name: empty, tags: [] });
  });
  test("_catalog lists the repositories, in pages too", async () => {
    const { repositories } = (await (await ask("GET", "_catalog")).json()) as { repositories: string[] };
    expect(repositories).toEqual(expect.arrayContaining(["spec/app", name]));
    const response = await ask("GET", "_catalog?n=1");
    expect(await response.json()).toEqual({ repositories: repositories.slice(0, 1) });
    expect(response.headers.get("link")).toContain(`last=${encodeURIComponent(repositories[0]!)}`);
  });
});

describe("content management", () => {
  test("deleting tags: upon success, the registry MUST respond with 202 Accepted; the manifest stays for its other tags", async () => {
    const name = fresh();
    const one = imageOf([{ name: "deleted", content: name }]);
    await putImage(served, name, "a", one);
    await putManifest(served, name, "b", one.manifest);
    expect((await ask("DELETE", `${name}/manifests/a`)).status).toBe(202);
    expect((await ask("GET", `${name}/manifests/a`)).status).toBe(404);
    for (const reference of ["b", one.manifest.digest])
      expect((await ask("HEAD", `${name}/manifests/${reference}`)).status).toBe(200);
    expect(await (await ask("GET", `${name}/tags/list`)).json()).toMatchObject({ tags: ["b"] });
  });
  test("deleting manifests: 202 Accepted, and all tags that name it are gone", async () => {
    for (const one of [imageOf([{ name: "x", content: "manifest" }]), artifactOf("deleted")]) {
      const name = fresh();
      await putImage(served, name, "a", one);
      await putManifest(served, name, "b", one.manifest);
      expect((await ask("DELETE", `${name}/manifests/${one.manifest.digest}`)).status).toBe(202);
      for (const reference of ["a", "b", one.manifest.digest])
        expect((await ask("HEAD", `${name}/manifests/${reference}`)).status).toBe(404);
    }
  });
  test("if the repository or the manifest does not exist, the response MUST be 404 Not Found", async () => {
    expect(await codesOf(await ask("DELETE", `spec/nowhere/manifests/${missing}`))).toEqual([404, "NAME_UNKNOWN"]);
    for (const reference of [missing, "nothing"])
      expect(await codesOf(await ask("DELETE", `spec/app/manifests/${reference}`))).toEqual([404, "MANIFEST_UNKNOWN"]);
  });
  test("deleting blobs: 202 Accepted, and 404 for one that is not found", async () => {
    const name = fresh();
    const blob = blobOf("to be deleted");
    await putBlob(served, name, blob);
    expect((await ask("DELETE", `${name}/blobs/${blob.digest}`)).status).toBe(202);
    await putBlob(served, name, blobOf("so that the repository is there"));
    for (const method of ["GET", "DELETE"])
      expect(await codesOf(await ask(method, `${name}/blobs/${blob.digest}`))).toEqual([404, "BLOB_UNKNOWN"]);
  });
  test("a blob that a manifest or an image has is not deleted", async () => {
    expect(await codesOf(await ask("DELETE", `spec/app/blobs/${image.layer.digest}`))).toEqual([405, "DENIED"]);
    expect((await ask("HEAD", `spec/app/blobs/${image.layer.digest}`)).status).toBe(200);
  });
});

describe("errors", () => {
  test("the body has a code of the table, a message and details; other methods and paths are refused", async () => {
    const response = await ask("GET", "spec/app/manifests/nothing");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown", detail: { tag: "nothing" } }],
    });
    const method = await ask("POST", "spec/app/manifests/v1", { body: "x" });
    expect([...(await codesOf(method)), method.headers.get("allow")]).toEqual([
      405,
      "UNSUPPORTED",
      "GET, HEAD, PUT, DELETE",
    ]);
    for (const path of ["/", "/v1/_ping", "/v2/spec/app", "/v2//tags/list", "/v2/%"])
      expect((await ask("GET", path)).status).toBeOneOf([400, 404]);
  });
  test("nothing of this is a fault of the server's", () => expect(served.log()).not.toContain("internal error"));
});
