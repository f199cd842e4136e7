import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { runArgs } from "../../../src/cli/container/run-args.ts";
import { editDistance, nearest, parseArgv } from "../../../src/cli/words/argv.ts";
import type { Argument, Arguments } from "../../../src/cli/words/command.ts";
import { refused } from "../../../src/cli/words/refused.ts";
import { type Failure, UsageError } from "../../../src/errors.ts";

const args = {
  image: { type: "positional", required: true, description: "" },
  command: { type: "positional", multiple: true, description: "" },
  memory: { type: "string", alias: "m", empty: "checked", valueHint: "size", description: "" },
  hostname: { type: "string", alias: "h", description: "" },
  runtime: refused("string", "is not supported", "runc", { unless: ["", "runc"] }),
  trust: refused("boolean", "is not supported", undefined, { alias: "T" }),
  env: { type: "string", alias: "e", formerly: "variable", multiple: true, description: "" },
  interactive: { type: "boolean", alias: "i", description: "" },
  tty: { type: "boolean", alias: "t", description: "" },
  network: { type: "string", multiple: true, empty: "none", description: "" },
  rootfs: { type: "string", default: "./rootfs", description: "" },
} as const satisfies Arguments;

const parse = (...words: string[]) => parseArgv(args, words, { optionsFirst: true });

/** The message and hint that a command line is refused with. */
function refusal(...words: string[]): string {
  try {
    parse(...words);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return `${(error as Failure).message}: ${(error as Failure).hint}`;
  }
  throw new Error(`accepted: ${words.join(" ")}`);
}

describe("parseArgv()", () => {
  test("takes a value in every usual form", () => {
    for (const words of [["--memory", "64"], ["--memory=64"], ["-m", "64"], ["-m64"], ["-m=64"], ["-itm", "64"]])
      expect(parse(...words, "img").memory).toBe("64");
  });
  test("takes a value that looks like an option, or is empty", () => {
    expect(parse("--memory", "--tty", "img")).toMatchObject({ memory: "--tty", tty: undefined });
    expect(parse("--memory=", "img").memory).toBe("");
    expect(parse("-e", "A=b=c", "img").env).toEqual(["A=b=c"]);
  });
  test("an empty value is none, unless it is to be checked: then it is one", () => {
    expect(parse("--memory=", "-m", "", "img").memory).toBe("");
    for (const words of [["--hostname="], ["--hostname", ""], ["-h="], ["-h", "web", "-h", ""]])
      expect(parse(...words, "img").hostname).toBeUndefined();
    expect(parse("--rootfs=", "img").rootfs).toBe("./rootfs");
    expect(parse("-e", "", "img").env).toEqual([""]);
    expect(parse("--network=", "--network", "a", "img").network).toEqual(["a"]);
  });
  test("refuses by name what is not there, and not what asks for nothing", () => {
    expect(refusal("--runtime", "runsc", "img")).toBe("--runtime runsc is not supported: runc");
    expect(refusal("--trust", "img")).toStartWith("--trust is not supported");
    expect(refusal("-tT", "img")).toStartWith("-T is not supported");
    expect(refusal("--trust=1", "img")).toStartWith("--trust is not supported");
    for (const word of ["--runtime=", "--runtime=runc", "--trust=false", "-T=0"])
      expect(parse(word, "img")).toEqual(parse("img"));
  });
  test("takes booleans together, and their opposite", () => {
    expect(parse("-it", "img")).toMatchObject({ interactive: true, tty: true });
    expect(parse("--tty=false", "-i=0", "img")).toMatchObject({ interactive: false, tty: false });
    expect(refusal("--tty=maybe", "img")).toContain('--tty is true or false, not "maybe"');
  });
  test("the last of several wins, and a repeatable one keeps them all in order", () => {
    expect(parse("-m1", "-m2", "-eA", "--env", "B", "--env=C", "img")).toMatchObject({
      memory: "2",
      env: ["A", "B", "C"],
    });
  });
  test("takes the name that an option had before, and does not tell it", () => {
    expect(parse("--variable", "A", "--variable=B", "-eC", "img").env).toEqual(["A", "B", "C"]);
    expect(refusal("--variable")).toContain("option --variable needs a value");
    expect(refusal("--variables=1", "img")).not.toContain("--variable;");
    expect(parseArgv(runArgs, ["--net=none", "--dns-opt", "ndots:2", "img"], { optionsFirst: true })).toMatchObject({
      network: ["none"],
      "dns-option": ["ndots:2"],
    });
  });
  test("gives defaults, and undefined for what was not said", () => {
    expect(parse("img")).toEqual({
      image: "img",
      command: [],
      hostname: undefined,
      network: [],
      runtime: undefined,
      trust: undefined,
      memory: undefined,
      env: [],
      interactive: undefined,
      tty: undefined,
      rootfs: "./rootfs",
    });
  });
  test("options end at the first operand: what follows belongs to the container", () => {
    expect(parse("img", "-m", "64", "--unknown", "--", "--help")).toMatchObject({
      image: "img",
      memory: undefined,
      command: ["-m", "64", "--unknown", "--", "--help"],
    });
    expect(parse("-", "-i").image).toBe("-");
  });
  test("-- ends the options and is itself dropped, once", () => {
    expect(parse("--", "-m", "--", "x")).toMatchObject({ image: "-m", command: ["--", "x"] });
  });
  test("refuses what is unknown, with the nearest known", () => {
    expect(refusal("--memry", "64", "img")).toBe("unknown option --memry: did you mean --memory?");
    expect(refusal("--mermoy=6", "img")).toContain("did you mean --memory?");
    expect(refusal("--zzzzzz", "img")).toBe("unknown option --zzzzzz: see --help");
    expect(refusal("-ix", "img")).toContain("unknown option -x in -ix");
    expect(refusal("--image", "x")).toContain("unknown option --image");
  });
  test("names that objects have by nature are unknown too", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"])
      expect(refusal(`--${name}`, "x", "img")).toContain(`unknown option --${name}`);
  });
  test("refuses a missing value and a missing operand, by their names", () => {
    expect(refusal("-m")).toBe("option -m needs a value: -m size");
    expect(refusal("-i", "--")).toBe("IMAGE is missing: see --help");
  });
});

describe("operands", () => {
  const strict = {
    one: { type: "positional", required: true, description: "" },
    flag: { type: "boolean", alias: "f", description: "" },
  } as const satisfies Arguments;
  const parseStrict = (...words: string[]) => parseArgv(strict, words, { optionsFirst: false });

  test("may stand before options where a command has nothing to pass on", () => {
    expect(parseStrict("x", "-f")).toEqual({ one: "x", flag: true });
  });
  test("are counted", () => {
    expect(() => parseStrict()).toThrow("ONE is missing");
    expect(() => parseStrict("x", "y")).toThrow('unexpected argument "y"');
    expect(() => parseArgv(strict, ["x", "--flag", "--none"], { optionsFirst: false })).toThrow(UsageError);
  });
});

describe("what is rendered is parsed back", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abAB01=-_./: \n\"'é") });
  const definitions = Object.entries(runArgs as Arguments).filter(([, { type }]) => type !== "positional");
  const accepted = definitions.filter(([, { refused }]) => !refused);
  const strings = accepted.filter(([, { type }]) => type === "string");
  const flags = accepted.filter(([, { type }]) => type === "boolean");
  const value = fc.record({ at: fc.nat(strings.length - 1), text: word, form: fc.constantFrom("= ", "=", "-") });
  const flag = fc.record({ at: fc.nat(flags.length - 1), on: fc.boolean() });
  const setting = fc.oneof(
    value.map(({ at, text, form }) => {
      const [name, { alias, multiple }] = strings[at]!;
      if (form === "-" && alias) return { name, multiple, value: text, words: [`-${alias}`, text] };
      return { name, multiple, value: text, words: form === "=" ? [`--${name}=${text}`] : [`--${name}`, text] };
    }),
    flag.map(({ at, on }) => ({
      name: flags[at]![0],
      multiple: undefined,
      value: on,
      words: [`--${flags[at]![0]}=${on}`],
    })),
  );

  test("for every option of run, in any order, with any words for the container", () => {
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 8 }), fc.array(word, { maxLength: 6 }), (settings, command) => {
        const words = [...settings.flatMap((one) => one.words), "image", ...command];
        const expected: Record<string, unknown> = { image: "image", command };
        for (const [name, { multiple }] of definitions) expected[name] = multiple ? [] : undefined;
        for (const { name, multiple, value: given } of settings) {
          const { empty = multiple ? "checked" : "none" } = runArgs[name as "env"] as Argument;
          const isNone = given === "" && empty === "none";
          if (!multiple) expected[name] = isNone ? undefined : given;
          else if (!isNone) (expected[name] as unknown[]).push(given);
        }
        expect(parseArgv(runArgs as Arguments, words, { optionsFirst: true })).toEqual(expected as never);
      }),
      { numRuns: 1000 },
    );
  });

  test("any words are parsed or refused with a UsageError, never anything else", () => {
    const any = fc.array(
      fc.oneof(word, fc.constantFrom("-", "--", "-it", "-m", "--env", "--rm=", "-=", "--=", "-i=x")),
    );
    fc.assert(
      fc.property(any, (words) => {
        try {
          parseArgv(runArgs as Arguments, words, { optionsFirst: true });
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("an unknown long option is refused wherever it stands before the image", () => {
    const known = definitions.map(([name]) => name);
    const name = fc.stringMatching(/^[a-z][a-z-]{0,12}$/).filter((text) => !known.includes(text));
    fc.assert(
      fc.property(name, fc.array(setting, { maxLength: 3 }), (unknown, before) => {
        const words = [...before.flatMap((one) => one.words), `--${unknown}`, "image"];
        expect(() => parseArgv(runArgs as Arguments, words, { optionsFirst: true })).toThrow(
          `unknown option --${unknown}`,
        );
      }),
    );
  });
});

describe("nearest()", () => {
  test("finds a word with one mistake in it, and does not guess that a stranger was meant", () => {
    const names = ["run", "images", "inspect", "load"];
    for (const [word, meant] of [
      ["rnu", "run"],
      ["image", "images"],
      ["inpsect", "inspect"],
      ["laod", "load"],
    ] as const)
      expect(nearest(word, names)).toBe(`did you mean ${meant}?`);
    expect(nearest("kubernetes", names)).toBe("see --help");
    expect(nearest("pull", ["kill", "run"])).toBe("see --help");
    expect(nearest("run", [])).toBe("see --help");
  });
  test("measures a distance", () => {
    const texts = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
    expect(editDistance("ab", "ba")).toBe(1);
    expect(editDistance("", "abc")).toBe(3);
  });
});
