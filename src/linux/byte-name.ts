/** File names as the kernel keeps them: bytes, of which most are ASCII. */

/**
 * A file name as the kernel keeps it, one character per byte: names in tars need not be UTF-8. What is cut out of one is one
 * as well. `textOf` shows one to people, and only the functions here make one.
 */
export type ByteName = {
  readonly [brand]: "bytes";
  slice(start?: number, end?: number): ByteName;
  split(separator: string): ByteName[];
  replace(pattern: RegExp, by: "" | "/"): ByteName;
} & string;
declare const brand: unique symbol;

const decoder = new TextDecoder();

/** Names put together, byteName`${directory}/${name}`, or a constant, byteName`etc`. What is written out is ASCII. */
export function byteName(ascii: TemplateStringsArray, ...names: ByteName[]): ByteName {
  let name: string = ascii[0]!;
  for (let at = 0; at < names.length; at++) name += names[at]! + ascii[at + 1]!;
  return name as ByteName;
}

export const textOf = (name: ByteName): string => (isAscii(name) ? name : Buffer.from(name, "latin1").toString("utf8"));
export const byteNameOf = (text: string): ByteName =>
  (isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1")) as ByteName;

/** A name that getdents64(2) gave. Most are ASCII, and a run that meets no other does without Buffer, which takes 0.2 ms. */
export function byteNameFrom(bytes: Uint8Array): ByteName {
  const text = decoder.decode(bytes);
  // A character that takes several bytes makes the text shorter; a byte that is none becomes U+FFFD.
  if (text.length === bytes.length && !text.includes("\ufffd")) return text as ByteName;
  return byteNameIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}

/** The name that stands in a buffer. */
export const byteNameIn = (buffer: Buffer, start = 0, end = buffer.length): ByteName =>
  buffer.toString("latin1", start, end) as ByteName;

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}
