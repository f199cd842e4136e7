import { describe, expect, test } from "bun:test";
import { ConflictError, UsageError } from "../../src/errors.ts";
import { type NewNetwork, planNetwork } from "../../src/plan/network/new-network.ts";
import { parseSubnet } from "../../src/plan/network/subnet.ts";

const asked = (change: Partial<NewNetwork> = {}): NewNetwork => ({
  name: "web",
  subnets: [],
  ipv6: false,
  internal: false,
  icc: true,
  isolate: true,
  labels: {},
  options: {},
  ...change,
});
const plan = (change: Partial<NewNetwork> = {}, others: ReturnType<typeof planNetwork>[] = [], taken: string[] = []) =>
  planNetwork(asked(change), others, {
    id: "ab".repeat(32),
    created: "2026-01-02T03:04:05Z",
    exists: () => false,
    taken: () => taken.map(parseSubnet),
    random: () => Uint8Array.of(1, 2, 3, 4, 5, 6, 7),
  });

describe("a network that is to be made", () => {
  test("gets a subnet that neither another network nor the host has", () => {
    const first = plan();
    expect(first.subnets).toEqual([{ subnet: "10.202.0.0/24", gateway: "10.202.0.1" }]);
    expect(plan({ name: "other", bridge: "br1" }, [first]).subnets[0]!.subnet).toBe("10.202.1.0/24");
    expect(plan({}, [], ["10.202.0.0/16"]).subnets[0]!.subnet).toBe("10.203.0.0/24");
  });
  test("has IPv4 first, whatever was given first, and IPv6 where it was asked for", () => {
    const both = plan({ subnets: [{ subnet: "fd00:1::/64" }, { subnet: "10.9.0.0/24", gateway: "10.9.0.254" }] });
    expect(both.subnets.map(({ gateway }) => gateway)).toEqual(["10.9.0.254", "fd00:1::1"]);
    expect(plan({ ipv6: true }).subnets[1]).toEqual({
      subnet: "fd01:203:405:607::/64",
      gateway: "fd01:203:405:607::1",
    });
  });
  test("is called by its id where no name of a bridge was given", () => {
    expect(plan().bridge).toBe("td-abababababab");
    expect(plan({ bridge: "br-web" }).bridge).toBe("br-web");
  });
  test("does not take another network's addresses or bridge, nor a gateway from elsewhere", () => {
    const other = plan({ name: "first" });
    expect(() => plan({ subnets: [{ subnet: "10.202.0.128/25" }], bridge: "br1" }, [other])).toThrow(ConflictError);
    expect(() => plan({}, [other])).toThrow("the bridge td-abababababab is that of network first");
    expect(() => plan({ subnets: [{ subnet: "10.9.0.0/24", gateway: "10.8.0.1" }] })).toThrow(UsageError);
    expect(() => plan({ subnets: [{ subnet: "10.9.0.0/24", range: "10.8.0.0/25" }] })).toThrow(UsageError);
  });
  test.each(["127.0.0.0/8", "0.0.0.0/0", "224.0.0.0/24", "255.255.255.0/24", "::/64", "fe80::/64", "ff00::/64"])(
    "has no subnet whose addresses no container can have: %s",
    (subnet) => expect(() => plan({ subnets: [{ subnet }] })).toThrow(`${subnet} can't be a network's`),
  );
  test("has no gateway at the subnet's own address or at that of broadcasts", () => {
    const withGateway = (subnet: string, gateway: string) => () => plan({ subnets: [{ subnet, gateway }] });
    expect(withGateway("10.9.0.0/24", "10.9.0.0")).toThrow("10.9.0.0 is not the address of a host in 10.9.0.0/24");
    expect(withGateway("10.9.0.0/24", "10.9.0.255")).toThrow(UsageError);
    expect(withGateway("fd00:1::/64", "fd00:1::")).toThrow(UsageError);
    for (const gateway of ["10.9.0.1", "10.9.0.254"]) expect(withGateway("10.9.0.0/24", gateway)).not.toThrow();
    expect(withGateway("fd00:1::/64", "fd00:1::ffff:ffff:ffff:ffff")).not.toThrow();
  });
  test("has frames that are long enough for IPv6, if it has that", () => {
    expect(() => plan({ mtu: 1279, ipv6: true })).toThrow("mtu=1279 is too little for IPv6");
    expect(plan({ mtu: 1280, ipv6: true }).mtu).toBe(1280);
    expect(plan({ mtu: 68 }).mtu).toBe(68);
  });
});
