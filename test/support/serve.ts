/** `tinydocker registry serve` for tests: on a free port of loopback, and what a client says to it. */

import { gzipSync } from "node:zlib";
import { binary } from "./cli.ts";
import type { Machine } from "./containers.ts";
import { configOf, rootfs, sha256 } from "./images.ts";
import type { RawEntry } from "./tars.ts";

/** A registry of a machine's store, beside its namespaces: whoever has a port of loopback reaches it. */
export interface Served {
  /** `127.0.0.1:43210`. */
  host: string;
  /** A request for a path below `/v2/`, or for a Location. */
  ask(method: string, path: string, init?: RequestInit): Promise<Response>;
  process: Bun.Subprocess<"ignore", "ignore", "pipe">;
  /** All that it wrote so far. */
  log(): string;
  stop(signal?: NodeJS.Signals): Promise<number>;
}

export async function startServe(machine: Machine, ...args: string[]): Promise<Served> {
  const argv = [binary(), "--root", machine.root, "registry", "serve", "--listen", "127.0.0.1:0", ...args];
  const process = Bun.spawn(argv, { stdio: ["ignore", "ignore", "pipe"], env: machine.environment() });
  let log = "";
  const found = Promise.withResolvers<string>();
  void (async () => {
    const decoder = new TextDecoder();
    for await (const piece of process.stderr) {
      log += decoder.decode(piece, { stream: true });
      const [, address] = / on (\S+:\d+)\n/.exec(log) ?? [];
      if (address) found.resolve(address);
    }
    found.reject(new Error(`registry serve ended: ${log}`));
  })();
  const host = await found.promise;
  const scheme = args.includes("--tls-cert") ? "https" : "http";
  return {
    host,
    process,
    log: () => log,
    ask: (method, path, init) =>
      fetch(`${scheme}://${host}${path.startsWith("/") ? path : `/v2/${path}`}`, {
        redirect: "manual",
        ...init,
        method,
      }),
    async stop(signal = "SIGTERM") {
      process.kill(signal);
      return await process.exited;
    },
  };
}

export interface Blob {
  digest: string;
  bytes: Buffer<ArrayBuffer>;
}

export const blobOf = (content: string | Buffer): Blob => ({
  digest: `sha256:${sha256(content)}`,
  bytes: Buffer.from(content) as Buffer<ArrayBuffer>,
});

export const types = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  docker: "application/vnd.docker.distribution.manifest.v2+json",
};

const pointer = (mediaType: string, { digest, bytes }: Blob) => ({ mediaType, digest, size: bytes.length });

/** An image with one layer: its blobs, and its manifest. */
export function imageOf(
  entries: RawEntry[],
  { config: extra = {}, manifest: more = {} }: { config?: object; manifest?: object } = {},
) {
  const tar = rootfs(...entries);
  const layer = blobOf(gzipSync(tar));
  const config = blobOf(configOf([tar], extra));
  const manifest = blobOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: pointer(types.config, config),
      layers: [pointer(types.layer, layer)],
      ...more,
    }),
  );
  return { blobs: [config, layer], layer, config, manifest };
}

/** What is no image: a manifest with a configuration of another kind. */
export function artifactOf(content: string, more: object = {}) {
  const layer = blobOf(content);
  const config = blobOf("{}");
  const manifest = blobOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: pointer("application/vnd.oci.empty.v1+json", config),
      layers: [pointer("text/plain", layer)],
      ...more,
    }),
  );
  return { blobs: [config, layer], manifest };
}

/** An index of manifests, each for a platform. */
export const indexOf = (manifests: { manifest: Blob; architecture: string }[], more: object = {}): Blob =>
  blobOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.index,
      manifests: manifests.map(({ manifest, architecture }) => ({
        ...pointer(types.manifest, manifest),
        platform: { os: "linux", architecture },
      })),
      ...more,
    }),
  );

/** Pushes a blob by one POST. */
export async function putBlob({ ask }: Served, name: string, { digest, bytes }: Blob): Promise<Response> {
  const response = await ask("POST", `${name}/blobs/uploads/?digest=${digest}`, { body: bytes });
  if (response.status !== 201) throw new Error(`${digest}: ${response.status} ${await response.text()}`);
  return response;
}

export const putManifest = (
  { ask }: Served,
  name: string,
  reference: string,
  { bytes }: Blob,
  type: string = types.manifest,
): Promise<Response> =>
  ask("PUT", `${name}/manifests/${reference}`, { body: bytes, headers: { "Content-Type": type } });

/** Pushes blobs and manifest. */
export async function putImage(
  served: Served,
  name: string,
  reference: string,
  { blobs, manifest }: { blobs: Blob[]; manifest: Blob },
): Promise<void> {
  for (const blob of blobs) await putBlob(served, name, blob);
  const response = await putManifest(served, name, reference, manifest);
  if (response.status !== 201) throw new Error(`${name}:${reference}: ${response.status} ${await response.text()}`);
}

/** The codes in an answer that is an error. */
export async function codesOf(response: Response): Promise<[status: number, ...codes: string[]]> {
  const { errors } = (await response.json()) as { errors: { code: string }[] };
  return [response.status, ...errors.map(({ code }) => code)];
}
