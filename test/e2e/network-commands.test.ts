/** What users see of networks: `network ...`, `port`, `ps`, `inspect`, `events`, `explain`. */

import { describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, type Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";
import type { Snapshot } from "../support/snapshot.ts";

const test = needing(root);

const network = async (machine: Machine, ...words: string[]) => ok(await machine.run(["network", ...words]));
const names = async (machine: Machine, ...filters: string[]) => {
  const words = filters.flatMap((filter) => ["--filter", filter]);
  return (await network(machine, "ls", "--format", "{{.Name}}", ...words)).split("\n").filter(Boolean);
};
const inspect = async (machine: Machine, ...words: string[]) =>
  JSON.parse(ok(await machine.run(["inspect", ...words])));
const remove = async (machine: Machine, ...containers: string[]) => ok(await machine.run(["rm", "-f", ...containers]));

/** What a network has in the kernel. */
const inKernel = ({ links, firewall }: Snapshot) => ({ links, firewall });

describe("network ls", () => {
  test("makes nothing in a new state root, and the default network keeps the id that it shows", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = `
        $T network ls -q --no-trunc -f name=bridge; $T network inspect -f '{{.Id}}' bridge; $T network inspect none >&2
        test -e tmp/new || echo nothing; $T load -q ${imageTar("busybox")} >&2; $T run --rm busybox true
        $T network inspect -f '{{.Id}}' bridge; $T events --since 1h --until 0s -f type=network -f event=create
        rm -r tmp/new`;
      const { stdout } = await machine.exec(["sh", "-c", script], {
        env: { T: `${binary()} --root ${machine.tmp}/new` },
      });
      const [id] = stdout.split("\n");
      expect(stdout).toBe(`${id}\n${id}\nnothing\n${id}\n`);
      expect(id).toMatch(/^[0-9a-f]{64}$/);
    });
  });
  test("lists bridge, host and none always, those that were made, and what filters leave", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await network(machine, "create", "--label", "stage=test", "--label", "x", "web10");
      await network(machine, "create", "--internal", "--subnet", "fd99::/64", "web9");
      await detached(machine, "one", forever, ["--network", "web10"]);
      const lines = (await network(machine, "ls")).split("\n");
      expect(lines[0]).toMatch(/^NETWORK ID +NAME +DRIVER +SCOPE$/);
      expect(lines.slice(1).map((line) => line.split(/ +/).slice(1).join(" "))).toEqual([
        "bridge bridge local",
        "host host local",
        "none null local",
        "web9 bridge local",
        "web10 bridge local",
      ]);
      expect(lines.at(-1)).toStartWith(id.slice(0, 12));
      expect(await network(machine, "ls", "-q", "--no-trunc", "--filter", "name=web10")).toBe(id);
      expect(JSON.parse(await network(machine, "ls", "--format", "json", "-f", "name=web9"))).toMatchObject({
        Name: "web9",
        Driver: "bridge",
        Scope: "local",
        IPv4: "true",
        IPv6: "true",
        Internal: "true",
        Labels: "",
      });
      expect(await network(machine, "list", "--format", '{{.Label "stage"}}', "-f", "label=x")).toBe("test");
      expect(await names(machine, "type=builtin")).toEqual(["bridge", "host", "none"]);
      expect(await names(machine, "type=custom", "dangling=true")).toEqual(["web9"]);
      expect(await names(machine, "driver=host", "driver=null")).toEqual(["host", "none"]);
      expect(await names(machine, "label=stage=test")).toEqual(["web10"]);
      expect(await names(machine, `id=${id.slice(0, 7)}`)).toEqual(["web10"]);
      expect(await names(machine, "name=web", "scope=local")).toEqual(["web9", "web10"]);
      expect(await names(machine, "scope=swarm")).toEqual([]);
      expect((await machine.run(["network", "ls", "-f", "type=strange"])).code).toBe(125);
      await remove(machine, "one");
      await network(machine, "rm", "web9", "web10");
    });
  });
});

describe("network create and rm", () => {
  test("what was asked for is what inspect tells, and in the end nothing is left of it", async () => {
    await withMachine(["busybox"], async (machine) => {
      const options = ["--subnet", "10.77.0.0/24", "--gateway", "10.77.0.254", "--ip-range", "10.77.0.128/25"];
      const more = ["--subnet", "fd77::/64", "--internal", "-o", "mtu=1400", "-o", "icc=false", "--label", "a=b"];
      const id = await network(machine, "create", ...options, ...more, "back");
      const one = await detached(machine, "one", forever, ["--network", "back"]);
      const [described] = JSON.parse(await network(machine, "inspect", id.slice(0, 12)));
      expect(described).toMatchObject({
        Name: "back",
        Id: id,
        Scope: "local",
        Driver: "bridge",
        EnableIPv4: true,
        EnableIPv6: true,
        IPAM: {
          Driver: "default",
          Config: [
            { Subnet: "10.77.0.0/24", IPRange: "10.77.0.128/25", Gateway: "10.77.0.254" },
            { Subnet: "fd77::/64", IPRange: "", Gateway: "fd77::1" },
          ],
        },
        Internal: true,
        Options: { mtu: "1400", icc: "false" },
        Labels: { a: "b" },
        Containers: {
          [one]: { Name: "one", IPv4Address: "10.77.0.128/24", IPv6Address: "fd77::2/64" },
        },
      });
      expect(await network(machine, "inspect", "-f", "{{.Bridge}}", "back")).toBe(`td-${id.slice(0, 12)}`);
      const used = await machine.run(["network", "rm", "back"]);
      expect(used.code).toBe(1);
      expect(said(used)).toContain("network back is in use by one");
      await remove(machine, "one");
      expect(await network(machine, "rm", id.slice(0, 8))).toBe(id.slice(0, 8));
    });
  });
  test("each of several is removed that can be; the three that are always there can't", async () => {
    await withMachine(["busybox"], async (machine) => {
      const bridge = JSON.parse(await network(machine, "inspect", "bridge"))[0].Id;
      await network(machine, "create", "aa");
      await network(machine, "create", "bb");
      const some = await machine.run(["network", "rm", "aa", "nothing", "bridge", bridge, "bb"]);
      expect(some).toMatchObject({ code: 1, stdout: "aa\nbb\n" });
      expect(said(some)).toContain("no such network: nothing");
      expect(said(some).match(/bridge is a pre-defined network and cannot be removed/g)).toHaveLength(2);
      expect(await machine.run(["network", "rm", "-f", "nothing"])).toMatchObject({ code: 0, stdout: "", stderr: "" });
    });
  });
  test("one whose record is damaged is told of, and can be removed", async () => {
    await withMachine(["busybox"], async (machine) => {
      await network(machine, "create", "broken");
      writeFileSync(join(machine.root, "networks/broken/network.json"), "{");
      const result = await machine.run(["run", "--rm", "--network", "broken", "busybox", "true"]);
      expect(said(result)).toMatch(
        /network broken is damaged: network.json is not JSON[\s\S]*tinydocker network rm broken/,
      );
      expect(await network(machine, "rm", "broken")).toBe("broken");
    });
  });
  test("a name or a subnet that somebody has, and options that make no sense, are refused by name", async () => {
    await withMachine(["busybox"], async (machine) => {
      await network(machine, "create", "--subnet", "10.66.0.0/16", "taken");
      const refused: [words: string[], error: RegExp][] = [
        [["taken"], /network taken exists already/],
        [["--subnet", "10.66.7.0/24", "other"], /10\.66\.7\.0\/24 overlaps network taken/],
        [["--subnet", "10.65.0.1/24", "other"], /--subnet: 10\.65\.0\.1\/24 is not a subnet/],
        [["--subnet", "10.65.0.0/24", "--gateway", "10.64.0.1", "other"], /--gateway: 10\.64\.0\.1 is in no --subnet/],
        [["--gateway", "10.64.0.1", "other"], /--gateway: 10\.64\.0\.1 is in no --subnet/],
        [["--subnet", "127.0.0.0/8", "other"], /127\.0\.0\.0\/8 can't be a network's/],
        [
          ["--subnet", "10.65.0.0/24", "--gateway", "10.65.0.1", "--gateway", "10.65.0.2", "other"],
          /cannot configure multiple gateways \(10\.65\.0\.1, 10\.65\.0\.2\) for the same subnet/,
        ],
        [
          ["--subnet", "10.65.0.0/24", "--ip-range", "10.65.0.0/26", "--ip-range", "10.65.0.64/26", "other"],
          /cannot configure multiple ranges/,
        ],
        [["--driver", "overlay", "other"], /--driver: "overlay" is not supported/],
        [["-o", "strange=1", "other"], /--opt: "strange" is not supported/],
        [["-o", "mtu=1", "other"], /mtu is a number of bytes/],
        [["host"], /host is pre-defined: no network can be called so/],
        [["no/name"], /"no\/name" is not a valid network name/],
      ];
      for (const [words, error] of refused) {
        const result = await machine.run(["network", "create", ...words]);
        expect([words, result.code === 0, said(result)]).toEqual([words, false, expect.stringMatching(error)]);
      }
      await network(machine, "rm", "taken");
    });
  });
});

describe("network prune", () => {
  test("removes those that nobody is in, and leaves nothing in the kernel when nothing runs", async () => {
    let pristine: Snapshot | undefined;
    const prepare = async (machine: Machine) => {
      pristine = machine.snapshot();
    };
    await withMachine(
      ["busybox"],
      async (machine) => {
        for (const name of ["used", "old", "kept"]) await network(machine, "create", "--label", `is=${name}`, name);
        ok(await machine.container(["--network", "old", "busybox", "true"]));
        ok(await machine.run(["create", "--name", "user", "--network", "used", "busybox"]));
        expect(await network(machine, "prune", "-f", "--filter", "until=1h")).toBe("");
        expect(await network(machine, "prune", "-f", "--filter", "label!=is=kept")).toBe("Deleted Networks:\nold");
        const no = await machine.run(["network", "prune"], { stdin: "n\n" });
        expect(no.code).toBe(1);
        expect(no.stderr).toContain(
          "WARNING! This will remove all custom networks not used by at least one container.",
        );
        expect(await network(machine, "prune", "-f")).toBe("Deleted Networks:\nkept");
        expect(inKernel(machine.snapshot())).toEqual(inKernel(pristine!));
        expect(await names(machine, "type=custom")).toEqual(["used"]);
        expect(ok(await machine.run(["system", "prune", "-f"]))).toMatch(
          /^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Networks:\nused\n/,
        );
        await machine.makeLasting();
      },
      prepare,
    );
  });
});

describe("published ports", () => {
  test("port and ps tell where they are, as long as the container runs", async () => {
    await withMachine(["busybox"], async (machine) => {
      const options = ["-p", "8080:80", "-p", "127.0.0.1:7000-7001:7000-7001", "-p", "53/udp", "--expose", "9000-9001"];
      await detached(machine, "web", forever, options);
      const ports = (await machine.run(["port", "web"])).stdout;
      const [, free] = /^53\/udp -> 0\.0\.0\.0:(\d+)$/m.exec(ports)!;
      expect(ports.split("\n")).toEqual([
        `53/udp -> 0.0.0.0:${free}`,
        `53/udp -> [::]:${free}`,
        "80/tcp -> 0.0.0.0:8080",
        "80/tcp -> [::]:8080",
        "7000/tcp -> 127.0.0.1:7000",
        "7001/tcp -> 127.0.0.1:7001",
        "",
      ]);
      expect(ok(await machine.run(["port", "web", "80"]))).toBe("0.0.0.0:8080\n[::]:8080");
      expect(ok(await machine.run(["container", "port", "web", "7001/tcp"]))).toBe("127.0.0.1:7001");
      const none = await machine.run(["port", "web", "80/udp"]);
      expect(none).toMatchObject({ code: 1, stdout: "" });
      expect(said(none)).toContain('no public port "80/udp" published for web');
      expect((await machine.run(["port", "web", "http"])).code).toBe(125);
      expect((await machine.run(["port", "nobody"])).code).toBe(1);
      const shown = [
        "127.0.0.1:7000-7001->7000-7001/tcp",
        "9000-9001/tcp",
        `0.0.0.0:${free}->53/udp`,
        `[::]:${free}->53/udp`,
        "0.0.0.0:8080->80/tcp",
        "[::]:8080->80/tcp",
      ];
      expect(ok(await machine.run(["ps", "--format", "{{.Ports}}"]))).toBe(shown.join(", "));
      const found = async (filter: string) =>
        ok(await machine.run(["ps", "-a", "-f", filter, "--format", "{{.Names}}"]));
      for (const filter of ["publish=8080", "publish=7000-7100/tcp", "expose=9001", "expose=53/udp", "network=bridge"])
        expect([filter, await found(filter)]).toEqual([filter, "web"]);
      for (const filter of ["publish=80", "publish=8080/udp", "expose=8080", "network=none"])
        expect([filter, await found(filter)]).toEqual([filter, ""]);
      ok(await machine.run(["stop", "web"]));
      expect(ok(await machine.run(["ps", "-a", "--format", "[{{.Ports}}]"]))).toBe("[]");
      expect(await machine.run(["port", "web"])).toMatchObject({ code: 0, stdout: "" });
      await remove(machine, "web");
    });
  });
});

describe("inspect", () => {
  test("tells the addresses that a container finds inside, and where its files are", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await network(machine, "create", "--ipv6", "web");
      const dns = ["--dns", "9.9.9.9", "--dns-search", "example.org", "--dns-option", "ndots:2"];
      const options = ["--network-alias", "www", "--add-host", "db:10.0.0.7", "-p", "8080:80", ...dns];
      await detached(machine, "one", forever, ["--network", "web", "--network", "bridge", ...options]);
      const [one] = await inspect(machine, "one");
      const { Networks, Ports, SandboxKey } = one.NetworkSettings;
      const inside = ok(await machine.run(["exec", "one", "ip", "addr"]));
      for (const name of ["web", "bridge"]) {
        expect(inside).toContain(`inet ${Networks[name].IPAddress}/${Networks[name].IPPrefixLen} `);
        expect(inside).toContain(`link/ether ${Networks[name].MacAddress} `);
      }
      expect(inside).toContain(`inet6 ${Networks.web.GlobalIPv6Address}/64 `);
      expect(Networks.web).toMatchObject({
        NetworkID: id,
        Aliases: ["www"],
        DNSNames: ["one", "www", one.Id.slice(0, 12)],
      });
      expect(ok(await machine.run(["exec", "one", "ip", "route"]))).toContain(`default via ${Networks.web.Gateway} `);
      expect(one.NetworkSettings.IPAddress).toBe(Networks.bridge.IPAddress);
      expect(SandboxKey).toBe(`/proc/${one.State.Pid}/ns/net`);
      expect(Ports).toEqual({ "80/tcp": ["0.0.0.0", "::"].map((HostIp) => ({ HostIp, HostPort: "8080" })) });
      expect(one.HostConfig).toMatchObject({
        NetworkMode: "web",
        PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] },
        PublishAllPorts: false,
        Dns: ["9.9.9.9"],
        DnsSearch: ["example.org"],
        DnsOptions: ["ndots:2"],
        ExtraHosts: ["db:10.0.0.7"],
      });
      expect(one.Config.ExposedPorts).toEqual({ "80/tcp": {} });
      expect(readFileSync(one.HostsPath, "utf8")).toContain("10.0.0.7\tdb\n");
      expect(readFileSync(one.ResolvConfPath, "utf8")).toBe(
        `${ok(await machine.run(["exec", "one", "cat", "/etc/resolv.conf"]))}\n`,
      );
      ok(await machine.run(["stop", "one"]));
      const [ended] = await inspect(machine, "one");
      expect(ended.NetworkSettings).toMatchObject({
        Ports: {},
        IPAddress: "",
        Networks: { web: { NetworkID: id, IPAddress: "" } },
      });
      await remove(machine, "one");
      await network(machine, "rm", "web");
      // The host forwards IPv6, too, until no network of ours is left.
      await network(machine, "prune", "-f");
      await machine.makeLasting();
    });
  });
  test("of none, host and another container's network there are names, and no addresses", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "alone", forever, ["--network", "none"]);
      await detached(machine, "guest", forever, ["--network", "container:alone"]);
      await detached(machine, "open", forever, ["--network", "host"]);
      const [alone, guest, open] = await inspect(machine, "alone", "guest", "open");
      expect(alone.NetworkSettings).toMatchObject({ IPAddress: "", Ports: {}, Networks: { none: { IPAddress: "" } } });
      expect(open.NetworkSettings.Networks).toMatchObject({ host: { IPAddress: "" } });
      expect(guest.NetworkSettings.Networks).toEqual({});
      expect(guest.HostConfig.NetworkMode).toBe(`container:${alone.Id}`);
      expect(readFileSync(guest.HostsPath, "utf8")).toBe(readFileSync(alone.HostsPath, "utf8"));
      const [host] = JSON.parse(await network(machine, "inspect", "host"));
      expect(Object.keys(host.Containers)).toEqual([open.Id]);
      await remove(machine, "guest", "alone", "open");
    });
  });
  test("finds networks and volumes after containers and images, or only what was asked for", async () => {
    await withMachine(["busybox"], async (machine) => {
      await network(machine, "create", "thing");
      ok(await machine.run(["volume", "create", "thing"]));
      expect((await inspect(machine, "thing"))[0].Driver).toBe("bridge");
      expect((await inspect(machine, "--type", "volume", "thing"))[0].Driver).toBe("local");
      expect((await inspect(machine, "--type", "network", "none"))[0].Driver).toBe("null");
      const missing = await machine.run(["network", "inspect", "thing", "nothing"]);
      expect(missing.code).toBe(1);
      expect(JSON.parse(missing.stdout)).toHaveLength(1);
      expect(said(missing)).toContain("no such network: nothing");
      await network(machine, "create", "No.Image_");
      expect((await inspect(machine, "No.Image_"))[0].Name).toBe("No.Image_");
      await network(machine, "rm", "thing", "No.Image_");
      expect((await inspect(machine, "thing"))[0].Mountpoint).toEndWith("/thing/_data");
      ok(await machine.run(["volume", "rm", "thing"]));
    });
  });
});

describe("events", () => {
  test("tell when networks come and go, and who comes into them and leaves", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await network(machine, "create", "web");
      const one = await detached(machine, "one", forever, ["--network", "web"]);
      ok(await machine.run(["network", "connect", "bridge", "one"]));
      ok(await machine.run(["network", "disconnect", "bridge", "one"]));
      ok(await machine.run(["stop", "one"]));
      await remove(machine, "one");
      await network(machine, "rm", "web");
      const events = async (...filters: string[]) =>
        ok(
          await machine.run([
            ...["events", "--since", "1h", "--until", "0s", "--format"],
            "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}",
            ...filters.flatMap((filter) => ["-f", filter]),
          ]),
        ).split("\n");
      const ofNetwork = ["network create web", "network connect web", "network disconnect web", "network destroy web"];
      expect(await events("network=web")).toEqual(ofNetwork);
      expect(await events(`network=${id.slice(0, 10)}`)).toEqual(ofNetwork);
      expect((await events("type=network", "event=disconnect")).slice(-2)).toEqual([
        "network disconnect bridge",
        "network disconnect web",
      ]);
      expect(await events("container=one")).toEqual(
        ["create", "start", "kill", "die", "stop", "destroy"].map((action) => `container ${action} one`),
      );
      const all = ["container create one", "network connect web", "container start one"];
      expect((await events()).filter((line) => all.includes(line))).toEqual(all);
      const [connect] = ok(
        await machine.run(["events", "--since", "1h", "--until", "0s", "-f", "network=web", "--format", "json"]),
      )
        .split("\n")
        .map((line) => JSON.parse(line))
        .filter(({ Action }) => Action === "connect");
      expect(connect.Actor).toEqual({ ID: id, Attributes: { container: one, name: "web", type: "bridge" } });
    });
  });
});

describe("network reload", () => {
  needing(
    root,
    tool("nft"),
    tool("ip"),
  )("brings back bridges and rules that somebody took away", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "one", "echo hello >index.html; httpd -f -p 80 & echo ready; wait", ["-p", "8080:80"]);
      const before = inKernel(machine.snapshot());
      ok(await machine.exec(["nft", "flush", "ruleset"]));
      ok(await machine.exec(["ip", "link", "del", "tinydocker0"]));
      expect(inKernel(machine.snapshot())).not.toEqual(before);
      expect(await network(machine, "reload")).toBe("bridge");
      const sorted = ({ links, firewall }: Snapshot) => [links.toSorted(), firewall];
      expect(sorted(machine.snapshot())).toEqual([before.links.toSorted(), before.firewall]);
      await remove(machine, "one");
    });
  });
  needing(
    root,
    tool("nft"),
    tool("iptables-save"),
  )("changes the firewall, and takes the rules of the other one away", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "one", forever, ["-p", "8080:80"]);
      const before = inKernel(machine.snapshot());
      expect((await machine.run(["network", "reload", "--firewall", "pf"])).code).toBe(125);
      expect(await network(machine, "reload", "--firewall", "iptables")).toBe("bridge");
      expect(ok(await machine.exec(["nft", "list", "tables"]))).not.toContain("inet tinydocker");
      expect(ok(await machine.exec(["iptables-save"]))).toMatch(/--dport 8080 .*-j DNAT/);
      expect(await network(machine, "reload", "--firewall", "nft")).toBe("bridge");
      expect(ok(await machine.exec(["iptables-save"]))).not.toContain("8080");
      expect(ok(await machine.exec(["nft", "list", "ruleset"]))).toContain("table inet tinydocker");
      expect(machine.snapshot().links).toEqual(before.links);
      await remove(machine, "one");
      await machine.beginAnew();
      await machine.loadFile(imageTar("busybox"), "busybox");
    });
  });
});

describe("explain", () => {
  test("prints what is reserved and connected, in the order in which it is done, without a store", async () => {
    await withMachine([], async (machine) => {
      const words = ["run", "-p", "8080:80", imageTar("busybox"), "--", "true"];
      const { stdout, code } = await machine.run(["explain", ...words]);
      expect(code).toBe(0);
      const titles = [...stdout.matchAll(/^([A-Z ]+) \(/gm)].map(([, title]) => title!);
      const order = ["RESERVE", "PREPARE", "BUILD", "CLONE", "SET UP", "RECORD", "CONNECT", "START"];
      expect(titles.filter((title) => title !== "RELEASE")).toEqual(order);
      expect(stdout).toMatch(/lease network=bridge address=10\.\d+\.0\.\d+\n +flock\(2\): the address is ours/);
      expect(stdout).toContain("port protocol=tcp hostIp=0.0.0.0 hostPort=8080\n");
      expect(stdout).toContain("bridge network=bridge bridge=tinydocker0 addresses=");
      expect(stdout).toMatch(/publish ports=\["0\.0\.0\.0:8080->10\.\d+\.0\.\d+:80\/tcp"\]/);
      const { phases } = JSON.parse(ok(await machine.run(["explain", "--json", ...words])));
      const steps = phases.find(({ phase }: { phase: string }) => phase === "connect").steps;
      expect(steps.map((step: { do: string }) => step.do)).toEqual([
        "bridge",
        "firewall",
        "endpoint",
        "publish",
        "relay",
      ]);
      for (const step of steps) expect(step).toMatchObject({ man: expect.any(String), why: expect.any(String) });
    });
  });
  test("says nothing of networks for none, host and another container's", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "other", "busybox"]));
      for (const mode of ["none", "host", "container:other"]) {
        const plan = ok(await machine.run(["explain", "run", "--network", mode, "busybox", "true"]));
        expect([mode, /^(RESERVE|CONNECT)/m.test(plan)]).toEqual([mode, false]);
        expect([mode, plan.includes("join-namespace namespace=network path=/proc/PID/ns/net")]).toEqual([
          mode,
          mode.includes(":"),
        ]);
      }
      await remove(machine, "other");
    });
  });
  needing(root, tool("setpriv"))("works without root", async () => {
    await withMachine([], async (machine) => {
      // The cgroup that the test has in place of the root is root's alone.
      const look =
        "for d in /sys/fs/cgroup /sys/fs/cgroup/unified; do [ ! -e $d/cgroup.controllers ] || chmod 755 $d; done";
      const asNobody = `${look}; exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`;
      const words = ["--root", "/nonexistent", "explain", "run", "-P", "--expose", "80", "/", "true"];
      const { code, stdout, stderr } = await machine.exec(["sh", "-c", asNobody, "sh", binary(), ...words], {
        cwd: "/",
      });
      if (stderr.includes("Permission denied")) return; // the binary lies where only root may look
      expect([stderr, code]).toEqual(["", 0]);
      expect(stdout).toMatch(/publish ports=\["0\.0\.0\.0:any->10\.\d+\.0\.2:80\/tcp"\]/);
    });
  });
});

test("completion knows the names of networks", async () => {
  await withMachine(["busybox"], async (machine) => {
    await network(machine, "create", "web-front");
    for (const words of [
      ["network", "rm", "we"],
      ["run", "--network", "we"],
      ["network", "inspect", "web-"],
    ])
      expect(ok(await machine.run(["__complete", "--", ...words]))).toStartWith("web-front");
    expect(ok(await machine.run(["__complete", "--", "network", "create", "we"]))).not.toContain("web-front");
    await network(machine, "rm", "web-front");
  });
});
