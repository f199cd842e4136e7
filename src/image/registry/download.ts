/**
 * Blobs of a pull: into `partial/`, hashed on the way, three at once, the bottom layer's first. What a pull before has left there
 * is read again instead of fetched; what another pull is fetching right now is waited for.
 */

import { InvalidError } from "../../errors.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { close, type Fd, O_RDONLY, open } from "../../linux/file.ts";
import { memory } from "../../linux/libc.ts";
import { unlink } from "../../linux/names.ts";
import { pread, pwriteAll } from "../../linux/pread.ts";
import { fstat, statIfAny } from "../../linux/stat.ts";
import { ftruncate } from "../../linux/tree/metadata.ts";
import { type Digest, hexOf } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { Paths } from "../../paths.ts";
import type { Repository } from "../../registry/client.ts";
import type { Growing } from "../compression.ts";
import { holdPartial, partialBytes, partialFile, sharePartial } from "../partial.ts";
import { createGrowth, type Growth } from "./growth.ts";

/** As many as Docker. */
const atOnce = 3;
const betweenTriesMs = 100;

export interface DownloadOptions {
  paths: Paths;
  repository: Repository;
  /** Ends all of it, with its reason. */
  signal: AbortSignal;
  /** Hears how much of a blob is there, and that it is all and verified. */
  onBytes(digest: Digest, bytes: number): void;
  onWhole(digest: Digest): void;
}

/** A blob that comes in, or is there. */
export interface Arrival {
  descriptor: Descriptor;
  /** Its file, from when on it is ours to read: open until `close`. */
  file: Promise<Fd>;
  /** Undefined for one that is a blob of the store already. */
  growing: Growing | undefined;
  /** It is all there, and has its digest. */
  whole: Promise<void>;
}

export interface Downloads {
  of(digest: Digest): Arrival;
  /** Files that are to become blobs. */
  files(): [path: string, digest: Digest][];
  /** True if a part of one is an earlier pull's, whose content nobody has looked at before. */
  isResumed(): boolean;
  /** Ends those that go on, and lets go of the files. @param discard nothing of them is of use: they go. */
  close(discard: boolean): Promise<void>;
}

interface Job extends Arrival {
  growth: Growth;
  opened: PromiseWithResolvers<Fd>;
  ended: PromiseWithResolvers<void>;
  fd?: Fd;
  exclusive?: boolean;
  resumed?: boolean;
}

/** @param wanted each once, in the order in which they are needed */
export function startDownloads(wanted: readonly Descriptor[], options: DownloadOptions): Downloads {
  const jobs = new Map(wanted.map((descriptor) => [descriptor.digest, newJob(options.paths, descriptor)]));
  const queue = [...jobs.values()].filter(({ growing }) => growing !== undefined);
  const controller = new AbortController();
  const signal = AbortSignal.any([options.signal, controller.signal]);
  const work = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      try {
        await download(job, { ...options, signal });
        job.ended.resolve();
      } catch (error) {
        controller.abort(error); // one that fails is enough
        fail(job, error);
      }
    }
  };
  const workers = Array.from({ length: atOnce }, work);
  return {
    of: (digest) => jobs.get(digest)!,
    files: () =>
      [...jobs.values()].flatMap(({ descriptor: { digest }, growing }): [string, Digest][] =>
        growing ? [[partialFile(options.paths, digest), digest]] : [],
      ),
    isResumed: () => [...jobs.values()].some(({ resumed }) => resumed),
    async close(discard) {
      for (const job of queue.splice(0)) fail(job, new Error("given up"));
      controller.abort(new Error("given up"));
      await Promise.all(workers);
      for (const { fd, exclusive, growing, descriptor } of jobs.values()) {
        if (fd === undefined) continue;
        if ((discard || fstat(fd).size === 0) && exclusive && growing)
          unlink(partialFile(options.paths, descriptor.digest));
        close(fd);
      }
    },
  };
}

function newJob(paths: Paths, descriptor: Descriptor): Job {
  const [opened, ended, growth] = [Promise.withResolvers<Fd>(), Promise.withResolvers<void>(), createGrowth()];
  // Whoever waits for one of them hears of it; nobody has to.
  for (const promise of [opened.promise, ended.promise]) promise.catch(() => {});
  const job = { descriptor, growth, opened, ended, file: opened.promise, whole: ended.promise };
  const stored = `${paths.blobs}/${hexOf(descriptor.digest)}`;
  if (statIfAny(stored)?.size !== descriptor.size) return { ...job, growing: growth };
  const fd = open(stored, O_RDONLY);
  opened.resolve(fd);
  ended.resolve();
  return { ...job, fd, growing: undefined };
}

function fail({ growth, opened, ended }: Job, error: unknown): void {
  growth.fail(error);
  opened.reject(error);
  ended.reject(error);
}

async function download(job: Job, options: DownloadOptions): Promise<void> {
  const { descriptor, growth } = job;
  const { digest, size, urls } = descriptor;
  const { paths, repository, signal, onBytes, onWhole } = options;
  const fd = await hold(job, options);
  const path = byteNameOf(partialFile(paths, digest));
  const hash = new Bun.CryptoHasher("sha256");
  const arrive = (bytes: number) => {
    growth.arrive(bytes);
    onBytes(digest, bytes);
  };
  if (fstat(fd).size > size) ftruncate(fd, 0, path);
  let at = await readAgain(fd, size, hash, arrive, signal);
  job.resumed = at > 0;
  if (at < size)
    for await (const piece of repository.blob(descriptor, { from: at, signal, ...(urls && { urls }) })) {
      signal.throwIfAborted();
      pwriteAll(fd, piece, at, path);
      hash.update(piece);
      at += piece.length;
      arrive(at);
    }
  const found = `sha256:${hash.digest("hex")}`;
  if (found !== digest)
    throw new InvalidError(`${repository.host} sends another blob than ${digest}: its digest is ${found}`);
  if (job.exclusive) sharePartial(fd);
  onWhole(digest);
}

/** The file, as soon as nobody else writes to it. */
async function hold(job: Job, { paths, signal, onBytes }: DownloadOptions): Promise<Fd> {
  const { digest, size } = job.descriptor;
  for (;;) {
    signal.throwIfAborted();
    const held = holdPartial(paths, digest, size);
    if (held) {
      Object.assign(job, held);
      job.opened.resolve(held.fd);
      return held.fd;
    }
    onBytes(digest, partialBytes(paths, digest));
    await Bun.sleep(betweenTriesMs);
  }
}

/** What is there already goes into the hash, too. @returns how much that is */
async function readAgain(
  fd: Fd,
  size: number,
  hash: Bun.CryptoHasher,
  arrive: (bytes: number) => void,
  signal: AbortSignal,
): Promise<number> {
  if (fstat(fd).size === 0) return 0;
  const buffer = memory(1 << 20);
  for (let at = 0; ; ) {
    const count = pread(fd, buffer.subarray(0, Math.min(buffer.length, size - at)), at, "a download");
    if (count === 0) return at;
    hash.update(buffer.subarray(0, count));
    at += count;
    arrive(at);
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
}
