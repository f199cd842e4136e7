import { describe, expect, test } from "bun:test";
import { parseConfig } from "../../../src/engine/record/config-file.ts";
import { InvalidError } from "../../../src/errors.ts";

const parse = (content: unknown) => parseConfig(JSON.stringify(content), "/c.json");

/** What is said of a file that is wrong. */
function said(text: string): string {
  try {
    parseConfig(text, "/c.json");
  } catch (error) {
    if (error instanceof InvalidError) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("the configuration file", () => {
  test("may say nothing", () => {
    for (const nothing of [{}, { "default-address-pools": [] }]) expect(parse(nothing)).toEqual({});
    expect(parse({ limits: {}, "log-opts": {} })).toEqual({ limits: {}, logOptions: [] });
  });
  test("says what containers get that were given nothing", () => {
    const text = `{
      "limits": { "memory": "1g", "cpus": 1.5, "pids": 100 },
      "log-driver": "json-file",
      "log-opts": { "max-size": "1m", "max-file": "2" },
      "default-address-pools": [{ "base": "10.99.0.0/16", "size": 24 }],
      "firewall-backend": "nftables",
      "cdi-spec-dirs": ["/opt/cdi"],
      "runtimes": { "a": { "path": "/a", "args": ["-x"] }, "b": { "path": "/b", "runtimeArgs": ["y"] }, "c": { "path": "/c" } },
      "default-runtime": "a"
    }`;
    expect(parseConfig(text, "/c.json")).toEqual({
      limits: { memory: "1g", cpus: "1.5", pids: "100" },
      logDriver: "json-file",
      logOptions: ["max-size=1m", "max-file=2"],
      pools: [{ base: "10.99.0.0/16", bits: 24 }],
      firewall: "nft",
      cdiDirectories: ["/opt/cdi"],
      runtimes: { a: { path: "/a", args: ["-x"] }, b: { path: "/b", args: ["y"] }, c: { path: "/c", args: [] } },
      defaultRuntime: "a",
    });
  });
  test("says of registries where they are asked, and how, by its own keys and by Docker's", () => {
    const content = {
      registries: { "a.example:5000": { insecure: true }, "docker.io": { blocked: false } },
      "insecure-registries": ["b.example", "10.0.0.0/8", "fd00::/8"],
      "registry-mirrors": ["https://mirror.example/"],
      "unqualified-search": ["docker.io", "a.example:5000"],
      aliases: { base: "a.example:5000/team/base" },
      "signature-policy": "/p.json",
    };
    expect(parse(content)).toEqual({
      registries: {
        hosts: {
          "a.example:5000": { insecure: true },
          "docker.io": { blocked: false, mirrors: ["https://mirror.example"] },
          "b.example": { insecure: true },
        },
        insecureRanges: ["10.0.0.0/8", "fd00::/8"],
        unqualifiedSearch: ["docker.io", "a.example:5000"],
        aliases: { base: "a.example:5000/team/base" },
        signaturePolicy: "/p.json",
      },
    });
  });
  test("that is wrong is refused by the file and the key", () => {
    for (const [content, what] of [
      [{ registries: { "no host": {} } }, 'registries: "no host" is not a host'],
      [{ registries: { "a.example": { mirror: [] } } }, 'unknown key "registries.a.example.mirror"'],
      [{ registries: { "a.example": { insecure: "yes" } } }, "registries.a.example.insecure is not true or false"],
      [{ registries: { "a.example": { mirrors: ["ftp://x"] } } }, "mirrors[0] is not a host or a URL"],
      [{ "insecure-registries": ["10.0.0.0/99"] }, "is not a host, or a range of addresses"],
      [{ "unqualified-search": "docker.io" }, "unqualified-search is not a list"],
      [{ aliases: { base: "a.example/b:1" } }, "aliases.base is not a name with its host"],
      [{ aliases: { "a.example/x": "a.example/b" } }, 'aliases: "a.example/x" is not a name without'],
      [{ "signature-policy": "p.json" }, "signature-policy is not an absolute path"],
      [[], "it is not an object"],
      [null, "it is not an object"],
      [{ memory: "1g" }, 'unknown key "memory"'],
      [{ toString: 1 }, 'unknown key "toString"'],
      [{ limits: 7 }, "limits is not an object"],
      [{ limits: { ram: 1 } }, 'unknown key "limits.ram"'],
      [{ limits: { memory: true } }, "limits.memory is not a number or text"],
      [{ "log-driver": 7 }, "log-driver is not text"],
      [{ "log-opts": ["max-size=1m"] }, "log-opts is not an object"],
      [{ "log-opts": { "max-size": 7 } }, "log-opts.max-size is not text"],
      [{ "default-address-pools": {} }, "default-address-pools is not a list"],
      [{ "default-address-pools": [{ base: "x", size: 24 }] }, 'default-address-pools[0].base: "x" is not an address'],
      [{ "default-address-pools": [{ base: "10.0.0.1/8", size: 24 }] }, "is not a subnet"],
      [{ "default-address-pools": [{ base: "fd00::/8", size: 64 }] }, "is not of IPv4"],
      [{ "default-address-pools": [{ base: "10.0.0.0/16", size: 8 }] }, "a prefix length from 16"],
      [{ "default-address-pools": [{ base: "10.0.0.0/16" }] }, "default-address-pools[0].size is not"],
      [{ "default-address-pools": [{ base: "10.0.0.0/16", size: 24, x: 1 }] }, '"default-address-pools[0].x"'],
      [{ "firewall-backend": "pf" }, "firewall-backend is not nftables or iptables"],
      [{ "cdi-spec-dirs": ["cdi"] }, "cdi-spec-dirs[0] is not an absolute path"],
      [{ runtimes: ["runsc"] }, "runtimes is not an object"],
      [{ runtimes: { a: {} } }, "runtimes.a.path is not text"],
      [{ runtimes: { a: { path: "runsc" } } }, "runtimes.a.path is not an absolute path"],
      [{ runtimes: { a: { path: "/a", type: "x" } } }, 'unknown key "runtimes.a.type"'],
      [{ runtimes: { a: { path: "/a", args: "-x" } } }, "runtimes.a.args is not a list"],
      [{ runtimes: { a: { path: "/a", args: [], runtimeArgs: [] } } }, "cannot be combined"],
      [{ runtimes: { "a/b": { path: "/a" } } }, 'runtimes: "a/b" is not a name'],
      [{ runtimes: { tinydocker: { path: "/a" } } }, "runtimes.tinydocker: the name is that of our own"],
      [{ "default-runtime": "./a" }, "default-runtime is not an absolute path"],
    ] as const)
      expect(said(JSON.stringify(content))).toContain(what);
    expect(said("{")).toStartWith("/c.json is not JSON");
    expect(said("")).toStartWith("/c.json is not JSON");
    expect(said('{"limits":7}')).toStartWith("/c.json: ");
  });
});
