/** Manifests of a repository: read with all that says what they are in agreement, and written. */

import { UnsupportedError } from "../errors.ts";
import { type Digest, digestOf, isDigest } from "../oci/digest.ts";
import { object, parseJson } from "../oci/json.ts";
import { indexType, manifestType } from "../oci/media-types.ts";
import { failureOf, firstThatHas } from "./answers.ts";
import { lie } from "./failure.ts";
import { digestHeader, lengthOf, mediaTypeOf } from "./headers.ts";
import { acceptManifests, isSchema1, isUntold } from "./media-types.ts";
import { ask, type Opened, type Place } from "./place.ts";
import type { Answer } from "./request.ts";

export interface FoundManifest {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
}

export interface ManifestHead {
  digest: Digest;
  mediaType: string;
  size: number;
}

/** What registries have to accept; hardly one has larger ones. */
const maxManifestBytes = 4 << 20;

const headers = { accept: acceptManifests };

const pathOf = (path: string, reference: string): string => `/v2/${path}/manifests/${reference}`;

const separator = (reference: string): string => (isDigest(reference) ? "@" : ":");

export function readManifest(
  opened: Opened,
  reference: string,
  signal?: AbortSignal,
): Promise<FoundManifest | undefined> {
  const subject = `pull ${opened.name}${separator(reference)}${reference}`;
  return firstThatHas(
    opened,
    ({ endpoint }) => ({ method: "GET", path: pathOf(endpoint.path, reference), headers, signal, subject }),
    (place, answer) => checkManifest(place, answer, reference, subject),
  );
}

async function checkManifest(
  { endpoint: { host } }: Place,
  answer: Answer,
  reference: string,
  subject: string,
): Promise<FoundManifest> {
  const told = mediaTypeOf(answer.headers);
  if (isSchema1(told)) {
    await answer.drop();
    throw schema1(subject);
  }
  if (told === "text/html") {
    await answer.drop();
    throw lie(subject, host, "answers with a web page: it is no registry, or something stands before it");
  }
  const bytes = await answer.bytes(maxManifestBytes);
  if (bytes === undefined) throw lie(subject, host, `has a manifest larger than ${maxManifestBytes >> 20} MiB`);
  // Without a length an early end looks as any other.
  const length = lengthOf(answer.headers.get("content-length"));
  if (length !== undefined && length !== bytes.length)
    throw lie(subject, host, `announces a manifest of ${length} bytes, and sends ${bytes.length}`);
  const digest = digestOf(bytes);
  if (isDigest(reference) && digest !== reference)
    throw lie(subject, host, `sends a manifest with the digest ${digest}`);
  const announced = digestHeader(answer.headers);
  if (announced !== undefined && announced !== digest)
    throw lie(subject, host, `announces a manifest with the digest ${announced}, and sends one with ${digest}`);
  return { digest, mediaType: agreedType(told, bytes, subject, host), bytes };
}

/** Two readers that believe different names of one content see two images in it (CVE-2021-41190). */
function agreedType(told: string, bytes: Uint8Array, subject: string, host: string): string {
  const content = object(parseJson(bytes, `the manifest of ${host}`), `the manifest of ${host}`);
  if (content.schemaVersion === 1) throw schema1(subject);
  const own = typeof content.mediaType === "string" ? content.mediaType : undefined;
  if (own !== undefined && !isUntold(told) && own.toLowerCase() !== told)
    throw lie(subject, host, `calls a manifest ${told} that calls itself ${own.slice(0, 100)}`);
  if (own !== undefined) return own;
  return isUntold(told) ? ("manifests" in content ? indexType : manifestType) : told;
}

const schema1 = (subject: string): UnsupportedError =>
  new UnsupportedError(`cannot ${subject}: it has the old schema 1`, "push the image again with a current tool");

/** By HEAD; of a registry that does not say all of it then by GET. */
export async function readManifestHead(
  opened: Opened,
  reference: string,
  signal?: AbortSignal,
): Promise<ManifestHead | undefined> {
  const subject = `pull ${opened.name}${separator(reference)}${reference}`;
  const head = await firstThatHas(
    opened,
    ({ endpoint }) => ({ method: "HEAD", path: pathOf(endpoint.path, reference), headers, signal, subject }),
    async (_, answer) => {
      const digest = digestHeader(answer.headers);
      const size = lengthOf(answer.headers.get("content-length"));
      const mediaType = mediaTypeOf(answer.headers);
      const isWhole = digest !== undefined && size !== undefined && !isUntold(mediaType);
      return isWhole ? { digest, size, mediaType } : "untold";
    },
  );
  if (head !== "untold") return head;
  const found = await readManifest(opened, reference, signal);
  return found && { digest: found.digest, mediaType: found.mediaType, size: found.bytes.length };
}

export async function writeManifest(
  { name, places }: Opened,
  reference: string,
  mediaType: string,
  bytes: Uint8Array,
): Promise<Digest> {
  const place = places.at(-1)!;
  const { host, path } = place.endpoint;
  const subject = `push ${name}${separator(reference)}${reference}`;
  const answer = await ask(place, {
    method: "PUT",
    path: pathOf(path, reference),
    headers: { "content-type": mediaType },
    body: { size: bytes.length, open: () => bytes },
    subject,
  });
  if (answer.status < 200 || answer.status > 299) throw await failureOf(place, subject, answer);
  await answer.drop();
  const digest = digestOf(bytes);
  const stored = digestHeader(answer.headers);
  if (stored !== undefined && stored !== digest)
    throw lie(subject, host, `has stored a manifest with the digest ${stored}, and got one with ${digest}`);
  return digest;
}
