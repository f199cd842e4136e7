/** Who reaches whom: the matrix of reachability, for both drivers and beside other people's rules. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { FirewallDriver } from "../../../src/network/firewall/choose.ts";
import type { Publication } from "../../../src/plan/network/network.ts";
import { needing, root, tool } from "../../support/needs.ts";
import {
  hostAddresses,
  Node,
  network,
  outsideAddresses,
  publication,
  type Topology,
  topology,
} from "../../support/topology.ts";

setDefaultTimeout(60_000);
const test = needing(root, tool("ip"), tool("nft"), tool("iptables"), tool("conntrack"), tool("nsenter"));
const { v4: host4, v6: host6 } = hostAddresses;
const { v4: outside4, v6: outside6 } = outsideAddresses;

const networks = [
  { network: network(1), containers: ["web", "neighbour"] },
  { network: network(2), containers: ["stranger"] },
  { network: network(3, { internal: true }), containers: ["inner", "inner2"] },
  { network: network(4, { icc: false }), containers: ["lone", "lone2"] },
  { network: network(5, { isolate: false }), containers: ["shared"] },
];
const all = networks.map(({ network }) => network);
const id = (name: string): string => Buffer.from(name).toString("hex").padEnd(64, "0");

const both = (port: number, target: [number, number], protocol: "tcp" | "udp" = "tcp", to = 80): Publication[] =>
  ["0.0.0.0", "::"].map((hostIp) => publication(protocol, hostIp, port, target, to));
const published: Record<string, Publication[]> = {
  web: [
    ...both(8080, [1, 2]),
    ...both(8053, [1, 2], "udp", 53),
    publication("tcp", "10.2.0.1", 8081, [1, 2], 80),
    publication("tcp", host4, 8082, [1, 2], 80),
    publication("tcp", host6, 8082, [1, 2], 80),
    ...[9000, 9001, 9002].flatMap((port) => both(port, [1, 2], "tcp", port)),
  ],
  // The same port of one address leads elsewhere than of all others.
  neighbour: [publication("tcp", "10.5.0.1", 8080, [1, 3], 80)],
  stranger: both(8090, [2, 2]),
  inner: both(8100, [3, 2]),
  lone: both(8110, [4, 2]),
};

/** From whom, how, to where; and who answers and whom that one sees, or nothing. */
type Row = [from: string, protocol: "tcp" | "udp", ip: string, port: number, expected: string];

// biome-ignore format: a table
const rows: Row[] = [
  // From outside: published ports, with the client's own address.
  ["outside", "tcp", host4, 8080, `web sees ${outside4}`],
  ["outside", "tcp", host6, 8080, `web sees ${outside6}`],
  ["outside", "udp", host4, 8053, `web sees ${outside4}`],
  ["outside", "udp", host6, 8053, `web sees ${outside6}`],
  ["outside", "tcp", host4, 8082, `web sees ${outside4}`],
  ["outside", "tcp", host6, 8082, `web sees ${outside6}`],
  ["outside", "tcp", host4, 9002, `web sees ${outside4}`],
  ["outside", "tcp", host6, 9002, `web sees ${outside6}`],
  ["outside", "tcp", host4, 8090, `stranger sees ${outside4}`],
  ["outside", "tcp", host4, 8110, `lone sees ${outside4}`],
  // One that is published on one address leads nowhere by another; 127.0.0.1 is for the host alone.
  ["outside", "tcp", host4, 8081, "nothing"],
  ["outside", "tcp", "127.0.0.1", 8081, "nothing"],
  ["outside", "tcp", "127.0.0.1", 8080, "nothing"],
  ["outside", "tcp", "127.0.0.1", 7000, "nothing"],
  ["outside", "tcp", "10.1.0.1", 8082, "nothing"],
  ["outside", "tcp", "10.5.0.1", 8080, `neighbour sees ${outside4}`],
  ["outside", "tcp", host4, 9003, "nothing"],
  // Nobody gets to a container's own address, published or not.
  ["outside", "tcp", "10.1.0.2", 80, "nothing"],
  ["outside", "tcp", "fd00:1::2", 80, "nothing"],
  ["outside", "udp", "10.1.0.2", 53, "nothing"],
  ["outside", "tcp", "10.5.0.2", 80, "nothing"],
  // Nor into an internal network.
  ["outside", "tcp", host4, 8100, "nothing"],
  ["outside", "tcp", host6, 8100, "nothing"],
  ["outside", "tcp", "10.3.0.2", 80, "nothing"],
  // From the host, by any of its addresses.
  // What is for a loopback address the monitor passes on, and there is none here.
  ["host", "tcp", "127.0.0.1", 8080, "nothing"],
  ["host", "udp", "127.0.0.1", 8053, "nothing"],
  ["host", "tcp", host4, 8080, `web sees ${host4}`],
  ["host", "tcp", host6, 8080, `web sees ${host6}`],
  ["host", "udp", host6, 8053, `web sees ${host6}`],
  ["host", "tcp", host4, 8082, `web sees ${host4}`],
  ["host", "tcp", "127.0.0.1", 8082, "nothing"],
  ["host", "tcp", "10.1.0.1", 8080, "web sees 10.1.0.1"],
  ["host", "tcp", "10.2.0.1", 8080, "web sees 10.1.0.1"],
  ["host", "tcp", "10.5.0.1", 8080, "neighbour sees 10.1.0.1"],
  ["host", "tcp", "10.1.0.1", 9000, "web sees 10.1.0.1"],
  ["host", "tcp", "10.1.0.1", 8110, "lone sees 10.4.0.1"],
  ["host", "tcp", "10.1.0.2", 80, "web sees 10.1.0.1"],
  ["host", "tcp", "10.3.0.2", 80, "inner sees 10.3.0.1"],
  ["host", "tcp", "10.3.0.1", 8100, "inner sees 10.3.0.1"],
  // Out, as the host.
  ["web", "tcp", outside4, 7000, `outside sees ${host4}`],
  ["web", "tcp", outside6, 7000, `outside sees ${host6}`],
  ["web", "udp", outside4, 7000, `outside sees ${host4}`],
  ["web", "udp", outside6, 7000, `outside sees ${host6}`],
  ["lone", "tcp", outside4, 7000, `outside sees ${host4}`],
  ["shared", "tcp", outside6, 7000, `outside sees ${host6}`],
  ["inner", "tcp", outside4, 7000, "nothing"],
  ["inner", "udp", outside4, 7000, "nothing"],
  ["inner", "tcp", outside6, 7000, "nothing"],
  // Neighbours.
  ["web", "tcp", "10.1.0.3", 80, "neighbour sees 10.1.0.2"],
  ["web", "tcp", "fd00:1::3", 80, "neighbour sees fd00:1::2"],
  ["neighbour", "udp", "10.1.0.2", 53, "web sees 10.1.0.3"],
  ["inner", "tcp", "10.3.0.3", 80, "inner2 sees 10.3.0.2"],
  ["lone", "tcp", "10.4.0.3", 80, "nothing"],
  ["lone", "tcp", "fd00:4::3", 80, "nothing"],
  ["lone2", "udp", "10.4.0.2", 53, "nothing"],
  // Other networks.
  ["web", "tcp", "10.2.0.2", 80, "nothing"],
  ["web", "tcp", "fd00:2::2", 80, "nothing"],
  ["stranger", "udp", "10.1.0.2", 53, "nothing"],
  ["web", "tcp", "10.3.0.2", 80, "nothing"],
  ["inner", "tcp", "10.1.0.2", 80, "nothing"],
  ["web", "tcp", "10.5.0.2", 80, "shared sees 10.1.0.2"],
  ["web", "tcp", "fd00:5::2", 80, "shared sees fd00:1::2"],
  ["shared", "tcp", "10.1.0.2", 80, "nothing"],
  ["inner", "tcp", "10.5.0.2", 80, "nothing"],
  // Published ports from containers: its own, of a neighbour, and of another network.
  ["web", "tcp", host4, 8080, "web sees 10.1.0.1"],
  ["web", "tcp", host6, 8080, "web sees fd00:1::1"],
  ["web", "udp", host4, 8053, "web sees 10.1.0.1"],
  ["web", "tcp", "10.1.0.1", 8080, "web sees 10.1.0.1"],
  ["neighbour", "tcp", host4, 8080, "web sees 10.1.0.1"],
  ["neighbour", "udp", host6, 8053, "web sees fd00:1::1"],
  ["stranger", "tcp", host4, 8080, "web sees 10.1.0.1"],
  ["stranger", "tcp", host6, 8080, "web sees fd00:1::1"],
  ["web", "tcp", host4, 8100, "nothing"],
  ["inner", "tcp", "10.3.0.1", 8080, "nothing"],
  ["inner", "tcp", host4, 8080, "nothing"],
];

/**
 * Where containers do not reach each other, their ports are isolated; and where bridges call the firewall, what it sends back
 * to the bridge stays a frame between two ports of it, of which the kernel lets none pass.
 */
const lonely = (bridgesCall: boolean): Row[] =>
  ["lone", "lone2"].map((from) => [from, "tcp", host4, 8110, bridgesCall ? "nothing" : "lone sees 10.4.0.1"]);

const sentence = ([from, protocol, ip, port]: Row, found: string): string =>
  `${from} to ${protocol} ${ip} ${port}: ${found}`;

/** Fails with what is not as the table says. Asks all at once, as what does not answer takes its time. */
async function expectMatrix(some = rows): Promise<void> {
  const found = some.map(async (row) => {
    const [from, protocol, ip, port, expected] = row;
    const timeoutMs = expected === "nothing" ? 700 : 5000;
    return sentence(row, await world.node(from).connect(protocol, ip, port, timeoutMs));
  });
  const wanted = some.map((row) => sentence(row, row[4]));
  const wrong = (await Promise.all(found)).filter((line) => !wanted.includes(line));
  expect(wrong).toEqual([]);
}

let world: Topology;

beforeAll(async () => {
  if (root()) return;
  world = await topology(networks);
  for (const node of [world.outside, world.host, ...Object.values(world.containers)]) {
    const ports: ["tcp" | "udp", number][] = [
      ["tcp", 7000],
      ["udp", 7000],
    ];
    if (node !== world.outside && node !== world.host)
      ports.splice(0, 2, ["tcp", 80], ["udp", 53], ["tcp", 9000], ["tcp", 9002], ["tcp", 9003]);
    for (const [protocol, port] of ports) await node.listen(protocol, "::", port);
  }
});
afterEach(() => void world?.host.sh("nft flush ruleset"));
afterAll(async () => await world?.[Symbol.asyncDispose]());

/** All rules of the host, without what they have counted. */
const rules = (): string =>
  world.host
    .sh("nft list ruleset 2>/dev/null; iptables-save; ip6tables-save")
    .replace(/^#.*\n|\[\d+:\d+\]|packets \d+ bytes \d+/gm, "");

async function setUp(driver: FirewallDriver): Promise<void> {
  await world.host.firewall(driver, "ensure", all);
  for (const [name, publications] of Object.entries(published))
    await world.host.firewall(driver, "publish", id(name), publications);
}

async function tearDown(driver: FirewallDriver): Promise<void> {
  for (const [name, publications] of Object.entries(published))
    await world.host.firewall(driver, "unpublish", id(name), publications);
  for (const one of all) await world.host.firewall(driver, "removeNetwork", one);
  await world.host.firewall(driver, "remove");
}

const bridgesCall = (on: boolean): string =>
  world.host.sh(`for f in iptables ip6tables; do echo ${on ? 1 : 0} >/proc/sys/net/bridge/bridge-nf-call-$f; done`);

/** As Docker sets them up: everything that is forwarded and not its own is dropped. */
const dockerLike = (iptables: string): string => `for t in ${iptables} ${iptables.replace("ip", "ip6")}; do
  $t -N DOCKER-USER; $t -A DOCKER-USER -j RETURN; $t -N DOCKER; $t -P FORWARD DROP
  $t -A FORWARD -j DOCKER-USER; $t -A FORWARD -o docker0 -j DOCKER; $t -A FORWARD -i docker0 ! -o docker0 -j ACCEPT; done`;

/** Some of each kind, where all would prove no more. */
const sample = rows.filter((_row, index) => index % 4 === 0);

test("without a firewall everything gets everywhere", async () => {
  await expectMatrix([
    ["outside", "tcp", "10.1.0.2", 80, `web sees ${outside4}`],
    ["outside", "tcp", "fd00:3::2", 80, `inner sees ${outside6}`],
    ["outside", "tcp", "127.0.0.1", 7000, `host sees ${outside4}`],
    ["web", "tcp", "10.2.0.2", 80, "stranger sees 10.1.0.2"],
    ["inner", "tcp", outside4, 7000, "outside sees 10.3.0.2"],
    ["inner", "udp", "fd00:1::2", 53, "web sees fd00:3::2"],
    ["outside", "tcp", host4, 8080, "nothing"],
  ]);
});

/** The tables before nf_tables, by their own programs in the place of those that are installed. */
const toLegacy = "mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi";
const hasLegacy = existsSync("/usr/sbin/xtables-legacy-multi") && existsSync("/usr/sbin/xtables-nft-multi");
const flushLegacy = `for t in iptables-legacy ip6tables-legacy; do for table in filter nat raw; do
  $t -t $table -F; $t -t $table -X; done; $t -P FORWARD ACCEPT; done`;

for (const { driver, legacy } of [
  { driver: "nft", legacy: false },
  { driver: "iptables", legacy: false },
  ...(hasLegacy ? [{ driver: "iptables", legacy: true } as const] : []),
] as const) {
  describe(`the ${driver} firewall${legacy ? " without nf_tables" : ""}`, () => {
    if (legacy) {
      beforeAll(() => void world?.host.sh(`${toLegacy}; ${flushLegacy}`));
      afterEach(() => void world?.host.sh(flushLegacy));
      afterAll(() => void world?.host.sh("umount /usr/sbin/xtables-nft-multi"));
    }
    const flushAll = legacy ? flushLegacy : "nft flush ruleset";
    let untouched = "";
    beforeEach(() => {
      untouched = root() ? "" : rules();
    });
    const call = (method: string, ...args: unknown[]) => world.host.firewall(driver, method, ...args);
    const everything = Object.entries(published).map(([name, list]) => [id(name), list]);
    const reload = () => call("reload", all, everything);

    test("lets through what it should and nothing else, and leaves nothing", async () => {
      await setUp(driver);
      for (const on of [true, false]) {
        bridgesCall(on);
        await expectMatrix([...rows, ...lonely(on)]);
      }
      await tearDown(driver);
      expect(rules()).toBe(untouched);
    });

    test("works beside Docker's rules, which drop what is not Docker's, and leaves them as they were", async () => {
      world.host.sh(dockerLike("iptables"));
      const before = rules();
      await setUp(driver);
      for (const on of [true, false]) {
        bridgesCall(on);
        await expectMatrix([...rows, ...lonely(on)]);
      }
      expect(world.host.sh("iptables -S DOCKER-USER")).toBe("-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n");
      await tearDown(driver);
      expect(rules()).toBe(before);
    });

    test("comes back after iptables -F when the next container starts", async () => {
      world.host.sh(dockerLike("iptables"));
      await setUp(driver);
      world.host.sh("iptables -F; ip6tables -F");
      expect(await call("ensure", all)).toBe(false);
      await expectMatrix(sample);
      await tearDown(driver);
    });

    test("says that all is gone after somebody flushed everything, and a reload brings all back", async () => {
      await setUp(driver);
      world.host.sh(flushAll);
      expect(await call("ensure", all.slice(0, 1))).toBe(true);
      await reload();
      expect(await call("ensure", all)).toBe(false);
      await expectMatrix(sample);
      await tearDown(driver);
      expect(rules()).toBe(untouched);
    });

    test("brings back what is missing after somebody flushed everything, beside what others have added since", async () => {
      await setUp(driver);
      world.host.sh(flushAll);
      expect(await call("ensure", all.slice(0, 1))).toBe(true);
      // One that does not know of others yet, and has a port that was another's before.
      const since = [...both(9990, [1, 3]), publication("tcp", "10.2.0.1", 8081, [1, 3], 80)];
      await call("publish", id("neighbour"), since);
      await call("bringBack", all, everything);
      await expectMatrix([
        ...sample.filter(([, , , port]) => port !== 8081),
        ["host", "tcp", "10.1.0.1", 9990, "neighbour sees 10.1.0.1"],
        ["host", "tcp", "10.2.0.1", 8081, "neighbour sees 10.1.0.1"],
      ]);
      // What is its own already is no conflict.
      await call("publish", id("neighbour"), since);
      await call("publish", id("stranger"), published.stranger);
      await call("unpublish", id("neighbour"), since);
      await tearDown(driver);
      expect(rules()).toBe(untouched);
    });

    test("a reload mends what somebody took out or put in", async () => {
      await setUp(driver);
      const whole = rules();
      const damages =
        driver === "nft"
          ? [
              "nft flush chain inet tinydocker through",
              "nft flush set inet tinydocker internal; nft flush map inet tinydocker ports4",
            ]
          : ["iptables -t nat -F", "iptables -F TINYDOCKER-OURS; ip6tables -F TINYDOCKER-INTO; iptables -t raw -F"];
      for (const damage of damages) {
        world.host.sh(damage);
        expect(rules()).not.toBe(whole);
        await reload();
        await expectMatrix(sample);
      }
      await tearDown(driver);
      expect(rules()).toBe(untouched);
    });

    test("a port that another container has names it, and nothing of the second is published", async () => {
      await call("ensure", all);
      await call("publish", id("web"), published.web);
      const wanted = [publication("tcp", "0.0.0.0", 7777, [2, 2], 80), publication("udp", "::", 8053, [2, 2], 80)];
      const taken = call("publish", id("stranger"), wanted);
      await expect(taken).rejects.toThrow(`port [::]:8053/udp is published by container ${id("web")}`);
      const list = (await call("list")) as { owner: string; hostPort: number }[];
      expect(list.length).toBe(published.web!.length);
      expect(list.every(({ owner }) => owner === id("web"))).toBe(true);
      // What was never published is not taken from who has it.
      await call("unpublish", id("stranger"), wanted);
      expect(((await call("list")) as unknown[]).length).toBe(published.web!.length);
      const twice = [publication("tcp", "0.0.0.0", 1, [2, 2], 80), publication("tcp", "0.0.0.0", 1, [2, 2], 81)];
      await expect(call("publish", id("stranger"), twice)).rejects.toThrow("port 0.0.0.0:1/tcp");
      await tearDown(driver);
    });

    test("lists what is published as it was published", async () => {
      await call("ensure", all);
      const sctp = [publication("sctp", "0.0.0.0", 9, [1, 2], 10), publication("sctp", host6, 9, [1, 2], 10)];
      await call("publish", id("web"), [...published.web!, ...sctp]);
      const list = (await call("list")) as object[];
      const wanted = [...published.web!, ...sctp].map(({ bridge: _, ...rest }) => ({ ...rest, owner: id("web") }));
      const sorted = (some: object[]) => some.map((one) => JSON.stringify(one, Object.keys(one).sort())).sort();
      expect(sorted(list)).toEqual(sorted(wanted));
      await call("unpublish", id("web"), [...published.web!, ...sctp]);
      expect(await call("list")).toEqual([]);
      await tearDown(driver);
    });

    test("a client that goes on sending datagrams reaches what is published meanwhile, and then what replaces it", async () => {
      await call("ensure", all);
      const [first, second] = [[1, 2] as [number, number], [1, 3] as [number, number]].map((target) =>
        both(5300, target, "udp", 53),
      );
      const ask = async (localPort: number, ip: string, timeoutMs: number) =>
        world.outside.connect("udp", ip, 5300, timeoutMs, localPort);
      for (const [localPort, ip, from] of [
        [40001, host4, outside4],
        [40002, host6, outside6],
      ] as const) {
        expect(await ask(localPort, ip, 200)).toBe("nothing");
        await call("publish", id("web"), first);
        expect(await ask(localPort, ip, 5000)).toBe(`web sees ${from}`);
        await call("unpublish", id("web"), first);
        await call("publish", id("neighbour"), second);
        expect(await ask(localPort, ip, 5000)).toBe(`neighbour sees ${from}`);
        await call("unpublish", id("neighbour"), second);
        expect(await ask(localPort, ip, 200)).toBe("nothing");
      }
      await tearDown(driver);
    });

    test("publishes a thousand ports in one go and takes them back, but not those of another container", async () => {
      await call("ensure", all);
      const ports = Array.from({ length: 1000 }, (_, n) => publication("tcp", "0.0.0.0", 20_000 + n, [1, 2], 80));
      await call("publish", id("web"), ports);
      await call("publish", id("stranger"), published.stranger);
      await expectMatrix([
        ["outside", "tcp", host4, 20_000, `web sees ${outside4}`],
        ["outside", "tcp", host4, 20_999, `web sees ${outside4}`],
      ]);
      await expect(call("publish", id("lone"), ports)).rejects.toThrow(id("web"));
      await call("unpublish", id("lone"), ports);
      expect(((await call("list")) as unknown[]).length).toBe(1002);
      await call("unpublish", id("web"), ports);
      expect(((await call("list")) as { owner: string }[]).map(({ owner }) => owner)).toEqual(
        published.stranger!.map(() => id("stranger")),
      );
      await tearDown(driver);
      expect(rules()).toBe(untouched);
    });

    test("flushes the datagrams of a container that is gone, and of no other", async () => {
      await call("ensure", all);
      for (const name of ["web", "stranger"])
        for (const ip of [outside4, outside6])
          await world.node(name).connect("udp", ip, 7000, 5000, ip === outside4 ? 45_004 : 45_006);
      const known = (): string[] =>
        ["10.1.0.2", "10.2.0.2", "fd00:1::2", "fd00:2::2"].filter((ip) => {
          const family = ip.includes(":") ? "ipv6" : "ipv4";
          return (
            world.host.sh(`conntrack -L -f ${family} -p udp --orig-src ${ip} --orig-port-dst 7000 2>/dev/null`) !== ""
          );
        });
      expect(known()).toEqual(["10.1.0.2", "10.2.0.2", "fd00:1::2", "fd00:2::2"]);
      await call("flush", ["10.1.0.2", "fd00:1::2"]);
      expect(known()).toEqual(["10.2.0.2", "fd00:2::2"]);
      await tearDown(driver);
    });

    test("of twenty processes that publish at once all get their own port, and one gets the port that all want", async () => {
      await call("remove");
      const count = 20;
      const processes = Array.from({ length: count }, (_, n) => new Node(`process ${n}`, { inside: world.host }));
      try {
        const attempts = processes.map(async (node, n) => {
          await node.ready();
          // The first of them makes everything.
          await node.firewall(driver, "ensure", all);
          await node.firewall(driver, "publish", id(`${n}`), both(6000 + n, [1, 2]));
          const won = node.firewall(driver, "publish", id(`${n}`), both(6999, [1, 2]));
          return won.then(
            () => true,
            (error: Error) => {
              expect(error.message).toMatch(/port 0\.0\.0\.0:6999\/tcp is published by container [0-9a-f]{64}/);
              return false;
            },
          );
        });
        expect((await Promise.all(attempts)).filter(Boolean).length).toBe(1);
        expect(((await call("list")) as unknown[]).length).toBe(2 * (count + 1));
      } finally {
        await Promise.all(processes.map((node) => node.end()));
      }
      await tearDown(driver);
      expect(rules()).toBe(untouched);
    });

    test("removes a network from the middle of others, which go on", async () => {
      await setUp(driver);
      await call("removeNetwork", all[1]);
      expect(rules()).not.toMatch(/br2|10\.2\.0\.0|fd00:2::\/64/);
      await expectMatrix(
        rows.filter(([from, , ip]) => from === "web" && !ip.includes(":2::") && !ip.startsWith("10.2.")),
      );
      await call("removeNetwork", all[1]);
      await call("ensure", all);
      await expectMatrix(sample);
      await tearDown(driver);
      expect(rules()).toBe(untouched);
    });
  });
}

describe("the nft firewall", () => {
  const legacy = needing(root, tool("iptables-legacy"), tool("nft"));

  legacy("works beside Docker's rules in the tables before nf_tables", async () => {
    world.host.sh(dockerLike("iptables-legacy"));
    const before = world.host.sh("iptables-legacy-save; ip6tables-legacy-save").replace(/^#.*\n|\[.*\]/gm, "");
    await setUp("nft");
    await setUp("nft").catch(() => {}); // adds nothing twice
    expect(
      world.host
        .sh("iptables-legacy -S FORWARD")
        .split("\n")
        .filter((line) => line.includes("br1")).length,
    ).toBe(2);
    await expectMatrix(sample);
    await tearDown("nft");
    expect(world.host.sh("iptables-legacy-save; ip6tables-legacy-save").replace(/^#.*\n|\[.*\]/gm, "")).toBe(before);
    for (const program of ["iptables-legacy", "ip6tables-legacy"])
      world.host.sh(`${program} -P FORWARD ACCEPT; ${program} -F; ${program} -X`);
  });

  test("keeps what is published when its rules are flushed, and when another version made its table", async () => {
    for (const damage of ["nft flush table inet tinydocker", "nft delete chain inet tinydocker guard"]) {
      await setUp("nft");
      const whole = rules();
      world.host.sh(damage);
      expect(await world.host.firewall("nft", "ensure", [])).toBe(false);
      expect(rules().split("\n").sort()).toEqual(whole.split("\n").sort());
      await tearDown("nft");
    }
  });

  test("what nft lists of it can be loaded, and is then the same for the kernel", async () => {
    await setUp("nft");
    const listed = world.host.sh("nft list ruleset");
    await using other = { node: await new Node("other").ready(), [Symbol.asyncDispose]: () => other.node.end() };
    other.node.sh(`nft -f - <<'END'\n${listed}\nEND`);
    expect(other.node.sh("nft list ruleset")).toBe(listed);
    // Registers are nft's choice, elements come in any order, and handles count up.
    const bytecode = (text: string) =>
      text.replace(/^inet tinydocker \w+ \d+.*\n|^\telement .*\n/gm, "").replace(/\breg \d+/g, "reg");
    const list = "nft --debug=netlink list ruleset";
    expect(bytecode(other.node.sh(list))).toBe(bytecode(world.host.sh(list)));
    await tearDown("nft");
  });

  test("iptables goes on showing a chain with our two rules at its head", async () => {
    world.host.sh(dockerLike("iptables"));
    await world.host.firewall("nft", "ensure", all.slice(0, 1));
    const shown = world.host.sh("iptables -S FORWARD").split("\n").slice(1, 3);
    expect(shown).toEqual([
      '-A FORWARD -o br1 -m comment --comment "tinydocker bridge br1" -j ACCEPT',
      '-A FORWARD -i br1 -m comment --comment "tinydocker bridge br1" -j ACCEPT',
    ]);
    await tearDown("nft");
  });

  test("where firewalld's rules are, and it does not answer, nobody says that all is well", async () => {
    const path = Bun.which("firewall-cmd") ?? "/usr/local/sbin/firewall-cmd";
    const instead = "/run/firewall-cmd";
    world.host.sh(`mount -t tmpfs none /run; nft add table inet firewalld
      printf '#!/bin/sh\\necho >&2 "FirewallD is not running"; exit 252\\n' >${instead}; chmod +x ${instead}
      test -e ${path} || { mount -t tmpfs none ${dirname(path)}; touch ${path}; }; mount --bind ${instead} ${path}`);
    try {
      await expect(world.host.firewall("nft", "ensure", all.slice(0, 1))).rejects.toThrow(
        "firewalld does not trust the bridge br1: FirewallD is not running",
      );
    } finally {
      world.host.sh(`umount ${path}; umount ${dirname(path)} || true; umount /run; nft delete table inet firewalld`);
    }
    await tearDown("nft");
  });

  const firewalld = needing(root, tool("firewalld"), tool("firewall-cmd"), tool("dbus-daemon"), tool("nft"));

  firewalld("is trusted by firewalld, now and when that starts again, and leaves it as it was", async () => {
    const running: Bun.Subprocess[] = [];
    const start = async () => {
      running.push(world.host.spawn(["firewalld", "--nofork", "--nopid"]));
      world.host.sh("for i in $(seq 100); do firewall-cmd --state >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1");
    };
    world.host.sh("mount -t tmpfs none /run; mkdir /run/dbus; mount -t tmpfs none /etc/firewalld");
    try {
      running.push(world.host.spawn(["dbus-daemon", "--system", "--nofork", "--nopidfile"]));
      world.host.sh("for i in $(seq 100); do test -S /run/dbus/system_bus_socket && exit 0; sleep 0.1; done; exit 1");
      await start();
      await setUp("nft");
      await expectMatrix(sample);
      expect(
        world.host.sh("firewall-cmd --permanent --zone=trusted --list-interfaces").trim().split(" ").sort(),
      ).toEqual(all.map(({ bridge }) => bridge));
      await world.host.firewall("nft", "ensure", all); // changes nothing
      // Another start of it knows our bridges.
      running.at(-1)?.kill();
      await running.at(-1)?.exited;
      await start();
      await world.host.firewall("nft", "ensure", all);
      await expectMatrix(sample);
      await tearDown("nft");
      expect(world.host.sh("firewall-cmd --permanent --zone=trusted --list-interfaces").trim()).toBe("");
      expect(rules()).not.toMatch(/br\d|tinydocker/);
    } finally {
      for (const program of running.toReversed()) {
        program.kill("SIGKILL");
        await program.exited;
      }
      world.host.sh("umount /run /etc/firewalld");
    }
  });
});
