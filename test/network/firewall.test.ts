/** Who reaches whom: the matrix of reachability, for both drivers and beside other people's rules. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout } from "bun:test";
import type { FirewallDriver } from "../../src/network/firewall.ts";
import type { Publication } from "../../src/plan/network.ts";
import { needing, root, tool } from "../support/needs.ts";
import { hostAddresses, network, outsideAddresses, publication, type Topology, topology } from "../support/topology.ts";

setDefaultTimeout(60_000);
const test = needing(root, tool("ip"), tool("nft"), tool("iptables"), tool("nsenter"));
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
    publication("tcp", "127.0.0.1", 8081, [1, 2], 80),
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
  ["host", "tcp", "127.0.0.1", 8080, "web sees 10.1.0.1"],
  ["host", "tcp", "127.0.0.1", 8081, "web sees 10.1.0.1"],
  ["host", "udp", "127.0.0.1", 8053, "web sees 10.1.0.1"],
  ["host", "tcp", host4, 8080, `web sees ${host4}`],
  ["host", "tcp", host6, 8080, `web sees ${host6}`],
  ["host", "udp", host6, 8053, `web sees ${host6}`],
  ["host", "tcp", host4, 8082, `web sees ${host4}`],
  ["host", "tcp", "127.0.0.1", 8082, "nothing"],
  ["host", "tcp", "10.1.0.1", 8080, "web sees 10.1.0.1"],
  ["host", "tcp", "10.2.0.1", 8080, "web sees 10.1.0.1"],
  ["host", "tcp", "10.5.0.1", 8080, "neighbour sees 10.1.0.1"],
  ["host", "tcp", "127.0.0.1", 9000, "web sees 10.1.0.1"],
  ["host", "tcp", "127.0.0.1", 8110, "lone sees 10.4.0.1"],
  ["host", "tcp", "10.1.0.2", 80, "web sees 10.1.0.1"],
  ["host", "tcp", "10.3.0.2", 80, "inner sees 10.3.0.1"],
  ["host", "tcp", "127.0.0.1", 8100, "inner sees 10.3.0.1"],
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
    for (const [protocol, port] of ports)
      await node.listen(protocol, "::", port);
  }
});
afterAll(async () => await world?.[Symbol.asyncDispose]());

const rules = (): string =>
  world.host.sh("nft list ruleset 2>/dev/null; iptables-save; ip6tables-save").replace(/^#.*\n/gm, "");

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

for (const driver of ["nft", "iptables"] as const) {
  describe(`the ${driver} firewall`, () => {
    test("lets through what it should and nothing else, and leaves nothing", async () => {
      const before = rules();
      await setUp(driver);
      for (const on of [true, false]) {
        bridgesCall(on);
        await expectMatrix([...rows, ...lonely(on)]);
      }
      await tearDown(driver);
      expect(rules()).toBe(before);
    });
  });
}
