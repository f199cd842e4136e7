/** `registry serve`: what is in the store is served, what is pushed can be run, and who may do what. */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { binary, runProgram } from "../support/cli.ts";
import { imageTar, Machine, said } from "../support/containers.ts";
import { dockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { sha256 } from "../support/images.ts";
import { needing, root, tool } from "../support/needs.ts";
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

beforeAll(async () => {
  if (root()) return;
  machine = await new Machine().open();
  await machine.loadFile(imageTar("busybox"), "busybox");
  served = await startServe(machine);
});

afterAll(async () => {
  await served?.stop();
  await machine?.[Symbol.asyncDispose]();
});

const ok = async (...args: string[]): Promise<string> => {
  const result = await machine.run(args);
  expect([args, result.code, result.stderr]).toEqual([args, 0, expect.any(String)]);
  return result.stdout.trim();
};

const inStore = (...path: string[]) => join(machine.root, ...path);
const manifestOf = async (name: string, reference: string) =>
  (await (await served.ask("GET", `${name}/manifests/${reference}`)).json()) as {
    config: { digest: string };
    layers: { digest: string; size: number }[];
  };

describe("what is in the store", () => {
  test("an image that was loaded is served under all its names, with the same digest each time, also by the next server", async () => {
    const digestOf = async ({ ask }: Served, name: string) =>
      (await ask("HEAD", `${name}/manifests/latest`)).headers.get("docker-content-digest");
    const first = await digestOf(served, "busybox");
    expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
    for (const name of ["library/busybox", "docker.io/library/busybox"])
      expect(await digestOf(served, name)).toBe(first);
    const other = await startServe(machine, "-q", "--readonly");
    expect(await digestOf(other, "busybox")).toBe(first);
    expect(await other.stop()).toBe(0);
    const { config, layers } = await manifestOf("busybox", first!);
    expect(config.digest).toBe(await ok("images", "-q", "--no-trunc", "busybox"));
    const layer = Buffer.from(await (await served.ask("GET", `busybox/blobs/${layers[0]!.digest}`)).arrayBuffer());
    expect([`sha256:${sha256(layer)}`, layer.length]).toEqual([layers[0]!.digest, layers[0]!.size]);
    const [{ RootFS }] = JSON.parse(await ok("inspect", "busybox"));
    const gunzip = await runProgram(["sh", "-c", "gunzip | sha256sum"], { stdin: layer });
    expect(RootFS.Layers).toEqual([`sha256:${gunzip.stdout.slice(0, 64)}`]);
  });
  test("tags come and go with `tag` and `rmi`, while it serves", async () => {
    const tags = async () => ((await (await served.ask("GET", "busybox/tags/list")).json()) as { tags: string[] }).tags;
    await ok("tag", "busybox", "busybox:extra");
    expect(await tags()).toEqual(["extra", "latest"]);
    await ok("rmi", "busybox:extra");
    expect(await tags()).toEqual(["latest"]);
  });
  needing(root, tool("skopeo"))("skopeo copies it out and in again, and the manifest stays the same", async () => {
    const copy = async (from: string, to: string) => {
      const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
      const { code, stderr } = await runProgram(["skopeo", "--insecure-policy", "copy", ...insecure, from, to]);
      expect([code, stderr]).toEqual([0, expect.any(String)]);
    };
    const directory = machine.file("copied/");
    await copy(`docker://${served.host}/busybox`, `dir:${directory}`);
    await copy(`dir:${directory}`, `docker://${served.host}/copied/busybox:1`);
    expect(await manifestOf("copied/busybox", "1")).toEqual(await manifestOf("busybox", "latest"));
    expect(await ok("images", "-q", "copied/busybox")).toBe(await ok("images", "-q", "busybox"));
  });
});

needing(root, dockerRegistry)("docker-registry is a pull-through cache of it", async () => {
  const cache = await startDockerRegistry({ mirrorOf: `http://${served.host}` });
  const got = async (path: string) =>
    Buffer.from(
      await (
        await fetch(`http://${cache.host}/v2/busybox/${path}`, { headers: { Accept: types.manifest } })
      ).arrayBuffer(),
    );
  const manifest = await got("manifests/latest");
  expect(JSON.parse(manifest.toString())).toEqual(await manifestOf("busybox", "latest"));
  for (const { digest } of JSON.parse(manifest.toString()).layers)
    expect(`sha256:${sha256(await got(`blobs/${digest}`))}`).toBe(digest);
});

describe("what is pushed", () => {
  const greeting = (text: string) => imageOf([{ name: "etc/greeting", content: text }]);

  test("an image for this machine is listed with its digest, and runs", async () => {
    const { layers, config } = await manifestOf("busybox", "latest");
    const manifest = blobOf(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: types.docker,
        config: { ...config, mediaType: "application/vnd.docker.container.image.v1+json" },
        layers: layers.map((layer) => ({ ...layer, mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip" })),
      }),
    );
    expect((await putManifest(served, "team/tools", "v1", manifest, types.docker)).status).toBe(201);
    expect(await ok("images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}", "team/tools")).toBe(
      `team/tools v1 ${manifest.digest}`,
    );
    expect(await ok("run", "--rm", "--network", "none", "team/tools:v1", "echo", "runs")).toBe("runs");
    expect(said(await machine.run(["run", "--rm", "--network", "none", `team/tools@${manifest.digest}`, "true"]))).toBe(
      "",
    );
  });
  test("a tag that is pushed again names the new image, here too", async () => {
    for (const text of ["one", "two"]) {
      const image = greeting(text);
      await putImage(served, "team/moving", "v1", image);
      expect(await ok("images", "-q", "--no-trunc", "team/moving:v1")).toBe(image.config.digest);
    }
  });
  test("of an index this machine's image has the name; those of others are kept and served, and cannot be run", async () => {
    const arm = imageOf([{ name: "arm", content: "v7" }], { config: { architecture: "arm", variant: "v7" } });
    const own = greeting("own");
    for (const one of [arm, own]) await putImage(served, "team/many", one.manifest.digest, one);
    const index = indexOf([
      { manifest: arm.manifest, architecture: "arm" },
      { manifest: own.manifest, architecture: process.arch === "arm64" ? "arm64" : "amd64" },
    ]);
    expect((await putManifest(served, "team/many", "v1", index, types.index)).status).toBe(201);
    expect(await ok("images", "-q", "--no-trunc", "team/many:v1")).toBe(own.config.digest);
    for (const { digest } of [index, arm.manifest, arm.layer])
      expect(existsSync(inStore("blobs/sha256", digest.slice(7)))).toBe(true);
    await putImage(served, "team/arm", "v1", arm);
    const { code, stderr } = await machine.run(["run", "--rm", "team/arm:v1"]);
    expect([code, stderr]).toEqual([125, expect.stringContaining("team/arm:v1")]);
    // With its last name all of the index goes.
    await ok("rmi", "team/many:v1");
    expect((await served.ask("GET", "team/many/manifests/v1")).status).toBe(404);
    expect(existsSync(inStore("blobs/sha256", index.digest.slice(7)))).toBe(false);
    expect(existsSync(inStore("blobs/sha256", arm.manifest.digest.slice(7)))).toBe(true); // of team/arm
  });
  test("`rmi` of a pushed image takes its blobs from the registry, and signatures of it", async () => {
    const image = greeting("to be removed");
    await putImage(served, "team/removed", "v1", image);
    const { digest, bytes } = image.manifest;
    const signature = artifactOf("signature", { subject: { mediaType: types.manifest, digest, size: bytes.length } });
    await putImage(served, "team/removed", signature.manifest.digest, signature);
    await ok("rmi", "team/removed:v1");
    for (const path of [
      `manifests/${digest}`,
      "manifests/v1",
      `blobs/${image.layer.digest}`,
      `manifests/${signature.manifest.digest}`,
    ])
      expect([path, (await served.ask("GET", `team/removed/${path}`)).status]).toEqual([path, 404]);
    expect(existsSync(inStore("repositories", encodeURIComponent("team/removed")))).toBe(false);
  });
  test("an image that a container uses is not deleted by a client", async () => {
    const other = imageOf([], { config: { config: { Cmd: ["/bin/sh", "used"] } } });
    await putImage(served, "team/used", "v2", other);
    const container = await ok("create", "--network", "none", "team/used:v2");
    expect(await codesOf(await served.ask("DELETE", "team/used/manifests/v2"))).toEqual([405, "DENIED"]);
    await ok("rm", container);
    expect((await served.ask("DELETE", "team/used/manifests/v2")).status).toBe(202);
    expect(await ok("images", "-q", "team/used:v2")).toBe("");
  });
  test("a layer that is not what the configuration says is refused, and nothing of it has a name", async () => {
    const image = greeting("honest");
    const liar = imageOf([{ name: "etc/greeting", content: "liar" }]);
    const manifest = JSON.parse(image.manifest.bytes.toString());
    manifest.layers[0] = { mediaType: types.layer, digest: liar.layer.digest, size: liar.layer.bytes.length };
    for (const blob of [...image.blobs, liar.layer]) await putBlob(served, "team/liar", blob);
    const response = await putManifest(served, "team/liar", "v1", blobOf(JSON.stringify(manifest)));
    expect(await codesOf(response)).toEqual([400, "MANIFEST_INVALID"]);
    expect((await served.ask("GET", "team/liar/manifests/v1")).status).toBe(404);
    expect(readdirSync(inStore("staging"))).toEqual([]);
  });
  test("garbage collection beside it takes no blob that waits for its manifest", async () => {
    const image = greeting("in between");
    for (const blob of image.blobs) await putBlob(served, "team/waiting", blob);
    await ok("image", "prune", "-f");
    await ok("tag", "busybox", "team/other");
    await ok("rmi", "team/other");
    expect((await putManifest(served, "team/waiting", "v1", image.manifest)).status).toBe(201);
  });
  test("an upload that was cut off goes on where it ended, at the next server too", async () => {
    const bytes = Buffer.alloc(3 << 20, "resumed ");
    const { digest } = blobOf(bytes);
    const location = (await served.ask("POST", "team/resumed/blobs/uploads/")).headers.get("location")!;
    const file = inStore("uploads", location.split("/").at(-1)!);
    // A client that dies in the middle of a body.
    const [host, port] = served.host.split(":");
    const socket = connect(Number(port), host);
    socket.write(`PATCH ${location} HTTP/1.1\r\nHost: ${served.host}\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes.subarray(0, 1 << 20));
    while (statSync(file).size < 1 << 20) await Bun.sleep(5);
    socket.destroy();
    const other = await startServe(machine, "-q");
    const status = await other.ask("GET", location);
    const from = Number(status.headers.get("range")!.split("-")[1]) + 1;
    expect([status.status, from]).toEqual([204, 1 << 20]);
    const rest = await other.ask("PUT", `${location}?digest=${digest}`, { body: bytes.subarray(from) });
    expect([rest.status, rest.headers.get("docker-content-digest")]).toEqual([201, digest]);
    expect(await other.stop()).toBe(0);
    expect(existsSync(file)).toBe(false);
  });
  test("blobs larger than --max-size are refused, announced or not", async () => {
    const small = await startServe(machine, "-q", "--max-size", "1000");
    const { digest, bytes } = blobOf(Buffer.alloc(1001));
    expect(
      await codesOf(await small.ask("POST", `team/large/blobs/uploads/?digest=${digest}`, { body: bytes })),
    ).toEqual([413, "SIZE_INVALID"]);
    const location = (await small.ask("POST", "team/large/blobs/uploads/")).headers.get("location")!;
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(bytes);
        controller.close();
      },
    });
    expect(await codesOf(await small.ask("PATCH", location, { body }))).toEqual([413, "SIZE_INVALID"]);
    expect(await small.stop()).toBe(0);
  });
  test("a client that does not go on holds nobody else", async () => {
    const location = (await served.ask("POST", "team/slow/blobs/uploads/")).headers.get("location")!;
    const [host, port] = served.host.split(":");
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(port), host);
      socket.write(`PATCH ${location} HTTP/1.1\r\nHost: ${served.host}\r\nContent-Length: 1000\r\n\r\nx`);
      return socket;
    });
    expect((await served.ask("GET", "busybox/manifests/latest")).status).toBe(200);
    await putBlob(served, "team/slow", blobOf("quick"));
    for (const socket of sockets) socket.destroy();
  });
});

describe("who may do what", () => {
  test("with --readonly nothing is changed", async () => {
    const other = await startServe(machine, "-q", "--readonly");
    expect(await codesOf(await other.ask("POST", "a/b/blobs/uploads/"))).toEqual([405, "UNSUPPORTED"]);
    expect(await codesOf(await other.ask("DELETE", "busybox/manifests/latest"))).toEqual([405, "UNSUPPORTED"]);
    expect((await other.ask("GET", "busybox/manifests/latest")).status).toBe(200);
    expect(await other.stop()).toBe(0);
  });
  test("pages of a browser on this machine are refused", async () => {
    for (const headers of [{ Origin: "https://example.org" }, { "Sec-Fetch-Site": "cross-site" }])
      expect(await codesOf(await served.ask("POST", "a/b/blobs/uploads/", { headers }))).toEqual([403, "DENIED"]);
  });
  needing(
    root,
    tool("curl"),
    tool("setpriv"),
  )("without passwords only root's processes push; others pull", async () => {
    const curl = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "curl", "-s"];
    const as = async (...args: string[]) => (await runProgram([...curl, ...args])).stdout;
    expect(await as("-X", "POST", `http://${served.host}/v2/a/b/blobs/uploads/`)).toContain("only root may push");
    expect(await as(`http://${served.host}/v2/busybox/tags/list`)).toContain("latest");
  });
  test("where other machines reach it, it wants TLS and passwords, or to be told that they are not needed", async () => {
    for (const [args, lack] of [
      [[], "without --tls-cert and --tls-key and --htpasswd"],
      [["--htpasswd", machine.file("users", "")], "without --tls-cert and --tls-key:"],
    ] as const) {
      const { code, stderr } = await machine.run(["registry", "serve", "--listen", "0.0.0.0:0", ...args]);
      expect([code, stderr]).toEqual([125, expect.stringContaining(lack)]);
      expect(stderr).toContain("hint: --insecure");
    }
    for (const listen of ["5000", "a:b", "1.2.3.4:99999", "[::1:5000"])
      expect((await machine.run(["registry", "serve", "--listen", listen])).stderr).toContain(
        "is not an address and a port",
      );
  });
  needing(root, tool("openssl"))(
    "htpasswd: bcrypt alone; users are known by the file as it is now, over TLS too",
    async () => {
      const hash = await Bun.password.hash("geheim", { algorithm: "bcrypt", cost: 4 });
      const users = machine.file("htpasswd", `# users\nada:${hash.replace("$2b", "$2y")}\n`);
      const key = machine.file("key.pem");
      const cert = machine.file("cert.pem");
      const made = await runProgram([
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        key,
        "-out",
        cert,
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
      ]);
      expect([made.code, made.stderr]).toEqual([0, expect.any(String)]);
      const other = await startServe(machine, "-q", "--htpasswd", users, "--tls-cert", cert, "--tls-key", key);
      const tls = { ca: await Bun.file(cert).text() };
      const as = async (words: string | undefined, method = "GET", path = "/v2/") => {
        const headers = words === undefined ? {} : { Authorization: `Basic ${btoa(words)}` };
        const response = await other.ask(method, path, { headers, tls } as RequestInit);
        return [response.status, response.headers.get("www-authenticate")];
      };
      const refused = [401, 'Basic realm="tinydocker"'];
      for (const words of [undefined, "ada:", "ada:wrong", "eve:geheim", ":geheim", "ada"])
        expect([words, ...(await as(words))]).toEqual([words, ...refused]);
      expect(await as("ada:geheim")).toEqual([200, null]);
      expect((await as("ada:geheim", "POST", "team/tls/blobs/uploads/"))[0]).toBe(202);
      writeFileSync(users, `eve:${hash}\n`);
      expect(await as("ada:geheim")).toEqual(refused);
      expect(await as("eve:geheim")).toEqual([200, null]);
      expect(await other.stop()).toBe(0);
      const old = await machine.run([
        "registry",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--htpasswd",
        machine.file("old", "a:$apr1$x$y\n"),
      ]);
      expect(old.stderr).toContain("line 1 of");
      expect(old.stderr).toContain("no user with a bcrypt hash");
    },
  );
});

describe("its life", () => {
  test("each request is a line on stderr, and nothing was a fault", () => {
    expect(served.log()).toContain("127.0.0.1 GET /v2/busybox/tags/list 200\n");
    expect(served.log()).not.toContain("tinydocker: internal");
  });
  test("SIGTERM and SIGINT end it with 0, and leave nothing but uploads", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const other = await startServe(machine, "-q");
      await (await other.ask("GET", "/v2/")).text();
      expect(await other.stop(signal)).toBe(0);
    }
    for (const name of ["staging", "trash"]) expect([name, readdirSync(inStore(name))]).toEqual([name, []]);
  });
  test("a port that is taken is told", async () => {
    const { code, stderr } = await runProgram([
      binary(),
      "--root",
      machine.root,
      "registry",
      "serve",
      "--listen",
      served.host,
    ]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE/)]);
  });
});
