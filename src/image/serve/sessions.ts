/**
 * Uploads: `uploads/<id>` has the bytes that came so far, in order. What is left of one that was cut off can be gone on with,
 * by the next server too; after a day without a byte it is collected.
 */

import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from "node:fs";
import { readdir } from "../../linux/directory.ts";
import { type Fd, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY, withFile } from "../../linux/file.ts";
import { mkdirAll, unlink } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { freeBytes } from "../../linux/statfs.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { readableBytes } from "../../readable-bytes.ts";
import { Problem } from "./problem.ts";

/** One upload, as this server knows it. */
export interface Session {
  id: string;
  /** Canonical; the upload belongs to this repository alone. Undefined if another server began it. */
  repository: string | undefined;
  file: string;
  size: number;
  /** Of all bytes that came; undefined until it has to be read again. */
  hash: Bun.CryptoHasher | undefined;
  /** A request is writing to it. */
  busy: boolean;
}

export interface Sessions {
  paths: Paths;
  open: Map<string, Session>;
  /** Bytes that one blob may have. */
  maxBytes: number;
}

const maxOpen = 1000;
const maxIdleMs = 24 * 3600_000;
/** Bytes of the disk that uploads leave to others. */
const reservedBytes = 64 << 20;

const uploadsOf = ({ root }: Paths): string => `${root}/uploads`;

export function createSessions(paths: Paths, maxBytes: number): Sessions {
  mkdirAll(uploadsOf(paths));
  return { paths, open: new Map(), maxBytes };
}

/** @throws Problem TOOMANYREQUESTS */
export function beginUpload(sessions: Sessions, repository: string): Session {
  collectUploads(sessions.paths);
  for (const [id, { file, busy }] of sessions.open) if (!busy && !statIfAny(file)) sessions.open.delete(id);
  if (sessions.open.size >= maxOpen)
    throw new Problem("TOOMANYREQUESTS", `there are ${maxOpen} uploads already`, { headers: { "Retry-After": "60" } });
  const id = crypto.randomUUID();
  const file = `${uploadsOf(sessions.paths)}/${id}`;
  withFile(file, O_WRONLY | O_CREAT | O_EXCL, () => {});
  const session = { id, repository, file, size: 0, hash: new Bun.CryptoHasher("sha256"), busy: false };
  sessions.open.set(id, session);
  return session;
}

/** @throws Problem BLOB_UPLOAD_UNKNOWN */
export function findUpload(sessions: Sessions, repository: string, id: string): Session {
  const file = `${uploadsOf(sessions.paths)}/${id}`;
  const known = sessions.open.get(id);
  const size = statIfAny(file, { follow: false })?.size;
  if (size === undefined) sessions.open.delete(id);
  if (size === undefined || (known && known.repository !== repository))
    throw new Problem("BLOB_UPLOAD_UNKNOWN", "no such upload: begin another one");
  if (known) return known;
  const session = { id, repository, file, size, hash: undefined, busy: false };
  sessions.open.set(id, session);
  return session;
}

/** Lets one request at a time write. @throws Problem for a second one */
export async function whileBusy<Result>(session: Session, use: () => Promise<Result>): Promise<Result> {
  if (session.busy)
    throw new Problem("BLOB_UPLOAD_INVALID", "another request is writing to this upload", { status: 409 });
  session.busy = true;
  try {
    return await use();
  } finally {
    session.busy = false;
  }
}

/**
 * Appends what a client sends, as it comes. What came before a cut stays.
 * @param expected how many bytes are to come, if the client said so. @throws Problem SIZE_INVALID, and 413 and 507 for too much
 */
export async function append(
  { paths, maxBytes }: Sessions,
  session: Session,
  body: ReadableStream<Uint8Array> | null,
  expected: number | undefined,
): Promise<void> {
  if (!body) return;
  const fd = openSync(session.file, O_RDWR | O_NOFOLLOW);
  const began = session.size;
  try {
    session.hash ??= await hashOf(fd, session.size);
    const { hash } = session;
    const room = Math.max(0, freeBytes(fd as Fd, uploadsOf(paths)) - reservedBytes);
    if (began + (expected ?? 0) > maxBytes) throw tooLarge(maxBytes);
    if ((expected ?? 0) > room) throw noRoom();
    for await (const chunk of body) {
      const after = session.size + chunk.length;
      if (after > maxBytes) throw tooLarge(maxBytes);
      if (after - began > room) throw noRoom();
      if (expected !== undefined && after - began > expected) throw wrongSize(expected);
      for (let done = 0; done < chunk.length; )
        done += writeSync(fd, chunk, done, chunk.length - done, session.size + done);
      hash.update(chunk);
      session.size = after;
    }
    if (expected !== undefined && session.size - began !== expected) throw wrongSize(expected);
  } finally {
    closeSync(fd);
  }
}

const tooLarge = (maxBytes: number) =>
  new Problem("SIZE_INVALID", `a blob may have ${readableBytes(maxBytes)} at most`, { status: 413 });
const noRoom = () => new Problem("DENIED", "the disk of this registry is full", { status: 507 });
const wrongSize = (expected: number) =>
  new Problem("SIZE_INVALID", `other than the ${expected} bytes came that were announced`);

/** Reads again what an earlier server was sent; other requests are answered meanwhile. */
async function hashOf(fd: number, size: number): Promise<Bun.CryptoHasher> {
  const hash = new Bun.CryptoHasher("sha256");
  const buffer = Buffer.allocUnsafe(1 << 20);
  for (let at = 0; at < size; ) {
    const count = readSync(fd, buffer, 0, Math.min(buffer.length, size - at), at);
    if (count === 0) break;
    hash.update(buffer.subarray(0, count));
    at += count;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return hash;
}

/** Ends an upload whose bytes must have this digest, and writes them to the disk. @throws Problem DIGEST_INVALID; the upload is over then */
export async function seal(sessions: Sessions, session: Session, digest: Digest): Promise<void> {
  const fd = openSync(session.file, O_RDWR | O_NOFOLLOW);
  try {
    const hash = session.hash ?? (await hashOf(fd, session.size));
    const found = `sha256:${hash.digest("hex")}`;
    if (found !== digest) {
      cancel(sessions, session);
      throw new Problem("DIGEST_INVALID", "the digest is not that of the bytes that came", {
        details: [{ digest, found }],
      });
    }
    fdatasyncSync(fd);
  } finally {
    session.hash = undefined;
    closeSync(fd);
  }
}

/** Forgets an upload, with what came of it. */
export function cancel({ open: known }: Sessions, { id, file }: Session): void {
  known.delete(id);
  unlink(file);
}

/** Removes what nobody went on with for a day. Cheap: there are few. */
export function collectUploads(paths: Paths): void {
  for (const name of readdir(uploadsOf(paths)) ?? []) {
    const file = `${uploadsOf(paths)}/${name}`;
    const found = statIfAny(file, { follow: false });
    if (found && Date.now() - Number(found.mtimeNs / 1_000_000n) > maxIdleMs) unlink(file);
  }
}
