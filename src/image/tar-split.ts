/**
 * What a layer's tar has beside the content of its files, kept next to the extracted layer, so that `save` gives back the same
 * tar, byte for byte, without keeping everything twice. (The idea and the name are those of vbatts/tar-split; the format is ours.)
 *
 *     tar-split.zst:  { u32 length, zstd frame }...      each frame holds whole records:
 *         "R" u32 length, bytes                          of the tar, as they were: headers, padding, the end
 *         "F" u16 length, path, f64 offset, f64 length   content of a file of the layer
 */

import { hasCode } from "../errors.ts";
import { openInRoot } from "../linux/at.ts";
import { type ByteName, byteNameIn, byteNameOf, textOf } from "../linux/byte-name.ts";
import { close, type Fd, O_CREAT, O_DIRECTORY, O_EXCL, O_NONBLOCK, O_RDONLY, O_WRONLY, open } from "../linux/file.ts";
import { memory } from "../linux/libc.ts";
import { pread, pwriteAll } from "../linux/pread.ts";
import { fstat } from "../linux/stat.ts";
import { normalise } from "./entry-path.ts";
import { openParents } from "./parents.ts";
import { damaged } from "./record.ts";
import type { TarVisitor } from "./tar/content.ts";

const fileName = "tar-split.zst";
const frameBytes = 256 << 10;

export interface TarSplitter {
  /** Sees the entries and the content that the extractor gets. */
  watch(extractor: TarVisitor): TarVisitor;
  /** Has a piece of the tar parsed: what of it the extractor does not get as content is recorded. */
  write(chunk: Uint8Array, parse: (chunk: Uint8Array) => void): void;
  /** @returns how many bytes the tar has. */
  finish(): number;
  /** Closes the file, also after a failure. */
  close(): void;
}

/** Records into a new file of the layer's directory. */
export function createTarSplitter(directory: string): TarSplitter {
  const recording = startRecording(`${directory}/${fileName}`);
  return {
    watch: (extractor) => watch(recording, extractor),
    write: (chunk, parse) => write(recording, chunk, parse),
    finish: () => finish(recording),
    close: () => close(recording.fd),
  };
}

interface Recording {
  file: string;
  fd: Fd;
  /** Records of the next frame, and how many bytes they are. */
  buffer: Buffer;
  filled: number;
  /** Bytes that the file has. */
  written: number;
  tarBytes: number;
  /** The piece of the tar being parsed, and how much of it is accounted for. */
  chunk: Uint8Array;
  cursor: number;
  /** Of the file whose content comes. */
  path: ByteName;
  /** A piece of content that may go on in the next chunk. */
  piece: { path: ByteName; offset: number; length: number } | undefined;
}

const startRecording = (file: string): Recording => ({
  file,
  fd: open(file, O_WRONLY | O_CREAT | O_EXCL, 0o600),
  buffer: Buffer.from(new ArrayBuffer(2 * frameBytes)),
  filled: 0,
  written: 0,
  tarBytes: 0,
  chunk: memory(0),
  cursor: 0,
  path: byteNameOf(""),
  piece: undefined,
});

function watch(recording: Recording, extractor: TarVisitor): TarVisitor {
  return {
    ...extractor,
    entry(entry) {
      const wanted = extractor.entry(entry);
      if (wanted) recording.path = normalise(entry.path);
      return wanted;
    },
    content(bytes, offset) {
      extractor.content(bytes, offset);
      recordContent(recording, bytes, offset);
    },
  };
}

function recordContent(recording: Recording, bytes: Buffer, offset: number): void {
  const { chunk, cursor, path } = recording;
  const start = bytes.byteOffset - chunk.byteOffset;
  recordRaw(recording, chunk.subarray(cursor, start));
  recording.cursor = start + bytes.length;
  const { piece } = recording; // recordRaw may have ended it
  if (piece?.path === path && piece.offset + piece.length === offset) piece.length += bytes.length;
  else {
    endPiece(recording);
    recording.piece = { path, offset, length: bytes.length };
  }
}

function write(recording: Recording, bytes: Uint8Array, parse: (chunk: Uint8Array) => void): void {
  recording.chunk = bytes;
  recording.cursor = 0;
  parse(bytes);
  recordRaw(recording, bytes.subarray(recording.cursor));
  recording.tarBytes += bytes.length;
}

function recordRaw(recording: Recording, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  endPiece(recording);
  reserve(recording, 5 + bytes.length);
  const { buffer, filled } = recording;
  buffer[filled] = 0x52;
  buffer.writeUInt32LE(bytes.length, filled + 1);
  buffer.set(bytes, filled + 5);
  recording.filled += 5 + bytes.length;
}

function endPiece(recording: Recording): void {
  if (!recording.piece) return;
  const { path, offset, length } = recording.piece;
  recording.piece = undefined;
  reserve(recording, 19 + path.length);
  const { buffer, filled } = recording;
  buffer[filled] = 0x46;
  buffer.writeUInt16LE(path.length, filled + 1);
  buffer.write(path, filled + 3, "latin1");
  buffer.writeDoubleLE(offset, filled + 3 + path.length);
  buffer.writeDoubleLE(length, filled + 11 + path.length);
  recording.filled += 19 + path.length;
}

/** Makes room for a record, as no frame has half of one. */
function reserve(recording: Recording, bytes: number): void {
  if (recording.filled + bytes <= recording.buffer.length) return;
  flush(recording);
  if (bytes > recording.buffer.length) recording.buffer = Buffer.from(new ArrayBuffer(bytes));
}

function flush(recording: Recording): void {
  const { file, fd, buffer, filled, written } = recording;
  if (filled === 0) return;
  const frame = Bun.zstdCompressSync(buffer.subarray(0, filled), { level: 1 });
  const length = Buffer.alloc(4);
  length.writeUInt32LE(frame.length);
  pwriteAll(fd, length, written, byteNameOf(file));
  pwriteAll(fd, frame, written + 4, byteNameOf(file));
  recording.written += 4 + frame.length;
  recording.filled = 0;
}

function finish(recording: Recording): number {
  endPiece(recording);
  flush(recording);
  return recording.tarBytes;
}

/**
 * Writes a layer's tar again. @param lowers the layers below, bottom first: a path of the tar may lead through their symbolic links.
 * @throws InvalidError if the store is damaged; whether all bytes are right only the digest tells
 */
export function joinTar(directory: string, lowers: readonly string[], write: (bytes: Uint8Array) => void): void {
  for (const piece of joinedTar(directory, lowers)) write(piece);
}

/** The same in pieces of at most 1 MiB, each valid until the next is asked for: for who has something else to do in between. */
export function* joinedTar(directory: string, lowers: readonly string[]): Generator<Uint8Array> {
  const root = open(`${directory}/fs`, O_RDONLY | O_DIRECTORY);
  const parents = openParents(root, { lowers, onCreate() {} });
  const buffer = memory(1 << 20);

  function* content(path: ByteName, offset: number, length: number): Generator<Uint8Array> {
    const fd = openContent(path);
    try {
      if (fstat(fd).type !== "file") throw damaged(`${textOf(path)} of ${directory} is not a file`);
      for (let done = 0; done < length; ) {
        const wanted = buffer.subarray(0, Math.min(buffer.length, length - done));
        const count = pread(fd, wanted, offset + done, textOf(path));
        if (count === 0) throw damaged(`${textOf(path)} of ${directory} is cut off`);
        yield wanted.subarray(0, count);
        done += count;
      }
    } finally {
      close(fd);
    }
  }

  function openContent(path: ByteName): Fd {
    try {
      return openInRoot(root, path, O_RDONLY | O_NONBLOCK);
    } catch (error) {
      if (!hasCode(error, "ENOENT", "ENOTDIR")) throw error;
      const found = parents.find(path);
      if (found?.layer !== root) throw damaged(`${textOf(path)} of ${directory} is missing`);
      return openInRoot(root, found.path, O_RDONLY | O_NONBLOCK);
    }
  }

  try {
    for (const frame of framesOf(`${directory}/${fileName}`)) {
      for (let at = 0; at < frame.length; ) {
        const isRaw = frame[at] === 0x52;
        const length = isRaw ? frame.readUInt32LE(at + 1) : frame.readUInt16LE(at + 1);
        const start = at + (isRaw ? 5 : 3);
        const end = start + length;
        if (isRaw) yield frame.subarray(start, end);
        else yield* content(byteNameIn(frame, start, end), frame.readDoubleLE(end), frame.readDoubleLE(end + 8));
        at = isRaw ? end : end + 16;
      }
    }
  } finally {
    parents.close();
    close(root);
  }
}

function* framesOf(file: string): Generator<Buffer> {
  const fd = open(file, O_RDONLY | O_NONBLOCK);
  try {
    const { size, type } = fstat(fd);
    if (type !== "file") throw damaged(`${file} is no file`);
    const length = Buffer.alloc(4);
    for (let at = 0; at < size; ) {
      pread(fd, length, at, file);
      const frame = memory(length.readUInt32LE());
      if (at + 4 + frame.length > size || pread(fd, frame, at + 4, file) !== frame.length)
        throw damaged(`${file} is cut off`);
      yield Bun.zstdDecompressSync(frame);
      at += 4 + frame.length;
    }
  } finally {
    close(fd);
  }
}
