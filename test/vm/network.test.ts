/** macvlan and ipvlan with devices that not every kernel has: these tests run inside a virtual machine (helpers/test.ts). */

import { expect } from "bun:test";
import type { Machine } from "../support/containers.ts";
import { idle, withInternet } from "../support/internet.ts";
import { ok } from "../support/life.ts";
import { linkKind, needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"), ...["macvlan", "ipvlan", "vlan", "dummy"].map(linkKind));

const devices = async (machine: Machine): Promise<string> => ok(await machine.exec(["ip", "-br", "link"]));

test("a VLAN and a device that leads nowhere are made for a network, and ipvlan's l3 needs no gateway", async () => {
  await withInternet(["busybox"], async (machine, internet) => {
    internet.outside.sh(`ip link add link eth0 name eth0.50 type vlan id 50
      ip addr add 198.51.100.1/24 dev eth0.50; ip link set eth0.50 up
      ip route add 203.0.113.0/24 via 198.51.100.9`);
    const create = async (...words: string[]) => ok(await machine.run(["network", "create", ...words]));
    const ping = async (name: string, to: string) =>
      (await machine.run(["exec", name, "ping", "-c1", "-W2", to])).code === 0;
    await create("-d", "macvlan", "-o", "parent=uplink.50", "--subnet", "198.51.100.0/24", "vlan");
    const alone = await create("-d", "macvlan", "alone");
    expect(await devices(machine)).toContain("uplink.50@uplink");
    expect(await devices(machine)).toContain(`dm-${alone.slice(0, 12)}`);
    await idle(machine, "one", ["--network", "vlan", "--network", "alone"]);
    await idle(machine, "two", ["--network", "alone"]);
    expect([await ping("one", "198.51.100.1"), await ping("two", "one")]).toEqual([true, true]);
    ok(await machine.run(["rm", "-f", "one", "two"]));
    ok(await machine.run(["network", "rm", "vlan", "alone"]));
    expect(await devices(machine)).not.toMatch(/uplink\.50|dm-/);
    await create("-d", "ipvlan", "-o", "parent=uplink.50", "-o", "ipvlan_mode=l3", "--subnet", "203.0.113.0/24", "l3");
    // It is routed by way of the host, as with Docker.
    internet.host.sh("ip addr add 198.51.100.9/24 dev uplink.50");
    await idle(machine, "three", ["--network", "l3"]);
    expect(await ping("three", "198.51.100.1")).toBe(true);
    ok(await machine.run(["rm", "-f", "three"]));
    ok(await machine.run(["network", "rm", "l3"]));
  });
});
