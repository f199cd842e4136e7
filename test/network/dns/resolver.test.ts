/** The resolver among real clients, in a network namespace that plays both the host's and the container's. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ResolverOptions } from "../../../src/network/dns/resolver.ts";
import { writeNames } from "../../../src/network/dns/zone.ts";
import { type Sandbox, sandbox } from "../../support/sandbox.ts";
import { type Started, script, start } from "../../support/started.ts";
import { isRoot } from "../../support/temporary.ts";
import { idOf, writeZone } from "../../support/zones.ts";

describe.if(isRoot)("the resolver", () => {
  let box: Sandbox;
  let names: string;
  const running: Started[] = [];
  const resolver = (options: Partial<ResolverOptions>) =>
    start(
      box,
      "event-sources.ts",
      "resolver",
      JSON.stringify({
        netns: "/proc/self/ns/net",
        zones: [{ network: "mynet", directory: names }],
        upstreams: ["127.0.1.1", "127.0.1.2"],
        forward: true,
        ...options,
      }),
    );
  /** Answers of dig, one a line. */
  const dig = async (...args: string[]) => {
    const { stdout } = await box.exec(["dig", "@127.0.0.11", "+short", "+tries=1", "+time=9", ...args]);
    return stdout.trim();
  };
  /** `NOERROR qr aa rd ra` */
  const status = async (...args: string[]) => {
    const { stdout } = await box.exec(["dig", "@127.0.0.11", "+tries=1", "+time=9", ...args]);
    return `${/status: (\w+)/.exec(stdout)?.[1]} ${/flags: ([a-z ]*);/.exec(stdout)?.[1]}`;
  };
  const burst = async (count: number, ...asked: string[]) => {
    const { stdout, stderr } = await box.exec([process.execPath, script("dns-burst.ts"), String(count), ...asked]);
    expect(stderr).toBe("");
    const { answers, lost } = JSON.parse(stdout) as { answers: Record<string, number>; lost: number };
    // A server that was too slow on a busy machine is not what this is about.
    const { "192.0.2.1": first = 0, "192.0.2.2": second = 0, ...others } = answers;
    return { servers: first + second, ...others, lost } as Record<string, number>;
  };
  const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

  beforeAll(async () => {
    box = await sandbox();
    names = join(box.directory, "names");
    mkdirSync(names);
    writeZone(names);
    running.push(await start(box, "dns-server.ts", "127.0.1.1", "1"));
    running.push(await start(box, "dns-server.ts", "127.0.1.2", "2"));
    // What programs in the container read.
    const conf = join(box.directory, "resolv.conf");
    writeFileSync(conf, "nameserver 127.0.0.11\noptions ndots:0\n");
    await box.exec(["mount", "--bind", conf, "/etc/resolv.conf"]);
  });
  afterAll(async () => {
    for (const one of running) await one[Symbol.asyncDispose]();
    await box[Symbol.asyncDispose]();
  });

  describe("answers", () => {
    let main: Started;
    beforeAll(async () => {
      main = await resolver({});
    });
    afterAll(() => main[Symbol.asyncDispose]());

    test("dig, for names, addresses and networks, over udp and tcp", async () => {
      for (const how of ["+notcp", "+tcp"]) {
        expect(await dig(how, "WEB")).toBe("10.201.0.2");
        expect(await dig(how, "web.mynet", "AAAA")).toBe("fd00::2");
        expect(await dig(how, "-x", "10.201.0.3")).toBe("db.mynet.");
        expect(await dig(how, "www.example.com")).toStartWith("192.0.2.");
      }
      expect(await status("db", "AAAA")).toBe("NOERROR qr aa rd ra");
      expect(await status("none.example")).toBe("NXDOMAIN qr rd ra");
    });
    test("glibc's getaddrinfo(3) and busybox's nslookup", async () => {
      const { stdout } = await box.exec(["getent", "ahosts", "web"]);
      expect(stdout).toContain("10.201.0.2");
      expect(stdout).toContain("fd00::2");
      expect((await box.exec(["getent", "ahosts", "db"])).stdout).toContain("10.201.0.3");
      expect((await box.exec(["getent", "hosts", "10.201.0.3"])).stdout).toContain("db.mynet");
      expect((await box.exec(["getent", "ahosts", "none.example"])).code).toBe(2);
      expect((await box.exec(["busybox", "nslookup", "web"])).stdout).toContain("10.201.0.2");
    });
    test("with names of containers that come and go", async () => {
      expect(await dig("late.mynet")).not.toBe("10.201.0.9");
      writeNames(names, idOf("cccc"), { name: "late", aliases: [], addresses: ["10.201.0.9"] });
      expect(await dig("late.mynet")).toBe("10.201.0.9");
    });
    test("a thousand queries at once, of its own and of others' names", async () => {
      expect(await burst(1000, "web", "host-#.example")).toEqual({ servers: 500, "10.201.0.2": 500, lost: 0 });
      expect(await burst(1000, "slow-#.example")).toEqual({ servers: 1000, lost: 0 });
    });
    test("only what the right server says to the right question", async () => {
      expect(await dig("liar.example")).toStartWith("192.0.2.");
      expect(await status("forger.example")).toBe("SERVFAIL qr rd ra");
    });
    test("with another server when one refuses, and with the refusal when all do", async () => {
      expect(await dig("refused.example")).toBe("192.0.2.2");
      expect(await status("never.example")).toBe("REFUSED qr rd ra");
    });
    test("in full over tcp what is too long for udp", async () => {
      const lines = (text: string) => text.split("\n").length;
      expect(lines(await dig("long.example"))).toBe(100);
      expect(lines(await dig("long.example", "+tcp"))).toBe(100);
      expect(await status("long.example", "+ignore")).toStartWith("NOERROR qr tc rd ra");
      // A server that sends more than was asked for.
      expect(await status("rude.example", "+noedns", "+ignore")).toStartWith("NOERROR qr tc rd ra");
      expect(lines(await dig("rude.example", "+noedns"))).toBe(100);
    });
    test("with what the asker said of sizes (EDNS) passed on", async () => {
      expect(await dig("edns.example", "+bufsize=1400")).toBe("0.0.5.120");
      expect(await dig("edns.example", "+noedns")).toBe("0.0.0.0");
    });
    test("its own names while servers are silent, and fails for the others in a few seconds", async () => {
      const silent = burst(600, "dead-#.example");
      for (let round = 0; round < 5; round++) expect(await dig("web")).toBe("10.201.0.2");
      expect(await silent).toEqual({ servers: 0, SERVFAIL: 600, lost: 0 });
      // Both were avoided, and are asked all the same.
      expect(await dig("www.example.com")).toStartWith("192.0.2.");
    });
    test("and is no less well after packets of every kind, with as many descriptors as before", async () => {
      const before = descriptors(main.pid);
      const noise = `
        const socket = await Bun.udpSocket({ connect: { hostname: "127.0.0.11", port: 53 } });
        for (let size = 0; size < 6000; size += 7) socket.send(crypto.getRandomValues(new Uint8Array(size)));
        const ends = Array.from({ length: 100 }, async (_, index) => {
          const tcp = await Bun.connect({ hostname: "127.0.0.11", port: 53, socket: { data() {} } });
          tcp.write(crypto.getRandomValues(new Uint8Array(index * 50)));
          await Bun.sleep(50);
          tcp.end();
        });
        await Promise.allSettled(ends);
        process.exit();`;
      const { code } = await box.exec([process.execPath, "-e", noise]);
      expect(code).toBe(0);
      expect(await dig("web")).toBe("10.201.0.2");
      expect(await dig("web", "+tcp")).toBe("10.201.0.2");
      await Bun.sleep(100);
      expect(descriptors(main.pid)).toBeLessThanOrEqual(before + 2);
    });
  });

  test("asks again when a query was lost, and another server when one is silent", async () => {
    await using one = await resolver({ upstreams: ["127.0.1.1"] });
    expect(await dig("lost.example")).toBe("192.0.2.1");
    await one[Symbol.asyncDispose]();
    // Nobody listens there at all: the kernel says so at once.
    await using _two = await resolver({ upstreams: ["127.0.9.9", "127.0.1.2"] });
    expect(await dig("www.example.com")).toBe("192.0.2.2");
    expect(await dig("www.example.com", "+tcp")).toBe("192.0.2.2");
  });
  test("asks servers by IPv6", async () => {
    await using _server = await start(box, "dns-server.ts", "::1", "6");
    await using _resolver = await resolver({ upstreams: ["::1"] });
    expect(await dig("www.example.com")).toBe("192.0.2.6");
    expect(await dig("www.example.com", "+tcp")).toBe("192.0.2.6");
  });
  test("knows no other names where there is no way out", async () => {
    await using _resolver = await resolver({ forward: false });
    expect(await status("www.example.com")).toBe("NXDOMAIN qr rd ra");
    expect(await dig("web")).toBe("10.201.0.2");
  });
  test("fails where nobody can be asked", async () => {
    await using _resolver = await resolver({ upstreams: [] });
    expect(await status("www.example.com")).toBe("SERVFAIL qr rd ra");
  });
  test("leaves its port to a server of the container, whatever follows connections there", async () => {
    const rules = join(box.directory, "rules.nft");
    const dropInvalid = (hook: string) =>
      `chain ${hook} {\ntype filter hook ${hook} priority 0;\nct state invalid drop\n}`;
    writeFileSync(rules, `table inet t {\n${dropInvalid("input")}\n${dropInvalid("output")}\n}\n`);
    await using _taken = await start(box, "dns-server.ts", "127.0.0.11", "8");
    await using _server = await start(box, "dns-server.ts", "127.0.0.1", "9");
    await using _resolver = await resolver({});
    const both = async () => {
      for (const how of ["+notcp", "+tcp"]) {
        expect(await dig(how, "web")).toBe("10.201.0.2");
        const { stdout } = await box.exec(["dig", "@127.0.0.1", how, "+short", "+tries=1", "www.example.com"]);
        expect(stdout).toBe("192.0.2.9\n");
      }
    };
    await both();
    expect(await box.exec(["nft", "-f", rules])).toMatchObject({ code: 0 });
    await both();
    expect(await burst(1000, "web", "host-#.example")).toEqual({ servers: 500, "10.201.0.2": 500, lost: 0 });
    await box.exec(["nft", "flush", "ruleset"]);
  });
  test("is at its port itself where packets can't be changed, and says so when that is taken", async () => {
    await using _first = await resolver({ redirected: false });
    expect(await dig("web")).toBe("10.201.0.2");
    const options = { netns: "/proc/self/ns/net", zones: [], upstreams: [], forward: true, redirected: false };
    const argv = [process.execPath, script("event-sources.ts"), "resolver", JSON.stringify(options)];
    const { stderr, code } = await box.exec(argv);
    expect(code).toBe(1);
    expect(stderr).toContain("cannot open the resolver at 127.0.0.11:53/udp: EADDRINUSE");
  });
});
