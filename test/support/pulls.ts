/** Images in a registry of the tests, and the binary that pulls them: beside a machine's network, in its mounts and its store. */

import { readFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { binary } from "./cli.ts";
import { imageTar, type Machine } from "./containers.ts";
import { configOf, sha256 } from "./images.ts";
import { indexType, manifestType, type TestRegistry } from "./registry.ts";
import { type RawEntry, tarOf } from "./tars.ts";

/** Starts the binary where it reaches loopback, as a user of this machine would; the caller waits for it. */
export const spawnHere = (machine: Machine, ...args: string[]) =>
  Bun.spawn(["nsenter", "-t", String(machine.pid), "--mount", "--", binary(), ...args], {
    cwd: machine.directory,
    env: machine.environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

export async function runHere(machine: Machine, ...args: string[]): Promise<Ended> {
  const child = spawnHere(machine, ...args);
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout: stdout.trim(), stderr: stderr.trim() };
}

/** How a layer is stored. */
export type Packing = "gzip" | "zstd" | "chunked" | "plain";

const ociLayer = "application/vnd.oci.image.layer.v1.tar";
const packings: Record<Packing, { type: string; pack(tar: Buffer): Buffer }> = {
  gzip: { type: `${ociLayer}+gzip`, pack: (tar) => gzipSync(tar) },
  zstd: { type: `${ociLayer}+zstd`, pack: (tar) => zstdCompressSync(tar) },
  // Frames, and one to skip with what is where in them.
  chunked: {
    type: `${ociLayer}+zstd`,
    pack: (tar) =>
      Buffer.concat([...halves(tar).map((half) => zstdCompressSync(half)), skipFrame("a table of contents")]),
  },
  plain: { type: ociLayer, pack: (tar) => tar },
};

const halves = (tar: Buffer): Buffer[] => [tar.subarray(0, tar.length >> 1), tar.subarray(tar.length >> 1)];

function skipFrame(content: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, Buffer.from(content)]);
}

export interface TestLayer {
  tar: Buffer;
  packing?: Packing;
  /** Other fields of its descriptor. */
  more?: object;
}

export const layerOf = (name: string, content: string | Buffer = name): TestLayer => ({
  tar: tarOf({ name: "etc/", type: "5" }, { name: `etc/${name}`, content } satisfies RawEntry),
});

/** The busybox of the other tests, as a layer. */
export const busyboxLayer = (): TestLayer => ({ tar: readFileSync(imageTar("busybox")) });

export interface PushedImage {
  /** Of the manifest. */
  digest: string;
  id: string;
  /** Of the layers' blobs. */
  blobs: string[];
  /** What an index lists it by. */
  descriptor: { mediaType: string; digest: string; size: number };
}

/** Puts an image into the registry as it is to be found there. */
export function addImage(
  registry: TestRegistry,
  name: string,
  layers: TestLayer[],
  { config = {}, manifest = {} }: { config?: object; manifest?: object } = {},
): PushedImage {
  const text = configOf(
    layers.map(({ tar }) => tar),
    config,
  );
  const described = layers.map(({ tar, packing = "gzip", more = {} }) => {
    const { type, pack } = packings[packing];
    return { mediaType: type, ...registry.addBlob(new Uint8Array(pack(tar))), ...more };
  });
  const content = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...registry.addBlob(text) },
    layers: described,
    ...manifest,
  };
  const [repository = "", tag = "latest"] = name.split(":");
  const digest = registry.addManifest(repository, tag, content);
  return {
    digest,
    id: `sha256:${sha256(text)}`,
    blobs: described.map((layer) => layer.digest),
    descriptor: { mediaType: manifestType, digest, size: JSON.stringify(content).length },
  };
}

/** An index of what is in that repository already. */
export function addIndex(registry: TestRegistry, name: string, manifests: object[]) {
  const [repository = "", tag = "latest"] = name.split(":");
  const index = { schemaVersion: 2, mediaType: indexType, manifests };
  const digest = registry.addManifest(repository, tag, index, indexType);
  return { mediaType: indexType, digest, size: JSON.stringify(index).length };
}

/** How often a blob was asked for. */
export const timesAsked = ({ seen }: TestRegistry, digest: string): number =>
  seen.filter(({ method, path }) => method === "GET" && path.endsWith(`/blobs/${digest}`)).length;
