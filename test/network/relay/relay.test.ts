/** Ports that are held, and passed on where packets cannot be redirected; in a network namespace of their own. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { parseSockets } from "../../../src/network/port-owner.ts";
import type { HeldPort } from "../../../src/network/ports.ts";
import { parsePublish } from "../../../src/plan/network/publish.ts";
import type { PortsOptions } from "../../support/event-sources.ts";
import { type Sandbox, sandbox } from "../../support/sandbox.ts";
import { type Started, script, start } from "../../support/started.ts";
import { isRoot } from "../../support/temporary.ts";

describe.if(isRoot)("published ports", () => {
  let box: Sandbox;
  let echo: Started;
  const target = { ipv4: "127.0.1.1" };
  beforeAll(async () => {
    box = await sandbox();
    for (const address of ["fd00::9", "fd00::8"]) await box.exec(["ip", "addr", "add", `${address}/128`, "dev", "lo"]);
    echo = await start(box, "echo.ts", target.ipv4, "80");
  });
  afterAll(async () => {
    await echo[Symbol.asyncDispose]();
    await box[Symbol.asyncDispose]();
  });

  const request = (...texts: string[]) => texts.flatMap(parsePublish);
  const hold = (texts: string[], more: Partial<PortsOptions> = {}) =>
    start(box, "event-sources.ts", "ports", JSON.stringify({ requests: request(...texts), target, ...more }));
  const held = ({ said }: Started) => JSON.parse(said) as HeldPort[];
  /** Why it does not start. */
  const refusal = async (texts: string[], owner?: string) => {
    const options = JSON.stringify({ requests: request(...texts), owner, target });
    const { stderr, code } = await box.exec([process.execPath, script("event-sources.ts"), "ports", options]);
    expect(code).toBe(1);
    return stderr.split("\n")[0]!;
  };
  const connect = async (address: string, port: number, count: number, send: number, receive: number) => {
    const numbers = [port, count, send, receive].map(String);
    const { stdout, stderr } = await box.exec([process.execPath, script("connect.ts"), address, ...numbers]);
    expect(stderr).toBe("");
    return JSON.parse(stdout) as Record<string, number>;
  };
  const descriptors = ({ pid }: Started) => readdirSync(`/proc/${pid}/fd`).length;
  const settled = async (wanted: number, count: () => number) => {
    for (let tries = 0; tries < 200 && count() !== wanted; tries++) await Bun.sleep(10);
    expect(count()).toBe(wanted);
  };

  describe("are held", () => {
    test("at all addresses of both families, by one number", async () => {
      await using ports = await hold(["80", "8080:80", "53:53/udp"]);
      const found = held(ports).map(({ protocol, hostIp, hostPort, port }) => ({ protocol, hostIp, hostPort, port }));
      const both = (protocol: string, hostPort: number, port: number) =>
        ["0.0.0.0", "::"].map((hostIp) => ({ protocol, hostIp, hostPort, port }));
      const picked = found.find(({ hostPort }) => hostPort !== 8080 && hostPort !== 53)!.hostPort;
      expect(picked).toBeGreaterThan(1023);
      expect(found).toEqual([...both("tcp", 8080, 80), ...both("udp", 53, 53), ...both("tcp", picked, 80)] as never);
    });
    test("at one address, where others may have the same number", async () => {
      await using _one = await hold(["127.0.0.1:8080:80"]);
      await using two = await hold(["127.0.0.2:8080:80", "[::1]:8080:80"]);
      expect(held(two).map(({ hostIp }) => hostIp)).toEqual(["127.0.0.2", "::1"]);
    });
    test("each the first of its range that is free", async () => {
      await using _one = await hold(["8001:80"]);
      await using two = await hold(["8000-8003:80", "8000-8003:81", "8002:82"]);
      const numbers = held(two).filter(({ hostIp }) => hostIp === "::");
      expect(numbers.map(({ hostPort, port }) => [hostPort, port])).toEqual([
        [8002, 82],
        [8000, 80],
        [8003, 81],
      ]);
    });
    test("and given back with the process", async () => {
      for (let round = 0; round < 3; round++) {
        await using _ports = await hold(["8080:80", "8080:80/udp"]);
      }
    });
  });

  describe("that are taken", () => {
    test("are said to be, with the process that has them", async () => {
      await using one = await hold(["127.0.0.1:8080:80/udp", "[::1]:8080:80"]);
      const who = `process ${one.pid} (${process.execPath}) has it`;
      expect(await refusal(["8080:80/udp"])).toBe(`cannot publish 0.0.0.0:8080/udp: ${who}`);
      expect(await refusal(["8080:80"])).toBe(`cannot publish [::]:8080/tcp: ${who}`);
      expect(await refusal(["127.0.0.1:8080:80/udp"])).toBe(`cannot publish 127.0.0.1:8080/udp: ${who}`);
      expect(await refusal(["8080-8081:80", "8081:81"])).toStartWith(
        "cannot publish any of 8080-8081/tcp: none is free",
      );
    });
    test("are said to be a container's if they are", async () => {
      await using _ = await hold(["8080:80"]);
      expect(await refusal(["8080:80"], "web")).toBe("cannot publish 0.0.0.0:8080/tcp: container web has it");
    });
    test("leave none of the others behind", async () => {
      await using _ = await hold(["8085:80"]);
      await refusal(["8080-8089:80-89"]);
      await using _others = await hold(["8080-8084:80-84"]);
    });
  });

  test("at addresses that are not the host's are refused", async () => {
    expect(await refusal(["192.0.2.1:80:80"])).toBe(
      "cannot publish 192.0.2.1:80/tcp: this host has no address 192.0.2.1",
    );
  });

  describe("pass on", () => {
    let ports: Started;
    beforeAll(async () => {
      ports = await hold(["8080:80", "8080:80/udp", "8081:81", "8081:81/udp"]);
    });
    afterAll(() => ports[Symbol.asyncDispose]());

    test("connections by each address of the host, with the ends of both directions", async () => {
      for (const address of ["::1", "fd00::9", "127.0.0.1", "127.0.0.5"])
        expect(await connect(address, 8080, 1, 1_000_000, 3_000_000)).toEqual({ "1000000 sent, 3000000 received": 1 });
      expect(await connect("::1", 8080, 1, 10, 0)).toEqual({ "10 sent, 0 received": 1 });
    });
    test("hundreds of connections at once, and forget them", async () => {
      const before = descriptors(ports);
      expect(await connect("::1", 8080, 300, 20_000, 100_000)).toEqual({ "20000 sent, 100000 received": 300 });
      await settled(before, () => descriptors(ports));
    });
    test("a reset where nobody listens", async () => {
      expect(await connect("::1", 8081, 3, 10, 10)).toEqual({ ECONNRESET: 3 });
    });
    test("as fast as the slower side takes it, which is nobody else's business", async () => {
      const before = descriptors(ports);
      const idler = `
        const socket = require("node:net").connect({ host: "::1", port: 8080, allowHalfOpen: true });
        socket.on("error", () => {});
        socket.pause();
        socket.end("500000000\\n");
        console.log("started");
        setInterval(() => {}, 1000);`;
      const child = Bun.spawn(box.command([process.execPath, "-e", idler]), { stdio: ["ignore", "pipe", "ignore"] });
      await child.stdout.getReader().read();
      expect(await connect("::1", 8080, 2, 10, 1_000_000)).toEqual({ "10 sent, 1000000 received": 2 });
      // Who goes away while there is more for him is forgotten too.
      child.kill("SIGKILL");
      await child.exited;
      await settled(before, () => descriptors(ports));
    });
    /** Connections that are made at once and stay: how many did, and what became of the others. */
    const keep = async (port: number, count: number) => {
      const keeper = `
        const results = {};
        const one = () => new Promise((resolve) => {
          const socket = require("node:net").connect({ host: "::1", port: ${port} });
          socket.on("error", (error) => resolve(error.code));
          socket.on("end", () => resolve("ended"));
          socket.on("data", () => resolve("answered"));
          socket.write("0\\n".padEnd(10, "y"));
          setTimeout(() => resolve("open"), 1500);
        });
        for (const what of await Promise.all(Array.from({ length: ${count} }, one))) results[what] = (results[what] ?? 0) + 1;
        console.log(JSON.stringify(results));
        process.exit();`;
      const { stdout } = await box.exec([process.execPath, "-e", keeper]);
      return JSON.parse(stdout) as Record<string, number>;
    };
    test("as many connections as there are descriptors for, and a reset for the others (P20)", async () => {
      await using few = await hold(["8090:80"], { descriptors: { limit: 160, used: 0 } });
      expect(await keep(8090, 40)).toEqual({ open: 10, ECONNRESET: 30 });
      expect(await keep(8090, 10)).toEqual({ open: 10 });
      expect(few.said).toContain("8090");
    });
    test("a reset where there are no descriptors at all, and then others again (P20)", async () => {
      await using _none = await hold(["8091:80"], { descriptors: { limit: 600, used: 570 } });
      const { open = 0, ECONNRESET = 0 } = await keep(8091, 60);
      expect([open + ECONNRESET, ECONNRESET > 20]).toEqual([60, true]);
      expect(await connect("::1", 8091, 1, 10, 10)).toEqual({ "10 sent, 10 received": 1 });
    });
    test("thousands of connections of one port at once (P20)", async () => {
      await using _many = await hold(["8092:80"]);
      expect(await keep(8092, 2000)).toEqual({ open: 2000 });
    });
    test("datagrams of several senders, with answers from the address that each has asked", async () => {
      const ask = `
        const ask = async (hostname, index) => {
          const { promise, resolve } = Promise.withResolvers();
          const socket = await Bun.udpSocket({
            hostname: hostname.includes(":") ? "::" : "0.0.0.0",
            connect: { hostname, port: 8080 },
            socket: { data: (_socket, data) => resolve(String(data)), error: () => {} },
          });
          const text = (hostname + " " + index).padEnd(index % 2 ? 20 : 40000, "z");
          // One may get lost when all come at once.
          const again = setInterval(() => socket.send(text), 100);
          socket.send(text);
          const got = await Promise.race([promise, Bun.sleep(10_000)]);
          clearInterval(again);
          return got === text;
        };
        const hosts = ["::1", "fd00::8", "fd00::9", "127.0.0.1", "127.0.0.5"];
        const all = await Promise.all(hosts.flatMap((host) => Array.from({ length: 8 }, (_, index) => ask(host, index))));
        console.log(all.filter(Boolean).length);
        process.exit();`;
      expect((await box.exec([process.execPath, "-e", ask])).stdout).toBe("40\n");
    });
    test("datagrams without a byte, there and back, and others after them (rosenpass#41)", async () => {
      const ask = `
        for (const hostname of ["::1", "fd00::9", "127.0.0.1"]) {
          const got = [];
          const socket = await Bun.udpSocket({
            hostname: hostname.includes(":") ? "::" : "0.0.0.0",
            connect: { hostname, port: 8080 },
            socket: { data: (_socket, data) => void got.push(data.length), error: () => {} },
          });
          while (!got.includes(0) || !got.includes(5)) {
            socket.send("");
            socket.send("hello");
            await Bun.sleep(20);
          }
          console.log(hostname);
        }
        process.exit();`;
      const { stdout } = await box.exec([process.execPath, "-e", ask]);
      expect(stdout).toBe("::1\nfd00::9\n127.0.0.1\n");
      expect(await connect("::1", 8080, 1, 10, 0)).toEqual({ "10 sent, 0 received": 1 });
    });
    test("datagrams to somebody who comes later", async () => {
      const send = `
        const { promise, resolve } = Promise.withResolvers();
        const socket = await Bun.udpSocket({
          hostname: "::",
          connect: { hostname: "::1", port: 8081 },
          socket: { data: (_socket, data) => resolve(String(data)), error: () => {} },
        });
        console.log("started");
        for (let tries = 0; tries < 300; tries++) {
          socket.send("hello");
          const got = await Promise.race([promise, Bun.sleep(20)]);
          if (got) { console.log(got); break; }
        }
        process.exit();`;
      const child = Bun.spawn(box.command([process.execPath, "-e", send]), { stdio: ["ignore", "pipe", "inherit"] });
      await Bun.sleep(100);
      await using _late = await start(box, "echo.ts", target.ipv4, "81");
      expect(await child.stdout.text()).toBe("started\nhello\n");
    });
  });
});

test("of the kernel's list of sockets, those that wait for somebody are taken", () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0200C90A:1F90 0100C90A:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: B80D0120000000000000000001000000:1F90 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4713 2 0 0
nonsense
`;
  expect(parseSockets(text)).toEqual([
    { ip: "127.0.0.1", port: 53, inode: "4711" },
    { ip: "2001:db8::1", port: 8080, inode: "4713" },
  ]);
});
