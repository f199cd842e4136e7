/** Blobs into a repository: those that are there or next door are not sent; one PUT, and after a cut only what is missing. */

import type { Digest } from "../oci/digest.ts";
import { failureOf } from "./answers.ts";
import { ConnectionError, lie } from "./failure.ts";
import { digestHeader, uploadedBytes } from "./headers.ts";
import { ask, type Opened, type Place } from "./place.ts";
import type { Answer, Content } from "./request.ts";
import { backoffMs, isPassing, pause } from "./retry.ts";
import type { Watch } from "./watch.ts";

/** The content of a blob from byte `from` on, to its end. */
export type Opener = (from: number) => Blob | ReadableStream<Uint8Array>;

const subjectOf = ({ name }: Opened, digest: Digest): string => `push ${name} (${digest})`;

export async function blobIsThere(opened: Opened, digest: Digest): Promise<boolean> {
  const place = opened.places.at(-1)!;
  const subject = subjectOf(opened, digest);
  const answer = await ask(place, { method: "HEAD", path: `/v2/${place.endpoint.path}/blobs/${digest}`, subject });
  if (answer.status === 404) return false;
  if (answer.status === 200) return true;
  throw await failureOf(place, subject, answer);
}

export async function mountBlob(opened: Opened, digest: Digest, from: string): Promise<boolean> {
  const place = opened.places.at(-1)!;
  const subject = subjectOf(opened, digest);
  const query = new URLSearchParams({ mount: digest, from });
  const answer = await ask(place, {
    method: "POST",
    path: `/v2/${place.endpoint.path}/blobs/uploads/?${query}`,
    headers: { "content-length": "0" },
    scopes: [`repository:${from}:pull`],
    subject,
  });
  const upload = answer.headers.get("location");
  await answer.drop();
  if (answer.status === 201) return true;
  // It has begun an upload instead, which nobody is going to finish.
  const begun = answer.status === 202 && upload !== null ? URL.parse(upload, answer.url.href) : null;
  if (begun) await abandon(place, begun, subject);
  // Whoever cannot mount may refuse it: then the bytes are sent.
  return false;
}

async function abandon(place: Place, path: URL, subject: string): Promise<void> {
  await ask(place, { method: "DELETE", path, subject, once: true }).then(
    (answer) => answer.drop(),
    () => {},
  );
}

interface Upload {
  opened: Opened;
  place: Place;
  digest: Digest;
  size: number;
  open: Opener;
  onBytes: ((sent: number) => void) | undefined;
  subject: string;
}

export async function writeBlob(
  opened: Opened,
  digest: Digest,
  size: number,
  open: Opener,
  onBytes?: (sent: number) => void,
): Promise<void> {
  const place = opened.places.at(-1)!;
  const upload: Upload = { opened, place, digest, size, open, onBytes, subject: subjectOf(opened, digest) };
  const { settings } = opened;
  let at: { location: URL; from: number } | undefined;
  for (let tries = 1; ; tries++) {
    let failure: unknown;
    at ??= { location: await begin(upload), from: 0 };
    try {
      await finish(upload, at.location, at.from);
      return;
    } catch (error) {
      if (!(error instanceof ConnectionError && error.isPassing) || tries >= settings.patience.tries) throw error;
      failure = error;
    }
    settings.notice?.(`${(failure as Error).message}; trying again`);
    await pause(backoffMs(settings.patience, tries));
    // It may have come whole, and only the answer been lost.
    if (await blobIsThere(opened, digest)) return;
    at = await progressOf(upload, at.location);
  }
}

async function begin({ place, subject }: Upload): Promise<URL> {
  const path = `/v2/${place.endpoint.path}/blobs/uploads/`;
  const answer = await ask(place, { method: "POST", path, headers: { "content-length": "0" }, subject });
  if (answer.status !== 202) throw await failureOf(place, subject, answer);
  await answer.drop();
  return locationOf(answer, place, subject);
}

/** Where an upload goes on. Registries name it anew with each answer, and it holds what they want to know again. */
function locationOf({ headers, url }: Answer, { endpoint: { host } }: Place, subject: string): URL {
  const location = URL.parse(headers.get("location") ?? "", url.href);
  if (!headers.get("location") || !location) throw lie(subject, host, "begins an upload, and does not say where");
  return location;
}

/** What the registry has got of an upload that was cut. @returns undefined where it is to begin anew */
async function progressOf({ place, subject, size }: Upload, path: URL) {
  const answer = await ask(place, { method: "GET", path, subject });
  await answer.drop();
  const from = answer.status === 204 ? uploadedBytes(answer.headers.get("range")) : undefined;
  if (from === undefined || from > size) return undefined;
  return { location: answer.headers.has("location") ? locationOf(answer, place, subject) : path, from };
}

/** Sends all from a byte on: as one PUT where it is the first, else by PATCH, which says where its bytes belong. */
async function finish(upload: Upload, location: URL, from: number): Promise<void> {
  const { place, digest, size, subject } = upload;
  let last = location;
  let body: Content = contentFrom(upload, from);
  const type = { "content-type": "application/octet-stream" };
  if (from > 0) {
    const headers = { ...type, "content-range": `${from}-${size - 1}` };
    const patched =
      from < size ? await ask(place, { method: "PATCH", path: last, headers, body, subject, once: true }) : undefined;
    if (patched && patched.status !== 202 && patched.status !== 204) throw await refused(upload, patched);
    await patched?.drop();
    if (patched) last = locationOf(patched, place, subject);
    body = { size: 0, open: () => "" };
  }
  const path = new URL(last);
  path.searchParams.set("digest", digest);
  const answer = await ask(place, { method: "PUT", path, headers: type, body, subject, once: true });
  if (answer.status !== 201 && answer.status !== 204) throw await refused(upload, answer);
  await answer.drop();
  const stored = digestHeader(answer.headers);
  if (stored !== undefined && stored !== digest)
    throw lie(subject, place.endpoint.host, `has stored a blob with the digest ${stored}`);
}

/** A server in trouble may be out of it soon: what it has got by then need not be sent again. */
async function refused({ place, subject }: Upload, answer: Answer): Promise<Error> {
  const failure = await failureOf(place, subject, answer);
  return isPassing(answer.status) ? new ConnectionError(failure.message, true) : failure;
}

/** Told piece by piece, and watched: fetch says nothing of how far it is. */
function contentFrom({ place, size, open, onBytes }: Upload, from: number): Content {
  async function* pieces(watching: Watch): AsyncGenerator<Uint8Array> {
    let sent = from;
    for await (const piece of piecesOf(open(from))) {
      sent += piece.length;
      // The last one is followed by a look at all of it.
      watching.alive(sent >= size ? place.settings.patience.commitMs : undefined);
      yield piece;
      onBytes?.(sent);
    }
  }
  return { size: size - from, open: pieces };
}

/** Of a file: in pieces of this size an upload takes a third of the time that smaller ones of a stream take. */
const pieceBytes = 1 << 20;

async function* piecesOf(content: Blob | ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (!(content instanceof Blob)) yield* content;
  else for (let at = 0; at < content.size; at += pieceBytes) yield await content.slice(at, at + pieceBytes).bytes();
}
