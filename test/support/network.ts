/** Network namespaces of a test's own, entered by the test itself: everything synchronous in them sees that network. */

import { closeSync, openSync } from "node:fs";
import type { Fd } from "../../src/linux/file.ts";
import { bind, check } from "../../src/linux/libc.ts";
import { inNetworkNamespace, unshare } from "../../src/linux/namespace.ts";
import { macOf, vethOf } from "../../src/plan/network/address.ts";
import type { Endpoint, Network } from "../../src/plan/network/network.ts";
import { addressAfter, formatPrefix, parseSubnet } from "../../src/plan/network/subnet.ts";
import { makeFreshHost } from "./fresh-host.ts";

const libc = bind({ setns: ["int", "int", "int"] });
const CLONE_NEWNET = 0x40000000;

/** A new network namespace, as a descriptor; we stay where we are. */
export function newNetworkNamespace(): number {
  const ours = openSync("/proc/self/ns/net", "r");
  unshare("NEWNET");
  try {
    return openSync("/proc/self/ns/net", "r");
  } finally {
    check("setns", "our network namespace", libc.setns(ours, CLONE_NEWNET));
    closeSync(ours);
  }
}

/** Runs a test in a network namespace of its own, with others for containers. */
export function withNetworks(containers: number, use: (...namespaces: Fd[]) => void): void {
  const [host, ...rest] = Array.from({ length: containers + 1 }, newNetworkNamespace) as [Fd, ...Fd[]];
  try {
    inNetworkNamespace(host, () => {
      sh("ip link set lo up");
      makeFreshHost();
      use(...rest);
    });
  } finally {
    for (const namespace of [host, ...rest]) closeSync(namespace);
  }
}

/** What a command of sh(1) prints, in the network namespace we are in. @throws Error if it fails. */
export function sh(script: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["sh", "-ec", script], { stdin: "ignore", timeout: 30_000 });
  if (exitCode !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout.toString();
}

/** What `ip -j` and the rest prints. */
export const ipJson = <Shape>(args: string): Shape => JSON.parse(sh(`ip -j ${args}`) || "[]") as Shape;

/** Runs lines of ip(8) at once. */
export function ipBatch(lines: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["ip", "-batch", "-"], { stdin: Buffer.from(`${lines.join("\n")}\n`) });
  if (exitCode !== 0) throw new Error(`ip -batch: ${stderr}\n${lines.join("\n")}`);
}

/** A network 10.9.0.0/24, or 10.`third`... as a record. */
export function aNetwork({
  ipv6 = false,
  third = 9,
  ...rest
}: Partial<Network> & { ipv6?: boolean; third?: number } = {}) {
  const subnets = [{ subnet: `10.${third}.0.0/24`, gateway: `10.${third}.0.1` }];
  if (ipv6) subnets.push({ subnet: `fd0${third}::/64`, gateway: `fd0${third}::1` });
  const network: Network = {
    id: "0".repeat(64),
    name: "test",
    created: "2026-01-01T00:00:00Z",
    bridge: "br-test",
    subnets,
    internal: false,
    icc: true,
    isolate: true,
    labels: {},
    options: {},
    ...rest,
  };
  return network;
}

/** The endpoint of a container with the n-th address of a network. */
export function anEndpoint(network: Network, n: number, device = "eth0"): Endpoint {
  const subnets = network.subnets.map(({ subnet }) => parseSubnet(subnet));
  const addresses = subnets.map(({ address, bits }) => formatPrefix({ address: addressAfter(address, n), bits }));
  const [ipv4 = ""] = addresses.map((text) => text.split("/")[0]);
  return {
    network: network.name,
    networkId: network.id,
    bridge: network.bridge,
    device,
    veth: vethOf(ipv4),
    mac: macOf(ipv4),
    ...(network.mtu && { mtu: network.mtu }),
    addresses,
    gateways: network.internal ? [] : network.subnets.map(({ gateway }) => gateway),
  };
}
