import { describe, expect, test } from "bun:test";
import {
  deviceFor,
  deviceOption,
  metricOf,
  planEndpoint,
  planEndpoints,
  rankJoined,
  sysctlsOption,
} from "../../src/plan/network/endpoint.ts";
import type { Network } from "../../src/plan/network/network.ts";
import type { NetworkRequest } from "../../src/plan/network/options.ts";
import { aNetwork } from "../support/network.ts";

const take = (_network: Network, { subnet }: { subnet: string }, wanted?: string): string =>
  wanted ?? subnet.replace(/(::)?\/.*|0\/.*/, (end) => (end.startsWith("::") ? "::2" : "2"));
const asked = (network: string, more: Partial<NetworkRequest> = {}): NetworkRequest => ({
  network,
  aliases: [],
  ...more,
});
const one = aNetwork({ name: "one" });
const two = aNetwork({ name: "two", third: 8, ipv6: true });
const upon = (mode: string, more: Partial<Network> = {}) =>
  aNetwork({
    bridge: "",
    parent: { kind: mode.startsWith("l") ? "ipvlan" : "macvlan", device: "eth7", mode },
    ...more,
  });

describe("a container's devices", () => {
  test("are eth0, eth1 and so on, and what was asked for", () => {
    const named = { driverOptions: { [deviceOption]: "lan0" } };
    const plan = planEndpoints(
      [
        [one, asked("one", named)],
        [two, asked("two")],
      ],
      take,
    );
    expect(plan.map(({ device, metric }) => [device, metric])).toEqual([
      ["lan0", 0],
      ["eth0", 1],
    ]);
    expect(deviceFor(one, asked("x"), [{ device: "eth0" }, { device: "eth2" }])).toBe("eth1");
    expect(deviceFor(aNetwork({ rarer: { devicePrefix: "lan" } }), asked("x"), plan)).toBe("lan1");
    expect(() => deviceFor(one, asked("x", named), plan)).toThrow("cannot both have the device lan0");
  });
  test("have settings of their own, whatever they are called", () => {
    const options = {
      [sysctlsOption]: "net.ipv4.conf.IFNAME.forwarding=1,net.ipv6.conf.IFNAME.mtu=1280",
      [deviceOption]: "a.b",
    };
    expect(planEndpoints([[one, asked("one", { driverOptions: options })]], take)[0]!.sysctls).toEqual({
      "net/ipv4/conf/a.b/forwarding": "1",
      "net/ipv6/conf/a.b/mtu": "1280",
    });
  });
});

describe("the way out", () => {
  test("is that of the first network, and nothing is said of it", () => {
    const plan = planEndpoints(
      [
        [one, asked("one")],
        [two, asked("two")],
      ],
      take,
    );
    expect(plan.map(metricOf)).toEqual([0, 1]);
    expect(plan.some(({ metric }) => metric !== undefined)).toBe(false);
  });
  test("is that of the highest priority", () => {
    const plan = planEndpoints(
      [
        [one, asked("one")],
        [two, asked("two", { gwPriority: 1 })],
      ],
      take,
    );
    expect(plan.map(metricOf)).toEqual([1, 0]);
  });
  test("changes for those that are there when one with a higher priority comes, and for no others", () => {
    const before = planEndpoints(
      [
        [one, asked("one", { gwPriority: 5 })],
        [two, asked("two")],
      ],
      take,
    );
    const third = planEndpoint(aNetwork({ name: "three", third: 7 }), asked("three", { gwPriority: 3 }), "eth2", take);
    const { endpoint, moved } = rankJoined(third, before);
    expect([endpoint.metric, moved.map(({ network, metric }) => [network, metric])]).toEqual([1, [["two", 2]]]);
    const last = rankJoined({ ...third, gwPriority: -1 }, before);
    expect([last.endpoint.metric, last.moved]).toEqual([2, []]);
    const plain = planEndpoints([[one, asked("one")]], take);
    expect(rankJoined({ ...third, gwPriority: undefined } as never, plain).endpoint.metric).toBeUndefined();
  });
});

describe("upon a parent", () => {
  test("there is no veth, and of several subnets the one with the address", () => {
    const subnets = [
      { subnet: "10.9.0.0/24", gateway: "10.9.0.1" },
      { subnet: "10.8.0.0/24", gateway: "10.8.0.1" },
      { subnet: "fd09::/64", gateway: "fd09::1" },
    ];
    const plan = planEndpoint(upon("bridge", { subnets }), asked("x", { ip: "10.8.0.7" }), "eth0", take);
    expect(plan).toMatchObject({
      veth: "",
      addresses: ["10.8.0.7/24", "fd09::2/64"],
      gateways: ["10.8.0.1", "fd09::1"],
    });
  });
  test("the way out of ipvlan's l3 is the device, and there is none where nobody is", () => {
    expect(planEndpoint(upon("l3"), asked("x"), "eth0", take)).toMatchObject({ gateways: [], direct: [4], mac: "" });
    expect(planEndpoint(upon("l2"), asked("x"), "eth0", take)).toMatchObject({ gateways: ["10.9.0.1"], mac: "" });
    const alone = upon("bridge");
    alone.parent!.made = "dummy";
    expect(planEndpoint(alone, asked("x"), "eth0", take).gateways).toEqual([]);
    expect(planEndpoint(upon("bridge", { internal: true }), asked("x"), "eth0", take).gateways).toEqual([]);
  });
  test("a MAC of one's own is for macvlan, but for passthru", () => {
    const mac = "02:00:00:00:00:01";
    expect(planEndpoint(upon("vepa"), asked("x", { mac }), "eth0", take).mac).toBe(mac);
    for (const mode of ["passthru", "l2"])
      expect(() => planEndpoint(upon(mode), asked("x", { mac }), "eth0", take)).toThrow("have the one of eth7");
  });
});
