/** Who reaches whom, with real containers: a table, for both firewalls, with bridges that call iptables and that do not. */

import { describe, expect } from "bun:test";
import type { Machine } from "../support/containers.ts";
import { addressesIn, type Internet, idle, withInternet } from "../support/internet.ts";
import { monitorOf, ok, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";
import { hostAddresses, type Node, outsideAddresses } from "../support/topology.ts";

const test = needing(root, tool("ip"), tool("iptables-save"));

type Who = "outside" | "host" | "web" | "peer" | "stranger" | "hidden" | "inmate" | "one" | "two";
/** Who asks, at which address and port, and who is to answer, with whom it should see; or nobody. */
type Row = [from: Who, protocol: "tcp" | "udp", to: string, port: number, answer: string];

interface World {
  nodes: Record<Who, Node>;
  rows: Row[];
  names: Who[];
  networks: string[];
}

const networks: [name: string, options: string[]][] = [
  ["six", ["--ipv6", "--subnet", "10.66.0.0/24", "--subnet", "fd66::/64"]],
  ["other", ["--ipv6", "--subnet", "10.67.0.0/24", "--subnet", "fd67::/64"]],
  ["closed", ["--ipv6", "--internal", "--subnet", "10.68.0.0/24", "--subnet", "fd68::/64"]],
  ["apart", ["-o", "icc=false", "--subnet", "10.69.0.0/24"]],
];

const web = [
  ...["8080:80", "8080:80/udp", "127.0.0.1:8081:80", "127.0.0.1:8081:80/udp", "192.0.2.1:8082:80", "9000-9002:90-92"],
  ...["[::1]:8083:80", "[2001:db8::1]:8084:80", "0.0.0.0:8085:80"],
].flatMap((port) => ["-p", port]);

const { v4, v6 } = hostAddresses;
const nobody = "nothing";

/** Makes networks and containers, with somebody in each who listens. */
async function build(machine: Machine, internet: Internet, global: string[]): Promise<World> {
  for (const [name, options] of networks) ok(await machine.run([...global, "network", "create", ...options, name]));
  const containers: [name: Who, options: string[]][] = [
    ["web", ["--network", "six", ...web, "-P", "--expose", "70"]],
    ["peer", ["--network", "six"]],
    ["stranger", ["--network", "other"]],
    ["hidden", ["--network", "closed", "-p", "8086:80"]],
    ["inmate", ["--network", "closed"]],
    ["one", ["--network", "apart", "-p", "8087:80"]],
    ["two", ["--network", "apart"]],
  ];
  for (const [name, options] of containers) await idle(machine, name, options);
  const nodes = { outside: internet.outside, host: internet.host } as World["nodes"];
  for (const [name] of containers) nodes[name] = await internet.enter(name);
  for (const [name, ports] of Object.entries({
    web: [80, 70, 90, 91, 92],
    peer: [80],
    hidden: [80],
    one: [80],
    two: [80],
  }))
    for (const port of ports)
      for (const protocol of ["tcp", "udp"] as const) await nodes[name as Who].listen(protocol, "::", port);
  for (const protocol of ["tcp", "udp"] as const) {
    await internet.outside.listen(protocol, "::", 1234);
    await internet.host.listen(protocol, "::", 1235);
  }
  return {
    nodes,
    rows: await rowsOf(machine),
    names: containers.map(([name]) => name),
    networks: networks.map(([name]) => name),
  };
}

async function rowsOf(machine: Machine): Promise<Row[]> {
  const [w, p, s, h] = [
    await addressesIn(machine, "web", "six"),
    await addressesIn(machine, "peer", "six"),
    await addressesIn(machine, "stranger", "other"),
    await addressesIn(machine, "hidden", "closed"),
  ];
  const one = await addressesIn(machine, "one", "apart");
  const two = await addressesIn(machine, "two", "apart");
  const random = Number(/:(\d+)$/m.exec(ok(await machine.run(["port", "web", "70/tcp"])))![1]);
  const out = outsideAddresses;
  const both = (from: Who, to: string, port: number, answer: string): Row[] => [
    [from, "tcp", to, port, answer],
    [from, "udp", to, port, answer],
  ];
  return [
    // From outside: published ports, with the client's own address; nothing else.
    ...both("outside", v4, 8080, `web sees ${out.v4}`),
    ...both("outside", v6, 8080, `web sees ${out.v6}`),
    ["outside", "tcp", v4, random, `web sees ${out.v4}`],
    ["outside", "tcp", v6, random, `web sees ${out.v6}`],
    ...[9000, 9001, 9002].map((port): Row => ["outside", "tcp", v4, port, `web sees ${out.v4}`]),
    ["outside", "tcp", v4, 9003, nobody],
    ["outside", "tcp", v4, 8082, `web sees ${out.v4}`],
    ["outside", "tcp", v6, 8082, nobody],
    ["outside", "tcp", v6, 8084, `web sees ${out.v6}`],
    ["outside", "tcp", v4, 8084, nobody],
    ["outside", "tcp", v4, 8085, `web sees ${out.v4}`],
    ["outside", "tcp", v6, 8085, nobody],
    ["outside", "tcp", v4, 8087, `one sees ${out.v4}`],
    // What is published on loopback is for the host alone (R35).
    ...both("outside", v4, 8081, nobody),
    ...both("outside", "127.0.0.1", 8081, nobody),
    ...both("outside", "127.0.0.1", 8080, nobody),
    ["outside", "tcp", v6, 8083, nobody],
    // Directly to containers.
    ...both("outside", w.v4, 80, nobody),
    ...both("outside", w.v6, 80, nobody),
    ["outside", "tcp", w.v4, 8080, nobody],
    ["outside", "tcp", v4, 8086, nobody],
    ...both("outside", h.v4, 80, nobody),
    // The host: by all of its addresses.
    ...both("host", "127.0.0.1", 8080, "web sees"),
    ["host", "tcp", "::1", 8080, "web sees"],
    ["host", "udp", "::1", 8080, "web sees"],
    ...both("host", v4, 8080, "web sees"),
    ...both("host", v6, 8080, "web sees"),
    ...both("host", w.gateway, 8080, "web sees"),
    ...both("host", "127.0.0.1", 8081, "web sees"),
    ["host", "tcp", "::1", 8083, "web sees"],
    ["host", "tcp", v4, 8081, nobody],
    ["host", "tcp", v4, 8082, "web sees"],
    ["host", "tcp", "127.0.0.1", 8082, nobody],
    ["host", "tcp", "127.0.0.1", 9001, "web sees"],
    ["host", "tcp", "127.0.0.1", random, "web sees"],
    ...both("host", w.v4, 80, "web sees"),
    ...both("host", w.v6, 80, "web sees"),
    ["host", "tcp", "127.0.0.1", 8086, nobody],
    ["host", "tcp", "127.0.0.1", 8087, "one sees"],
    // A container of the same network: directly, and by the host.
    ...both("peer", w.v4, 80, `web sees ${p.v4}`),
    ...both("peer", w.v6, 80, `web sees ${p.v6}`),
    ...both("peer", v4, 8080, "web sees"),
    ...both("peer", v6, 8080, "web sees"),
    ...both("peer", w.gateway, 8080, "web sees"),
    ["peer", "tcp", w.gateway, 8081, nobody],
    // Itself.
    ...both("web", w.v4, 80, `web sees ${w.v4}`),
    ...both("web", v4, 8080, "web sees"),
    ...both("web", v6, 8080, "web sees"),
    ...both("web", w.gateway, 8080, "web sees"),
    // Of another network: by the host only.
    ...both("stranger", w.v4, 80, nobody),
    ...both("stranger", w.v6, 80, nobody),
    ...both("stranger", v4, 8080, "web sees"),
    ...both("stranger", v6, 8080, "web sees"),
    ...both("stranger", s.gateway, 8080, "web sees"),
    ["stranger", "tcp", w.gateway, 8080, "web sees"],
    ["stranger", "tcp", v4, 8081, nobody],
    ["web", "tcp", s.v4, 80, nobody],
    // The ways out, as the host.
    ...both("web", out.v4, 1234, `outside sees ${v4}`),
    ...both("web", out.v6, 1234, `outside sees ${v6}`),
    ...both("one", out.v4, 1234, `outside sees ${v4}`),
    ...both("web", w.gateway, 1235, `host sees ${w.v4}`),
    // An internal network has none, and lets nobody in.
    ...both("inmate", out.v4, 1234, nobody),
    ...both("inmate", out.v6, 1234, nobody),
    ...both("inmate", w.v4, 80, nobody),
    ...both("inmate", v4, 8080, nobody),
    ...both("inmate", h.v4, 80, "hidden sees"),
    ...both("inmate", h.v6, 80, "hidden sees"),
    ["web", "tcp", h.v4, 80, nobody],
    ["host", "tcp", h.v4, 80, "hidden sees"],
    // Without icc nobody of the network reaches another one directly.
    ...both("two", one.v4, 80, nobody),
    ...both("one", two.v4, 80, nobody),
    ["host", "tcp", two.v4, 80, "two sees"],
    ["stranger", "tcp", v4, 8087, "one sees"],
  ];
}

const title = ([from, protocol, to, port]: Row): string => `${from} -> ${protocol} ${to}:${port}`;

/** What became of all rows at once, said as the table says it. */
async function matrix({ nodes, rows }: World): Promise<void> {
  const answers = await Promise.all(
    rows.map(async (row) => {
      const [from, protocol, to, port, expected] = row;
      // One that is to answer may be busy with the others, and the machine with more.
      const said = await nodes[from].connect(protocol, to, port, expected === nobody ? 700 : 60_000);
      return `${title(row)}: ${said.startsWith(`${expected} `) || said === expected || (expected.endsWith(" sees") && said.startsWith(expected)) ? expected : said}`;
    }),
  );
  expect(answers).toEqual(rows.map((row) => `${title(row)}: ${row[4]}`));
}

/** Rules and bridges that somebody has taken away. */
const flushed = {
  nft: "nft flush ruleset; iptables -F; iptables -t nat -F",
  iptables: "for t in raw nat filter; do iptables -t $t -F; ip6tables -t $t -F; done; nft flush ruleset",
};

async function tearDown(machine: Machine, { names, networks }: World, internet: Internet): Promise<void> {
  await internet.leave();
  ok(await machine.run(["rm", "-f", ...names]));
  ok(await machine.run(["network", "rm", ...networks]));
}

describe("who reaches whom (R35, F22)", () => {
  for (const driver of ["nft", "iptables"] as const)
    for (const called of [0, 1])
      test(`is as the table says with --firewall ${driver} and bridge-nf-call-iptables=${called}, also after all was flushed`, async () => {
        await withInternet(["busybox"], async (machine, internet) => {
          const before = machine.snapshot();
          ok(
            await machine.exec([
              "sh",
              "-c",
              `for f in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do echo ${called} >$f; done || true`,
            ]),
          );
          const world = await build(machine, internet, ["--firewall", driver]);
          await matrix(world);
          internet.host.sh(flushed[driver]);
          ok(await machine.run(["network", "reload"]));
          await matrix(world);
          // One that starts brings back what all others had.
          internet.host.sh(flushed[driver]);
          ok(await machine.run(["run", "--rm", "--network", "other", "busybox", "true"]));
          await matrix(world);
          process.kill(monitorOf(machine, ok(await machine.run(["inspect", "-f", "{{.Id}}", "peer"]))), "SIGKILL");
          await until(async () => (await machine.run(["ps"])).stdout.includes("no monitor"), "its monitor is gone");
          await matrix(world);
          await tearDown(machine, world, internet);
          ok(await machine.run(["--firewall", "nft", "network", "prune", "-f"]));
          ok(await machine.run(["run", "--rm", "busybox", "true"]));
          await machine.exec(["rm", "-f", `${machine.root}/networks/.firewall`]);
          await machine.expectNothingLeft(before);
        });
      });
});
