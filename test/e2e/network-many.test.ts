/** Many containers, many ports, and the first packet of each: nothing is lost, and no two have the same. */

import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../support/cli.ts";
import { said, withMachine } from "../support/containers.ts";
import { idle, type inspect, withInternet, withNetworks } from "../support/internet.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"));

/** Does something for each of so many numbers, some at once. */
async function each(count: number, atOnce: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let number = next++; number < count; number = next++) await work(number);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** In the suite fewer; by hand as many as there are to be. */
const starts = Number(process.env.STARTS ?? 60);

describe("many", () => {
  test("containers fill a network to its last address, which nobody has twice; then it says that it is full", async () => {
    await withMachine(["busybox"], async (machine) => {
      const bits = Number(process.env.BITS ?? 27);
      const room = 2 ** (32 - bits) - 3;
      await withNetworks(machine, { net: ["--subnet", `10.73.0.0/${bits}`] }, async () => {
        const before = machine.snapshot();
        const names = Array.from({ length: room }, (_, number) => `box${number}`);
        await each(
          room,
          8,
          async (number) => void (await idle(machine, names[number]!, ["--network", "net", "--log-driver", "none"])),
        );
        const all = JSON.parse(ok(await machine.run(["inspect", ...names])));
        const addresses = new Set(
          all.map((one: Awaited<ReturnType<typeof inspect>>) => one.NetworkSettings.Networks.net.IPAddress),
        );
        expect(addresses.size).toBe(room);
        for (const how of [["--rm"], ["-d"]]) {
          const more = await machine.run(["run", ...how, "--network", "net", "busybox", "true"]);
          expect([more.code, said(more)]).toEqual([
            125,
            expect.stringContaining(`no address is free in 10.73.0.0/${bits}: all ${room} are in use`),
          ]);
        }
        expect((await machine.run(["exec", names[0]!, "ping", "-c1", "-W2", names.at(-1)!])).code).toBe(0);
        // One goes, and one more has room.
        ok(await machine.run(["rm", "-f", names[3]!]));
        ok(await machine.run(["run", "--rm", "--network", "net", "busybox", "true"]));
        ok(await machine.run(["rm", "-f", ...names.filter((_, number) => number !== 3)], { timeoutMs: 120_000 }));
        expect(readdirSync(join(machine.root, "networks/net/leases"))).toEqual([]);
        await machine.expectNothingLeft(before);
      });
    });
  }, 240_000);
  test("runs at once in the default network all have a network, and leave nothing", async () => {
    await withMachine(["busybox"], async (machine) => {
      const before = machine.snapshot();
      const script =
        "ip -4 -o addr show eth0 && ping -c1 -W5 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p') >/dev/null";
      const results: Result[] = [];
      await each(starts, 40, async () => void results.push(await machine.sh(script)));
      expect(results.map(({ code, stderr }) => [code, stderr]).filter(([code]) => code !== 0)).toEqual([]);
      await machine.expectNothingLeft(before);
      expect(readdirSync(join(machine.root, "networks/bridge/leases"))).toEqual([]);
    });
  });
  test("containers that ask for any port at the same time each have one of their own", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      const before = machine.snapshot();
      const count = Number(process.env.PORTS ?? 16);
      const names = Array.from({ length: count }, (_, number) => `box${number}`);
      await each(count, count, async (number) => {
        const server = ["sh", "-c", "while :; do nc -l -p 80 -e hostname; done"];
        ok(
          await machine.run([
            "run",
            "-d",
            "--name",
            names[number]!,
            "-h",
            names[number]!,
            "-p",
            "80",
            "busybox",
            ...server,
          ]),
        );
      });
      const ports = new Map<string, number>();
      for (const name of names) ports.set(name, Number(/:(\d+)/.exec(ok(await machine.run(["port", name, "80"])))![1]));
      expect(new Set(ports.values()).size).toBe(count);
      for (const [name, port] of ports)
        expect([name, await internet.outside.connect("tcp", "192.0.2.1", port, 5000)]).toEqual([name, `${name}\n`]);
      ok(await machine.run(["rm", "-f", ...names]));
      await machine.expectNothingLeft(before);
    });
  });
  test("ports of one container come by a range, foreground and detached, and go with it", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      const before = machine.snapshot();
      for (const how of [["-d"], ["-d", "--restart", "always"]]) {
        ok(
          await machine.run(["run", ...how, "--name", "box", "-p", "8000-8200:8000-8200", "busybox", "sleep", "1000"]),
        );
        const inside = await internet.enter("box");
        for (const port of [8000, 8100, 8200]) {
          await inside.listen("tcp", "::", port);
          expect([port, await internet.outside.connect("tcp", "192.0.2.1", port, 5000)]).toEqual([
            port,
            "box sees 192.0.2.2",
          ]);
          expect(await internet.host.connect("tcp", "::1", port, 5000)).toContain("box sees");
        }
        expect(ok(await machine.run(["port", "box"])).split("\n").length).toBe(402);
        expect(said(await machine.container(["-p", "8150:80", "busybox", "true"]))).toContain("container box has it");
        await internet.leave();
        ok(await machine.run(["rm", "-f", "box"]));
        await machine.expectNothingLeft(before);
      }
      expect((await machine.container(["-p", "8000-8200:8000-8200", "busybox", "true"])).code).toBe(0);
      await machine.expectNothingLeft(before);
    });
  });
});

describe("the first packet", () => {
  test("that a container sends arrives: a datagram, or a connection on the first try", async () => {
    await withInternet(["probe"], async (machine, internet) => {
      for (const protocol of ["tcp", "udp"] as const) {
        await internet.outside.listen(protocol, "192.0.2.2", 4000);
        await internet.host.listen(protocol, "0.0.0.0", 4000);
      }
      const ask = async (number: number): Promise<string> => {
        const protocol = number % 2 === 0 ? "udp" : "tcp";
        const address = number % 4 < 2 ? "192.0.2.2" : "10.201.0.1";
        const { stdout, stderr } = await machine.container(["probe", "/bin/probe", "send", protocol, address, "4000"]);
        return /^"(host|outside) sees /.test(stdout) ? "" : `${number}: ${protocol} ${address}: ${stdout}${stderr}`;
      };
      const lost: string[] = [];
      await each(starts, 3, async (number) => void lost.push(await ask(number)));
      expect(lost.filter(Boolean)).toEqual([]);
    });
  }, 240_000);
  test("to a published port of a container that was just started arrives", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      for (let number = 0; number < starts / 4; number++) {
        ok(
          await machine.run([
            "run",
            "-d",
            "--name",
            "box",
            "-p",
            "8080:80",
            "busybox",
            "sh",
            "-c",
            "nc -l -p 80 -e echo hello & sleep 1000",
          ]),
        );
        // Nobody listens yet, perhaps; what does not come through at all would be silence.
        let answer = "";
        for (let tries = 0; answer !== "hello\n" && tries < 20; tries++) {
          const begun = performance.now();
          if (tries > 0) await Bun.sleep(20);
          answer = await internet.outside.connect("tcp", "192.0.2.1", 8080, 900);
          expect([number, tries, answer, performance.now() - begun < 900]).toEqual([number, tries, answer, true]);
        }
        expect([number, answer]).toEqual([number, "hello\n"]);
        ok(await machine.run(["rm", "-f", "box"]));
      }
    });
  }, 240_000);
});
