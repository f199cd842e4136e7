import { expect } from "bun:test";
import { withNetlink } from "../../src/linux/netlink/socket.ts";
import { ensureBridge } from "../../src/network/bridge.ts";
import { listHostSubnets } from "../../src/network/host-subnets.ts";
import { chooseSubnet, formatPrefix } from "../../src/plan/network/subnet.ts";
import { needing, root, tool } from "../support/needs.ts";
import { aNetwork, ipBatch, withNetworks } from "../support/network.ts";

needing(root, tool("ip"))("a new network overlaps no address and no route of the host, of whatever table", () => {
  withNetworks(0, () =>
    withNetlink("ROUTE", (socket) => {
      const choose = () => formatPrefix(chooseSubnet("user", listHostSubnets(socket)));
      expect(choose()).toBe("10.202.0.0/24");
      ipBatch([
        "link add name uplink type bridge",
        "link set uplink up",
        "address add 10.202.0.77/24 dev uplink",
        "route add default via 10.202.0.1 dev uplink",
        "route add 10.202.1.0/25 dev uplink",
        "route add 10.202.2.0/24 dev uplink table 51820",
        "route add blackhole 10.202.3.128/26",
      ]);
      expect(choose()).toBe("10.202.4.0/24");
      ensureBridge(socket, aNetwork({ subnets: [{ subnet: "10.202.4.0/24", gateway: "10.202.4.1" }] }));
      expect(choose()).toBe("10.202.5.0/24");
      expect(listHostSubnets(socket).map(formatPrefix)).toContain("10.202.3.128/26");
    }),
  );
});
