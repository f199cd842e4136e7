import { describe, expect, test } from "bun:test";
import {
  asksSearchFirst,
  isStub,
  parseAlias,
  parseDns,
  parseDnsOption,
  parseDnsSearch,
  parseResolvConf,
  planResolvConf,
  planUpstreams,
} from "../../src/plan/network/resolv-conf.ts";
import { refuses, strict } from "../support/parsers.ts";

describe("the host's resolv.conf", () => {
  test("is read as the C library reads it", () => {
    const text = `# from somewhere
nameserver 10.0.0.1 # the first
nameserver\tfe80::1%eth0
 nameserver 2001:db8::1
nameserver nonsense
nameserver
domain example.org
search example.com sub.example.com
options ndots:2 edns0
options trust-ad
; sortlist
nonsense
`;
    expect(parseResolvConf(text)).toEqual({
      nameservers: ["10.0.0.1", "fe80::1%eth0", "2001:db8::1"],
      search: ["example.com", "sub.example.com"],
      options: ["ndots:2", "edns0", "trust-ad"],
    });
    expect(parseResolvConf("")).toEqual({ nameservers: [], search: [], options: [] });
  });
  test("is a stub if it names nothing but systemd-resolved's", () => {
    expect(isStub(parseResolvConf("nameserver 127.0.0.53"))).toBe(true);
    expect(isStub(parseResolvConf("nameserver 127.0.0.53\nnameserver 1.1.1.1"))).toBe(false);
    expect(isStub(parseResolvConf(""))).toBe(false);
  });
});

describe("a container's resolv.conf", () => {
  const host = parseResolvConf("nameserver 127.0.0.1\nnameserver 10.0.0.1\nsearch example.com\noptions edns0");
  test("has the resolver in networks with names, and asks for names as they are first", () => {
    expect(planResolvConf("resolver", host, {}).text).toBe(
      "nameserver 127.0.0.11\nsearch example.com\noptions edns0 ndots:0\n",
    );
    const asked = { servers: ["1.1.1.1"], search: ["a.example"], options: ["ndots:2"] };
    expect(planResolvConf("resolver", host, asked).text).toBe(
      "nameserver 127.0.0.11\nsearch a.example\noptions ndots:2\n",
    );
  });
  test("has the host's servers otherwise, without those that are the host's alone", () => {
    expect(planResolvConf("servers", host, {})).toEqual({
      text: "nameserver 10.0.0.1\nsearch example.com\noptions edns0\n",
    });
    const loopback = parseResolvConf("nameserver ::1\nnameserver fe80::1%eth0\nnameserver 127.0.0.53");
    const { text, warning } = planResolvConf("servers", loopback, {});
    expect(text).toBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    expect(warning).toContain("8.8.8.8");
    expect(planResolvConf("servers", loopback, { servers: ["::1"] })).toEqual({ text: "nameserver ::1\n" });
  });
  test("is the host's in the host's network", () => {
    expect(planResolvConf("host", host, {}).text).toBe(
      "nameserver 127.0.0.1\nnameserver 10.0.0.1\nsearch example.com\noptions edns0\n",
    );
    expect(planResolvConf("host", host, { search: ["."] }).text).not.toContain("search");
  });
  test("has three servers at most", () => {
    const many = { ...host, nameservers: ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"] };
    expect(planResolvConf("servers", many, {}).text.match(/nameserver/g)).toHaveLength(3);
  });
});

test("the resolver asks --dns, else the host's servers, else public ones", () => {
  const stub = parseResolvConf("nameserver 127.0.0.53");
  expect(planUpstreams(stub, {})).toEqual(["127.0.0.53"]);
  expect(planUpstreams(stub, { servers: ["9.9.9.9"] })).toEqual(["9.9.9.9"]);
  expect(planUpstreams(parseResolvConf(""), {})).toEqual(["8.8.8.8", "8.8.4.4"]);
});

test("names without a dot are tried with a search domain first if the user says so", () => {
  expect([{}, { options: ["ndots:0"] }, { options: ["edns0"] }].map(asksSearchFirst)).toEqual([false, false, false]);
  expect(asksSearchFirst({ options: ["edns0", "ndots:1"] })).toBe(true);
});

describe("options", () => {
  test("are what they may be", () => {
    expect(parseDns("2001:DB8::1")).toBe("2001:db8::1");
    expect(parseDnsSearch("example.com.")).toBe("example.com.");
    expect(parseDnsSearch(".")).toBe(".");
    expect(parseDnsOption("ndots:15")).toBe("ndots:15");
    expect(parseDnsOption("use-vc")).toBe("use-vc");
    expect(parseAlias("db_1.internal")).toBe("db_1.internal");
  });
  test("are strict", () => {
    for (const parse of [parseDns, parseDnsSearch, parseDnsOption, parseAlias]) strict(parse);
    refuses(parseDns, ["", "example.com", "1.2.3", "[::1]", "fe80::1%eth0", "1.1.1.1:53", "1.1.1.1\n"]);
    refuses(parseDnsSearch, ["", "a b", "a..b", "-a", "a\nnameserver 6.6.6.6", `${"a".repeat(64)}.com`]);
    refuses(parseDnsOption, ["", "ndots:x", "a b", "ndots:1\n", "NDOTS:1"]);
    refuses(parseAlias, ["", ".", "a.", "a b", "a/b", "-", "a".repeat(64), "ü"]);
  });
});
