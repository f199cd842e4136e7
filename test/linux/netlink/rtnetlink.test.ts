import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { InvalidError, SyscallError } from "../../../src/errors.ts";
import { EEXIST } from "../../../src/linux/errno.ts";
import type { Fd } from "../../../src/linux/file.ts";
import { inNetworkNamespace } from "../../../src/linux/namespace.ts";
import { listAttributes } from "../../../src/linux/netlink/attribute.ts";
import {
  checkLinkName,
  deleteLink,
  findLink,
  type Link,
  listLinks,
  newBridge,
  newVeth,
  parseLink,
  setLink,
  setPort,
} from "../../../src/linux/netlink/link.ts";
import {
  addAddress,
  addRoute,
  listAddresses,
  listRoutes,
  parseDeviceAddress,
  parseRoute,
} from "../../../src/linux/netlink/route.ts";
import { dump, type Message, parseMessages, transact, withNetlink } from "../../../src/linux/netlink/socket.ts";
import { formatAddress, parseAddress, parseMac } from "../../../src/plan/network/address.ts";
import { parsePrefix, parseSubnet } from "../../../src/plan/network/subnet.ts";
import { needing, root, tool } from "../../support/needs.ts";
import { ipBatch, ipJson, sh, withNetworks } from "../../support/network.ts";

const inNetwork = needing(root, tool("ip"));
const mac = (last: number): Uint8Array => parseMac(`02:42:0a:00:00:${last.toString(16).padStart(2, "0")}`);

interface IpLink {
  ifindex: number;
  ifname: string;
  flags: string[];
  mtu: number;
  master?: string;
  ifalias?: string;
  operstate: string;
  address?: string;
  linkinfo?: {
    info_kind?: string;
    info_slave_kind?: string;
    info_slave_data?: { hairpin: boolean; isolated: boolean };
  };
  addr_info?: { local: string; address?: string; prefixlen: number }[];
}

describe("what the kernel tells", () => {
  /** Devices with addresses and routes, as ip(8) makes them. */
  const device = fc.record({
    kind: fc.constantFrom("bridge", "veth", "veth", "ifb", "vlan"),
    mtu: fc.integer({ min: 1280, max: 9000 }),
    up: fc.boolean(),
    port: fc.boolean(),
    alias: fc.constantFrom("", "words", "ö"),
    hairpin: fc.boolean(),
    isolated: fc.boolean(),
    addresses: fc.uniqueArray(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 3 }),
    bits: fc.integer({ min: 9, max: 32 }),
    routes: fc.uniqueArray(fc.nat(255), { maxLength: 3 }),
    metric: fc.nat(5000),
    table: fc.constantFrom(254, 100, 51820),
  });

  type Device = typeof device extends fc.Arbitrary<infer Shape> ? Shape : never;

  function build(devices: Device[]): void {
    ipBatch([
      "link add name bridge0 type bridge",
      "link add name base0 type bridge",
      "link set bridge0 up",
      "link set base0 up",
    ]);
    const quiet = (line: string) => sh(`ip ${line} 2>/dev/null || true`);
    devices.forEach(({ kind, mtu, up, port, hairpin, isolated, alias, addresses, bits, routes, metric, table }, at) => {
      const name = `d${at}`;
      const above = kind === "vlan" ? "link base0" : "";
      const id = kind === "vlan" ? `id ${at + 1}` : kind === "veth" ? `peer name p${at}` : "";
      // Not every kernel has every kind.
      quiet(`link add ${above} name ${name} type ${kind} ${id}`);
      quiet(`link set ${name} mtu ${mtu}`);
      if (port && kind !== "bridge") {
        quiet(`link set ${name} master bridge0`);
        quiet(
          `link set ${name} type bridge_slave hairpin ${hairpin ? "on" : "off"} isolated ${isolated ? "on" : "off"}`,
        );
      }
      if (alias) quiet(`link set ${name} alias ${alias}`);
      if (up) quiet(`link set ${name} up`);
      for (const address of addresses) quiet(`address add ${address}/${bits} dev ${name}`);
      for (const route of routes) quiet(`route add 203.0.${route}.0/24 dev ${name} metric ${metric} table ${table}`);
      quiet(`route add default via 203.0.113.1 dev ${name} onlink metric ${metric + 1} table ${table}`);
      quiet(`-6 route add 2001:db8:${at}::/48 dev ${name} table ${table}`);
    });
  }

  inNetwork(
    "of links, addresses and routes is what ip(8) reads",
    () => {
      const check = (devices: Device[]) =>
        withNetworks(0, () => {
          build(devices);
          // States of operation and link-local addresses come after a while.
          withNetlink("ROUTE", (socket) => eventually(() => compare(socket)));
        });
      fc.assert(fc.property(fc.array(device, { maxLength: 5 }), check), { numRuns: 12, includeErrorInReport: true });
    },
    120_000,
  );

  function compare(socket: Fd): void {
    const links = listLinks(socket);
    expect(links).toEqual(ipLinks());
    for (const link of links) {
      expect(findLink(socket, link.name)).toEqual(link);
      expect(findLink(socket, link.index)).toEqual(link);
    }
    expect(listLinks(socket, "bridge")).toEqual(links.filter(({ kind }) => kind === "bridge"));
    const addresses = listAddresses(socket);
    const words = addresses.map(({ index, address, bits }) => `${index} ${formatAddress(address)}/${bits}`);
    expect(words.sort()).toEqual(ipAddresses().sort());
    for (const { index } of links)
      expect(listAddresses(socket, index)).toEqual(addresses.filter((one) => one.index === index));
    expect(listRoutes(socket).map(formatRoute).sort()).toEqual(ipRoutes().sort());
  }

  function ipLinks(): Link[] {
    const all = ipJson<IpLink[]>("-d link");
    return all.map((link) => ({
      index: link.ifindex,
      name: link.ifname,
      kind: link.linkinfo?.info_kind,
      mac: link.address ?? "",
      mtu: link.mtu,
      master: all.find(({ ifname }) => ifname === link.master)?.ifindex,
      up: link.flags.includes("UP"),
      operstate: link.operstate.toLowerCase() as Link["operstate"],
      port: link.linkinfo?.info_slave_data && {
        hairpin: link.linkinfo.info_slave_data.hairpin,
        isolated: link.linkinfo.info_slave_data.isolated,
      },
      alias: link.ifalias ?? "",
    }));
  }

  const ipAddresses = (): string[] =>
    ipJson<IpLink[]>("address").flatMap(({ ifindex, addr_info = [] }) =>
      addr_info.map(({ local, prefixlen }) => `${ifindex} ${local}/${prefixlen}`),
    );

  function ipRoutes(): string[] {
    const read = (family: number, everywhere: string) =>
      ipJson<{ dst: string; gateway?: string; dev?: string; metric?: number; type?: string; table?: string }[]>(
        `-${family} -N route show table all`,
      ).map(({ dst, gateway, metric = 0, table = "254" }) => {
        const where = dst === "default" ? everywhere : dst.includes("/") ? dst : `${dst}/${family === 4 ? 32 : 128}`;
        return `${where} ${gateway ?? "-"} ${metric} ${table}`;
      });
    return [...read(4, "0.0.0.0/0"), ...read(6, "::/0")];
  }

  const formatRoute = ({ destination, bits, gateway, metric, table }: ReturnType<typeof listRoutes>[number]) =>
    `${formatAddress(destination)}/${bits} ${gateway ? formatAddress(gateway) : "-"} ${metric} ${table}`;
});

describe("what we ask for", () => {
  inNetwork("a bridge, a pair of which one end is elsewhere, addresses and routes", () => {
    withNetworks(1, (namespace) => {
      withNetlink("ROUTE", (socket) => {
        transact(socket, [newBridge("br0", mac(1)), setLink("br0", { mtu: 1400 }), setLink("br0", { up: true })]);
        const bridge = findLink(socket, "br0")!;
        expect(bridge).toMatchObject({ kind: "bridge", mac: "02:42:0a:00:00:01", mtu: 1400, up: true });
        const peer = { name: "eth0", mac: mac(2), namespace };
        transact(socket, [
          newVeth({ name: "veth0a000002", mac: mac(3), master: bridge.index, mtu: 1400, peer }),
          setPort("veth0a000002", { hairpin: true, isolated: true }),
        ]);
        const ours = findLink(socket, "veth0a000002");
        expect(ours).toMatchObject({ kind: "veth", master: bridge.index, up: true, mtu: 1400 });
        expect(ours?.port).toEqual({ hairpin: true, isolated: true });
        transact(socket, [setPort("veth0a000002", { isolated: false })]);
        expect(findLink(socket, "veth0a000002")?.port).toEqual({ hairpin: true, isolated: false });

        inNetworkNamespace(namespace, () =>
          withNetlink("ROUTE", (inner) => {
            const { index, mac, mtu, up } = findLink(inner, "eth0")!;
            expect({ mac, mtu, up }).toEqual({ mac: "02:42:0a:00:00:02", mtu: 1400, up: false });
            const add = (text: string) => addAddress({ index, device: "eth0", ...parsePrefix(text) });
            transact(inner, [
              add("10.0.0.2/24"),
              add("fd00::2/64"),
              setLink(index, { up: true }),
              addRoute({ index, device: "eth0", gateway: parseAddress("10.0.0.1") }),
              addRoute({ index, device: "eth0", gateway: parseAddress("fd00::1"), metric: 1024 }),
              addRoute({ index, device: "eth0", destination: parseSubnet("203.0.113.0/24"), metric: 7 }),
              addRoute({ index, device: "eth0", gateway: parseAddress("198.51.100.1"), metric: 9, onlink: true }),
            ]);
            expect(
              sh("ip -4 route")
                .split("\n")
                .map((line) => line.trim()),
            ).toEqual([
              "default via 10.0.0.1 dev eth0",
              "default via 198.51.100.1 dev eth0 metric 9 onlink",
              "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2",
              "203.0.113.0/24 dev eth0 scope link metric 7",
              "",
            ]);
            expect(sh("ip -6 route show default")).toContain("default via fd00::1 dev eth0 metric 1024");
            expect(sh("ip -6 address show dev eth0 to fd00::/64")).not.toContain("tentative");
          }),
        );
        transact(socket, [deleteLink("veth0a000002"), deleteLink("br0")]);
        expect(listLinks(socket).map(({ name }) => name)).toEqual(["lo"]);
        inNetworkNamespace(namespace, () => expect(sh("ip link")).not.toContain("eth0"));
      });
    });
  });

  inNetwork("fails in words, with what the kernel says, and does the rest of the batch", () => {
    withNetworks(0, () => {
      withNetlink("ROUTE", (socket) => {
        const requests = [newBridge("br0", mac(1)), setLink("nothere", { up: true }), newBridge("br1", mac(2))];
        expect(() => transact(socket, requests)).toThrow("cannot set up true of network device nothere: ENODEV");
        expect(listLinks(socket, "bridge").map(({ name }) => name)).toEqual(["br0", "br1"]);
        expect(transact(socket, [{ ...newBridge("br0", mac(1)), expected: [EEXIST] }])).toEqual([EEXIST]);
        const error = catching(() => transact(socket, [setLink("br0", { mtu: 10 ** 6 })]));
        expect(error).toBeInstanceOf(SyscallError);
        expect((error as SyscallError).hint).toContain("the kernel says: mtu");
        expect(findLink(socket, "nothere")).toBeUndefined();
        expect(findLink(socket, 4711)).toBeUndefined();
      });
    });
  });

  test.each(["", "a".repeat(16), "ö".repeat(8), "a/b", "a b", "a:b", "veth%d", ".", "..", "all", "default", "a\0b"])(
    "a device cannot be called %j",
    (name) => expect(() => checkLinkName(name)).toThrow(InvalidError),
  );
  test("a device can be called what the kernel takes", () => {
    for (const name of ["br-0123456789ab", "a".repeat(15), "eth0.100", "ö"]) expect(checkLinkName(name)).toBe(name);
    expect(() => newBridge("br0", mac(1).subarray(1))).toThrow("a MAC address has 6 bytes, not 5");
  });

  inNetwork("in another network namespace comes back from it, also after an error", () => {
    withNetworks(1, (namespace) => {
      const here = sh("readlink /proc/self/ns/net");
      expect(inNetworkNamespace(namespace, () => sh("readlink /proc/self/ns/net"))).not.toBe(here);
      expect(() =>
        inNetworkNamespace(namespace, () => {
          throw new Error("within");
        }),
      ).toThrow("within");
      expect(sh("readlink /proc/self/ns/net")).toBe(here);
    });
  });
});

describe("malformed messages", () => {
  const message = (body: Uint8Array): Message => ({ type: 16, flags: 0, sequence: 1, body });
  const readers: Record<string, (bytes: Uint8Array) => unknown> = {
    parseMessages,
    listAttributes,
    parseLink: (bytes) => parseLink(message(bytes)),
    parseDeviceAddress: (bytes) => parseDeviceAddress(message(bytes)),
    parseRoute: (bytes) => parseRoute(message(bytes)),
  };
  /** Headers of attributes whose lengths are right more often than chance has it. */
  const attributes = fc
    .array(fc.tuple(fc.oneof(fc.nat(40), fc.nat(65535)), fc.nat(40), fc.uint8Array({ maxLength: 20 })))
    .map((list) =>
      Uint8Array.from(list.flatMap(([length, type, value]) => [length & 255, length >> 8, type, 0, ...value])),
    );
  const bytes = fc
    .tuple(fc.oneof(fc.uint8Array({ maxLength: 64 }), attributes), fc.nat(7), fc.boolean())
    .map(([bytes, offset, shift]) => {
      if (!shift) return bytes;
      const moved = new Uint8Array(bytes.length + offset);
      moved.set(bytes, offset);
      return moved.subarray(offset);
    });

  test.each(Object.keys(readers))("%s ends, and fails with an InvalidError only", (name) => {
    fc.assert(
      fc.property(bytes, (bytes) => {
        const error = catching(() => readers[name]!(bytes));
        if (error !== undefined) expect(error).toBeInstanceOf(InvalidError);
      }),
      { numRuns: 3000 },
    );
  });

  inNetwork("cut off anywhere, real ones do no more than that", () => {
    withNetworks(0, () => {
      ipBatch([
        "link add name bridge0 type bridge",
        "link add name v0 type veth peer name v1",
        "link set v0 master bridge0",
      ]);
      withNetlink("ROUTE", (socket) => {
        const links = dump(socket, 18, new Uint8Array(16), "links");
        expect(links).toHaveLength(4);
        for (const { body } of links) {
          for (let length = 0; length < body.length; length++) {
            const error = catching(() => parseLink(message(body.subarray(0, length))));
            if (error !== undefined) expect(error).toBeInstanceOf(InvalidError);
          }
        }
      });
    });
  });
});

/** Again until it holds; what is wrong in the end. */
function eventually(run: () => void): void {
  for (let tries = 0; tries < 100; tries++) {
    if (catching(run) === undefined) return;
    Bun.sleepSync(20);
  }
  run();
}

function catching(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}
