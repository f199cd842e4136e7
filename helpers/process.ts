/** Running other programs from developer scripts: a failure is an Error that names the command. */

import { type SpawnSyncOptions, spawnSync } from "node:child_process";

/** Runs a command that prints for itself. @throws Error unless it exits 0. */
export function run(command: string, args: string[], options: SpawnSyncOptions = {}): void {
  const { status, signal, error } = spawnSync(command, args, { stdio: "inherit", ...options });
  if (status !== 0) throw new Error(`${[command, ...args].join(" ")}: ${error?.message ?? signal ?? `exit ${status}`}`);
}

/** What a command prints on stdout, without the last line feed. @throws Error with its stderr unless it exits 0. */
export function text(command: string, args: string[], options: SpawnSyncOptions = {}): string {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, { maxBuffer: 1 << 28, ...options });
  if (status !== 0) {
    const reason = error?.message ?? `${signal ?? `exit ${status}`}: ${String(stderr).trim()}`;
    throw new Error(`${[command, ...args].join(" ")}: ${reason}`);
  }
  return String(stdout).replace(/\n$/, "");
}

/** Whether a program is in the PATH, the administrator's directories included. */
export function has(program: string): boolean {
  return Bun.which(program, { PATH: `${process.env.PATH}:/usr/sbin:/sbin` }) !== null;
}
