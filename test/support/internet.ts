/** A machine with a way out: its uplink leads to somebody outside, who listens and connects, as somebody on the host itself does. */

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Machine, withMachine } from "./containers.ts";
import { freshHost } from "./fresh-host.ts";
import { ok, until } from "./life.ts";
import { hostAddresses, Node, outsideAddresses } from "./topology.ts";

export class Internet {
  readonly outside = new Node("outside");
  readonly host: Node;
  private readonly inside: Node[] = [];

  /** Use withInternet() instead. */
  constructor(private readonly machine: Machine) {
    this.host = new Node("host", { inside: { enter: machine.command([]) } });
  }

  async open(): Promise<this> {
    await Promise.all([this.outside.ready(), this.host.ready()]);
    this.host.sh(`sysctl -qw net.ipv6.conf.default.accept_dad=0
      ip link add uplink type veth peer name eth0 netns ${this.outside.pid}
      ip addr add ${hostAddresses.v4}/24 dev uplink; ip addr add ${hostAddresses.v6}/64 dev uplink nodad; ip link set uplink up`);
    this.outside.sh(freshHost);
    // Somebody outside who tries everything: who sends to containers, and to the host's 127.0.0.1.
    this.outside.sh(`sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv4.conf.all.route_localnet=1; ip link set lo up
      ip addr add ${outsideAddresses.v4}/24 dev eth0; ip addr add ${outsideAddresses.v6}/64 dev eth0 nodad; ip link set eth0 up
      ip route add 10.0.0.0/8 via ${hostAddresses.v4}; ip route add fd00::/8 via ${hostAddresses.v6}
      ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via ${hostAddresses.v4} src ${outsideAddresses.v4}`);
    this.host.sh("ip route add default via 192.0.2.2; ip -6 route add default via 2001:db8::2");
    return this;
  }

  /** Somebody in the network of a container that runs: the container knows nothing of it. */
  async enter(name: string): Promise<Node> {
    const pid = ok(await this.machine.run(["inspect", "-f", "{{.State.Pid}}", name]));
    const node = new Node(name, { inside: { enter: ["nsenter", "-t", pid, "--net", "--"] } });
    this.inside.push(node);
    return await node.ready();
  }

  /** Those in containers leave. */
  async leave(): Promise<void> {
    await Promise.all(this.inside.splice(0).map((node) => node.end()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.outside, this.host, ...this.inside].map((node) => node.end()));
  }
}

/** As withMachine(), with an internet around it. */
export async function withInternet(
  names: string[],
  use: (machine: Machine, internet: Internet) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  let internet: Internet | undefined;
  await withMachine(
    names,
    async (machine) => {
      await use(machine, internet!);
      await internet!.leave();
    },
    async (machine) => {
      internet = stack.use(await new Internet(machine).open());
    },
  );
}

/** Gives a test networks, which have had a container each; and takes them away. */
export async function withNetworks(
  machine: Machine,
  networks: Record<string, string[]>,
  use: () => Promise<void>,
): Promise<void> {
  const noted = join(machine.root, "networks/.sysctls");
  const before = existsSync(noted);
  for (const [name, options] of Object.entries(networks)) {
    ok(await machine.run(["network", "create", ...options, name]));
    ok(await machine.run(["run", "--rm", "--network", name, "busybox", "true"]));
  }
  await until(
    () => !machine.snapshot().links.some((link) => link.startsWith("veth")),
    "the kernel has removed their devices",
  );
  await use();
  ok(await machine.run(["network", "rm", ...Object.keys(networks)]));
  // Settings of the host are given back with the last network, and the default one stays.
  if (!before) rmSync(noted, { force: true });
}

/** A container that does nothing, for as long as it is wanted. @returns its id. */
export const idle = async (machine: Machine, name: string, options: string[] = []): Promise<string> =>
  ok(await machine.run(["run", "-d", "--name", name, ...options, "busybox", "sleep", "1000"]));

/** What `inspect` says of a container, or of whatever it is. */
export const inspect = async (machine: Machine, name: string) =>
  JSON.parse(ok(await machine.run(["inspect", name])))[0];

/** Its addresses in a network. */
export async function addressesIn(machine: Machine, name: string, network: string) {
  const { IPAddress, GlobalIPv6Address, Gateway } = (await inspect(machine, name)).NetworkSettings.Networks[network];
  return { v4: IPAddress as string, v6: GlobalIPv6Address as string, gateway: Gateway as string };
}
