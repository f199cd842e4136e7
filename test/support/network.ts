/** Network namespaces of a test's own, entered by the test itself: everything synchronous in them sees that network. */

import { closeSync, openSync } from "node:fs";
import { bind, check } from "../../src/linux/libc.ts";
import { inNetworkNamespace, unshare } from "../../src/linux/namespace.ts";

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
export function withNetworks(containers: number, use: (...namespaces: number[]) => void): void {
  const [host, ...rest] = Array.from({ length: containers + 1 }, newNetworkNamespace) as [number, ...number[]];
  try {
    inNetworkNamespace(host, () => {
      sh("ip link set lo up");
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
