import { describe, expect, test } from "bun:test";
import {
  parseAddHost,
  planHostname,
  planHosts,
  planHostsOfHost,
  withDomain,
  withOwnName,
} from "../../src/plan/network/hosts.ts";
import { refuses, strict } from "../support/parsers.ts";

const none = { hostname: "web", addresses: [], extra: [], gateways: [], ipv6: false };

describe("/etc/hosts", () => {
  test("has the lines of Docker's", () => {
    const text = planHosts({
      hostname: "web",
      addresses: ["10.201.0.2", "fd00::2"],
      extra: [{ name: "db", address: "10.0.0.5" }],
      gateways: [],
      ipv6: true,
    });
    expect(text).toBe(
      [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::\tip6-localnet",
        "ff00::\tip6-mcastprefix",
        "ff02::1\tip6-allnodes",
        "ff02::2\tip6-allrouters",
        "10.0.0.5\tdb",
        "10.201.0.2\tweb",
        "fd00::2\tweb",
        "",
      ].join("\n"),
    );
  });
  test("has the container's own name also without a network, at another loopback address, and no IPv6 where there is none", () => {
    expect(planHosts(none)).toBe("127.0.0.1\tlocalhost\n127.0.1.1\tweb\n");
  });
  test("has a name with a domain, then the name", () => {
    const text = planHosts({ ...none, hostname: "web.example.com", addresses: ["10.201.0.2"] });
    expect(text).toEndWith("10.201.0.2\tweb.example.com web\n");
  });
  test("knows the host by host-gateway, by each of its addresses", () => {
    const extra = [parseAddHost("up:host-gateway")];
    expect(planHosts({ ...none, extra, gateways: ["10.201.0.1", "fd00::1"] })).toContain(
      "10.201.0.1\tup\nfd00::1\tup\n",
    );
    expect(() => planHosts({ ...none, extra })).toThrow(
      "--add-host up: a container that has no network with a bridge has no host-gateway",
    );
  });
  test("is the host's own and what was added, in the host's network", () => {
    const extra = [parseAddHost("db=10.0.0.5"), parseAddHost("up:host-gateway")];
    expect(planHostsOfHost("127.0.0.1 localhost", extra)).toBe("127.0.0.1 localhost\n10.0.0.5\tdb\n127.0.0.1\tup\n");
    expect(planHostsOfHost("", [])).toBe("");
  });
  test("of somebody else has a line for a name that is not in it", () => {
    const text = "127.0.0.1 localhost\n# box\n10.0.0.1 db box.corp box # x";
    for (const name of ["localhost", "db", "box", "box.corp"]) expect(withOwnName(text, name)).toBe(text);
    expect(withOwnName(text, "x")).toBe(`${text}\n127.0.1.1\tx\n`);
    expect(withOwnName("", "web.corp")).toBe("127.0.1.1\tweb.corp web\n");
  });
  test("has a domain beside a name that has none", () => {
    expect(withDomain("web", "corp")).toBe("web.corp");
    expect(withDomain("web.example.com", "corp")).toBe("web.example.com");
    expect(withDomain("web", undefined)).toBe("web");
  });
});

test("/etc/hostname is a line", () => expect(planHostname("web")).toBe("web\n"));

describe("--add-host", () => {
  test("is NAME:ADDRESS or NAME=ADDRESS", () => {
    expect(parseAddHost("db:10.0.0.5")).toEqual({ name: "db", address: "10.0.0.5" });
    expect(parseAddHost("db=10.0.0.5")).toEqual({ name: "db", address: "10.0.0.5" });
    for (const text of ["db:FD00::5", "db=fd00::5", "db:[fd00::5]", "db=[fd00::5]"])
      expect(parseAddHost(text)).toEqual({ name: "db", address: "fd00::5" });
    expect(parseAddHost("a.b_c-d:host-gateway")).toEqual({ name: "a.b_c-d", address: "host-gateway" });
  });
  test("is strict", () => {
    expect(() => parseAddHost("db")).toThrow('no address in "db"');
    expect(() => parseAddHost(":10.0.0.5")).toThrow("no name");
    strict(parseAddHost);
    const wrong = ["", "db", "db:", ":1.2.3.4", "d b:1.2.3.4", "db:1.2.3", "db:[1.2.3.4]", "db:[::1", "-x:1.2.3.4"];
    refuses(parseAddHost, [...wrong, "db:1.2.3.4\n5.6.7.8 evil", "db\nx:1.2.3.4", "db:name", "#:1.2.3.4"]);
  });
});
