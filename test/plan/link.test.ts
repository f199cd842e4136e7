import { describe, expect, test } from "bun:test";
import { checkLinks, namesOfLinked, parseLink, planLinkEnv } from "../../src/plan/network/link.ts";

const db = {
  alias: "the-db",
  name: "db",
  hostname: "box",
  addresses: ["10.201.0.2", "fd00::2"],
  ports: [
    { protocol: "tcp", port: 5432 },
    { protocol: "udp", port: 53 },
    { protocol: "tcp", port: 53 },
  ] as { protocol: "tcp" | "udp"; port: number }[],
  env: ["KIND=store", "PATH=/bin", "HOME=/root", "EMPTY="],
};

describe("--link", () => {
  test("is a container with an alias or without, also as inspect writes it", () => {
    expect(parseLink("db")).toEqual({ container: "db", alias: "db" });
    expect(parseLink("db:store")).toEqual({ container: "db", alias: "store" });
    expect(parseLink("/db:/web/store")).toEqual({ container: "db", alias: "store" });
  });
  test.each(["", ":", "db:", ":x", "a:b:c", "a b", "db:x y", "db:x\ny", "../db", "db:-x", `db:${"x".repeat(64)}`])(
    "is not %j",
    (text) => {
      expect(() => parseLink(text)).toThrow(/--link/);
    },
  );
  test("has each alias once", () => {
    expect(() => checkLinks([parseLink("a:x"), parseLink("b:x")])).toThrow("--link: the alias x is given twice");
  });
});

describe("a link in the default network", () => {
  test("is known by its alias, its host name and its name, each once", () => {
    expect(namesOfLinked(db)).toBe("the-db box db");
    expect(namesOfLinked({ ...db, alias: "db" })).toBe("db box");
  });
  test("has Docker's variables: of the first port, of each, its name, and what it has set itself", () => {
    expect(planLinkEnv("web", db)).toEqual([
      "THE_DB_PORT=tcp://10.201.0.2:53",
      ...["TCP", "UDP"].flatMap((protocol) => [
        `THE_DB_PORT_53_${protocol}=${protocol.toLowerCase()}://10.201.0.2:53`,
        `THE_DB_PORT_53_${protocol}_ADDR=10.201.0.2`,
        `THE_DB_PORT_53_${protocol}_PORT=53`,
        `THE_DB_PORT_53_${protocol}_PROTO=${protocol.toLowerCase()}`,
      ]),
      "THE_DB_PORT_5432_TCP=tcp://10.201.0.2:5432",
      "THE_DB_PORT_5432_TCP_ADDR=10.201.0.2",
      "THE_DB_PORT_5432_TCP_PORT=5432",
      "THE_DB_PORT_5432_TCP_PROTO=tcp",
      "THE_DB_NAME=/web/the-db",
      "THE_DB_ENV_KIND=store",
      "THE_DB_ENV_EMPTY=",
    ]);
  });
  test("tells of ports in a row as a range, too", () => {
    const ports = [7000, 7001, 7002, 7004].map((port) => ({ protocol: "tcp" as const, port }));
    const env = planLinkEnv("web", { ...db, ports });
    expect(env.slice(0, 4)).toEqual([
      "THE_DB_PORT_7000_TCP_START=tcp://10.201.0.2:7000",
      "THE_DB_PORT_7000_TCP_PORT_START=7000",
      "THE_DB_PORT_7000_TCP_END=tcp://10.201.0.2:7002",
      "THE_DB_PORT_7000_TCP_PORT_END=7002",
    ]);
    expect(planLinkEnv("web", { ...db, ports: [] })[0]).toBe("THE_DB_NAME=/web/the-db");
  });
});
