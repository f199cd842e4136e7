/** Which ids of the host containers may have, by /etc/subuid, /etc/subgid and who is there already. */

import { describe, expect, test } from "bun:test";
import { mapOfName, parseSubordinate, planPieces } from "../../../src/engine/ids/subordinate.ts";

const none = { subuid: "", subgid: "", passwd: "root:x:0:0::/root:/bin/sh\n", group: "root:x:0:\n" };
const first = 0x7800_0000;

describe("where nobody has said anything", () => {
  test("there is room for 2046 containers, above whom directory services know and below systemd's own", () => {
    const pieces = planPieces(none);
    expect([pieces.length, pieces[0], pieces.at(-1)! + 65_536]).toEqual([2046, first, 0x7ffe_0000]);
  });
  test("what somebody has already is left out: users, groups, and ranges of others", () => {
    const pieces = planPieces({
      subuid: `ann:${first + 65_536 + 5}:10\n`,
      subgid: "",
      passwd: `directory:x:${first}:0::/:/bin/sh\n`,
      group: `all:x:${first + 3 * 65_536 - 1}:\n`,
    });
    expect(pieces[0]).toBe(first + 3 * 65_536);
  });
});

describe("an administrator's lines for tinydocker", () => {
  const lines = "ann:100000:65536\ntinydocker:1000000:200000\ntinydocker:5000000:65536\n";
  test("are taken in pieces of one container, as far as users and groups have them in common", () => {
    expect(planPieces({ ...none, subuid: lines, subgid: lines })).toEqual([1_000_000, 1_065_536, 1_131_072, 5_000_000]);
    expect(planPieces({ ...none, subuid: lines, subgid: "tinydocker:5000000:65536" })).toEqual([5_000_000]);
  });
  test("that are too few are an error that says what is enough", () => {
    for (const subgid of ["", "tinydocker:1000000:65535"])
      expect(() => planPieces({ ...none, subuid: lines, subgid })).toThrow("give the user tinydocker no 65536 ids");
  });
});

test("a line that is none, or gives nothing, is passed over", () => {
  expect(parseSubordinate("# a comment\nann:1\nann:x:5\nann:5:0\nann:7:8\n\n")).toEqual([{ first: 7, count: 8 }]);
});

test("all ids of a name follow each other from 0 on", () => {
  expect(mapOfName("subuid", "ann:100:10\nbob:1:1\nann:500:5", "ann")).toEqual([
    { containerID: 0, hostID: 100, size: 10 },
    { containerID: 10, hostID: 500, size: 5 },
  ]);
  expect(() => mapOfName("subgid", "bob:1:1", "ann")).toThrow("/etc/subgid has no line for ann");
});
