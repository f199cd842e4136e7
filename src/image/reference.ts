/** Image references: `busybox`, `name:tag`, `host:port/path:tag`, `name@sha256:...`, in one short canonical form. */

import { InvalidError } from "../errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";

export interface Reference {
  /** As users write it: without `docker.io/` and `library/`, which are where names without a host come from. */
  name: string;
  tag?: string;
  digest?: Digest;
}

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const domain =
  "(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?";
const hostPattern = new RegExp(`^${domain}$`);
const pathPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** A reference is a file name in the store, url-encoded, and file names have 255 bytes at most. */
const maxEncoded = 240;

/**
 * Parses by the grammar of the field; without a tag or digest it is `:latest`.
 * @throws InvalidError saying what is wrong
 * @see https://pkg.go.dev/github.com/distribution/reference
 */
export function parseReference(text: string): Reference {
  const bad = (why: string): never => {
    throw new InvalidError(`invalid image reference ${JSON.stringify(text.slice(0, 300))}: ${why}`);
  };
  if (text.length > 1024) bad("too long");
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) return bad("after @ comes sha256: and 64 lower-case hex digits");
  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const tagged = colon > named.lastIndexOf("/");
  const tag = tagged ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagPattern.test(tag)) bad("a tag has letters, digits, _ . - and at most 128 of them");
  const name = shortName(tagged ? named.slice(0, colon) : named, bad);
  const reference: Reference = {
    name,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: "latest" } : {}),
    ...(digest !== undefined ? { digest } : {}),
  };
  if (encodeURIComponent(formatReference(reference)).length > maxEncoded) bad("too long");
  return reference;
}

function shortName(full: string, bad: (why: string) => never): string {
  const slash = full.indexOf("/");
  const first = full.slice(0, Math.max(slash, 0));
  const isHost = slash !== -1 && looksLikeHost(first);
  const host = isHost ? first : "docker.io";
  let path = isHost ? full.slice(slash + 1) : full;
  if (full === "") bad("it is empty");
  if (/^\.{0,2}\//.test(full)) bad("it is a path, not a name");
  if (isHost && !hostPattern.test(host)) bad(`${JSON.stringify(host)} is not a valid host name`);
  if (!pathPattern.test(path)) bad("a name has lower-case letters and digits, separated by . _ - or /");
  if (/^[0-9a-f]{64}$/.test(full)) bad("64 hex digits are an image id");
  if (host !== "docker.io" && host !== "index.docker.io") return full;
  const bare = /^library\/([^/]+)$/.exec(path)?.[1];
  if (bare && !/^[0-9a-f]{64}$/.test(bare)) path = bare;
  // A path that would read as a host keeps its own: docker.io/localhost/app is not localhost/app.
  return looksLikeHost(path.slice(0, Math.max(path.indexOf("/"), 0))) || /^[0-9a-f]{64}$/.test(path)
    ? `docker.io/${path}`
    : path;
}

const looksLikeHost = (first: string): boolean => first === "localhost" || /[.:A-Z[]/.test(first);

/** A host as it stands in names of images: `registry.example`, `localhost`, `[::1]:5000`. */
export const isHost = (text: string): boolean => looksLikeHost(text) && hostPattern.test(text);

/** True for a name that says which registry it is of; Docker Hub's may leave it out. */
export const hasHost = (name: string): boolean => {
  const slash = name.indexOf("/");
  return slash !== -1 && looksLikeHost(name.slice(0, slash));
};

/** The canonical text. `parseReference` of it gives the same reference. */
export const formatReference = ({ name, tag, digest }: Reference): string =>
  `${name}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;

/** True for a canonical name that says what was pulled (`busybox@sha256:...`), and is no tag. */
export const isDigestName = (reference: string): boolean => reference.includes("@");

/** Beside a digest a tag says nothing: `busybox:1@sha256:...` is `busybox@sha256:...`. */
export const withoutTag = (reference: string): string => reference.replace(/:[^/:@]*@/, "@");

/** A canonical reference without its tag and its digest. */
export const repositoryOf = (reference: string): string => reference.replace(/@.*$/, "").replace(/:[^/:]*$/, "");

/** The names that tag an image, without those that say what it was pulled as. */
export const tagsOf = ({ references }: { references: readonly string[] }): string[] =>
  references.filter((reference) => !isDigestName(reference));

/** A canonical reference with the host that it leaves out: `docker.io/library/busybox:latest`. */
export function fullName(reference: string): string {
  const slash = reference.indexOf("/");
  if (slash === -1) return `docker.io/library/${reference}`;
  return looksLikeHost(reference.slice(0, slash)) ? reference : `docker.io/${reference}`;
}

/** A reference in canonical form. @throws InvalidError */
export const normaliseReference = (text: string): string => formatReference(parseReference(text));

/** Names of digest algorithms: `sha256:abc` would be a name, and the beginning of an id. */
const algorithmPattern = /^(?:sha(?:224|256|384|512)|blake3)$/;

/** A reference that an image is to get. @throws InvalidError also for what would read as an image id */
export function parseNewReference(text: string): Reference {
  const reference = parseReference(text);
  if (algorithmPattern.test(reference.name))
    throw new InvalidError(
      `invalid image reference ${JSON.stringify(text)}: refusing to create an ambiguous tag using digest algorithm as name`,
      `choose another name than ${reference.name}`,
    );
  return reference;
}

/** The same in canonical form. @throws InvalidError */
export const normaliseNewReference = (text: string): string => formatReference(parseNewReference(text));

/** As `normaliseNewReference`, for a name that stands in an archive: errors name the archive. */
export function savedReference(text: string, subject: string): string {
  try {
    return normaliseNewReference(text);
  } catch (error) {
    throw error instanceof InvalidError ? new InvalidError(`${subject}: ${error.message}`, error.hint) : error;
  }
}

const archiveSuffix = /\.(?:tar(?:\.(?:gz|zst|xz|bz2))?|tgz|tzst|txz|tbz2?|oci|img)$/;

/**
 * The name an image gets from its file: `busybox.tar` is `busybox:latest`, `/tmp/My_Image.tar.gz` is `my_image:latest`.
 * Never fails: what cannot stand in a name becomes `-`, and nothing at all `image`.
 */
export function referenceOfFile(path: string): string {
  const base = path.replace(/\/+$/, "").replace(/^.*\//s, "").toLowerCase().replace(archiveSuffix, "");
  const parts = base.replace(/[^a-z0-9._-]/g, "-").split(/([._-]+)/);
  let name = "";
  for (const [index, part] of parts.entries()) {
    if (part === "") continue;
    if (index % 2 === 0) name += part;
    else if (name !== "" && parts[index + 1]) name += /^(?:\.|__?|-+)$/.test(part) ? part : "-";
  }
  name = name.slice(0, 100).replace(/[._-]+$/, "");
  if (name === "") name = "image";
  return `${/^[0-9a-f]{64}$/.test(name) || algorithmPattern.test(name) ? `image-${name}` : name}:latest`;
}
