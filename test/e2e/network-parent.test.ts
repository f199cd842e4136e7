/** macvlan and ipvlan: containers with devices of their own upon one of the host's. */

import { describe, expect } from "bun:test";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { addressesIn, idle, inspect, withInternet } from "../support/internet.ts";
import { ok } from "../support/life.ts";
import { linkKind, needing, root, tool } from "../support/needs.ts";

const withMacvlan = needing(root, tool("ip"), linkKind("macvlan"));
const withIpvlan = needing(root, tool("ip"), linkKind("ipvlan"));
const withVlans = needing(root, tool("ip"), linkKind("macvlan"), linkKind("vlan"));
const withDummies = needing(root, tool("ip"), linkKind("macvlan"), linkKind("dummy"));

const exec = async (machine: Machine, ...words: string[]): Promise<string> => ok(await machine.run(["exec", ...words]));
const create = (machine: Machine, ...words: string[]) => machine.run(["network", "create", ...words]);
const reaches = async (machine: Machine, from: string, to: string): Promise<boolean> =>
  (await machine.run(["exec", from, "ping", "-c1", "-W1", to])).code === 0;
const lan = ["--subnet", "192.0.2.0/24", "--gateway", "192.0.2.2", "--ip-range", "192.0.2.192/27"];
/** The host is there, too, as one of the addresses that are not to be given. */
const aux = ["--aux-address", "host=192.0.2.192", "--aux-address", "printer=192.0.2.193"];
const links = async (machine: Machine): Promise<string> => (await machine.exec(["ip", "-br", "link"])).stdout;

describe("a macvlan network", () => {
  withMacvlan("puts containers beside the host, with names, and without its ports", async () => {
    await withInternet(["busybox"], async (machine) => {
      const id = ok(await create(machine, "-d", "macvlan", "-o", "parent=uplink", ...lan, ...aux, "lan"));
      const before = machine.snapshot();
      await idle(machine, "one", ["--network", "lan"]);
      const two = await machine.run([
        "run",
        "-d",
        "--name",
        "two",
        "--network",
        "lan",
        "-p",
        "8080:80",
        "busybox",
        "sleep",
        "99",
      ]);
      expect(said(two)).toContain("published ports lead nowhere");
      ok(two);
      expect((await addressesIn(machine, "one", "lan")).v4).toBe("192.0.2.194");
      for (const name of ["192.0.2.2", "two", "two.lan", "192.0.2.195"])
        expect([name, await reaches(machine, "one", name)]).toEqual([name, true]);
      // As everywhere with macvlan: the parent itself is not reached.
      expect(await reaches(machine, "one", "192.0.2.1")).toBe(false);
      expect(await exec(machine, "one", "ip", "route")).toContain("default via 192.0.2.2 dev eth0");
      expect(await exec(machine, "one", "cat", "/sys/class/net/eth0/address")).toBe("02:42:c0:00:02:c2");
      expect(ok(await machine.run(["port", "two"]))).toBe("");
      const network = await inspect(machine, "lan");
      expect(network).toMatchObject({
        Id: id,
        Driver: "macvlan",
        Options: { parent: "uplink" },
        Parent: "uplink",
        IPAM: { Config: [{ AuxiliaryAddresses: { host: "192.0.2.192", printer: "192.0.2.193" } }] },
      });
      expect(Object.keys(network.Containers)).toHaveLength(2);
      expect(
        ok(await machine.run(["network", "ls", "-f", "driver=macvlan", "--format", "{{.Name}} {{.Driver}}"])),
      ).toBe("lan macvlan");
      // Also beside a network with a bridge, for one that runs, and again after a restart.
      ok(await machine.run(["network", "disconnect", "lan", "two"]));
      ok(await machine.run(["network", "connect", "bridge", "two"]));
      ok(
        await machine.run([
          "network",
          "connect",
          "--ip",
          "192.0.2.200",
          "--mac-address",
          "02:00:00:00:00:07",
          "lan",
          "two",
        ]),
      );
      expect(await reaches(machine, "one", "192.0.2.200")).toBe(true);
      expect(await exec(machine, "two", "cat", "/sys/class/net/eth1/address")).toBe("02:00:00:00:00:07");
      expect(ok(await machine.run(["port", "two", "80"]))).toContain("0.0.0.0:8080");
      ok(await machine.run(["restart", "-t", "0", "two"]));
      expect(await reaches(machine, "one", "two")).toBe(true);
      for (const ip of ["192.0.2.193", "192.0.2.2"])
        expect((await machine.container(["--network", "lan", "--ip", ip, "busybox", "true"])).code).toBe(125);
      ok(await machine.run(["rm", "-f", "one", "two"]));
      await machine.expectNothingLeft(before);
      ok(await machine.run(["network", "rm", "lan"]));
      expect(await links(machine)).toContain("uplink");
    });
  });
  withMacvlan("keeps its containers apart with private and vepa, and has one alone with passthru", async () => {
    await withInternet(["busybox"], async (machine) => {
      for (const mode of ["private", "vepa"]) {
        ok(await create(machine, "-d", "macvlan", "-o", "parent=uplink", "-o", `macvlan_mode=${mode}`, ...lan, "lan"));
        const before = machine.snapshot();
        await idle(machine, "one", ["--network", "lan"]);
        await idle(machine, "two", ["--network", "lan"]);
        expect([mode, await reaches(machine, "one", "two"), await reaches(machine, "one", "192.0.2.2")]).toEqual([
          mode,
          false,
          true,
        ]);
        expect(
          said(await create(machine, "-d", "macvlan", "-o", "parent=uplink", "-o", "mode=passthru", "other")),
        ).toContain("with passthru it is of one network alone");
        expect(said(await create(machine, "-d", "ipvlan", "-o", "parent=uplink", "other"))).toContain(
          "it can't be of ipvlan too",
        );
        ok(await machine.run(["rm", "-f", "one", "two"]));
        await machine.expectNothingLeft(before);
        ok(await machine.run(["network", "rm", "lan"]));
      }
      ok(await create(machine, "-d", "macvlan", "-o", "parent=uplink", "-o", "macvlan_mode=passthru", ...lan, "lan"));
      await idle(machine, "one", ["--network", "lan"]);
      expect(await reaches(machine, "one", "192.0.2.2")).toBe(true);
      const refused = await machine.container(["--network", "lan", "busybox", "true"]);
      expect([refused.code, said(refused)]).toEqual([
        125,
        expect.stringContaining("only one container at a time has the device uplink"),
      ]);
      expect(
        said(await machine.container(["--network", "lan", "--mac-address", "02:00:00:00:00:09", "busybox", "true"])),
      ).toContain("containers of network lan have the one of uplink");
      ok(await machine.run(["rm", "-f", "one"]));
      ok(await machine.run(["network", "rm", "lan"]));
    });
  });
  withMacvlan("has no way out with --internal, and may have several subnets of one family", async () => {
    await withInternet(["busybox"], async (machine) => {
      ok(
        await create(
          machine,
          "-d",
          "macvlan",
          "-o",
          "parent=uplink",
          "--internal",
          ...lan,
          "--subnet",
          "198.51.100.0/24",
          "--ipv6",
          "lan",
        ),
      );
      await idle(machine, "one", ["--network", "lan"]);
      await idle(machine, "two", ["--network", "lan", "--ip", "198.51.100.7"]);
      expect(await exec(machine, "one", "ip", "route")).not.toContain("default");
      const { v4, v6 } = await addressesIn(machine, "two", "lan");
      expect(v4).toBe("198.51.100.7");
      expect(await reaches(machine, "one", v6)).toBe(true);
      expect(await reaches(machine, "one", v4)).toBe(false);
      ok(await machine.run(["rm", "-f", "one", "two"]));
      ok(await machine.run(["network", "rm", "lan"]));
    });
  });
  withMacvlan("leaves no device in a container when a command is killed that connects it", async () => {
    await withInternet(["busybox"], async (machine) => {
      ok(await create(machine, "-d", "macvlan", "-o", "parent=uplink", ...lan, "lan"));
      await idle(machine, "box");
      for (let turn = 0; turn < 6; turn++) {
        const joins = !Object.keys((await inspect(machine, "box")).NetworkSettings.Networks).includes("lan");
        const child = machine.spawn(["network", joins ? "connect" : "disconnect", "lan", "box"]);
        await Bun.sleep(10 + 4 * turn);
        child.kill("SIGKILL");
        await child.exited;
        const isIn = Object.keys((await inspect(machine, "box")).NetworkSettings.Networks).includes("lan");
        await machine.run(["network", isIn ? "disconnect" : "connect", "lan", "box"]);
        const now = Object.keys((await inspect(machine, "box")).NetworkSettings.Networks).includes("lan");
        const devices = (await exec(machine, "box", "ls", "/sys/class/net"))
          .split(/\s+/)
          .filter((name) => name.startsWith("eth"));
        expect([turn, devices.length]).toEqual([turn, now ? 2 : 1]);
      }
      ok(await machine.run(["rm", "-f", "box"]));
      ok(await machine.run(["network", "rm", "lan"]));
    });
  });
  withVlans("is on a VLAN that is made with it, and goes with it", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      internet.outside.sh(
        "ip link add link eth0 name eth0.50 type vlan id 50; ip addr add 198.51.100.1/24 dev eth0.50; ip link set eth0.50 up",
      );
      const subnet = ["--subnet", "198.51.100.0/24"];
      ok(await create(machine, "-d", "macvlan", "-o", "parent=uplink.50", ...subnet, "vlan"));
      expect(await links(machine)).toContain("uplink.50@uplink");
      expect(
        ok(await machine.container(["--network", "vlan", "busybox", "ping", "-c1", "-W2", "198.51.100.1"])),
      ).toContain("1 packets received");
      ok(await create(machine, "-d", "macvlan", "-o", "parent=uplink.50", "second"));
      ok(await machine.run(["network", "rm", "vlan"]));
      // Somebody deleted it: it comes back with the next container.
      ok(await machine.exec(["ip", "link", "del", "uplink.50"]));
      ok(await machine.container(["--network", "second", "busybox", "true"]));
      expect(await links(machine)).toContain("uplink.50@uplink");
      ok(await machine.run(["network", "rm", "second"]));
      expect(await links(machine)).not.toContain("uplink.50");
    });
  });
  withDummies("without a parent is one of its containers alone", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = ok(await create(machine, "-d", "macvlan", "alone"));
      expect(await links(machine)).toContain(`dm-${id.slice(0, 12)}`);
      await idle(machine, "one", ["--network", "alone"]);
      await idle(machine, "two", ["--network", "alone"]);
      expect(await reaches(machine, "one", "two")).toBe(true);
      expect(await exec(machine, "one", "ip", "route")).not.toContain("default");
      ok(await machine.run(["rm", "-f", "one", "two"]));
      ok(await machine.run(["network", "rm", "alone"]));
      expect(await links(machine)).not.toContain("dm-");
    });
  });
});

withIpvlan(
  "an ipvlan network has the host's MAC; in its modes l3 and l3s the way out is the device itself",
  async () => {
    await withInternet(["busybox"], async (machine) => {
      for (const mode of ["l2", "l3", "l3s"]) {
        ok(await create(machine, "-d", "ipvlan", "-o", "parent=uplink", "-o", `ipvlan_mode=${mode}`, ...lan, "lan"));
        const before = machine.snapshot();
        await idle(machine, "one", ["--network", "lan"]);
        await idle(machine, "two", ["--network", "lan"]);
        expect([mode, await reaches(machine, "one", "two")]).toEqual([mode, true]);
        const routes = await exec(machine, "one", "ip", "route");
        expect(routes).toContain(mode === "l2" ? "default via 192.0.2.2 dev eth0" : "default dev eth0");
        if (mode === "l2") expect(await reaches(machine, "one", "192.0.2.2")).toBe(true);
        const mac = await exec(machine, "one", "cat", "/sys/class/net/eth0/address");
        expect((await machine.exec(["ip", "-br", "link", "show", "uplink"])).stdout).toContain(mac);
        ok(await machine.run(["rm", "-f", "one", "two"]));
        await machine.expectNothingLeft(before);
        ok(await machine.run(["network", "rm", "lan"]));
      }
    });
  },
);

withMacvlan("what a network can't be is refused by name, and leaves nothing behind", async () => {
  await withMachine(["busybox"], async (machine) => {
    for (const [options, reason] of [
      [["-d", "overlay"], '--driver: "overlay" is not supported'],
      [["-d", "macvlan", "-o", "parent=nothere"], "this host has no network device nothere"],
      [["-d", "macvlan", "-o", "parent=nothere.50"], "neither nothere.50 nor nothere"],
      [["-d", "macvlan", "-o", "parent=lo"], "a loopback device leads nowhere"],
      [["-d", "macvlan", "-o", "parent=a/b"], "is not a valid device name"],
      [["-d", "macvlan", "-o", "mode=l2"], `macvlan_mode can't be "l2"`],
      [["-d", "macvlan", "-o", "ipvlan_mode=l2"], '"ipvlan_mode" is not supported by the driver macvlan'],
      [["-d", "ipvlan", "-o", "ipvlan_flag=x"], `ipvlan_flag can't be "x"`],
      [["-d", "macvlan", "-o", "icc=false"], '"icc" is not supported by the driver macvlan'],
      [["-o", "parent=eth0"], '"parent" is not supported by the driver bridge'],
      [["--ipam-driver", "dhcp"], '--ipam-driver: "dhcp" is not supported'],
      [["--subnet", "10.70.0.0/24", "--subnet", "10.71.0.0/24"], "a bridge does not support several of one family"],
      [["-d", "macvlan", "--subnet", "10.70.0.0/16", "--subnet", "10.70.1.0/24"], "overlap"],
      [["--aux-address", "x=10.70.0.1"], "is in no --subnet"],
      [["--subnet", "10.70.0.0/24", "--aux-address", "x"], "has no valid address"],
      [
        ["--subnet", "10.70.0.0/24", "--gateway", "10.70.0.9", "--aux-address", "x=10.70.0.9"],
        "10.70.0.9 is the --gateway",
      ],
      [["--ipv4=false"], "a network has IPv4 or IPv6"],
      [["--ipv4=false", "--ipv6", "--subnet", "10.70.0.0/24"], "cannot be combined"],
    ] as [string[], string][]) {
      const result = await create(machine, ...options, "net");
      expect([options, result.code === 0, said(result)]).toEqual([options, false, expect.stringContaining(reason)]);
    }
    ok(await machine.exec(["ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1"]));
    ok(await create(machine, "-d", "macvlan", "-o", "parent=p0", "-o", "mtu=9000", "big"));
    expect(said(await machine.container(["--network", "big", "busybox", "true"]))).toContain(
      "its mtu is 9000, and that of the device p0 is 1500",
    );
    ok(await machine.exec(["ip", "link", "del", "p0"]));
    expect(said(await machine.container(["--network", "big", "busybox", "true"]))).toContain(
      "the device p0, which this host",
    );
    ok(await machine.run(["network", "rm", "big"]));
    ok(await create(machine, "--attachable", "--ipam-driver", "default", "--ipam-opt", "a=b", "--ipv4", "net"));
    expect(await inspect(machine, "net")).toMatchObject({
      Attachable: true,
      IPAM: { Options: { a: "b" } },
      EnableIPv4: true,
    });
    ok(await machine.run(["network", "rm", "net"]));
  });
});
