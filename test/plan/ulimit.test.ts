import { describe, expect, test } from "bun:test";
import { applyUlimits, parseUlimit, ulimitNames } from "../../src/plan/ulimit.ts";
import { refuses, strict } from "../support/parsers.ts";

describe("--ulimit", () => {
  test("is a soft and a hard limit, or one for both", () => {
    expect(parseUlimit("nofile=1024:4096")).toEqual({ name: "nofile", soft: 1024, hard: 4096 });
    expect(parseUlimit("core=0")).toEqual({ name: "core", soft: 0, hard: 0 });
  });
  test("is unlimited as -1, or in words", () => {
    expect(parseUlimit("memlock=-1")).toEqual({ name: "memlock", soft: -1, hard: -1 });
    expect(parseUlimit("stack=8192:unlimited")).toEqual({ name: "stack", soft: 8192, hard: -1 });
  });
  test("has every name of Docker's", () => {
    const docker = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack";
    for (const name of docker.split(" ")) expect(parseUlimit(`${name}=1`)).toEqual({ name, soft: 1, hard: 1 });
    expect(ulimitNames).toHaveLength(16);
  });
  test("is refused if it is another name, no number, or has the soft limit above the hard one", () => {
    refuses(parseUlimit, [
      ...["", "nofile", "nofile=", "=1", "files=1", "NOFILE=1", "RLIMIT_NOFILE=1", "host"],
      ...["nofile=x", "nofile=1:2:3", "nofile=-2", "nofile=1.5", "nofile=1k", "nofile= 1", "nofile=:1", "nofile=1:"],
      ...["nofile=2:1", "nofile=-1:1", "nofile=99999999999999999999", "nofile=9007199254740993"],
    ]);
    strict(parseUlimit);
  });
});

describe("the limits of a container", () => {
  const facts = { hardLimits: {}, maxFiles: 1_048_576 };
  const usual = [
    { type: "RLIMIT_CORE", soft: 0, hard: 2 ** 64 },
    { type: "RLIMIT_NOFILE", soft: 1024, hard: 524288 },
  ];
  test("are the usual ones but for those that were asked for", () => {
    expect(applyUlimits(usual, [{ name: "nofile", soft: 5, hard: 6 }], facts)).toEqual([
      usual[0]!,
      { type: "RLIMIT_NOFILE", soft: 5, hard: 6 },
    ]);
  });
  test("are as many open files as there can be, where none were to be the limit", () => {
    const [, files] = applyUlimits(usual, [{ name: "nofile", soft: -1, hard: -1 }], facts);
    expect(files).toMatchObject({ soft: 1_048_576, hard: 1_048_576 });
    const [, fewer] = applyUlimits(usual, [{ name: "nofile", soft: -1, hard: -1 }], {
      ...facts,
      hardLimits: { RLIMIT_NOFILE: 20_000 },
    });
    expect(fewer).toMatchObject({ soft: 20_000, hard: 20_000 });
  });
  test("are refused above what we may set", () => {
    const apply = (name: string, hard: number, hardLimits: Record<string, number> = {}) =>
      applyUlimits(usual, [{ name, soft: 1, hard }], { ...facts, hardLimits });
    expect(() => apply("nofile", 1_048_577)).toThrow(
      "--ulimit nofile: 1048577 is above 1048576, fs.nr_open of this host",
    );
    expect(() => apply("memlock", -1, { RLIMIT_MEMLOCK: 8192 })).toThrow(
      "--ulimit memlock: unlimited is above 8192, the hard limit of tinydocker itself",
    );
    expect(apply("memlock", 8192, { RLIMIT_MEMLOCK: 8192 }).at(-1)).toEqual({
      type: "RLIMIT_MEMLOCK",
      soft: 1,
      hard: 8192,
    });
  });
});
