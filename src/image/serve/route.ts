/** Which endpoint a path means, and the names in it, checked before any of them becomes part of a file's name. Pure. */

import { InvalidError } from "../../errors.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { formatReference, parseReference } from "../reference.ts";
import { Problem } from "./problem.ts";

/** A repository: as the client calls it, and as references here begin. */
export interface Repository {
  asked: string;
  /** `library/busybox` and `docker.io/library/busybox` are `busybox`. */
  name: string;
}

export type Route =
  | { endpoint: "base" | "catalog" }
  | { endpoint: "tags"; repository: Repository }
  | { endpoint: "manifest"; repository: Repository; reference: { digest: Digest } | { tag: string } }
  | { endpoint: "blob"; repository: Repository; digest: Digest }
  | { endpoint: "uploads"; repository: Repository }
  | { endpoint: "upload"; repository: Repository; session: string }
  | { endpoint: "referrers"; repository: Repository; digest: Digest };

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const namePattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const sessionPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Names may have the words of endpoints in them: the last that fits counts. */
const forms: [pattern: RegExp, make: (repository: Repository, rest: string) => Route][] = [
  [/^(.+)\/tags\/(list)$/, (repository) => ({ endpoint: "tags", repository })],
  [/^(.+)\/blobs\/(uploads)\/?$/, (repository) => ({ endpoint: "uploads", repository })],
  [
    /^(.+)\/blobs\/uploads\/([^/]+)$/,
    (repository, session) => ({ endpoint: "upload", repository, session: checkSession(session) }),
  ],
  [/^(.+)\/blobs\/([^/]+)$/, (repository, digest) => ({ endpoint: "blob", repository, digest: checkDigest(digest) })],
  [
    /^(.+)\/referrers\/([^/]+)$/,
    (repository, digest) => ({ endpoint: "referrers", repository, digest: checkDigest(digest) }),
  ],
  [
    /^(.+)\/manifests\/([^/]+)$/,
    (repository, text) => ({ endpoint: "manifest", repository, reference: referenceOf(text) }),
  ],
];

/** @param path of the URL, as it came. @returns undefined for what is no endpoint of a registry. @throws Problem */
export function routeOf(path: string): Route | undefined {
  if (path === "/v2" || path === "/v2/") return { endpoint: "base" };
  if (path === "/v2/_catalog") return { endpoint: "catalog" };
  if (!path.startsWith("/v2/")) return undefined;
  const text = decoded(path.slice("/v2/".length));
  for (const [pattern, make] of forms) {
    const [, name, rest] = pattern.exec(text) ?? [];
    if (name !== undefined && rest !== undefined) return make(checkName(name), rest);
  }
  return undefined;
}

/** Clients write the colon of a digest as `%3A` at times. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Problem("NAME_INVALID", "the path is not URL-encoded UTF-8");
  }
}

/** @throws Problem NAME_INVALID */
export function checkName(asked: string): Repository {
  const bad = (why: string) =>
    new Problem("NAME_INVALID", `invalid repository name: ${why}`, { details: [{ name: asked.slice(0, 300) }] });
  if (asked.length > 255) throw bad("it has more than 255 characters");
  if (!namePattern.test(asked)) throw bad("it has lower-case letters and digits, separated by . _ - or /");
  try {
    return { asked, name: parseReference(`${asked}:t`).name };
  } catch (error) {
    if (error instanceof InvalidError) throw bad(error.message);
    throw error;
  }
}

/** @throws Problem DIGEST_INVALID: also for algorithms that tinydocker does not read */
export function checkDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new Problem("DIGEST_INVALID", "a digest is sha256: and 64 lower-case hex digits", {
    details: [{ digest: text.slice(0, 300) }],
  });
}

function checkSession(text: string): string {
  if (sessionPattern.test(text)) return text;
  throw new Problem("BLOB_UPLOAD_UNKNOWN", "no such upload");
}

function referenceOf(text: string): { digest: Digest } | { tag: string } {
  if (text.includes(":")) return { digest: checkDigest(text) };
  if (!tagPattern.test(text))
    throw new Problem("MANIFEST_INVALID", "a tag has letters, digits, _ . - and at most 128 of them");
  return { tag: text };
}

/** The canonical name of an image of this repository, of which the store knows. @throws Problem if it is too long for it */
export function referenceIn({ name }: Repository, reference: { digest: Digest } | { tag: string }): string {
  const text = formatReference({ name, ...reference });
  if (encodeURIComponent(text).length <= 240) return text;
  throw new Problem(
    "NAME_INVALID",
    `${name} and its tag are longer than the 240 characters that tinydocker keeps of a name`,
  );
}
