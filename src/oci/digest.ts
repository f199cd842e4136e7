/** Digests: the names of content (`sha256:` and 64 lower-case hex digits). */

import { InvalidError } from "../errors.ts";

/** `sha256:<64 hex>`. tinydocker reads no other algorithm: every registry and tool writes this one. */
export type Digest = `sha256:${string}`;

const pattern = /^sha256:[0-9a-f]{64}$/;

export const isDigest = (text: unknown): text is Digest => typeof text === "string" && pattern.test(text);

/** A digest out of untrusted text. @throws InvalidError naming `subject` */
export function parseDigest(text: unknown, subject: string): Digest {
  if (isDigest(text)) return text;
  throw new InvalidError(`${subject} is not a sha256 digest: ${JSON.stringify(text)?.slice(0, 100)}`);
}

/** The digits alone: what a digest is called as a file name. */
export const hexOf = (digest: Digest): string => digest.slice("sha256:".length);

/** The digest of bytes or of UTF-8 text. */
export const digestOf = (content: string | Uint8Array): Digest =>
  `sha256:${new Bun.CryptoHasher("sha256").update(content).digest("hex")}`;
