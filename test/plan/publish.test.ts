import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { parseExpose, parsePublish, planPublications } from "../../src/plan/network/publish.ts";
import { refuses, strict } from "../support/parsers.ts";

test("every parser answers any text with a value or a UsageError", () => {
  strict(parsePublish);
  strict((text) => parseExpose(text));
});

describe("--publish", () => {
  const one = (first: number, last = first) => ({ first, last });
  test("is a port of the host and one of the container", () => {
    expect(parsePublish("8080:80")).toEqual([{ protocol: "tcp", port: 80, hostPorts: one(8080) }]);
    expect(parsePublish("53:5353/UDP")).toEqual([{ protocol: "udp", port: 5353, hostPorts: one(53) }]);
    expect(parsePublish("9:9/sctp")).toEqual([{ protocol: "sctp", port: 9, hostPorts: one(9) }]);
  });
  test("leaves the port of the host to the kernel", () => {
    for (const text of ["80", ":80", "0:80", "::80"])
      expect(parsePublish(text)).toEqual([{ protocol: "tcp", port: 80 }]);
    expect(parsePublish("127.0.0.1::80")).toEqual([{ protocol: "tcp", port: 80, hostIp: "127.0.0.1" }]);
  });
  test("has an address of the host, IPv6 in brackets", () => {
    expect(parsePublish("127.0.0.1:8080:80")).toMatchObject([{ hostIp: "127.0.0.1", hostPorts: one(8080) }]);
    expect(parsePublish("[::1]:8080:80")).toMatchObject([{ hostIp: "::1", hostPorts: one(8080) }]);
    expect(parsePublish("[FD00:0::1]::80")).toEqual([{ protocol: "tcp", port: 80, hostIp: "fd00::1" }]);
    expect(parsePublish("[::]:8080:80")).toMatchObject([{ hostIp: "::" }]);
  });
  test("has ranges: one to one, or any of the host's for one of the container's", () => {
    expect(parsePublish("8000-8002:80-82")).toEqual(
      [0, 1, 2].map((index) => ({ protocol: "tcp", port: 80 + index, hostPorts: one(8000 + index) })),
    );
    expect(parsePublish("8000-8010:80")).toEqual([{ protocol: "tcp", port: 80, hostPorts: one(8000, 8010) }]);
    expect(parsePublish("80-81/udp")).toEqual([80, 81].map((port) => ({ protocol: "udp", port })));
  });
  test("is refused in Docker's words, with the text that was given", () => {
    const words = {
      "8080:": "no port specified",
      "": "no port specified",
      "80:80/icmp": 'invalid proto: "icmp"',
      "80:80/": 'invalid proto: ""',
      "80:70000": "invalid containerPort: 70000",
      "x:80": "invalid hostPort: x",
      "70000:80": "invalid hostPort: 70000",
      "1.2.3:80:80": "invalid IP address: 1.2.3",
      "localhost:80:80": "invalid IP address: localhost",
      "[1.2.3.4]:80:80": "invalid IP address: [1.2.3.4]",
      "8000:80-90": "invalid ranges specified for container and host ports: 80-90 and 8000",
      "::1:80:80": "an IPv6 address without brackets",
    };
    for (const [text, reason] of Object.entries(words))
      expect(() => parsePublish(text)).toThrow(`--publish: ${reason} in ${JSON.stringify(text)}`);
    refuses(parsePublish, ["90-80:1", "1-:1", "-1:1", "0", "0:0", "80:80/tcp/udp", "[]:80:80", "1:2:3:4", "80 :80"]);
  });
});

describe("--expose", () => {
  test("is a port, or several", () => {
    expect(parseExpose("80")).toEqual([{ protocol: "tcp", port: 80 }]);
    expect(parseExpose("53-54/udp")).toEqual([53, 54].map((port) => ({ protocol: "udp", port })));
    refuses((text) => parseExpose(text), ["", "0", "80/x", "80/tcp/tcp", "8080:80", "5-4", "99999"]);
  });
});

describe("planPublications()", () => {
  test("publishes with --publish-all what is exposed and was not asked for", () => {
    const exposed = [...parseExpose("80"), ...parseExpose("80"), ...parseExpose("53/udp")];
    expect(planPublications(parsePublish("8080:80"), exposed, false)).toEqual(parsePublish("8080:80"));
    expect(planPublications(parsePublish("8080:80"), exposed, true)).toEqual([
      ...parsePublish("8080:80"),
      { protocol: "udp", port: 53 },
    ]);
    expect(planPublications([], exposed, true)).toHaveLength(2);
  });
  test("takes the same twice for once, and refuses one port of the host for two of the container", () => {
    const both = (a: string, b: string) => planPublications([...parsePublish(a), ...parsePublish(b)], [], false);
    expect(both("80:80", "80:80")).toHaveLength(1);
    expect(both("80:80", "80:80/udp")).toHaveLength(2);
    expect(both("127.0.0.1:80:80", "127.0.0.2:80:81")).toHaveLength(2);
    expect(both("80", "81")).toHaveLength(2);
    expect(both("8000-8010:80", "8000-8010:81")).toHaveLength(2);
    expect(() => both("80:80", "80:81")).toThrow(UsageError);
  });
  test("counts all addresses of a family as each of them", () => {
    const both = (a: string, b: string) => () => planPublications([...parsePublish(a), ...parsePublish(b)], [], false);
    for (const one of ["127.0.0.1:80:80", "0.0.0.0:80:80", "[::1]:80:81", "[::]:80:80"]) {
      expect(both("80:80", one)).toThrow("port 80/tcp of the host is asked for twice");
      expect(both(one, "80:80")).toThrow(UsageError);
    }
    expect(both("0.0.0.0:80:80", "[::]:80:80")()).toHaveLength(2);
    expect(both("0.0.0.0:80:80", "[::1]:80:81")()).toHaveLength(2);
  });
});
