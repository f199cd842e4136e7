/**
 * Checks that a zstd stream is whole: its frames and blocks by their lengths. The decompressor ends without a word when its
 * input is cut off, and stops at bytes behind the last frame.
 * @see https://datatracker.ietf.org/doc/html/rfc8878#section-3.1
 */

import { InvalidError } from "../errors.ts";

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50; // to 0x184d2a5f

type Part = "magic" | "descriptor" | "header" | "block" | "body" | "checksum" | "skip length";

/** Takes the compressed bytes in chunks of any size. */
export function createZstdFrameCheck(subject: string): { write(chunk: Uint8Array): void; finish(): void } {
  let part: Part = "magic";
  let needed = 4; // bytes of this part still to come
  let value = 0; // the part's bytes so far, little-endian
  let shift = 0;
  let hasChecksum = false;
  let lastBlock = false;
  let afterBody: Part = "block";

  const expect = (next: Part, bytes: number) => {
    part = next;
    needed = bytes;
    value = 0;
    shift = 0;
  };
  const endOfFrame = () => expect("magic", 4);
  const afterBlock = () => {
    if (!lastBlock) expect("block", 3);
    else if (hasChecksum) expect("checksum", 4);
    else endOfFrame();
  };

  const complete: Record<Part, () => void> = {
    magic() {
      const magic = value >>> 0;
      if (magic === frameMagic) expect("descriptor", 1);
      else if ((magic & 0xfffffff0) >>> 0 === skippableMagic) expect("skip length", 4);
      else throw new InvalidError(`${subject} is corrupt: something follows its last zstd frame`);
    },
    descriptor() {
      const single = (value >> 5) & 1;
      const sizeBytes = [single, 2, 4, 8][value >> 6] as number;
      const dictionaryBytes = [0, 1, 2, 4][value & 3] as number;
      hasChecksum = (value & 4) !== 0;
      expect("header", (single ? 0 : 1) + dictionaryBytes + sizeBytes);
    },
    header: () => expect("block", 3),
    block() {
      lastBlock = (value & 1) === 1;
      const repeated = ((value >> 1) & 3) === 1; // one byte stands for the whole block
      afterBody = "block";
      expect("body", repeated ? 1 : value >> 3);
    },
    body: () => (afterBody === "magic" ? endOfFrame() : afterBlock()),
    checksum: endOfFrame,
    "skip length"() {
      afterBody = "magic";
      expect("body", value >>> 0);
    },
  };

  return {
    write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        if (part === "body" || part === "header" || part === "checksum") {
          const count = Math.min(needed, chunk.length - at);
          at += count;
          needed -= count;
        } else {
          value |= (chunk[at++] as number) << shift;
          shift += 8;
          needed--;
        }
        while (needed === 0) complete[part]();
      }
    },
    finish() {
      if (part !== "magic" || shift !== 0) throw new InvalidError(`${subject} is cut off inside a zstd frame`);
    },
  };
}
