/**
 * What a network costs: starting with one, throughput through NAT, first packets, many published ports. bench.ts runs this in
 * network and mount namespaces of its own, so that the machine's own network is not touched:
 *
 *     unshare --mount --net bun helpers/bench/network.ts BINARY DIRECTORY TAR RUNS
 */

import { join } from "node:path";
import { has, text } from "../process.ts";
import { dockerWith } from "./docker.ts";
import { type Command, measure } from "./measure.ts";
import { podmanWith } from "./podman.ts";

const [, , binary = "", directory = "", tar = "", runs = "40"] = process.argv;
const root = join(directory, "network");
const words = (...args: string[]) => [binary, "--root", root, ...args];
const tinydocker = (...args: string[]): string =>
  text(binary, words(...args).slice(1), { stdio: ["ignore", "pipe", "ignore"] });
const shell = (script: string): string => text("/bin/sh", ["-ec", script], { stdio: ["ignore", "pipe", "inherit"] });
const line = (...cells: string[]) => console.log(`| ${cells.join(" | ")} |`);
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

/** A process that holds a network namespace; "outside" is where containers want to go. */
function holder(): Bun.Subprocess {
  return Bun.spawn(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

const outside = { address: "198.51.100.2", ours: "198.51.100.1" };

async function makeOutside(): Promise<Bun.Subprocess> {
  const process = holder();
  await Bun.sleep(200);
  shell(`ip link set lo up
    ip link add wan type veth peer name wan0 netns ${process.pid}
    ip address add ${outside.ours}/24 dev wan && ip link set wan up
    nsenter -t ${process.pid} -n sh -ec 'ip link set lo up; ip address add ${outside.address}/24 dev wan0; ip link set wan0 up'`);
  return process;
}

/** Starting `/bin/true`, with networks of several kinds, side by side. */
async function starts(): Promise<void> {
  const podman = await podmanWith(directory, tar);
  const docker = await dockerWith(directory, tar);
  const own = (...options: string[]): Command => ({ argv: words("run", "--rm", ...options, "busybox", "/bin/true") });
  const commands: [string, Command][] = [
    ["tinydocker run --rm --network none", own("--network", "none")],
    ["tinydocker run --rm, in the default network", own()],
    ["tinydocker run --rm -p 8080:80", own("-p", "8080:80")],
  ];
  for (const other of [podman, docker]) {
    if (!other) continue;
    commands.push([`${other.version}, in its default network`, other.command("run", "--rm", "busybox", "/bin/true")]);
    commands.push([
      `${other.version}, -p 8080:80`,
      other.command("run", "--rm", "-p", "8080:80", "busybox", "/bin/true"),
    ]);
  }
  try {
    const all = commands.map(([, command]) => command);
    measure(all, 2);
    const results = measure(all, Number(runs));
    const [first] = results;
    console.log(`\n| start /bin/true, ${runs} runs | median ms | p90 ms | of the first |\n|---|---:|---:|---:|`);
    for (const [index, { medianMs, p90Ms }] of results.entries())
      line(commands[index]![0], medianMs.toFixed(1), p90Ms.toFixed(1), (medianMs / first!.medianMs).toFixed(2));
  } finally {
    podman?.close();
    await docker?.close();
  }
}

/** Bits a second from a container to the outside, beside a veth pair with a masquerade that was made by hand; in turns. */
function throughput(outsidePid: number): void {
  if (!has("iperf3")) {
    line("throughput", "iperf3 is not installed", "");
    return;
  }
  const server = Bun.spawn(["nsenter", "-t", String(outsidePid), "-n", "iperf3", "-s"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const hand = holder();
  Bun.sleepSync(300);
  shell(`ip link add hand type veth peer name eth0 netns ${hand.pid}
    ip address add 192.0.2.1/24 dev hand && ip link set hand up
    nsenter -t ${hand.pid} -n sh -ec 'ip link set lo up; ip address add 192.0.2.2/24 dev eth0; ip link set eth0 up; ip route add default via 192.0.2.1'
    nft 'table ip hand { chain post { type nat hook postrouting priority srcnat; ip saddr 192.0.2.0/24 oifname "wan" masquerade; }; }'`);
  tinydocker("run", "-d", "--name", "sender", "busybox", "sleep", "1000");
  const pid = tinydocker("inspect", "-f", "{{.State.Pid}}", "sender");
  const gigabits = (namespace: string): number => {
    const report = text("nsenter", ["-t", namespace, "-n", "iperf3", "-J", "-t", "2", "-c", outside.address]);
    return JSON.parse(report).end.sum_received.bits_per_second / 1e9;
  };
  const rounds = 7;
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours.push(gigabits(pid));
    theirs.push(gigabits(String(hand.pid)));
  }
  const ratio = median(ours.map((value, index) => value / theirs[index]!));
  line(
    "container to outside through NAT, iperf3",
    `${median(ours).toFixed(1)} Gbit/s`,
    `${ratio.toFixed(2)} of a veth and masquerade made by hand (${median(theirs).toFixed(1)})`,
  );
  tinydocker("rm", "-f", "sender");
  shell("nft delete table ip hand; ip link delete hand");
  hand.kill("SIGKILL");
  server.kill("SIGKILL");
}

/** Containers whose first act is a connection: how many had to send something again. */
async function firstPackets(): Promise<void> {
  const gateway = text(
    binary,
    words("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge").slice(1),
  );
  const server = Bun.listen({
    hostname: gateway,
    port: 0,
    socket: { open: (socket) => void socket.end(), data: () => {} },
  });
  const starts = 500;
  const script = `nc ${gateway} ${server.port} </dev/null; grep '^Tcp:' /proc/net/snmp | tail -n 1`;
  let lost = 0;
  const started = performance.now();
  for (let start = 0; start < starts; start++) {
    const child = Bun.spawn(words("run", "--rm", "busybox", "sh", "-c", script), {
      stdio: ["ignore", "pipe", "ignore"],
    });
    // "Tcp:" and its figures, of which the twelfth counts segments that were sent again (RFC 1213).
    const figures = (await child.stdout.text()).trim().split(" ");
    if ((await child.exited) !== 0 || figures.length < 13 || figures[12] !== "0") lost++;
  }
  server.stop(true);
  line("first packets lost", `${lost} of ${starts}`, `${((performance.now() - started) / starts).toFixed(0)} ms each`);
}

/** Something quicker than what the image has, in the network of a container. */
const serve = (pid: string, port: number): Bun.Subprocess =>
  Bun.spawn(
    [
      "nsenter",
      "--net",
      "--target",
      pid,
      process.execPath,
      "-e",
      `Bun.listen({ hostname: "0.0.0.0", port: ${port}, socket: { data() {} } })`,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );

/** Connections a second to one published port, alone and among a thousand. */
async function manyPorts(): Promise<void> {
  const rates: number[] = [];
  for (const last of [20000, 20998]) {
    tinydocker("run", "-d", "--name", "served", "-p", `20000-${last}:20000-${last}`, "busybox", "sleep", "1000");
    const server = serve(tinydocker("inspect", "-f", "{{.State.Pid}}", "served"), last);
    await Bun.sleep(500);
    const rounds = 3;
    const connects = 1000;
    const measured: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      for (let count = 0; count < connects; count++) {
        const socket = await Bun.connect({ hostname: outside.ours, port: last, socket: { data: () => {} } });
        socket.terminate();
      }
      measured.push(connects / ((performance.now() - began) / 1000));
    }
    rates.push(median(measured));
    server.kill("SIGKILL");
    tinydocker("rm", "-f", "served");
  }
  line(
    "connections a second to a port, alone and among 999",
    `${rates[0]!.toFixed(0)} and ${rates[1]!.toFixed(0)}`,
    (rates[1]! / rates[0]!).toFixed(2),
  );
}

text(binary, words("load", "-q", "-i", tar).slice(1));
const away = await makeOutside();
try {
  console.log("\n| the network | | |\n|---|---:|---|");
  throughput(away.pid);
  await firstPackets();
  await manyPorts();
  // Last: others leave rules behind that stop what is not theirs.
  await starts();
} finally {
  away.kill("SIGKILL");
}
