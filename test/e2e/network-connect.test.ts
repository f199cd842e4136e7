/** Containers that join and leave networks while they run, and those that have the network of another one or of the host. */

import { describe, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { addressesIn, idle, inspect, withInternet, withNetworks } from "../support/internet.ts";
import { isInCall, monitorOf, ok, stateOf, status, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"));

const exec = async (machine: Machine, ...words: string[]): Promise<string> => ok(await machine.run(["exec", ...words]));
const connect = (machine: Machine, ...words: string[]) => machine.run(["network", "connect", ...words]);
const disconnect = (machine: Machine, ...words: string[]) => machine.run(["network", "disconnect", ...words]);

/** What ip(8) sees in a container: its addresses but those of the loopback and of a link, by device. */
async function addressesOf(machine: Machine, name: string): Promise<Record<string, string[]>> {
  const pid = ok(await machine.run(["inspect", "-f", "{{.State.Pid}}", name]));
  const { stdout } = await machine.exec(["nsenter", "-t", pid, "--net", "--", "ip", "-j", "addr"]);
  const devices = JSON.parse(stdout) as { ifname: string; addr_info: { local: string; scope: string }[] }[];
  return Object.fromEntries(
    devices
      .filter(({ ifname }) => ifname !== "lo")
      .map(({ ifname, addr_info }) => [
        ifname,
        addr_info.filter(({ scope }) => scope === "global").map(({ local }) => local),
      ]),
  );
}

const networksOf = async (machine: Machine, name: string): Promise<string[]> =>
  Object.keys((await inspect(machine, name)).NetworkSettings.Networks).sort();

const reaches = async (machine: Machine, from: string, to: string): Promise<boolean> =>
  (await machine.run(["exec", from, "ping", "-c1", "-W1", to])).code === 0;

describe("a container that runs", () => {
  test("joins a network and leaves it: device, address, names and the way there come and go", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(
        machine,
        { one: [], six: ["--ipv6", "--subnet", "10.70.0.0/24", "--subnet", "fd70::/64"] },
        async () => {
          const before = machine.snapshot();
          await idle(machine, "box");
          await idle(machine, "web", ["--network", "six"]);
          const web = await addressesIn(machine, "web", "six");
          const plain = await addressesOf(machine, "box");
          expect(await reaches(machine, "box", web.v4)).toBe(false);
          ok(await connect(machine, "--ip", "10.70.0.77", "--ip6", "fd70::77", "--alias", "boxy", "six", "box"));
          expect(await addressesOf(machine, "box")).toEqual({ ...plain, eth1: ["10.70.0.77", "fd70::77"] });
          expect(await networksOf(machine, "box")).toEqual(["bridge", "six"]);
          for (const name of [web.v4, web.v6, "web", "web.six"])
            expect([name, await reaches(machine, "box", name)]).toEqual([name, true]);
          for (const name of ["box", "boxy"]) expect([name, await reaches(machine, "web", name)]).toEqual([name, true]);
          expect(await exec(machine, "box", "cat", "/etc/hosts")).toContain("10.70.0.77");
          expect(await exec(machine, "box", "cat", "/etc/resolv.conf")).toContain("127.0.0.11");
          // Twice is refused, and a restart keeps it.
          expect((await connect(machine, "six", "box")).code).not.toBe(0);
          ok(await machine.run(["restart", "-t", "0", "box"]));
          expect((await addressesOf(machine, "box")).eth1).toEqual(["10.70.0.77", "fd70::77"]);
          expect(await reaches(machine, "web", "boxy")).toBe(true);
          ok(await disconnect(machine, "six", "box"));
          expect(Object.keys(await addressesOf(machine, "box"))).toEqual(["eth0"]);
          expect(await reaches(machine, "web", "box")).toBe(false);
          expect(await exec(machine, "box", "cat", "/etc/hosts")).not.toContain("10.70.0.77");
          // Its address is free at once, and another's.
          await idle(machine, "other", ["--network", "six", "--ip", "10.70.0.77"]);
          expect(await reaches(machine, "web", "other")).toBe(true);
          ok(await connect(machine, "one", "box"));
          expect(Object.keys(await addressesOf(machine, "box"))).toEqual(["eth0", "eth1"]);
          ok(await machine.run(["rm", "-f", "box", "web", "other"]));
          await machine.expectNothingLeft(before);
        },
      );
    });
  });
  test("keeps its published ports when it leaves the network that they lead to, if it has another one with a way out", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      await withNetworks(machine, { one: [], two: [], closed: ["--internal"] }, async () => {
        const before = machine.snapshot();
        await idle(machine, "box", ["--network", "one", "-p", "8080:80"]);
        await (await internet.enter("box")).listen("tcp", "::", 80);
        const asked = (timeoutMs = 5000) => internet.outside.connect("tcp", "192.0.2.1", 8080, timeoutMs);
        expect(await asked()).toBe("box sees 192.0.2.2");
        ok(await connect(machine, "two", "box"));
        expect(await asked()).toBe("box sees 192.0.2.2");
        ok(await disconnect(machine, "one", "box"));
        expect(await asked()).toBe("box sees 192.0.2.2");
        expect(await internet.host.connect("tcp", "127.0.0.1", 8080, 5000)).toContain("box sees");
        expect(await exec(machine, "box", "ping", "-c1", "-W2", "192.0.2.2")).toContain("1 packets received");
        ok(await connect(machine, "closed", "box"));
        ok(await disconnect(machine, "two", "box"));
        expect(await asked(700)).toBe("nothing");
        expect(ok(await machine.run(["port", "box"]))).toBe("");
        expect(await reaches(machine, "box", "192.0.2.2")).toBe(false);
        // The last one, and back.
        ok(await disconnect(machine, "closed", "box"));
        expect(await addressesOf(machine, "box")).toEqual({});
        expect(await networksOf(machine, "box")).toEqual([]);
        ok(await connect(machine, "one", "box"));
        expect(await asked()).toBe("box sees 192.0.2.2");
        expect(ok(await machine.run(["port", "box", "80"]))).toBe("0.0.0.0:8080\n[::]:8080");
        // The port was its own all the time.
        expect(said(await machine.container(["-p", "8080:80", "busybox", "true"]))).toContain("container box has it");
        await internet.leave();
        ok(await machine.run(["rm", "-f", "box"]));
        await machine.expectNothingLeft(before);
      });
    });
  });
  test("of a foreground run joins and leaves too", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { net: [] }, async () => {
        const before = machine.snapshot();
        const { child } = await machine.start([
          "run",
          "--rm",
          "--name",
          "box",
          "-p",
          "8080:80",
          "busybox",
          "sh",
          "-c",
          "echo ready; sleep 100",
        ]);
        ok(await connect(machine, "net", "box"));
        expect(Object.keys(await addressesOf(machine, "box"))).toEqual(["eth0", "eth1"]);
        ok(await disconnect(machine, "bridge", "box"));
        expect(Object.keys(await addressesOf(machine, "box"))).toEqual(["eth1"]);
        child.kill("SIGKILL");
        await child.exited;
        await machine.run(["ps"]);
        await machine.expectNothingLeft(before);
      });
    });
  });
  test("is not half in a network when the command is killed: the next one mends it, or the same one again", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { one: ["--ipv6"], two: [] }, async () => {
        const before = machine.snapshot();
        const id = await idle(machine, "box", ["--network", "one", "-p", "8080:80"]);
        const kept = () =>
          ["one", "two"].map((network) =>
            ["leases", "names"].map((place) => readdirSync(join(machine.root, "networks", network, place)).length),
          );
        for (let turn = 0; turn < Number(process.env.TURNS ?? 12); turn++) {
          const joins = !(await networksOf(machine, "box")).includes("two");
          const child = machine.spawn(["network", joins ? "connect" : "disconnect", "two", "box"]);
          await Bun.sleep(6 + (turn % 12));
          child.kill("SIGKILL");
          await child.exited;
          const isIn = (await networksOf(machine, "box")).includes("two");
          const again = await (isIn ? disconnect : connect)(machine, "two", "box");
          expect([turn, joins, isIn, said(again)]).toEqual([
            turn,
            joins,
            isIn,
            expect.stringMatching(/^$|already|not in network/),
          ]);
          const now = (await networksOf(machine, "box")).includes("two");
          expect([turn, Object.keys(await addressesOf(machine, "box")).length]).toEqual([turn, now ? 2 : 1]);
          expect([turn, kept()]).toEqual([turn, [[2, 1], now ? [1, 1] : [0, 0]]]);
          expect(stateOf(machine, id).network.endpoints.length).toBe(now ? 2 : 1);
        }
        ok(await machine.run(["rm", "-f", "box"]));
        await machine.expectNothingLeft(before);
      });
    });
  });
});

test("a change is finished whose command was killed before the container's monitor had heard of it", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { one: [], two: [] }, async () => {
      const id = await idle(machine, "box", ["--network", "one"]);
      ok(await connect(machine, "two", "box"));
      const monitor = monitorOf(machine, id);
      process.kill(monitor, "SIGSTOP");
      const child = machine.spawn(["network", "disconnect", "two", "box"]);
      await until(() => isInCall(child.pid, "recvmsg"), "it waits for an answer");
      child.kill("SIGKILL");
      await child.exited;
      const next = machine.spawn(["ps"]);
      await until(() => isInCall(next.pid, "poll"), "the next command asks the monitor");
      process.kill(monitor, "SIGCONT");
      expect(await next.exited).toBe(0);
      expect(await networksOf(machine, "box")).toEqual(["one"]);
      expect(Object.keys(await addressesOf(machine, "box"))).toEqual(["eth0"]);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

test("a container that is down joins and leaves for its next start", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { net: ["--subnet", "10.71.0.0/24"] }, async () => {
      ok(await machine.run(["create", "--name", "box", "busybox", "sleep", "1000"]));
      ok(await connect(machine, "--ip", "10.71.0.7", "net", "box"));
      ok(await disconnect(machine, "bridge", "box"));
      ok(await machine.run(["start", "box"]));
      expect(await addressesOf(machine, "box")).toEqual({ eth0: ["10.71.0.7"] });
      ok(await machine.run(["stop", "-t", "0", "box"]));
      ok(await disconnect(machine, "net", "box"));
      ok(await machine.run(["start", "box"]));
      expect(await addressesOf(machine, "box")).toEqual({});
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

test("joining rewrites the container's own files of /etc, never what is mounted there or was added to them, also with --read-only", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { net: ["--subnet", "10.71.0.0/24"] }, async () => {
      const etc = join(machine.directory, "etc");
      mkdirSync(etc);
      const files = ["hosts", "hostname", "resolv.conf"].map((name) => join(etc, name));
      for (const file of files) writeFileSync(file, "the host's\n");
      await idle(machine, "whole", ["-v", `${etc}:/etc`]);
      await idle(machine, "one", ["-v", `${files[0]}:/etc/hosts`]);
      await idle(machine, "closed", ["-v", `${files[0]}:/etc/hosts:ro`]);
      await idle(machine, "fixed", ["--read-only"]);
      await idle(machine, "own");
      await exec(machine, "own", "sh", "-c", "echo 1.2.3.4 mine >>/etc/hosts");
      for (const name of ["whole", "one", "closed", "fixed", "own"]) {
        ok(await connect(machine, "net", name));
        expect(Object.keys(await addressesOf(machine, name))).toEqual(["eth0", "eth1"]);
        ok(await disconnect(machine, "bridge", name));
      }
      expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(files.map(() => "the host's\n"));
      for (const name of ["one", "fixed"])
        expect(await exec(machine, name, "cat", "/etc/resolv.conf")).toContain("nameserver 127.0.0.11");
      expect(await exec(machine, "fixed", "hostname", "-i")).toMatch(/10\.71\.0\.\d/);
      const hosts = (await exec(machine, "own", "cat", "/etc/hosts")).split("\n");
      expect(hosts.slice(-2)).toEqual([expect.stringMatching(/^10\.71\.0\.\d\t[0-9a-f]{12}$/), "1.2.3.4 mine"]);
      expect(hosts.filter((line) => /\t[0-9a-f]{12}$/.test(line))).toHaveLength(1);
      ok(await machine.run(["rm", "-f", "whole", "one", "closed", "fixed", "own"]));
      rmSync(etc, { recursive: true });
    });
  });
});

test("a network that is gone can be left by its name, by one that is down and by one that runs", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { net: ["--subnet", "10.71.0.0/24"], gone: [] }, async () => {
      ok(await machine.run(["create", "--name", "down", "--network", "gone", "busybox", "true"]));
      await idle(machine, "up", ["--network", "gone"]);
      const record = join(machine.root, "networks/gone");
      renameSync(record, `${machine.root}/gone`);
      expect(said(await machine.run(["start", "down"]))).toContain("no such network: gone");
      for (const name of ["down", "up"]) {
        ok(await disconnect(machine, "gone", name));
        ok(await connect(machine, "net", name));
      }
      ok(await machine.run(["start", "down"]));
      expect(await addressesOf(machine, "up")).toEqual({ eth0: ["10.71.0.2"] });
      ok(await machine.run(["rm", "-f", "down", "up"]));
      renameSync(`${machine.root}/gone`, record);
    });
  });
});

test("what can't be connected is refused by name, and nothing changes", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { net: ["--subnet", "10.71.0.0/24"] }, async () => {
      for (const mode of ["none", "host"]) await idle(machine, mode, ["--network", mode]);
      await idle(machine, "box", ["--network", "net", "--ip", "10.71.0.9"]);
      await idle(machine, "guest", ["--network", "container:box"]);
      await idle(machine, "plain");
      const orphan = await idle(machine, "orphan");
      process.kill(monitorOf(machine, orphan), "SIGKILL");
      await until(async () => (await status(machine, "orphan")).includes("no monitor"), "its monitor is gone");
      const before = machine.snapshot();
      const claims: [words: string[], says: RegExp][] = [
        [["connect", "net", "none"], /none has no networks of its own.*--network none/],
        [["connect", "net", "host"], /host has no networks of its own.*--network host/],
        [["connect", "net", "guest"], /guest has no networks of its own/],
        [["connect", "host", "plain"], /cannot be connected to host after it was made/],
        [["disconnect", "none", "none"], /cannot be disconnected from none after it was made/],
        [["connect", "missing", "plain"], /no such network: missing/],
        [["connect", "net", "missing"], /no such container: missing/],
        [["connect", "net", "x".repeat(300)], /no such container: xxx/],
        [["connect", "x".repeat(300), "plain"], /no such network: xxx/],
        [["connect", "--ip", "10.71.0.9", "net", "plain"], /10\.71\.0\.9 is taken/],
        [["connect", "--ip", "10.72.0.9", "net", "plain"], /10\.72\.0\.9 is not in network net/],
        [["disconnect", "net", "plain"], /plain is not in network net/],
        [["disconnect", "net", "none"], /none has no networks of its own/],
        [["connect", "net", "orphan"], /container orphan has no monitor/],
        [["disconnect", "bridge", "orphan"], /container orphan has no monitor/],
        [["rm", "net"], /net is in use by/],
      ];
      for (const [words, says] of claims) {
        const result = await machine.run(["network", ...words]);
        expect([words, result.code === 0, said(result)]).toEqual([words, false, expect.stringMatching(says)]);
        await machine.expectNothingLeft(before);
      }
      ok(await machine.run(["rm", "-f", "guest", "box", "plain", "none", "host", "orphan"]));
    });
  });
});

test("--network container:NAME has all of the other's network, as long as that runs", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { net: [] }, async () => {
      await idle(machine, "box", ["--network", "net", "-p", "8080:80", "-h", "boxy"]);
      await idle(machine, "guest", ["--network", "container:box"]);
      expect(await addressesOf(machine, "guest")).toEqual(await addressesOf(machine, "box"));
      for (const path of ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname"])
        expect(await exec(machine, "guest", "cat", path)).toBe(await exec(machine, "box", "cat", path));
      expect(await reaches(machine, "guest", "box")).toBe(true);
      // One on the other's loopback.
      ok(await machine.run(["exec", "-d", "guest", "nc", "-l", "-p", "80", "-e", "echo", "it is the guest"]));
      await until(async () => (await exec(machine, "box", "netstat", "-ltn")).includes(":80"), "it listens");
      expect(await exec(machine, "box", "nc", "127.0.0.1", "80")).toBe("it is the guest");
      // The other ends: the guest lives on, and can't be started again before that one is.
      ok(await machine.run(["stop", "-t", "0", "box"]));
      expect(await status(machine, "guest")).toContain("Up");
      ok(await machine.run(["stop", "-t", "0", "guest"]));
      const early = await machine.run(["start", "guest"]);
      expect([early.code, said(early)]).toEqual([
        1,
        expect.stringContaining("shares the network of container box, which is not running"),
      ]);
      ok(await machine.run(["start", "box", "guest"]));
      expect(await addressesOf(machine, "guest")).toEqual(await addressesOf(machine, "box"));
      // One that is gone can't be started first.
      ok(await machine.run(["stop", "-t", "0", "guest"]));
      ok(await machine.run(["rm", "-f", "box"]));
      const alone = said(await machine.run(["start", "guest"]));
      expect(alone).toMatch(/shares the network of container [0-9a-f]{12}, which was removed\n.*tinydocker rm guest/);
      ok(await machine.run(["rm", "-f", "guest"]));
    });
  });
});

test("ports with --network none are warned of, as there is nobody to reach them", async () => {
  await withMachine(["busybox"], async (machine) => {
    const result = await machine.container(["--network", "none", "-p", "8080:80", "busybox", "echo", "here"]);
    expect([ok(result), said(result)]).toEqual(["here", expect.stringContaining("published ports are discarded")]);
    expect((await machine.container(["--network", "container:x", "-p", "80", "busybox", "true"])).code).toBe(125);
  });
});

test("--network host is the host's network, detached, attached, with a terminal and after a start", async () => {
  await withMachine(["busybox"], async (machine) => {
    const ours = readlinkSync(`/proc/${machine.pid}/ns/net`);
    const inside = async (name: string) =>
      readlinkSync(`/proc/${ok(await machine.run(["inspect", "-f", "{{.State.Pid}}", name]))}/ns/net`);
    for (const how of [["-d"], ["-dt"], ["-d", "--restart", "always"], ["-d", "--init"]]) {
      await machine.run(["run", ...how, "--name", "box", "--network", "host", "busybox", "sleep", "1000"]).then(ok);
      expect([how, await inside("box")]).toEqual([how, ours]);
      ok(await machine.run(["restart", "-t", "0", "box"]));
      expect([how, await inside("box")]).toEqual([how, ours]);
      ok(await machine.run(["rm", "-f", "box"]));
    }
    const { stdout } = await machine.sh("readlink /proc/self/ns/net", ["--network", "host"]);
    expect(stdout.trim()).toBe(ours);
    const { stdout: none } = await machine.sh("ip -o link", ["--network", "none"]);
    expect(
      none
        .trim()
        .split("\n")
        .filter((line) => !line.includes("lo:")),
    ).toEqual([]);
  });
});

test("several networks are a device each, in their order; the first one is the way out", async () => {
  await withInternet(["busybox"], async (machine) => {
    await withNetworks(
      machine,
      { one: ["--subnet", "10.71.0.0/24"], two: ["--subnet", "10.72.0.0/24"], six: ["--ipv6"] },
      async () => {
        await idle(machine, "box", [
          "--network",
          "two",
          "--network",
          "name=one,ip=10.71.0.9,mac-address=02:42:00:00:00:09",
          "--network",
          "six",
        ]);
        const { eth0, eth1, eth2 } = await addressesOf(machine, "box");
        expect(eth0![0]).toStartWith("10.72.0.");
        expect(eth1).toEqual(["10.71.0.9"]);
        expect(eth2!.length).toBe(2);
        expect(await exec(machine, "box", "cat", "/sys/class/net/eth1/address")).toBe("02:42:00:00:00:09");
        expect(await exec(machine, "box", "ip", "route", "get", "192.0.2.2")).toContain("dev eth0");
        expect(await reaches(machine, "box", "192.0.2.2")).toBe(true);
        ok(await disconnect(machine, "two", "box"));
        expect(await exec(machine, "box", "ip", "route", "get", "192.0.2.2")).toContain("dev eth1");
        expect(await reaches(machine, "box", "192.0.2.2")).toBe(true);
        ok(await machine.run(["rm", "-f", "box"]));
      },
    );
  });
});

test("inspect and stats agree with what ip(8) sees inside", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { six: ["--ipv6", "-o", "mtu=1400"] }, async () => {
      const id = await idle(machine, "box", ["--network", "six", "--network", "bridge"]);
      const { Networks } = (await inspect(machine, "box")).NetworkSettings;
      const pid = stateOf(machine, id).process.pid as number;
      const inside = async <Shape>(...words: string[]): Promise<Shape> =>
        JSON.parse((await machine.exec(["nsenter", "-t", String(pid), "--net", "--", "ip", "-j", ...words])).stdout);
      const links = await inside<{ ifname: string; address: string; mtu: number }[]>("link");
      const seen = await addressesOf(machine, "box");
      const { six, bridge } = Networks;
      expect(seen).toEqual({ eth0: [six.IPAddress, six.GlobalIPv6Address], eth1: [bridge.IPAddress] });
      expect(links.map(({ ifname, address, mtu }) => [ifname, address, mtu]).slice(1)).toEqual([
        ["eth0", six.MacAddress, 1400],
        ["eth1", bridge.MacAddress, 1500],
      ]);
      const [route] = await inside<{ gateway: string }[]>("route", "show", "default");
      expect(route!.gateway).toBe(six.Gateway);
      // What has passed, both ways, by all devices.
      ok(await machine.run(["exec", "box", "ping", "-c", "20", "-i", "0.02", "-s", "1300", six.Gateway]));
      const io = ok(await machine.run(["stats", "--no-stream", "--format", "{{.NetIO}}", "box"]));
      const [received, sent] = io.split(" / ").map((text) => Number.parseFloat(text) * (/k/i.test(text) ? 1000 : 1));
      expect([io, received! > 26_000 && received! < 40_000, sent! > 26_000 && sent! < 40_000]).toEqual([
        io,
        true,
        true,
      ]);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});
