/**
 * A small internet for one test: a host with bridges, containers behind them, and somebody outside, each a network namespace
 * of its own with a process in it that listens and connects. Made with Debian's ip(8), not with what is tested.
 */

import { join } from "node:path";
import type { FirewallDriver } from "../../src/network/firewall/choose.ts";
import type { Network, Publication } from "../../src/plan/network/network.ts";
import { freshHost } from "./fresh-host.ts";
import type { Answer, Order, Protocol } from "./netns-agent.ts";

/** A network namespace, and somebody in it. */
export class Node {
  private readonly agent: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private lastId = 0;

  /** @param inside the namespace of another one instead of its own, or what enters it. */
  constructor(
    readonly name: string,
    { inside }: { inside?: { enter: string[] } } = {},
  ) {
    // With mounts of its own, so that a test can put other programs in the place of those that are installed.
    const enter = inside?.enter ?? ["unshare", "--net", "--mount", "--propagation", "private"];
    const agent = [
      "setpriv",
      "--pdeathsig",
      "KILL",
      ...enter,
      process.execPath,
      join(import.meta.dir, "netns-agent.ts"),
    ];
    this.agent = Bun.spawn(agent, { stdio: ["pipe", "pipe", "inherit"] });
    void this.listenToAgent();
  }

  /** A process that is in the namespace. */
  get pid(): number {
    return this.agent.pid;
  }

  /** What a command line begins with that is run in the namespace. */
  get enter(): string[] {
    return ["nsenter", "-t", String(this.pid), "--net", "--mount", "--"];
  }

  /** Starts a program in the namespace that ends with the test at the latest. */
  spawn = (argv: string[]): Bun.Subprocess =>
    Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...this.enter, ...argv], { stdio: ["ignore", "ignore", "ignore"] });

  private async listenToAgent(): Promise<void> {
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.agent.stdout) {
      const lines = (text + decoder.decode(chunk, { stream: true })).split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        const { id, answer } = JSON.parse(line) as { id: number; answer: Answer };
        this.waiting.get(id)?.(answer);
        this.waiting.delete(id);
      }
    }
  }

  private async tell(order: Order): Promise<unknown> {
    const id = ++this.lastId;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.waiting.set(id, resolve);
    this.agent.stdin.write(`${JSON.stringify({ id, order })}\n`);
    this.agent.stdin.flush();
    const ended = this.agent.exited.then((): Answer => ({ error: `who is in ${this.name} has ended` }));
    const answer = await Promise.race([promise, ended]);
    if ("error" in answer) throw new Error(answer.error);
    return answer.value;
  }

  /** Waits until it is in its namespace. */
  async ready(): Promise<this> {
    await this.tell({ do: "connect", protocol: "udp", ip: "127.0.0.1", port: 9, timeoutMs: 0 });
    return this;
  }

  listen = (protocol: Protocol, ip: string, port: number): Promise<unknown> =>
    this.tell({ do: "listen", protocol, ip, port, name: this.name });

  connect = (protocol: Protocol, ip: string, port: number, timeoutMs: number, localPort?: number): Promise<string> =>
    this.tell({
      ...{ do: "connect", protocol, ip, port, timeoutMs },
      ...(localPort === undefined ? {} : { localPort }),
    }) as Promise<string>;

  /** Calls a method of a firewall driver in the namespace. */
  firewall = (driver: FirewallDriver, method: string, ...args: unknown[]): Promise<unknown> =>
    this.tell({ do: "firewall", driver, method, args });

  /** Runs a shell script in the namespace. @returns what it prints. @throws Error when it fails. */
  sh(script: string): string {
    const { exitCode, stdout, stderr } = Bun.spawnSync([...this.enter, "sh", "-ec", script]);
    if (exitCode !== 0) throw new Error(`${script} in ${this.name}: ${stderr.toString()}`);
    return stdout.toString();
  }

  async end(): Promise<void> {
    this.agent.kill("SIGKILL");
    await this.agent.exited;
  }
}

export const hostAddresses = { v4: "192.0.2.1", v6: "2001:db8::1" };
export const outsideAddresses = { v4: "192.0.2.2", v6: "2001:db8::2" };

/** Network number n is 10.n.0.0/16 and fd00:n::/64 behind the bridge br<n>. */
export const network = (n: number, options: Partial<Network> = {}): Network => ({
  id: String(n).padStart(64, "0"),
  name: `net${n}`,
  created: "2026-01-01T00:00:00Z",
  bridge: `br${n}`,
  subnets: [
    { subnet: `10.${n}.0.0/16`, gateway: `10.${n}.0.1` },
    { subnet: `fd00:${n}::/64`, gateway: `fd00:${n}::1` },
  ],
  internal: false,
  icc: true,
  isolate: true,
  labels: {},
  options: {},
  ...options,
});

export class Topology {
  readonly host = new Node("host");
  readonly outside = new Node("outside");
  readonly containers: Record<string, Node> = {};

  /** Use topology() instead. @param networks with the names of the containers in each. */
  async open(networks: { network: Network; containers: string[] }[]): Promise<this> {
    const names = networks.flatMap(({ containers }) => containers);
    for (const name of names) this.containers[name] = new Node(name);
    await Promise.all([this.host, this.outside, ...Object.values(this.containers)].map((node) => node.ready()));
    for (const node of [this.host, this.outside, ...Object.values(this.containers)]) node.sh(freshHost);
    const quiet = "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; ip link set lo up";
    this.host.sh(`${quiet}
      sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.route_localnet=1
      ip link add uplink type veth peer name eth0 netns ${this.outside.pid}
      ip addr add ${hostAddresses.v4}/24 dev uplink; ip addr add ${hostAddresses.v6}/64 dev uplink nodad; ip link set uplink up`);
    // Somebody outside who tries everything: who sends to containers, and to the host's 127.0.0.1.
    this.outside.sh(`${quiet}
      sysctl -qw net.ipv4.conf.all.route_localnet=1
      ip addr add ${outsideAddresses.v4}/24 dev eth0; ip addr add ${outsideAddresses.v6}/64 dev eth0 nodad; ip link set eth0 up
      ip route add 10.0.0.0/8 via ${hostAddresses.v4}; ip route add fd00::/8 via ${hostAddresses.v6}
      ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via ${hostAddresses.v4} src ${outsideAddresses.v4}`);
    for (const { network, containers } of networks) this.connect(network, containers);
    return this;
  }

  private connect({ bridge, subnets, icc }: Network, containers: string[]): void {
    const [{ gateway: v4 } = { gateway: "" }, { gateway: v6 } = { gateway: "" }] = subnets;
    this.host.sh(`ip link add ${bridge} type bridge; ip link set ${bridge} up
      ip addr add ${v4}/16 dev ${bridge}; ip addr add ${v6}/64 dev ${bridge} nodad`);
    containers.forEach((name, index) => {
      const { pid } = this.containers[name]!;
      const [ip4, ip6] = [v4, v6].map((gateway) => gateway.replace(/1$/, String(index + 2)));
      this.host.sh(`ip link add v-${name} type veth peer name eth0 netns ${pid}
        ip link set v-${name} master ${bridge} up
        bridge link set dev v-${name} hairpin on ${icc ? "" : "isolated on"}`);
      this.containers[name]!.sh(`sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
        ip link set lo up; ip addr add ${ip4}/16 dev eth0; ip addr add ${ip6}/64 dev eth0 nodad; ip link set eth0 up
        ip route add default via ${v4}; ip -6 route add default via ${v6}`);
    });
  }

  node = (name: string): Node =>
    name === "host" ? this.host : name === "outside" ? this.outside : this.containers[name]!;

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.host, this.outside, ...Object.values(this.containers)].map((node) => node.end()));
  }
}

export const topology = (networks: { network: Network; containers: string[] }[]): Promise<Topology> =>
  new Topology().open(networks);

/** A published port of a container's number in a network: 2 is the first. */
export const publication = (
  protocol: Publication["protocol"],
  hostIp: string,
  hostPort: number,
  [net, number]: [net: number, number: number],
  port: number,
): Publication => ({
  protocol,
  hostIp,
  hostPort,
  ip: hostIp.includes(":") ? `fd00:${net}::${number}` : `10.${net}.0.${number}`,
  port,
  bridge: `br${net}`,
});
