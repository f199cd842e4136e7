import { describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConflictError } from "../../src/errors.ts";
import type { Fd } from "../../src/linux/file.ts";
import { inNetworkNamespace } from "../../src/linux/namespace.ts";
import { deleteLink, findLink, listLinks, setLink } from "../../src/linux/netlink/link.ts";
import { isLocal, listAddresses, listRoutes } from "../../src/linux/netlink/route.ts";
import { transact, withNetlink } from "../../src/linux/netlink/socket.ts";
import { restoreSysctls } from "../../src/linux/sysctl.ts";
import { ensureBridge, removeBridge } from "../../src/network/bridge.ts";
import { setUpPort } from "../../src/network/device.ts";
import { connect, removeVeth, silenceVeth } from "../../src/network/endpoint.ts";
import { formatAddress, parseAddress } from "../../src/plan/network/address.ts";
import type { Endpoint, Network } from "../../src/plan/network/network.ts";
import { needing, root, tool } from "../support/needs.ts";
import { aNetwork, anEndpoint, ipBatch, sh, withNetworks } from "../support/network.ts";

const inNetwork = needing(root, tool("ip"), tool("bash"));

const sysctl = (name: string): string => readFileSync(`/proc/sys/net/${name}`, "utf8").trim();

/** Runs a test with a bridge and containers in it. */
function withContainers(
  count: number,
  use: (context: { socket: Fd; network: Network; endpoints: Endpoint[]; containers: Fd[] }) => void,
  network = aNetwork(),
): void {
  withNetworks(count, (...containers) =>
    withNetlink("ROUTE", (socket) => {
      const { index } = ensureBridge(socket, network);
      const endpoints = containers.map((namespace, at) => {
        const endpoint = anEndpoint(network, at + 2);
        expect(connect({ socket, bridge: index, namespace }, endpoint, { isolated: !network.icc })).toBe("connected");
        return endpoint;
      });
      use({ socket, network, endpoints, containers });
    }),
  );
}

const addressOf = (endpoint: Endpoint, at = 0): string => endpoint.addresses[at]!.split("/")[0]!;
/** A packet goes there and back: nobody listens, and the other side says so. */
function reach(address: string, seconds = 10): void {
  const said = sh(`timeout ${seconds} bash -c ': </dev/tcp/${address}/9' 2>&1 || true`);
  if (!said.includes("refused")) throw new Error(`${address} is not reached: ${said}`);
}
/** Packets that this network namespace has sent again because they, or the search for the neighbour, were lost. */
function countLost(): number {
  const [names, values] = sh("grep ^Tcp: /proc/net/snmp")
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  return Number(values![names!.indexOf("RetransSegs")]);
}
const within = <Result>(namespace: Fd, use: () => Result): Result => inNetworkNamespace(namespace, use);
const everything = (socket: Fd) => ({
  links: listLinks(socket).map(({ name, kind, mac, mtu, up, port }) => ({ name, kind, mac, mtu, up, port })),
  addresses: listAddresses(socket).map(({ address, bits }) => `${formatAddress(address)}/${bits}`),
  // Without those of multicast, which come when the kernel finds the time.
  routes: listRoutes(socket)
    .filter(({ type }) => type !== 5)
    .map(({ destination, bits, type }) => `${type} ${formatAddress(destination)}/${bits}`)
    .sort(),
});

describe("a bridge", () => {
  inNetwork("has the MAC and the addresses of its gateways, and no IPv6 that was not asked for", () => {
    withNetworks(0, () =>
      withNetlink("ROUTE", (socket) => {
        const { index, changes, reattached } = ensureBridge(socket, aNetwork({ mtu: 1400 }));
        const link = findLink(socket, "br-test")!;
        expect(link).toMatchObject({ index, kind: "bridge", mac: "02:42:0a:09:00:01", mtu: 1400, up: true });
        expect(listAddresses(socket, index).map(({ address }) => formatAddress(address))).toEqual(["10.9.0.1"]);
        expect(sh("ip -4 address show br-test")).toContain("inet 10.9.0.1/24 brd 10.9.0.255");
        expect(sysctl("ipv6/conf/br-test/disable_ipv6")).toBe("1");
        expect(sysctl("ipv4/conf/br-test/route_localnet")).toBe("0");
        expect(sysctl("ipv4/conf/all/route_localnet")).toBe("0");
        expect(changes).toEqual([{ name: "net/ipv4/ip_forward", before: "0", after: "1" }]);
        expect(reattached).toEqual([]);
      }),
    );
  });

  inNetwork("is found as it is, and mended where it is not", () => {
    withNetworks(0, () =>
      withNetlink("ROUTE", (socket) => {
        const network = aNetwork({ ipv6: true });
        const { index } = ensureBridge(socket, network);
        const before = everything(socket);
        expect(ensureBridge(socket, network)).toEqual({ index, changes: [], reattached: [] });
        const harm = ["link set br-test down", "address flush dev br-test", "link del br-test"];
        for (const line of harm) {
          ipBatch([line]);
          ensureBridge(socket, network);
          eventually(() => expect(everything(socket)).toEqual(before));
        }
        ipBatch(["link set br-test address 02:00:00:00:00:01"]);
        expect(ensureBridge(socket, network).index).toBe(findLink(socket, "br-test")!.index);
      }),
    );
  });

  inNetwork("of a name that somebody else's device has is refused, and that device left alone", () => {
    for (const type of ["bridge", "veth peer name other", "ifb"]) {
      withNetworks(0, () =>
        withNetlink("ROUTE", (socket) => {
          ipBatch([`link add name br-test type ${type}`]);
          const before = everything(socket);
          const make = () => ensureBridge(socket, aNetwork({ internal: true }));
          expect(make).toThrow("the network device br-test is not the bridge of network test: somebody else made it");
          expect(make).toThrow(ConflictError);
          expect(removeBridge(socket, aNetwork())).toBe(false);
          expect(everything(socket)).toEqual(before);
        }),
      );
    }
  });

  inNetwork("goes without a trace, with what was changed for it", () => {
    withNetworks(0, () =>
      withNetlink("ROUTE", (socket) => {
        writeFileSync("/proc/sys/net/ipv6/conf/lo/accept_ra", "1");
        const names = [
          "ipv4/ip_forward",
          "ipv6/conf/all/forwarding",
          "ipv6/conf/lo/accept_ra",
          "ipv6/conf/lo/forwarding",
        ];
        const settings = () => names.map((name) => `${name} ${sysctl(name)}`);
        const before = { ...everything(socket), settings: settings() };
        const network = aNetwork({ ipv6: true });
        const { changes } = ensureBridge(socket, network);
        expect(settings()).toEqual(names.map((name) => `${name} ${name.endsWith("accept_ra") ? 2 : 1}`));
        expect(removeBridge(socket, network)).toBe(true);
        expect(removeBridge(socket, network)).toBe(false);
        restoreSysctls(changes);
        expect({ ...everything(socket), settings: settings() }).toEqual(before);
      }),
    );
  });

  inNetwork("does not give back what somebody has changed since, nor what was so before", () => {
    withNetworks(0, () =>
      withNetlink("ROUTE", (socket) => {
        writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
        const { changes } = ensureBridge(socket, aNetwork());
        expect(changes).toEqual([]);
        restoreSysctls([{ name: "net/ipv4/ip_forward", before: "0", after: "2" }]);
        expect(sysctl("ipv4/ip_forward")).toBe("1");
        expect(
          ensureBridge(socket, aNetwork({ name: "in", internal: true, bridge: "br-in", third: 10 })).changes,
        ).toEqual([]);
      }),
    );
  });

  inNetwork("of an internal network lets nothing be forwarded", () => {
    withNetworks(0, () =>
      withNetlink("ROUTE", (socket) => {
        expect(ensureBridge(socket, aNetwork({ internal: true, ipv6: true })).changes).toEqual([]);
        expect(sysctl("ipv4/ip_forward")).toBe("0");
        expect(sysctl("ipv6/conf/all/forwarding")).toBe("0");
      }),
    );
  });

  inNetwork("is one bridge when many make it at the same time, while somebody takes it away", async () => {
    const script = join(import.meta.dir, "../support/ensure-bridge.ts");
    // Each in turn makes sure of it 200 times; what they say is what went wrong.
    const many = `for i in $(seq 8); do "$BUN" ${script} 200 & pids="$pids $!"; done
      for i in $(seq 20); do sleep 0.01; ip link del br-test 2>/dev/null || true; done
      for pid in $pids; do wait $pid; done; "$BUN" ${script} 1; ip -br link show type bridge; ip -br -4 address show br-test`;
    const env = { ...process.env, BUN: process.execPath };
    const child = Bun.spawn(["unshare", "-n", "sh", "-c", many], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env,
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(err).toBe("");
    expect(out.trim().split("\n")).toEqual([
      expect.stringMatching(/^br-test /),
      expect.stringContaining("10.9.0.1/24"),
    ]);
  });
});

describe("an endpoint", () => {
  inNetwork("has its device, MAC, MTU, addresses and default routes, and no more", () => {
    withContainers(
      1,
      ({ socket, containers, endpoints }) => {
        expect(findLink(socket, "veth0a090002")).toMatchObject({
          mac: "fe:42:0a:09:00:02",
          mtu: 1400,
          operstate: "up",
        });
        within(containers[0]!, () =>
          withNetlink("ROUTE", (inner) => {
            expect(findLink(inner, "eth0")).toMatchObject({ mac: "02:42:0a:09:00:02", mtu: 1400, operstate: "up" });
            expect(
              listAddresses(inner)
                .map(({ address, bits }) => `${formatAddress(address)}/${bits}`)
                .sort(),
            ).toEqual(["10.9.0.2/24", "fd09::2/64", "fe80::42:aff:fe09:2/64"]);
            expect(sh("ip route show default; ip -6 route show default")).toBe(
              "default via 10.9.0.1 dev eth0 \ndefault via fd09::1 dev eth0 metric 1024 pref medium\n",
            );
            expect(sysctl("ipv6/conf/eth0/accept_ra")).toBe("0");
            expect(sh("ip -6 address")).not.toContain("tentative");
            expect(endpoints[0]!.gateways).toHaveLength(2);
          }),
        );
      },
      aNetwork({ ipv6: true, mtu: 1400 }),
    );
  });

  inNetwork("has no IPv6 in a network without", () => {
    withContainers(1, ({ containers }) => within(containers[0]!, () => expect(sh("ip -6 address")).toBe("")));
  });

  inNetwork("reaches the host and the others with its first packet, both ways, at once", () => {
    for (let times = 0; times < 5; times++) {
      withContainers(
        2,
        ({ containers, endpoints }) => {
          const [a, b] = endpoints as [Endpoint, Endpoint];
          reach(addressOf(b));
          within(containers[0]!, () => {
            reach("10.9.0.1");
            reach(addressOf(b));
            reach(addressOf(b, 1));
            reach("fd09::1");
          });
          within(containers[1]!, () => reach(addressOf(a)));
          reach(addressOf(a, 1));
          expect([countLost(), ...containers.map((namespace) => within(namespace, countLost))]).toEqual([0, 0, 0]);
        },
        aNetwork({ ipv6: true }),
      );
    }
  });

  inNetwork("has its addresses as its own when it is connected, also those of IPv6", () => {
    withContainers(
      40,
      ({ containers }) => {
        const missing = containers.filter((namespace, at) =>
          within(namespace, () =>
            withNetlink("ROUTE", (inner) =>
              [`10.9.0.${at + 2}`, `fd09::${(at + 2).toString(16)}`].some(
                (text) => !isLocal(inner, parseAddress(text)),
              ),
            ),
          ),
        );
        expect(missing).toEqual([]);
      },
      aNetwork({ ipv6: true }),
    );
  });

  inNetwork("does not reach others without icc, but the host", () => {
    withContainers(
      2,
      ({ containers, endpoints }) => {
        within(containers[0]!, () => {
          reach("10.9.0.1");
          expect(() => reach(addressOf(endpoints[1]!), 1)).toThrow();
        });
      },
      aNetwork({ icc: false }),
    );
  });

  inNetwork("of an internal network has no default route", () => {
    withContainers(
      1,
      ({ containers }) => within(containers[0]!, () => expect(sh("ip route")).not.toContain("default")),
      aNetwork({ internal: true }),
    );
  });

  inNetwork("is added to a container that runs, and taken away, and the other way out is there then", () => {
    withContainers(1, ({ socket, containers, endpoints }) => {
      const [namespace] = containers as [Fd];
      const network = aNetwork({ name: "two", bridge: "br-two", third: 10 });
      const { index: bridge } = ensureBridge(socket, network);
      const second = anEndpoint(network, 2, "eth1");
      expect(connect({ socket, bridge, namespace }, second)).toBe("connected");
      within(namespace, () => {
        expect(sh("ip route get 198.51.100.1")).toContain("dev eth0");
        reach("10.10.0.1");
      });
      silenceVeth(socket, endpoints[0]!.veth);
      removeVeth(socket, endpoints[0]!.veth);
      within(namespace, () => expect(sh("ip route get 198.51.100.1")).toContain("dev eth1"));
      // Whoever is there no more is no failure.
      silenceVeth(socket, endpoints[0]!.veth);
      removeVeth(socket, endpoints[0]!.veth);
    });
  });

  inNetwork("whose address is taken says so, and one whose device is there, or whose bridge is gone", () => {
    withContainers(1, ({ socket, network, containers }) => {
      withNetworks(1, (other) => {
        // We are in another network now; the socket is where it was.
        const bridge = findLink(socket, network.bridge)!.index;
        const before = everything(socket);
        expect(connect({ socket, bridge, namespace: other }, anEndpoint(network, 2), { hairpin: true })).toBe("taken");
        const again = () => connect({ socket, bridge, namespace: containers[0]! }, anEndpoint(network, 3));
        expect(again).toThrow("the container has a network device eth0 already");
        expect(connect({ socket, bridge: 4711, namespace: other }, anEndpoint(network, 3))).toBe("no bridge");
        const bad = { ...anEndpoint(network, 3), device: "much-too-long-a-name" };
        expect(() => connect({ socket, bridge, namespace: other }, bad)).toThrow(
          "cannot be the name of a network device",
        );
        expect(everything(socket)).toEqual(before);
      });
    });
  });

  inNetwork("that fails half-way leaves nothing", () => {
    withNetworks(1, (namespace) =>
      withNetlink("ROUTE", (socket) => {
        const network = aNetwork();
        const { index: bridge } = ensureBridge(socket, network);
        const before = everything(socket);
        const endpoint = { ...anEndpoint(network, 2), gateways: ["203.0.113.1"] };
        expect(() => connect({ socket, bridge, namespace }, endpoint)).toThrow(
          "cannot add the route to everywhere through 203.0.113.1 on eth0: ENETUNREACH",
        );
        expect(everything(socket)).toEqual(before);
        within(namespace, () => expect(sh("ip link")).not.toContain("eth0"));
      }),
    );
  });

  inNetwork("gets into the new bridge when the old one was deleted", () => {
    for (const icc of [true, false]) {
      withContainers(
        2,
        ({ socket, network, containers, endpoints }) => {
          within(containers[0]!, () => reach("10.9.0.1"));
          transact(socket, setUpPort(endpoints[0]!.veth, { hairpin: true }));
          // A veth of another network, which is not ours to take.
          ipBatch(["link add name veth0a0a0002 type veth peer name other"]);
          transact(socket, [deleteLink(network.bridge)]);
          const { index, reattached } = ensureBridge(socket, network);
          expect(reattached.sort()).toEqual(endpoints.map(({ veth }) => veth).sort());
          for (const [at, { veth }] of endpoints.entries())
            expect(findLink(socket, veth)).toMatchObject({
              master: index,
              port: { hairpin: at === 0, isolated: !icc },
            });
          expect(findLink(socket, "veth0a0a0002")!.master).toBeUndefined();
          eventually(() => within(containers[0]!, () => reach("10.9.0.1")));
        },
        aNetwork({ icc }),
      );
    }
  });

  inNetwork("goes with its veth, and the network is as it was before", () => {
    withNetworks(1, (namespace) =>
      withNetlink("ROUTE", (socket) => {
        const network = aNetwork({ ipv6: true });
        const { index: bridge } = ensureBridge(socket, network);
        transact(socket, [setLink(bridge, { up: true })]);
        const before = everything(socket);
        const inside = () => within(namespace, () => withNetlink("ROUTE", everything));
        const empty = inside();
        connect({ socket, bridge, namespace }, anEndpoint(network, 2));
        silenceVeth(socket, "veth0a090002");
        within(namespace, () => expect(() => reach("10.9.0.1", 1)).toThrow());
        removeVeth(socket, "veth0a090002");
        expect(everything(socket).links).toEqual(before.links);
        expect(inside()).toEqual(empty);
      }),
    );
  });
});

/** Again for some seconds; what is wrong in the end. */
function eventually(run: () => void): void {
  for (let tries = 0; ; tries++) {
    try {
      run();
      return;
    } catch (error) {
      if (tries === 20) throw error;
      Bun.sleepSync(20);
    }
  }
}
