/** What tests of containers that go on without us say often. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readFileIfAny } from "../../src/linux/file.ts";
import type { Result } from "./cli.ts";
import type { Machine } from "./containers.ts";
import { patienceMs } from "./patience.ts";

/** What a command printed. @throws Error unless it ended with 0. */
export function ok(result: Result): string {
  const { code, signal, stdout, stderr } = result;
  if (code !== 0) throw new Error(`ended with ${code ?? signal}: ${stdout}${stderr}`);
  return stdout.trim();
}

/** A shell script in a container that goes on without us. @returns its id. */
export const detached = async (
  machine: Machine,
  name: string,
  script: string,
  options: string[] = [],
): Promise<string> => ok(await machine.run(["run", "-d", "--name", name, ...options, "busybox", "sh", "-c", script]));

/** Its line of `ps -a`; empty if there is none. */
export const status = async (machine: Machine, name: string): Promise<string> =>
  ok(await machine.run(["ps", "-a"]))
    .split("\n")
    .find((line) => line.endsWith(` ${name}`)) ?? "";

/** Waits until something is so. */
export async function until(
  claim: () => boolean | Promise<boolean>,
  what: string,
  withinMs = patienceMs,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await claim())) {
    if (Date.now() > deadline) throw new Error(`it did not come to be that ${what}`);
    await Bun.sleep(20);
  }
}

/** Numbers of system calls. */
const calls = { openat: { x64: 257, arm64: 56 }, poll: { x64: 7, arm64: 73 }, recvmsg: { x64: 47, arm64: 212 } };

/** A process is in a system call: it waits there. */
export const isInCall = (pid: number, name: keyof typeof calls): boolean =>
  readFileSync(`/proc/${pid}/syscall`, "latin1").startsWith(`${calls[name][process.arch as "x64" | "arm64"]} `);

/** What is written down of what became of it. */
export const stateOf = (machine: Machine, id: string) =>
  JSON.parse(readFileSync(join(machine.root, "containers", id, "state.json"), "utf8"));

/** A container's monitor. */
export function monitorOf(machine: Machine, id: string): number {
  const found = machine.snapshot().processIds.find((pid) => {
    const words = readFileIfAny(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
    return words.includes("monitor") && words.includes(id);
  });
  if (found === undefined) throw new Error(`no monitor of ${id}`);
  return found;
}

/** Runs until it is told to end, and then ends with 7. */
export const forever = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";

/**
 * The body of a property that does nothing any more once it has taken so long. fast-check's own limit leaves the run that it
 * interrupts going on in the background, into the tests that follow.
 */
export function within<Arguments extends unknown[]>(
  limitMs: number,
  body: (...args: Arguments) => Promise<void>,
): (...args: Arguments) => Promise<void> {
  const deadline = performance.now() + limitMs;
  return async (...args) => {
    if (performance.now() < deadline) await body(...args);
  };
}

/** A command for which a signal waits when it begins: it finds it as soon as it asks. @see env(1) */
export const withSignal = (signal: "INT" | "TERM", argv: string[]): string[] => [
  ...["env", `--block-signal=${signal}`, "sh", "-c", `kill -${signal} $$; exec "$0" "$@"`],
  ...argv,
];
