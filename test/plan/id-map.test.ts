/** Ids of a user namespace as the host knows them, and back. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  callersMap,
  capabilityInside,
  mapText,
  overlapping,
  parseMaps,
  sameMaps,
  toContainer,
  toHost,
  withoutIds,
} from "../../src/plan/userns/id-map.ts";

const plain = [{ containerID: 0, hostID: 100_000, size: 65_536 }];

describe("an id", () => {
  test("has one number inside and one outside, in the ranges that are mapped", () => {
    expect(toHost(plain, 0)).toBe(100_000);
    expect(toHost(plain, 65_535)).toBe(165_535);
    expect(toHost(plain, 65_536)).toBeUndefined();
    expect(toContainer(plain, 100_033)).toBe(33);
    expect(toContainer(plain, 33)).toBeUndefined();
  });
  test("comes back as it was", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70_000 }), (id) => {
        const outside = toHost(plain, id);
        expect(outside === undefined ? id >= 65_536 : toContainer(plain, outside) === id).toBeTrue();
      }),
    );
  });
  test("that is left out of a map leaves a hole of one", () => {
    expect(withoutIds(plain, [0, 1000])).toEqual([
      { containerID: 1, hostID: 100_001, size: 999 },
      { containerID: 1001, hostID: 101_001, size: 64_535 },
    ]);
    expect(withoutIds(plain, [70_000])).toEqual(plain);
  });
});

test("a map is written as the kernel reads it", () => {
  expect(mapText(withoutIds(plain, [1]))).toBe("0 100000 1\n2 100002 65534");
});

describe("a directory of the host", () => {
  test("shows the caller's files as root's, and the host's root's as nobody's", () => {
    const map = callersMap(plain, 1000, 0);
    expect(toHost(map, 1000)).toBe(100_000);
    expect(toHost(map, 0)).toBeUndefined();
    expect(toHost(map, 33)).toBe(100_033);
  });
  test("shows the caller's files as the caller's to a container that runs as the caller", () => {
    const map = callersMap(plain, 1000, 1000);
    expect(toHost(map, 1000)).toBe(101_000);
    expect(toHost(map, 0)).toBeUndefined();
  });
  test("never shows two owners as one, whoever calls and runs", () => {
    const id = fc.integer({ min: 1, max: 70_000 });
    fc.assert(
      fc.property(id, fc.oneof(fc.constant(0), id), (caller, user) => {
        const map = callersMap(plain, caller, user);
        expect(overlapping(map)).toBeUndefined();
        expect(toHost(map, 0)).toBeUndefined();
      }),
    );
  });
});

test("ranges that meet on either side are found", () => {
  const [one, other] = [
    { containerID: 0, hostID: 5, size: 10 },
    { containerID: 10, hostID: 14, size: 1 },
  ];
  expect(overlapping([one, other])).toEqual([one, other]);
  expect(overlapping([one, { ...other, hostID: 15 }])).toBeUndefined();
});

test("capabilities of a file that root inside has set are those of any root, as in an image", () => {
  const inside = new Uint8Array(24);
  inside.set([1, 0, 0, 3, 0, 4]);
  new DataView(inside.buffer).setUint32(20, 100_000, true);
  const plainOnes = new Uint8Array(20);
  plainOnes.set([1, 0, 0, 2, 0, 4]);
  expect(capabilityInside({ uids: plain }, inside)).toEqual(plainOnes);
  expect(capabilityInside({ uids: plain }, plainOnes)).toEqual(plainOnes);
  const another = inside.slice();
  another[20] = 1;
  expect(capabilityInside({ uids: plain }, another)).toEqual(another);
});

test("a map is read as the kernel shows it, and is the same in whatever order its lines are", () => {
  const shown = "         0     100000       1000\n      1000     300000         10\n";
  const maps = [
    { containerID: 1000, hostID: 300_000, size: 10 },
    { containerID: 0, hostID: 100_000, size: 1000 },
  ];
  expect(sameMaps(parseMaps(shown), maps)).toBeTrue();
  expect(sameMaps(parseMaps(shown), plain)).toBeFalse();
  expect(parseMaps("")).toEqual([]);
});
