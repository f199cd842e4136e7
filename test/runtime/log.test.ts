/** The log of a container: two formats, bounded files, and no byte lost or invented. */

import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { headerBytes, type Log, type LogOptions, openLog } from "../../src/runtime/log.ts";
import { needing, root } from "../support/needs.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const options = (changes: Partial<LogOptions> = {}): LogOptions => ({
  driver: "local",
  maxBytes: 1 << 20,
  maxFiles: 3,
  ...changes,
});

/** Has something logged. @returns the path of the newest file. */
function logged(changes: Partial<LogOptions>, use: (log: Log) => void): string {
  const path = `${temporaryDirectory()}/log`;
  const log = openLog(path, options(changes));
  use(log);
  log.close();
  return path;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const filesOf = (path: string): string[] => readdirSync(path.slice(0, -"/log".length)).sort();

/** The pieces of a file of the driver `local`. */
function piecesOf(path: string): { stream: number; timeMs: number; text: string }[] {
  const file = readFileSync(path);
  const pieces = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    const timeMs = file.readUInt32LE(at + 8) * 1000 + file.readUInt32LE(at + 12) / 1e6;
    const text = file.toString("latin1", at + headerBytes, at + headerBytes + length);
    pieces.push({ stream: file[at]!, timeMs, text });
    at += headerBytes + length;
  }
  return pieces;
}

interface Line {
  log: string;
  stream: string;
  time: string;
}
const linesOf = (path: string): Line[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe("local", () => {
  test("keeps each piece as it came, behind its stream, length and time", () => {
    const before = Date.now();
    const path = logged({}, (log) => {
      log.write(1, Uint8Array.of(0, 255, 10));
      log.write(2, bytes("wrong"));
    });
    const pieces = piecesOf(path);
    expect(pieces.map(({ stream, text }) => [stream, text])).toEqual([
      [1, "\u0000\u00ff\n"],
      [2, "wrong"],
    ]);
    for (const { timeMs } of pieces) {
      expect(timeMs).toBeGreaterThanOrEqual(before);
      expect(timeMs).toBeLessThan(Date.now() + 1);
    }
  });
  test("goes on where the last start has ended, and is there before the first byte", () => {
    const path = logged({}, (log) => log.write(1, bytes("one")));
    const again = openLog(path, options());
    again.write(1, bytes("two"));
    again.close();
    expect(piecesOf(path).map(({ text }) => text)).toEqual(["one", "two"]);
    expect(filesOf(logged({}, () => {}))).toEqual(["log"]);
  });
  test("begins another file before one is too large, and keeps as many as it is to", () => {
    const piece = headerBytes + 100;
    const path = logged({ maxBytes: 2 * piece, maxFiles: 3 }, (log) => {
      for (let count = 0; count < 9; count++) log.write(1, bytes(String(count).repeat(100)));
    });
    expect(filesOf(path)).toEqual(["log", "log.1", "log.2"]);
    const numbers = [`${path}.2`, `${path}.1`, path].flatMap((file) => piecesOf(file).map(({ text }) => text[0]));
    expect(numbers).toEqual(["4", "5", "6", "7", "8"]);
  });
  test("bounds its files line by line, also what comes at once, and a file has a line at least", () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\n`);
    const kept = (maxBytes: number) => {
      const path = logged({ maxBytes, maxFiles: 2 }, (log) => log.write(1, bytes(`${lines.join("")}end`)));
      expect(statSync(path).size).toBeLessThanOrEqual(Math.max(maxBytes, headerBytes + 8));
      return [...piecesOf(`${path}.1`), ...piecesOf(path)].map(({ text }) => text);
    };
    const some = kept(256);
    expect(some).toEqual([...lines, "end"].slice(-some.length));
    expect(kept(1)).toEqual(["line 99\n", "end"]);
  });
  test("with one file begins it anew", () => {
    const path = logged({ maxBytes: headerBytes + 10, maxFiles: 1 }, (log) => {
      for (const text of ["first", "second"]) log.write(1, bytes(text));
    });
    expect(filesOf(path)).toEqual(["log"]);
    expect(piecesOf(path).map(({ text }) => text)).toEqual(["second"]);
  });
  test("counts what is in the file already", () => {
    const path = logged({ maxBytes: 100 }, (log) => log.write(1, bytes("x".repeat(80))));
    const again = openLog(path, options({ maxBytes: 100 }));
    again.write(1, bytes("y".repeat(80)));
    again.close();
    expect([`${path}.1`, path].map((file) => piecesOf(file)[0]!.text[0])).toEqual(["x", "y"]);
  });
});

describe("json-file", () => {
  const write = (pieces: [1 | 2, Uint8Array][], changes: Partial<LogOptions> = {}): string =>
    logged({ driver: "json-file", ...changes }, (log) => {
      for (const [stream, piece] of pieces) log.write(stream, piece);
    });
  const textsOf = (path: string): string[] => linesOf(path).map(({ log }) => log);

  test("writes a line of JSON for each line, with its stream and time", () => {
    const path = write([
      [1, bytes('a "b"\nc')],
      [2, bytes("wrong\n")],
      [1, bytes("d\n")],
    ]);
    expect(linesOf(path).map(({ log, stream }) => [stream, log])).toEqual([
      ["stdout", 'a "b"\n'],
      ["stderr", "wrong\n"],
      ["stdout", "cd\n"],
    ]);
    expect(linesOf(path)[0]!.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  });
  test("writes what has no end when the container ends", () => {
    expect(textsOf(write([[1, bytes("no end")]]))).toEqual(["no end"]);
  });
  test("cuts a line at 16 KiB of its bytes, between two characters", () => {
    for (const character of ["x", "é", "€", "😀"]) {
      const width = bytes(character).length;
      for (let before = 0; before < 4; before++) {
        const text = "-".repeat(before) + character.repeat(Math.ceil(40_000 / width));
        const texts = textsOf(write([[1, bytes(`${text}\n`)]]));
        expect(texts.join("")).toBe(`${text}\n`);
        expect(texts.slice(0, -1).map((part) => 16384 - bytes(part).length < width)).toEqual([true, true]);
        expect(texts.every((part) => bytes(part).length <= 16384)).toBe(true);
      }
    }
  });
  test("takes characters and lines apart in any pieces to the same lines", () => {
    const text = "\ufeffone\ntwo €\n😀😀\n\n\ufefflast";
    const all = bytes(text);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: all.length }), { maxLength: 8 }), (cuts) => {
        const ends = [...cuts.sort((a, b) => a - b), all.length];
        const pieces = ends.map((end, index): [1, Uint8Array] => [1, all.subarray(ends[index - 1] ?? 0, end)]);
        expect(textsOf(write(pieces))).toEqual(["\ufeffone\n", "two €\n", "😀😀\n", "\n", "\ufefflast"]);
      }),
      { numRuns: 50 },
    );
  });
  test("keeps a byte order mark wherever it stands", () => {
    expect(textsOf(write([[1, bytes("\ufeffx\n\ufeffy\n")]]))).toEqual(["\ufeffx\n", "\ufeffy\n"]);
  });
  test("writes U+FFFD for what is no UTF-8, and cuts it all the same", () => {
    expect(textsOf(write([[1, Uint8Array.of(97, 255, 98, 10)]]))).toEqual(["a\ufffdb\n"]);
    const texts = textsOf(write([[1, new Uint8Array(20_000).fill(0x80)]]));
    expect(texts.map(({ length }) => length)).toEqual([16384, 3616]);
  });
  test("bounds its files line by line, also what comes at once", () => {
    const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}\n`);
    const path = write([[1, bytes(lines.join(""))]], { maxBytes: 4096, maxFiles: 2 });
    expect(filesOf(path)).toEqual(["log", "log.1"]);
    for (const file of [path, `${path}.1`]) expect(statSync(file).size).toBeLessThanOrEqual(4096);
    const kept = [...textsOf(`${path}.1`), ...textsOf(path)];
    expect(kept).toEqual(lines.slice(-kept.length));
  });
});

test("none keeps nothing", () => {
  expect(filesOf(logged({ driver: "none" }, (log) => log.write(1, bytes("x"))))).toEqual([]);
});

describe("a log that cannot be written", () => {
  test("ends nobody: what comes then is lost, and what comes after is there", () => {
    const directory = temporaryDirectory();
    const log = openLog(`${directory}/gone/log`, options());
    log.write(1, bytes("lost"));
    mkdirSync(`${directory}/gone`);
    log.write(1, bytes("found"));
    log.close();
    expect(piecesOf(`${directory}/gone/log`).map(({ text }) => text)).toEqual(["found"]);
  });
  needing(root)("because the disk is full loses whole pieces: what follows can be read", () => {
    const directory = temporaryDirectory();
    const source = join(import.meta.dir, "../../src/runtime/log.ts");
    const script = `
      const { openLog } = require(${JSON.stringify(source)});
      const { unlinkSync, writeFileSync, readFileSync } = require("node:fs");
      writeFileSync("disk/filler", Buffer.alloc(40_000));
      const log = openLog("disk/log", ${JSON.stringify(options())});
      log.write(1, Buffer.from("first"));
      log.write(1, new Uint8Array(60_000));
      unlinkSync("disk/filler");
      log.write(1, Buffer.from("after"));
      log.close();
      writeFileSync("copy", readFileSync("disk/log"));`;
    mkdirSync(`${directory}/disk`);
    // A mount namespace of its own: the host is never touched.
    const inside = `mount -t tmpfs -o size=64k tmpfs disk && exec ${process.execPath} -e "$1"`;
    const { exitCode } = Bun.spawnSync(["unshare", "-m", "sh", "-c", inside, "sh", script], { cwd: directory });
    expect(exitCode).toBe(0);
    expect(piecesOf(`${directory}/copy`).map(({ text }) => text)).toEqual(["first", "after"]);
  });
});
