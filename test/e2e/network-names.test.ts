/** Names of containers in networks of the user, as their programs see them, and what stands in /etc. */

import { describe, expect } from "bun:test";
import type { Machine } from "../support/containers.ts";
import { said, withMachine } from "../support/containers.ts";
import { addressesIn, idle, withInternet, withNetworks } from "../support/internet.ts";
import { monitorOf, ok, stateOf, status, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"), tool("dig"));

/** Debian's dig(1) in the network of a container: what its server says. */
async function dig(machine: Machine, container: string, ...words: string[]): Promise<string> {
  const pid = ok(await machine.run(["inspect", "-f", "{{.State.Pid}}", container]));
  const server = ok(await machine.run(["exec", container, "cat", "/etc/resolv.conf"])).match(/^nameserver (.*)/m)![1];
  const asked = ["dig", "+time=1", "+tries=1", `@${server}`, ...words];
  return (await machine.exec(["nsenter", "-t", pid, "--net", "--", ...asked])).stdout.trim();
}

/** All addresses of a name, in order; none where there is no such name. */
async function lookUp(machine: Machine, container: string, name: string): Promise<string[]> {
  const answers = await dig(machine, container, "+short", name, "A", name, "AAAA");
  return answers
    .split("\n")
    .filter((line) => /^[0-9a-f.:]+$/.test(line))
    .sort();
}

const exec = async (machine: Machine, ...words: string[]): Promise<string> => ok(await machine.run(["exec", ...words]));

/** A server that knows only what it is told. */
const dnsmasq = [
  ...["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file="],
  "--user=root",
];

describe("a container is found", () => {
  test("by name, alias, id and address in the networks that both are in, and nowhere else", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { six: ["--ipv6"], other: [], closed: ["--internal"] }, async () => {
        const id = await idle(machine, "web", ["--network", "name=six,alias=www", "--network", "closed"]);
        await idle(machine, "both", ["--network", "six", "--network", "other"]);
        await idle(machine, "stranger", ["--network", "other", "--network-alias", "www"]);
        await idle(machine, "inmate", ["--network", "closed"]);
        await idle(machine, "plain");
        const web = await addressesIn(machine, "web", "six");
        const inside = await addressesIn(machine, "web", "closed");
        const stranger = await addressesIn(machine, "stranger", "other");
        const both = [web.v4, web.v6].sort();
        for (const name of ["web", "WEB", "web.six", "web.", id.slice(0, 12)])
          expect([name, await lookUp(machine, "both", name)]).toEqual([name, both]);
        // The first network that has a name answers.
        expect(await lookUp(machine, "both", "www")).toEqual(both);
        expect(await lookUp(machine, "both", "www.other")).toEqual([stranger.v4]);
        expect(await lookUp(machine, "stranger", "www")).toEqual([stranger.v4]);
        expect(await lookUp(machine, "stranger", "web")).toEqual([]);
        expect(await lookUp(machine, "inmate", "web")).toEqual([inside.v4]);
        expect(await lookUp(machine, "plain", "web")).toEqual([]);
        for (const address of both) expect(await dig(machine, "both", "+short", "-x", address)).toBe("web.six.");
        expect(await dig(machine, "both", "+short", "+tcp", "web", "A")).toBe(web.v4);
        expect(await exec(machine, "both", "nslookup", "web")).toContain(web.v4);
        expect(await exec(machine, "both", "ping", "-c", "1", "-W", "2", "web")).toContain("1 packets received");
        ok(await machine.run(["rm", "-f", "web", "both", "stranger", "inmate", "plain"]));
      });
    });
  });
  test("by its new name after a rename, with its old address after a restart, and not at all when it is gone", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { net: [] }, async () => {
        await idle(machine, "asker", ["--network", "net"]);
        const id = await idle(machine, "web", ["--network", "net", "--network-alias", "www"]);
        const { v4 } = await addressesIn(machine, "web", "net");
        const found = async () => {
          const result: Record<string, string[]> = {};
          for (const name of ["web", "shop", "www"]) result[name] = await lookUp(machine, "asker", name);
          return result;
        };
        expect(await found()).toEqual({ web: [v4], shop: [], www: [v4] });
        ok(await machine.run(["rename", "web", "shop"]));
        expect(await found()).toEqual({ web: [], shop: [v4], www: [v4] });
        ok(await machine.run(["restart", "-t", "0", "shop"]));
        expect(await found()).toEqual({ web: [], shop: [v4], www: [v4] });
        ok(await machine.run(["stop", "-t", "0", "shop"]));
        expect(await found()).toEqual({ web: [], shop: [], www: [] });
        ok(await machine.run(["start", "shop"]));
        expect(await found()).toEqual({ web: [], shop: [v4], www: [v4] });
        process.kill(stateOf(machine, id).process.pid, "SIGKILL");
        await until(async () => (await status(machine, "shop")).includes("Exited"), "it has ended");
        expect(await found()).toEqual({ web: [], shop: [], www: [] });
        // Also if nobody sees its end.
        ok(await machine.run(["start", "shop"]));
        process.kill(monitorOf(machine, id), "SIGKILL");
        expect(await found()).toEqual({ web: [], shop: [v4], www: [v4] });
        process.kill(stateOf(machine, id).process.pid, "SIGKILL");
        await until(async () => (await status(machine, "shop")).includes("Exited"), "it has ended");
        expect(await found()).toEqual({ web: [], shop: [], www: [] });
        ok(await machine.run(["rm", "-f", "shop", "asker"]));
      });
    });
  });
  const withDnsmasq = needing(root, tool("ip"), tool("dig"), tool("dnsmasq"));
  withDnsmasq("by whoever has a server of its own on port 53, too", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      await withNetworks(machine, { net: [] }, async () => {
        for (const name of ["web", "dns"]) await idle(machine, name, ["--network", "net"]);
        const { v4 } = await addressesIn(machine, "web", "net");
        const { v4: dns } = await addressesIn(machine, "dns", "net");
        const server = (await internet.enter("dns")).spawn([...dnsmasq, "--address=/fake/192.0.2.77", "--local=/#/"]);
        await until(
          async () => (await exec(machine, "dns", "netstat", "-lun")).includes(":53 "),
          "the server is there",
        );
        expect(await lookUp(machine, "dns", "web")).toEqual([v4]);
        expect((await machine.run(["exec", "web", "nslookup", "fake", dns])).stdout).toContain("192.0.2.77");
        expect(await lookUp(machine, "web", "dns")).toEqual([dns]);
        server.kill("SIGKILL");
        await server.exited;
        await internet.leave();
        ok(await machine.run(["rm", "-f", "web", "dns"]));
      });
    });
  });
  withDnsmasq(
    "beside the names of the world, which the host's servers or those of --dns know, also over TCP",
    async () => {
      await withInternet(["busybox"], async (machine, internet) => {
        const many = Array.from(
          { length: 60 },
          (_, number) => `--host-record=many.example.com,192.0.2.${number + 100}`,
        );
        const dnsmasq = internet.outside.spawn([
          ...[
            "dnsmasq",
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--user=root",
          ],
          ...[
            "--address=/www.example.com/192.0.2.50",
            "--address=/www.corp.example/192.0.2.51",
            "--local=/#/",
            ...many,
          ],
          ...["--address=/only/192.0.2.52"],
        ]);
        await until(() => internet.outside.sh("ss -lun").includes(":53"), "the server is there");
        await withNetworks(machine, { net: [], closed: ["--internal"] }, async () => {
          const dns = ["--dns", "192.0.2.2", "--dns-search", "example.com", "--dns-option", "timeout:3"];
          await idle(machine, "user", ["--network", "net", ...dns]);
          await idle(machine, "plain", dns);
          await idle(machine, "inmate", ["--network", "closed", ...dns]);
          for (const name of ["user", "plain"]) {
            expect([name, await lookUp(machine, name, "www.example.com")]).toEqual([name, ["192.0.2.50"]]);
            expect([name, await lookUp(machine, name, "nothing.example.com")]).toEqual([name, []]);
            // More than goes into a datagram.
            expect((await dig(machine, name, "+short", "many.example.com")).split("\n").length).toBe(60);
            // With the search domain put behind it.
            expect([name, await exec(machine, name, "ping", "-c1", "-W1", "www").catch(String)]).toEqual([
              name,
              expect.stringContaining("192.0.2.50"),
            ]);
          }
          expect(await lookUp(machine, "inmate", "www.example.com")).toEqual([]);
          expect(await lookUp(machine, "inmate", "user")).toEqual([]);
          const conf = await exec(machine, "user", "cat", "/etc/resolv.conf");
          expect(conf).toContain("nameserver 127.0.0.11");
          expect(conf).toContain("search example.com");
          expect(conf).toContain("timeout:3");
          expect(await exec(machine, "plain", "cat", "/etc/resolv.conf")).toContain("nameserver 192.0.2.2");
          ok(await machine.run(["rm", "-f", "user", "plain", "inmate"]));
        });
        dnsmasq.kill("SIGKILL");
        await dnsmasq.exited;
      });
    },
  );
});

test("/etc/hosts has the container's own addresses, what --add-host says, and the host as host-gateway", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { six: ["--ipv6"] }, async () => {
      await idle(machine, "box", [
        "--network",
        "six",
        "-h",
        "boxy",
        "--add-host",
        "db:192.0.2.9",
        "--add-host",
        "up:host-gateway",
      ]);
      const { v4, v6, gateway } = await addressesIn(machine, "box", "six");
      const hosts = await exec(machine, "box", "cat", "/etc/hosts");
      for (const line of [`${v4}\tboxy`, `${v6}\tboxy`, "192.0.2.9\tdb", `${gateway}\tup`])
        expect(hosts.replace(/ +/g, "\t")).toContain(line);
      expect(await exec(machine, "box", "hostname")).toBe("boxy");
      expect(await exec(machine, "box", "hostname", "-i")).toContain(v4);
      expect(await exec(machine, "box", "ping", "-c1", "-W2", "up")).toContain("1 packets received");
      // They are the container's: it may write to them, and nothing of it stays.
      ok(await machine.run(["exec", "box", "sh", "-c", "echo 1.2.3.4 mine >>/etc/hosts"]));
      expect(await exec(machine, "box", "cat", "/etc/hosts")).toContain("1.2.3.4 mine");
      ok(await machine.run(["restart", "-t", "0", "box"]));
      expect(await exec(machine, "box", "cat", "/etc/hosts")).not.toContain("mine");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

test("without a network, and in the host's, a container has the names that it should", async () => {
  await withMachine(["busybox"], async (machine) => {
    const none = await machine.sh("cat /etc/hosts; hostname; ip -o link | wc -l", [
      "--network",
      "none",
      "-h",
      "lonely",
    ]);
    expect([none.code, said(none)]).toEqual([0, ""]);
    expect(none.stdout).toContain("lonely");
    const host = await machine.sh("hostname", ["--network", "host"]);
    expect(host.stdout).toBe((await machine.exec(["hostname"])).stdout);
  });
});
