import { expect, test } from "bun:test";
import { binarySize } from "../../../src/cli/container/stats.ts";
import { draw } from "../../../src/cli/words/screen.ts";

/** What a terminal of that many rows shows, and a cursor at the end of it. */
function terminal(size: { rows: number; columns: number }) {
  const lines: string[] = [];
  let row = 0;
  const write = (text: string) => {
    for (const [part] of text.matchAll(/\x1b\[\d*[A-Z]|\r|\n|[^\x1b\r\n]+/g)) {
      if (part === "\n") row++;
      else if (part.endsWith("A") && part.startsWith("\x1b")) row -= Number(part.slice(2, -1));
      else if (part === "\x1b[J") lines.length = row;
      else if (part === "\x1b[2J") lines.length = 0;
      else if (part === "\x1b[H") row = 0;
      else if (!part.startsWith("\x1b") && part !== "\r") lines[row] = part;
    }
    return true;
  };
  return { lines, write, size };
}

test("draw() puts each text in the place of the one before, also a shorter one", () => {
  const { lines, write, size } = terminal({ rows: 10, columns: 20 });
  const show = draw(write, () => size);
  show("head\na\nb\n");
  expect(lines).toEqual(["head", "a", "b"]);
  show("head\nc\n");
  expect(lines).toEqual(["head", "c"]);
  show("head\nd\ne\nf\n");
  expect(lines).toEqual(["head", "d", "e", "f"]);
});

test("draw() cuts what has no room, and says how many lines it left out", () => {
  const { lines, write, size } = terminal({ rows: 4, columns: 5 });
  draw(write, () => size)("123456789\nb\nc\nd\ne\n");
  expect(lines).toEqual(["12345", "b", "and 3"]);
});

test("draw() begins anew when the terminal has got another size, and knows what to do with none", () => {
  const { lines, write } = terminal({ rows: 4, columns: 5 });
  let size = { rows: 4, columns: 5 };
  const show = draw(write, () => size);
  show("a\nb\n");
  size = { rows: 0, columns: 0 };
  show("0123456789\n");
  expect(lines).toEqual(["0123456789"]);
});

test("memory is printed as Docker prints it", () => {
  expect([0, 1023, 1024, 1_572_864, 536_870_912, 25_276_000_000].map(binarySize)).toEqual([
    "0B",
    "1023B",
    "1KiB",
    "1.5MiB",
    "512MiB",
    "23.54GiB",
  ]);
});
