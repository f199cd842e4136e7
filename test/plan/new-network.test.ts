import { describe, expect, test } from "bun:test";
import { ConflictError, UsageError } from "../../src/errors.ts";
import { type NewNetwork, planNetwork } from "../../src/plan/new-network.ts";
import { parseSubnet } from "../../src/plan/subnet.ts";

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
});
