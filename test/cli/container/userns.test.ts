/** `--userns`, `--uidmap` and the like: what they mean, and what is refused. */

import { describe, expect, test } from "bun:test";
import { parseUserNamespace } from "../../../src/cli/container/userns.ts";

const nothing = { userns: undefined, uidmap: [], gidmap: [], subuidname: undefined, subgidname: undefined };
const caller = { uid: 1000, gid: 1001 };
const parse = (args: object, assumed?: "auto") => parseUserNamespace({ ...nothing, ...args }, assumed, caller);

describe("a user namespace", () => {
  test("is the host's where nothing is said, or what the configuration says", () => {
    expect(parse({})).toBeUndefined();
    expect(parse({ userns: "" })).toBeUndefined();
    expect(parse({}, "auto")).toEqual({ kind: "auto", mode: "auto", caller, byDefault: true });
    expect(parse({ userns: "host" }, "auto")).toEqual({ kind: "host", mode: "host", caller });
  });
  test("has podman's names and their details", () => {
    expect(parse({ userns: "auto:size=70000" })).toEqual({
      kind: "auto",
      mode: "auto:size=70000",
      caller,
      size: 70_000,
    });
    expect(parse({ userns: "keep-id:uid=5,gid=6" })).toMatchObject({ kind: "keep-id", uid: 5, gid: 6 });
    expect(parse({ userns: "container:web" })).toMatchObject({ kind: "container", container: "web" });
    expect(parse({ userns: "nomap" })).toMatchObject({ kind: "nomap" });
  });
  test("is private with maps that are given", () => {
    expect(parse({ uidmap: ["0:100000:65536", "70000:5"] })).toEqual({
      kind: "private",
      mode: "private",
      caller,
      uids: [
        { containerID: 0, hostID: 100_000, size: 65_536 },
        { containerID: 70_000, hostID: 5, size: 1 },
      ],
    });
    expect(parse({ subuidname: "ann" })).toMatchObject({ kind: "private", subuidName: "ann" });
  });
  test("is refused with the value that is wrong", () => {
    for (const [args, message] of [
      [{ userns: "mine" }, '"mine" is not a valid namespace'],
      [{ userns: "container:" }, "names no container"],
      [{ userns: "auto:uid=1" }, '"uid=1" in auto:uid=1 is not supported'],
      [{ userns: "auto:size=0" }, "size=0 is not a number from 1"],
      [{ userns: "host", uidmap: ["0:1:1"] }, "--userns host and --uidmap cannot be combined"],
      [{ uidmap: ["0:1:1"], subuidname: "ann" }, "--uidmap and --subuidname cannot be combined"],
      [{ uidmap: ["+0:1:1"] }, '"+0:1:1" is not CONTAINER:HOST[:COUNT]'],
      [{ uidmap: ["0:1:0"] }, '"0:1:0" is not CONTAINER:HOST[:COUNT]'],
      [{ gidmap: ["0:4294967290:100"] }, "is not CONTAINER:HOST[:COUNT]"],
    ] as const)
      expect(() => parse(args)).toThrow(message);
  });
});
