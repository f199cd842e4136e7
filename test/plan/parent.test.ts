import { describe, expect, test } from "bun:test";
import { parseVlan, planParent } from "../../src/plan/network/parent.ts";
import { aNetwork } from "../support/network.ts";

const id = "ab".repeat(32);
const exists = (name: string) => ["eth0", "eth1.7"].includes(name);
const upon = (device: string, mode: string, kind: "macvlan" | "ipvlan" = "macvlan", made?: "vlan") =>
  aNetwork({ name: "other", bridge: "", parent: { kind, device, mode, ...(made && { made }) } });

describe("a parent", () => {
  test("is a device of the host, a VLAN that is made, or one of its own", () => {
    const plan = (device?: string) =>
      planParent({ kind: "macvlan", mode: "bridge", ...(device && { device }) }, id, [], exists);
    expect(plan("eth0")).toEqual({ kind: "macvlan", device: "eth0", mode: "bridge" });
    expect(plan("eth1.7").made).toBeUndefined();
    expect(plan("eth0.50")).toMatchObject({ device: "eth0.50", made: "vlan" });
    expect(plan()).toMatchObject({ device: "dm-abababababab", made: "dummy" });
    for (const device of ["eth9", "eth9.5", "eth0.0", "eth0.4095", "eth0.x"])
      expect(() => plan(device)).toThrow(/this host has/);
    expect(() => plan("lo")).toThrow("loopback");
  });
  test("is shared by those that can", () => {
    const plan = (others: ReturnType<typeof upon>[], kind: "macvlan" | "ipvlan", mode: string) => () =>
      planParent({ kind, mode, device: "eth0" }, id, others, exists);
    expect(plan([upon("eth0", "bridge")], "macvlan", "private")()).toMatchObject({ device: "eth0" });
    expect(plan([upon("eth0", "bridge")], "ipvlan", "l2")).toThrow("it can't be of ipvlan too");
    expect(plan([upon("eth0", "bridge")], "macvlan", "passthru")).toThrow("of one network alone");
    expect(plan([upon("eth0", "passthru")], "macvlan", "bridge")).toThrow("of one network alone");
    expect(plan([upon("eth0", "l2", "ipvlan")], "ipvlan", "l3")).toThrow("its mode is the same for all networks");
    expect(plan([upon("eth1", "passthru")], "macvlan", "bridge")()).toMatchObject({ device: "eth0" });
    // A VLAN goes with the last of those for which it was made.
    const second = planParent(
      { kind: "macvlan", mode: "bridge", device: "eth0.9" },
      id,
      [upon("eth0.9", "bridge", "macvlan", "vlan")],
      () => true,
    );
    expect(second.made).toBe("vlan");
  });
  test("names a VLAN by a number", () => {
    expect(parseVlan("eth0.50")).toEqual({ base: "eth0", id: 50 });
    expect(parseVlan("a.b.4094")).toEqual({ base: "a.b", id: 4094 });
    for (const name of ["eth0", "eth0.", ".5", "eth0.05", "eth0.50000"]) expect(parseVlan(name)).toBeUndefined();
  });
});
