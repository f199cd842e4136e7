/** What becomes of addresses, devices, ports and rules when things go wrong: starts that fail, kill -9, all that is flushed. */

import { describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readFileIfAny } from "../../src/linux/file.ts";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { addressesIn, idle, inspect, withInternet, withNetworks } from "../support/internet.ts";
import { detached, monitorOf, ok, stateOf, status, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"));

/** What is kept of a network: the addresses that somebody has, and who has a name. */
const kept = (machine: Machine, network: string): string[] =>
  ["leases", "names"].flatMap((place) => readdirSync(join(machine.root, "networks", network, place)));

describe("a start that fails", () => {
  test("says why, once, with the exit code of docker, and leaves nothing", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { net: ["--subnet", "10.50.0.0/24"] }, async () => {
        await idle(machine, "holder", ["-p", "8080:80", "--network", "net", "--ip", "10.50.0.9"]);
        const listener = Bun.spawn(machine.command(["busybox", "nc", "-l", "-p", "8090"]), {
          stdio: ["ignore", "ignore", "ignore"],
        });
        await until(
          async () => (await machine.exec(["busybox", "netstat", "-ltn"])).stdout.includes(":8090"),
          "somebody listens",
        );
        const before = machine.snapshot();
        const claims: [words: string[], code: number, says: RegExp][] = [
          [["-p", "8081:80", "busybox", "/nothing"], 127, /\/nothing/],
          [["-p", "8081:80", "busybox", "/etc/passwd"], 126, /\/etc\/passwd/],
          [["-p", "8080:80", "busybox", "true"], 125, /8080\/tcp: container holder has it/],
          [["-p", "127.0.0.1:8080:80", "busybox", "true"], 125, /127\.0\.0\.1:8080\/tcp: container holder has it/],
          [["-p", "8090:80", "busybox", "true"], 125, new RegExp(`8090/tcp: process ${listener.pid} \\(.*\\) has it`)],
          [["-p", "8079-8080:79-80", "busybox", "true"], 125, /8080.*holder/],
          [["-p", "1.2.3.4:8081:80", "busybox", "true"], 125, /no address 1\.2\.3\.4/],
          [["-p", "8081:80", "-p", "8081:81", "busybox", "true"], 125, /8081/],
          [["--network", "missing", "busybox", "true"], 125, /no such network: missing/],
          [["--network", "container:missing", "busybox", "true"], 125, /no such container: missing/],
          [["--network", "net", "--ip", "10.50.0.9", "busybox", "true"], 125, /10\.50\.0\.9 is taken by container/],
          [["--network", "net", "--ip", "10.51.0.9", "busybox", "true"], 125, /10\.51\.0\.9 is not in network net/],
          [["--network", "net", "--ip", "10.50.0.1", "busybox", "true"], 125, /10\.50\.0\.1 is the gateway's/],
          [["--network", "net", "--ip", "10.50.0.255", "busybox", "true"], 125, /10\.50\.0\.255/],
          [["--network", "net", "--network", "host", "busybox", "true"], 125, /host can't be combined/],
          [["--network", "name=none", "busybox", "true"], 125, /none can't be combined/],
          [["--network", "default", "--network", "bridge", "busybox", "true"], 125, /bridge is named twice/],
          [
            ["--network", "name=net,ip=10.50.0.8", "--ip", "10.50.0.7", "busybox", "true"],
            125,
            /--ip: 10\.50\.0\.7, and 10\.50\.0\.8 in --network cannot be combined/,
          ],
          [["--network", "net", "--ip6", "fd00::9", "busybox", "true"], 125, /fd00::9 is not in network net/],
        ];
        for (const [words, code, says] of claims)
          for (const how of [["--rm"], ["-d"]]) {
            const result = await machine.run(["run", ...how, ...words]);
            const text = said(result);
            expect([words, how, result.code, text]).toEqual([words, how, code, expect.stringMatching(says)]);
            const lines = text
              .split("\n")
              .filter((line) => line.startsWith("tinydocker: ") && !line.includes(" hint: "));
            expect([words, how, lines]).toEqual([words, how, [expect.any(String)]]);
            expect(result.stdout).toBe("");
            await machine.expectNothingLeft(before);
          }
        const few = ["sh", "-c", `ulimit -n 64; exec "$@"`, "sh", binary(), "run", "-p", "20000-20099:80-179"];
        const full = await machine.exec([...few, "busybox", "true"]);
        expect([full.code, said(full)]).toEqual([125, expect.stringMatching(/EMFILE.*raise `ulimit -n`/s)]);
        await machine.expectNothingLeft(before);
        listener.kill("SIGKILL");
        await listener.exited;
        ok(await machine.run(["rm", "-f", "holder"]));
      });
    });
  });
  test("of a stopped container leaves it as it was: its port is another's now", async () => {
    await withMachine(["busybox"], async (machine) => {
      await idle(machine, "first", ["-p", "8080:80"]);
      ok(await machine.run(["stop", "-t", "0", "first"]));
      await idle(machine, "second", ["-p", "8080:80"]);
      const result = await machine.run(["start", "first"]);
      expect([result.code, said(result)]).toEqual([1, expect.stringContaining("container second has it")]);
      expect(await status(machine, "first")).toContain("Exited");
      ok(await machine.run(["rm", "-f", "second"]));
      ok(await machine.run(["start", "first"]));
      ok(await machine.run(["rm", "-f", "first"]));
    });
  });
});

describe("kill -9", () => {
  test("of the CLI of a foreground run leaves nothing that the next command does not take away", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { net: [] }, async () => {
        const before = machine.snapshot();
        const { child } = await machine.start([
          "run",
          "--rm",
          "--name",
          "box",
          "--network",
          "net",
          "-p",
          "8080:80",
          "busybox",
          "sh",
          "-c",
          "echo ready; sleep 100",
        ]);
        child.kill("SIGKILL");
        await child.exited;
        ok(await machine.run(["run", "--rm", "--name", "box", "--network", "net", "-p", "8080:80", "busybox", "true"]));
        expect(kept(machine, "net")).toEqual([]);
        await machine.expectNothingLeft(before);
      });
    });
  });
  test("of everything at random moments of a start leaves nothing that the next command does not take away", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { net: ["--ipv6"] }, async () => {
        const before = machine.snapshot();
        const options = ["--name", "box", "--network", "net", "-p", "8080-8083:80-83", "-p", "8080:80/udp"];
        for (const how of [["--rm"], ["-d"], ["-d", "--rm"]])
          for (let turn = 0; turn < Number(process.env.TURNS ?? 8); turn++) {
            const child = machine.spawn(["run", ...how, ...options, "busybox", "sleep", "1000"]);
            await Bun.sleep(turn * 3);
            // All that there is at this moment, or any one of it.
            const victims = () => machine.snapshot().processIds.filter((pid) => !before.processIds.includes(pid));
            const killed: string[] = [];
            const kill = (pid: number) => {
              try {
                const title = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
                process.kill(pid, "SIGKILL");
                killed.push(title);
              } catch {} // it ended by itself
            };
            if (turn % 3 === 0) {
              child.kill("SIGKILL");
              // Also those that were about to be started as we looked.
              for (let all = victims(); all.length > 0; all = victims()) for (const pid of all) kill(pid);
            } else for (const pid of victims().slice(turn % 3, (turn % 3) + 1)) kill(pid);
            if (how.includes("-d")) await child.exited;
            else child.kill("SIGKILL");
            await child.exited;
            const line = await status(machine, "box");
            // One that is started with --rm may be gone by now.
            if (line !== "") expect(said(await machine.run(["rm", "-f", "box"]))).toMatch(/^$|no such container/);
            const next = await machine.run(["run", "--rm", ...options, "busybox", "true"]);
            expect([how, turn, killed, line, next.code, said(next)]).toEqual([how, turn, killed, line, 0, ""]);
            expect([how, turn, kept(machine, "net")]).toEqual([how, turn, []]);
            await machine.expectNothingLeft(before);
          }
      });
    });
  });
  test("of its monitor: the container keeps its address and its published ports; stop, start and rm work", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      await withNetworks(machine, { net: [] }, async () => {
        const before = machine.snapshot();
        const id = await idle(machine, "box", ["--network", "net", "-p", "8080:80"]);
        const { v4 } = await addressesIn(machine, "box", "net");
        await (await internet.enter("box")).listen("tcp", "0.0.0.0", 80);
        process.kill(monitorOf(machine, id), "SIGKILL");
        await until(async () => (await status(machine, "box")).includes("no monitor"), "its monitor is gone");
        // Whoever comes next gets another address, and not its port.
        expect((await machine.container(["--network", "net", "busybox", "hostname", "-i"])).stdout).not.toContain(v4);
        expect(await internet.outside.connect("tcp", "192.0.2.1", 8080, 5000)).toBe("box sees 192.0.2.2");
        const other = await machine.container(["-p", "8080:80", "busybox", "true"]);
        expect([other.code, said(other)]).toEqual([125, expect.stringContaining("8080")]);
        expect(said(other)).toContain("box");
        await internet.leave();
        ok(await machine.run(["stop", "-t", "0", "box"]));
        expect(kept(machine, "net")).toEqual([]);
        ok(await machine.run(["start", "box"]));
        expect((await addressesIn(machine, "box", "net")).v4).toBe(v4);
        process.kill(monitorOf(machine, id), "SIGKILL");
        await until(async () => (await status(machine, "box")).includes("no monitor"), "its monitor is gone");
        ok(await machine.run(["rm", "-f", "box"]));
        expect(kept(machine, "net")).toEqual([]);
        await machine.expectNothingLeft(before);
      });
    });
  });
  test("of a container's program takes its names, its port and its address with it", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { net: [] }, async () => {
        const id = await idle(machine, "box", ["--network", "net", "-p", "8080:80"]);
        process.kill(stateOf(machine, id).process.pid, "SIGKILL");
        await until(async () => (await status(machine, "box")).includes("Exited (137)"), "it has ended");
        await until(() => kept(machine, "net").length === 0, "nothing is kept of it");
        ok(await machine.run(["run", "--rm", "-p", "8080:80", "busybox", "true"]));
        ok(await machine.run(["rm", "box"]));
      });
    });
  });
});

test("a restart policy, restart, and stop with start keep the address", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { net: [] }, async () => {
      await idle(machine, "first", ["--network", "net"]);
      const script = "test -e /again && exec sleep 1000; touch /again; exit 3";
      const id = await detached(machine, "box", script, ["--network", "net", "-p", "8080:80", "--restart", "always"]);
      const { v4 } = stateOf(machine, id).network
        ? { v4: (stateOf(machine, id).network.endpoints[0].addresses[0] as string).split("/")[0] }
        : { v4: "" };
      ok(await machine.run(["rm", "-f", "first"]));
      await until(async () => (await status(machine, "box")).includes("Up"), "it is up again");
      await until(() => stateOf(machine, id).restartCount === 1 && stateOf(machine, id).network, "it is connected");
      const now = async () => (await addressesIn(machine, "box", "net")).v4;
      expect(await now()).toBe(v4!);
      ok(await machine.run(["restart", "-t", "0", "box"]));
      expect(await now()).toBe(v4!);
      ok(await machine.run(["stop", "-t", "0", "box"]));
      ok(await machine.run(["start", "box"]));
      expect(await now()).toBe(v4!);
      // In the meantime it may become another's.
      ok(await machine.run(["stop", "-t", "0", "box"]));
      await idle(machine, "thief", ["--network", "net", "--ip", v4!]);
      ok(await machine.run(["start", "box"]));
      expect(await now()).not.toBe(v4!);
      ok(await machine.run(["rm", "-f", "box", "thief"]));
    });
  });
});

test("a foreground run that ends with TCP connections still open leaves no device", async () => {
  await withInternet(["busybox"], async (machine, internet) => {
    const before = machine.snapshot();
    // Somebody who never reads nor closes.
    const sink = internet.outside.spawn([
      process.execPath,
      "-e",
      `Bun.listen({ hostname: "192.0.2.2", port: 4000, socket: { open: (socket) => socket.pause(), data() {} } }); setInterval(() => {}, 1e6)`,
    ]);
    await until(
      async () =>
        (await internet.outside.connect("tcp", "192.0.2.2", 4000, 300)) !== "x" &&
        internet.outside.sh("ss -ltn").includes(":4000"),
      "it listens",
    );
    const script = "yes | nc 192.0.2.2 4000 & sleep 0.5; kill -9 $!";
    const result = await machine.sh(script);
    expect([result.code, said(result)]).toEqual([0, ""]);
    await machine.expectNothingLeft(before);
    sink.kill("SIGKILL");
    await sink.exited;
  });
});

test("a container that has lost its monitor gets its names and ports of 127.0.0.1 back by reload, and by start", async () => {
  await withInternet(["busybox"], async (machine, internet) => {
    await withNetworks(machine, { net: [] }, async () => {
      const before = machine.snapshot();
      const keepers = () =>
        machine
          .snapshot()
          .processIds.filter((pid) => readFileIfAny(`/proc/${pid}/cmdline`)?.includes("network-keeper"));
      const works = async () => [
        ...(await isReached()),
        (await machine.run(["exec", "box", "ping", "-c1", "-W1", "box"])).code === 0,
      ];
      const isReached = async () => [
        (await internet.host.connect("tcp", "127.0.0.1", 8080, 1000)).startsWith("box sees"),
        (await internet.outside.connect("tcp", "192.0.2.1", 8080, 1000)).startsWith("box sees"),
      ];
      for (const mend of [
        ["network", "reload"],
        ["start", "box"],
      ]) {
        const id = await idle(machine, "box", ["--network", "net", "-p", "8080:80"]);
        await (await internet.enter("box")).listen("tcp", "::", 80);
        expect(await works()).toEqual([true, true, true]);
        process.kill(monitorOf(machine, id), "SIGKILL");
        await until(async () => !(await isReached())[0], "its monitor has ended");
        expect(await isReached()).toEqual([false, true]);
        for (let turn = 0; turn < 2; turn++) ok(await machine.run(mend));
        expect([await works(), keepers().length]).toEqual([[true, true, true], 1]);
        // What is taken belongs to it, and it ends with the container.
        expect(said(await machine.container(["-p", "8080:80", "busybox", "true"]))).toContain("8080");
        await internet.leave();
        ok(await machine.run(["restart", "-t", "0", "box"]));
        expect(keepers()).toEqual([]);
        expect((await machine.run(["exec", "box", "ping", "-c1", "-W1", "box"])).code).toBe(0);
        ok(await machine.run(["rm", "-f", "box"]));
      }
      ok(await machine.container(["busybox", "true"]));
      ok(await machine.container(["--network", "net", "busybox", "true"]));
      await machine.expectNothingLeft(before);
    });
  });
});

test("more connections to a published port than its monitor has descriptors for are reset, and an event says so (P20)", async () => {
  await withMachine(["busybox"], async (machine) => {
    const web = [binary(), "run", "-d", "--name", "web", "-p", "127.0.0.1:8080:80", "busybox", "httpd", "-f"];
    ok(await machine.exec(["prlimit", "--nofile=220:220", ...web]));
    const keeper = `
      const one = () => new Promise((resolve) => {
        const socket = require("node:net").connect({ host: "127.0.0.1", port: 8080 });
        socket.on("error", (error) => resolve(error.code));
        setTimeout(() => resolve("open"), 1000);
      });
      console.log((await Promise.all(Array.from({ length: 40 }, one))).sort().join());
      process.exit();`;
    const { stdout } = await machine.exec([process.execPath, "-e", keeper]);
    const [reset, open] = ["ECONNRESET", "open"].map((what) => stdout.split(what).length - 1);
    expect([reset, open]).toEqual([20, 20]);
    const events = ok(await machine.run(["events", "--since", "1m", "--until", "0s", "--filter", "event=refuse"]));
    expect(events).toContain("there are 20 connections");
    expect(events.split("\n")).toHaveLength(1);
    ok(await machine.run(["rm", "-f", "web"]));
  });
});

test("after bridges, rules and settings were taken away, as by a reboot of the network, reload and the next start mend all", async () => {
  await withInternet(["busybox"], async (machine, internet) => {
    await withNetworks(machine, { net: ["--ipv6"] }, async () => {
      await idle(machine, "box", ["--network", "net", "-p", "8080:80"]);
      const listen = async () => (await internet.enter("box")).listen("tcp", "::", 80);
      const asked = (ip: string) => internet.outside.connect("tcp", ip, 8080, 5000);
      await listen();
      expect(await asked("192.0.2.1")).toBe("box sees 192.0.2.2");
      const { bridge } = JSON.parse(ok(await machine.run(["network", "inspect", "net"])))[0].Options
        ? { bridge: (await inspect(machine, "box")).NetworkSettings.Networks.net }
        : { bridge: undefined };
      expect(bridge).toBeDefined();
      const device = internet.host.sh("ip -o link show type bridge | sed 's/^[0-9]*: //; s/:.*//'").trim().split("\n");
      for (const mend of [
        ["network", "reload"],
        ["run", "--rm", "--network", "net", "busybox", "true"],
      ]) {
        internet.host.sh(
          `nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0; ${device.map((name) => `ip link del ${name} || true`).join("; ")}`,
        );
        ok(await machine.run(mend));
        expect([mend, await asked("192.0.2.1"), await asked("2001:db8::1")]).toEqual([
          mend,
          "box sees 192.0.2.2",
          "box sees 2001:db8::2",
        ]);
        expect(await internet.host.connect("tcp", "127.0.0.1", 8080, 5000)).toContain("box sees");
      }
      await internet.leave();
      ok(await machine.run(["rm", "-f", "box"]));
      ok(await machine.run(["run", "--rm", "busybox", "true"]));
    });
  });
});
