import { describe, expect, test } from "bun:test";
import { parseProcessOptions } from "../../../src/cli/container/process.ts";
import { processArgs, refusedArgs } from "../../../src/cli/container/process-args.ts";
import { parseArgv } from "../../../src/cli/words/argv.ts";
import { parseUser } from "../../../src/cli/words/units.ts";
import { UsageError } from "../../../src/errors.ts";
import { noNetworkOptions } from "../../../src/plan/network/options.ts";
import { refuses, strict } from "../../support/parsers.ts";

const hostname = { hostname: { type: "string", description: "" } } as const;
const parse = (...words: string[]) => {
  const args = parseArgv({ ...processArgs, ...refusedArgs, ...hostname }, words, { optionsFirst: false });
  return parseProcessOptions(args as never, noNetworkOptions);
};
const value = (option: string) => (text: string) => parse(`${option}=${text}`);

describe("options about a container's process", () => {
  test("are those that were given", () => {
    expect(parse()).toEqual({});
    expect(parse("--shm-size", "1g", "--oom-score-adj=-500", "--umask", "0027", "--domainname", "example.com")).toEqual(
      {
        shmBytes: 1 << 30,
        oomScoreAdj: -500,
        umask: 0o27,
        domainname: "example.com",
      },
    );
    expect(parse("--group-add", "wheel", "--group-add", "55", "--annotation", "a=b=c", "--annotation", "d=")).toEqual({
      groups: ["wheel", "55"],
      annotations: { a: "b=c", d: "" },
    });
    expect(parse("--tz", "Europe/Berlin", "--unsetenv", "A", "--unsetenv", "B", "--unsetenv-all")).toEqual({
      timezone: "Europe/Berlin",
      unsetEnv: ["A", "B"],
      unsetEnvAll: true,
    });
  });
  test("say once what was said twice: the last one counts", () => {
    expect(parse("--ulimit", "nofile=1", "--ulimit", "core=0", "--ulimit", "nofile=2")).toEqual({
      ulimits: [
        { name: "nofile", soft: 2, hard: 2 },
        { name: "core", soft: 0, hard: 0 },
      ],
    });
    expect(parse("--sysctl", "net.core.somaxconn=1", "--sysctl", "net/core/somaxconn=2")).toEqual({
      sysctls: { "net/core/somaxconn": "2" },
    });
  });
  test("name namespaces in Docker's words; its own ones need no words", () => {
    expect(parse("--pid", "host", "--ipc", "shareable", "--uts", "host", "--cgroupns", "host")).toEqual({
      pid: "host",
      ipc: "shareable",
      uts: "host",
      cgroupns: "host",
    });
    expect(parse("--pid", "container:web", "--ipc", "container:web")).toEqual({
      pid: "container:web",
      ipc: "container:web",
    });
    expect(parse("--pid", "private", "--uts", "private", "--cgroupns", "private", "--ipc", "")).toEqual({});
  });
  test("are refused with what they contradict", () => {
    expect(() => parse("--uts", "host", "--hostname", "x")).toThrow("--hostname and --uts host cannot be combined");
    expect(() => parse("--uts", "host", "--domainname", "x")).toThrow("--domainname and --uts host cannot be combined");
    for (const ipc of ["host", "none", "container:x"])
      expect(() => parse("--ipc", ipc, "--shm-size", "1g")).toThrow(`--shm-size and --ipc ${ipc} cannot be combined`);
  });
  test("are strict", () => {
    const odd: Record<string, string[]> = {
      "--shm-size": ["", "-1", "x", "1x", "1 g g"],
      "--oom-score-adj": ["", "x", "1001", "-1001", "1.5", "--5"],
      "--umask": ["", "8", "01777", "0o22", "-1", "rwx", "1 2"],
      "--pid": ["hosts", "container:", "container", "none", "shareable", "container:a:b", "ns:/proc/1/ns/pid"],
      "--ipc": ["hosts", "container:", "Host", "public"],
      "--uts": ["none", "container:x", "HOST"],
      "--cgroupns": ["none", "container:x"],
      "--domainname": ["-x", "x y", "a".repeat(65), "x\0", "x\n", "ä"],
      "--group-add": ["", "a:b", "a,b", "x\n", "keep-groups"],
      "--tz": ["../../etc/passwd", "/etc/passwd", "Europe/", "Europe//Berlin", ".", "a b", "x\0"],
      "--unsetenv": ["", "A=b", "HOME"],
      "--annotation": ["", "a", "=b"],
    };
    for (const [option, texts] of Object.entries(odd)) {
      refuses(value(option), texts);
      strict(value(option));
    }
  });
});

describe("what is not supported", () => {
  test("is refused by its name and value, with a way out", () => {
    for (const [words, message] of [[["--env-host"], "--env-host is not supported"]] as const) {
      let error: unknown;
      try {
        parse(...words);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).message).toContain(message);
      expect((error as UsageError).hint).toBeTruthy();
    }
    expect(parse("--env-host=false")).toEqual({});
  });
});

test("--user may leave out the group, or the user", () => {
  for (const text of ["1000", "web", "1000:", "web:", ":1000", "web:staff", "0:0"]) expect(parseUser(text)).toBe(text);
  refuses(parseUser, [":", "::", "a:b:c", "a::", "a\n", "\0"]);
});
