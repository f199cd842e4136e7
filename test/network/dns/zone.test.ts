import { expect, test } from "bun:test";
import { utimesSync, writeFileSync } from "node:fs";
import { followZone, readZone, removeNames, writeNames } from "../../../src/network/dns/zone.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { idOf, zoneOf } from "../../support/zones.ts";

const noNames = { network: "n", byName: new Map(), byAddress: new Map() };

test("a network without containers, or without a directory, has no names", () => {
  const directory = temporaryDirectory();
  expect(readZone({ network: "n", directory })).toEqual(noNames);
  expect(readZone({ network: "n", directory: `${directory}/none` })).toEqual(noNames);
});

test("a container is found by its name, its aliases and its short id, in lower case", () => {
  const { network, byName, byAddress } = zoneOf("MyNet");
  expect(network).toBe("mynet");
  expect(Object.fromEntries(byName)).toEqual({
    web: ["10.201.0.2", "fd00::2"],
    www: ["10.201.0.2", "fd00::2"],
    pool: ["10.201.0.2", "fd00::2", "10.201.0.3"],
    aaaa00000000: ["10.201.0.2", "fd00::2"],
    db: ["10.201.0.3"],
    bbbb00000000: ["10.201.0.3"],
  });
  expect(Object.fromEntries(byAddress)).toEqual({ "10.201.0.2": "Web", "fd00::2": "Web", "10.201.0.3": "db" });
});

test("files that are damaged, or of somebody else, are left out", () => {
  const directory = temporaryDirectory();
  const texts = ["", "{", "null", "[]", '{"name":"x"}', '{"name":1,"aliases":[],"addresses":[]}'];
  const addresses = '{"name":"x","aliases":[],"addresses":["10.0.0.1/8"]}';
  [...texts, addresses].forEach((text, index) => {
    writeFileSync(`${directory}/${idOf(String(index))}`, text);
  });
  writeFileSync(`${directory}/${idOf("c")}.17.new`, '{"name":"x","aliases":[],"addresses":["10.0.0.1"]}');
  expect(readZone({ network: "n", directory })).toEqual(noNames);
});

test("what is written, changed and removed is seen at once, also many times in one tick of the clock", () => {
  const directory = temporaryDirectory();
  const path = `${directory}/names`;
  const zone = followZone({ network: "n", directory: path });
  expect(zone()).toEqual(noNames);
  for (let round = 0; round < 200; round++) {
    writeNames(path, idOf("a"), { name: `n${round}`, aliases: [], addresses: ["10.0.0.1"] });
    expect([...zone().byName.keys()]).toContain(`n${round}`);
  }
  removeNames(path, idOf("a"));
  removeNames(path, idOf("a"));
  expect(zone()).toEqual(noNames);
});

test("a directory that did not change is not read again", () => {
  const directory = temporaryDirectory();
  writeNames(directory, idOf("a"), { name: "a", aliases: [], addresses: [] });
  utimesSync(directory, 1000, 1000);
  const zone = followZone({ network: "n", directory });
  expect(zone()).toBe(zone());
});
