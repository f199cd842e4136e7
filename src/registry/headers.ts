/** Headers of registries as values: nothing of them is trusted, and what cannot be read is as if it were not there. Pure. */

import { type Digest, isDigest } from "../oci/digest.ts";

/** Retry-After, a number of seconds or a date, in ms from `now`. */
export function retryAfterMs(value: string | null, now = Date.now()): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** A length, in bytes. */
export const lengthOf = (value: string | null): number | undefined => numberOf(value?.trim());

/** `bytes 5-9/10`: which bytes came, both inclusive, and of how many, if that is said. */
export function parseContentRange(
  value: string | null,
): { first: number; last: number; total: number | undefined } | undefined {
  const found = /^\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)\s*$/i.exec(value ?? "");
  const [first, last] = [numberOf(found?.[1]), numberOf(found?.[2])];
  if (first === undefined || last === undefined || last < first) return undefined;
  const total = found![3] === "*" ? undefined : numberOf(found![3]);
  if (found![3] !== "*" && (total === undefined || last >= total)) return undefined;
  return { first, last, total };
}

/** The Range of an upload that was begun, `0-41`: how many bytes of it the registry has. */
export function uploadedBytes(value: string | null): number | undefined {
  const found = /^\s*(?:bytes[= ])?0-(\d+)\s*$/i.exec(value ?? "");
  const last = numberOf(found?.[1]);
  // Of an upload that has nothing registries say "0-0", too.
  return last === undefined ? undefined : last === 0 ? 0 : last + 1;
}

/** Where the next page is: `</v2/_catalog?last=b&n=2>; rel="next"`. */
export function nextLink(value: string | null): string | undefined {
  for (const [, target, parameters = ""] of (value ?? "").matchAll(
    /<([^<>]*)>((?:\s*;\s*[\w*-]+(?:=(?:"[^"]*"|[^\s;,"]*))?)*)/g,
  ))
    if (/;\s*rel=(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=[\s;,]|$))/i.test(parameters)) return target;
  return undefined;
}

/** Docker-Content-Digest; another algorithm than sha256 is none that we could check. */
export const digestHeader = (headers: Headers): Digest | undefined => {
  const value = headers.get("docker-content-digest")?.trim();
  return isDigest(value) ? value : undefined;
};

/** Content-Type without its parameters, in lower case; "" where there is none. */
export const mediaTypeOf = (headers: Headers): string =>
  (headers.get("content-type") ?? "").replace(/;.*$/s, "").trim().toLowerCase();

function numberOf(text: string | undefined): number | undefined {
  const number = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}
