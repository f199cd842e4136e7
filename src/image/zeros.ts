/** Content that is all zeros: it need not be written to a file that is new, where it is a hole then. Pure. */

/** What most file systems keep a file in. */
const blockBytes = 4096;
const zeros = Buffer.alloc(blockBytes);

/** The parts of a file's content that have to be written, block by block of the file. @param offset in the file */
export function* withoutZeros(bytes: Buffer, offset: number): Generator<{ bytes: Buffer; offset: number }> {
  let start: number | undefined; // of what is to be written
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + blockBytes - ((offset + at) % blockBytes));
    if (!isZero(bytes, at, end)) start ??= at;
    else if (start !== undefined) {
      yield { bytes: bytes.subarray(start, at), offset: offset + start };
      start = undefined;
    }
    at = end;
  }
  if (start !== undefined) yield { bytes: bytes.subarray(start), offset: offset + start };
}

/** Most blocks say no at the first look. */
const isZero = (bytes: Buffer, start: number, end: number): boolean =>
  bytes[start] === 0 && bytes[end - 1] === 0 && bytes.compare(zeros, 0, end - start, start, end) === 0;
