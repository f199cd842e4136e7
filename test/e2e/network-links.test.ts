/** `--link`: containers that one finds under names of its own; and what else a container says of one of its networks. */

import { describe, expect } from "bun:test";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { addressesIn, idle, inspect, withInternet, withNetworks } from "../support/internet.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"));

const exec = async (machine: Machine, ...words: string[]): Promise<string> => ok(await machine.run(["exec", ...words]));
const reaches = async (machine: Machine, from: string, to: string): Promise<boolean> =>
  (await machine.run(["exec", from, "ping", "-c1", "-W1", to])).code === 0;

describe("a link in the default network", () => {
  test("is a line in /etc/hosts and Docker's variables, as long as the other one runs", async () => {
    await withMachine(["busybox"], async (machine) => {
      const before = machine.snapshot();
      const db = await idle(machine, "db", [
        "-e",
        "KIND=store",
        "--expose",
        "53/udp",
        "--expose",
        "5432",
        "-h",
        "hostdb",
      ]);
      await idle(machine, "web", [
        "--link",
        "db:the-db",
        "--link",
        `${db}:other`,
        "--link",
        "/db:/web/third",
        "-e",
        "THE_DB_NAME=mine",
      ]);
      const { v4 } = await addressesIn(machine, "db", "bridge");
      const hosts = await exec(machine, "web", "cat", "/etc/hosts");
      expect(hosts).toContain(`${v4}\tthe-db hostdb db\n`);
      expect(hosts).toContain(`${v4}\tother hostdb db\n`);
      for (const name of ["the-db", "db", "hostdb", "third"])
        expect([name, await reaches(machine, "web", name)]).toEqual([name, true]);
      expect(await exec(machine, "db", "cat", "/etc/hosts")).not.toContain("web");
      const env = (await exec(machine, "web", "env")).split("\n");
      for (const line of [
        `THE_DB_PORT=udp://${v4}:53`,
        `THE_DB_PORT_5432_TCP=tcp://${v4}:5432`,
        `THE_DB_PORT_5432_TCP_ADDR=${v4}`,
        "THE_DB_PORT_5432_TCP_PORT=5432",
        "THE_DB_PORT_5432_TCP_PROTO=tcp",
        "OTHER_NAME=/web/other",
        "OTHER_ENV_KIND=store",
        "THE_DB_NAME=mine",
      ])
        expect(env).toContain(line);
      expect(env.some((line) => line.startsWith("THE_DB_ENV_PATH="))).toBe(false);
      const linksOf = async () => (await inspect(machine, "web")).HostConfig.Links;
      expect(await linksOf()).toEqual(["/db:/web/the-db", "/db:/web/other", "/db:/web/third"]);
      // It follows the other one: to another name, and to another address.
      ok(await machine.run(["rename", "db", "base"]));
      ok(await machine.run(["stop", "-t", "0", "base"]));
      const refused = said(await machine.run(["restart", "-t", "0", "web"]));
      expect(refused).toContain("web is linked to container base, which is not running");
      await idle(machine, "squatter", ["--ip", v4]);
      ok(await machine.run(["start", "base"]));
      ok(await machine.run(["start", "web"]));
      const moved = (await addressesIn(machine, "base", "bridge")).v4;
      expect(moved).not.toBe(v4);
      expect(await exec(machine, "web", "cat", "/etc/hosts")).toContain(`${moved}\tthe-db hostdb base\n`);
      ok(await machine.run(["rm", "-f", "squatter"]));
      ok(await machine.run(["stop", "-t", "0", "base"]));
      await idle(machine, "squatter", ["--ip", moved]);
      ok(await machine.run(["start", "base"]));
      const last = (await addressesIn(machine, "base", "bridge")).v4;
      const now = await exec(machine, "web", "cat", "/etc/hosts");
      expect(now).toContain(`${last}\tthe-db hostdb base\n`);
      expect(now).not.toContain(moved);
      expect(await linksOf()).toContain("/base:/web/other");
      // A link can be taken away, and is then one that is not there.
      expect(ok(await machine.run(["rm", "-l", "web/other", "/web/third"]))).toBe("web/other\n/web/third");
      expect(await linksOf()).toEqual(["/base:/web/the-db"]);
      expect(said(await machine.run(["rm", "--link", "web/other"]))).toContain("no such link: web/other");
      ok(await machine.run(["rm", "-f", "base"]));
      expect(said(await machine.run(["restart", "-t", "0", "web"]))).toContain("rm --link web/the-db");
      ok(await machine.run(["rm", "-l", "web/the-db"]));
      ok(await machine.run(["start", "web"]));
      ok(await machine.run(["rm", "-f", "web", "squatter"]));
      await machine.expectNothingLeft(before);
    });
  });
  test("is refused where it leads nowhere, and leaves nothing behind", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "still", "busybox", "true"]));
      for (const [options, reason] of [
        [["--link", "gone"], "no such container: gone"],
        [["--link", "still"], "which is not running"],
        [["--link", "a:b:c"], 'option --link: "a:b:c" is not a valid link'],
        [["--link", "still:x\ty"], "is not a valid"],
        [["--link", ""], "is not a valid link"],
        [["--link", "still:a", "--link", "still:a"], "the alias a is given twice"],
        [["--network", "none", "--link", "still"], "--link and --network none cannot be combined"],
        [["--network", "host", "--link", "still"], "--link and --network host cannot be combined"],
        [["--link-local-ip", "10.201.0.1"], "10.201.0.1 is in network bridge"],
        [["--network-alias", "www"], "the alias www: network bridge has no names"],
        [["--network", "name=bridge,alias=www"], "the alias www: network bridge has no names"],
        [["--network", "name=bridge,"], '"" is not supported'],
        [["--link-local-ip", "x"], "is not an address that a device can have"],
        [["--link-local-ip", "127.0.0.2"], "is not an address that a device can have"],
        [["--network", "name=bridge,gw-priority=high"], "is not a whole number"],
        [["--network", "name=bridge,driver-opt=x=1"], '"x" is not supported'],
        [["--network", "name=bridge,driver-opt=com.docker.network.endpoint.ifname=a/b"], "is not a valid device name"],
        [
          ["--network", "name=bridge,driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.ip_forward=1"],
          "is not a setting of the device",
        ],
        [
          ["--network", "name=bridge,driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.nothing=1"],
          "no setting net.ipv4.conf.eth0.nothing",
        ],
      ] as [string[], string][]) {
        const result = await machine.container([...options, "busybox", "true"]);
        expect([options, result.code, said(result).replace("tinydocker: --", "tinydocker: option --")]).toEqual([
          options,
          125,
          expect.stringContaining(reason),
        ]);
      }
      ok(await machine.run(["rm", "still"]));
    });
  });
});

test("a link in a network with names is a name that only one container knows", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { net: [] }, async () => {
      const before = machine.snapshot();
      // As with Docker, it may come later.
      await idle(machine, "web", ["--network", "net", "--link", "db:store"]);
      await idle(machine, "other", ["--network", "net"]);
      expect(await reaches(machine, "web", "store")).toBe(false);
      await idle(machine, "db", ["--network", "net"]);
      expect(await reaches(machine, "web", "store")).toBe(true);
      expect(await reaches(machine, "web", "store.net")).toBe(true);
      expect(await reaches(machine, "other", "store")).toBe(false);
      expect(await exec(machine, "web", "env")).not.toContain("STORE_");
      const { HostConfig, NetworkSettings } = await inspect(machine, "web");
      expect([HostConfig.Links, NetworkSettings.Networks.net.Links]).toEqual([null, ["db:store"]]);
      // Also for one that runs.
      ok(await machine.run(["network", "disconnect", "net", "other"]));
      ok(await machine.run(["network", "connect", "--link", "db:base", "net", "other"]));
      expect(await reaches(machine, "other", "base")).toBe(true);
      expect(await reaches(machine, "web", "base")).toBe(false);
      ok(await machine.run(["rm", "-f", "web", "other", "db"]));
      await machine.expectNothingLeft(before);
    });
  });
});

test("a network says how ports are published, devices called, and whether what goes out has the host's address", async () => {
  await withInternet(["busybox"], async (machine, internet) => {
    const options = [
      "bridge.host_binding_ipv4=127.0.0.1",
      "container_iface_prefix=lan",
      "bridge.enable_ip_masquerade=false",
    ];
    const words = options.flatMap((option) => ["-o", `com.docker.network.${option}`]);
    await withNetworks(machine, { net: words }, async () => {
      const before = machine.snapshot();
      await idle(machine, "box", ["--network", "net", "-p", "8080:80", "-p", "192.0.2.1:8081:80"]);
      expect(ok(await machine.run(["port", "box"]))).toBe("80/tcp -> 127.0.0.1:8080\n80/tcp -> 192.0.2.1:8081");
      const { v4 } = await addressesIn(machine, "box", "net");
      expect(await exec(machine, "box", "ip", "-o", "addr", "show", "lan0")).toContain(v4);
      await internet.outside.listen("tcp", "0.0.0.0", 7000);
      // Somebody outside knows the way back to it.
      const box = await internet.enter("box");
      expect(await box.connect("tcp", "192.0.2.2", 7000, 3000)).toBe(`outside sees ${v4}`);
      await internet.leave();
      ok(await machine.run(["rm", "-f", "box"]));
      await machine.expectNothingLeft(before);
    });
    for (const [option, reason] of [
      ["bridge.host_binding_ipv4=::1", "is not an address of IPv4"],
      ["container_iface_prefix=averylongprefix", "is not a valid device name"],
      ["bridge.enable_ip_masquerade=maybe", "masquerade is true or false"],
      ["bridge.gateway_mode_ipv4=routed", "is not supported by the driver bridge"],
    ] as const)
      expect([
        option,
        said(await machine.run(["network", "create", "-o", `com.docker.network.${option}`, "other"])),
      ]).toEqual([option, expect.stringContaining(reason)]);
  });
});

describe("of its networks a container says", () => {
  /** Its default routes, by their device. */
  const waysOut = async (machine: Machine, name: string) =>
    (await exec(machine, name, "ip", "route"))
      .split("\n")
      .filter((line) => line.startsWith("default"))
      .map((line) => /dev (\S+)(?:.* metric (\d+))?/.exec(line)!.slice(1))
      .map(([device, metric = "0"]) => `${device} ${metric}`);

  test("which one gives it its way out, and what its device is called and set to", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { one: [], two: [], three: [] }, async () => {
        const before = machine.snapshot();
        const options = "com.docker.network.endpoint";
        await idle(machine, "box", [
          ...[
            "--network",
            `name=one,"driver-opt=${options}.sysctls=net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.rp_filter=2"`,
          ],
          ...["--network", `name=two,gw-priority=5,driver-opt=${options}.ifname=lan7,link-local-ip=169.254.7.7`],
          ...["-p", "8080:80"],
        ]);
        expect(await waysOut(machine, "box")).toEqual(["lan7 0", "eth0 1"]);
        expect(
          await exec(
            machine,
            "box",
            "cat",
            "/proc/sys/net/ipv4/conf/eth0/log_martians",
            "/proc/sys/net/ipv4/conf/eth0/rp_filter",
          ),
        ).toBe("1\n2");
        expect(await exec(machine, "box", "ip", "addr", "show", "lan7")).toContain("169.254.7.7/16");
        const { two } = (await inspect(machine, "box")).NetworkSettings.Networks;
        expect(two).toMatchObject({
          GwPriority: 5,
          IPAMConfig: { LinkLocalIPs: ["169.254.7.7"] },
          DriverOpts: { [`${options}.ifname`]: "lan7" },
        });
        // One that comes later may come first, or last; published ports follow.
        ok(
          await machine.run(["network", "connect", "--gw-priority", "9", "--link-local-ip", "fe80::7", "three", "box"]),
        );
        expect(await waysOut(machine, "box")).toEqual(["eth1 0", "lan7 1", "eth0 2"]);
        expect(await exec(machine, "box", "ip", "addr", "show", "eth1")).toContain("fe80::7/64");
        const target = await addressesIn(machine, "box", "three");
        expect((await machine.exec(["nft", "list", "map", "inet", "tinydocker", "ports4"])).stdout).toContain(
          target.v4,
        );
        ok(await machine.run(["restart", "-t", "0", "box"]));
        expect(await waysOut(machine, "box")).toEqual(["eth1 0", "lan7 1", "eth0 2"]);
        ok(await machine.run(["network", "disconnect", "three", "box"]));
        expect((await waysOut(machine, "box"))[0]).toBe("lan7 1");
        const again = [
          "network",
          "connect",
          "--gw-priority",
          "-1",
          "--driver-opt",
          `${options}.ifname=lan7`,
          "three",
          "box",
        ];
        expect(said(await machine.run(again))).toContain("two networks cannot both have the device lan7");
        ok(await machine.run(["network", "connect", "--gw-priority=-1", "three", "box"]));
        expect((await waysOut(machine, "box")).at(-1)).toMatch(/^eth1/);
        ok(await machine.run(["rm", "-f", "box"]));
        await machine.expectNothingLeft(before);
      });
    });
  });
});
