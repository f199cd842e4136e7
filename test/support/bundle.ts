/** A bundle of the OCI runtime specification, and the runtime that runs it: ours, or with RUNTIME=runc or crun another to compare with. */

import { expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, type Result, type RunOptions } from "./cli.ts";
import { imageTar } from "./containers.ts";
import { needing, root, tool } from "./needs.ts";
import { Sandbox } from "./sandbox.ts";
import type { Snapshot } from "./snapshot.ts";

/** Which runtime is tested. */
export const runtimeName = process.env.RUNTIME ?? "tinydocker";

/** Tests of what every runtime does; and of what only ours does, or the others do not in the versions that Debian has. */
const here = runtimeName === "tinydocker" ? [root] : [root, tool(runtimeName)];
export const test = needing(...here);
export const testOurs = needing(...here, () =>
  runtimeName === "tinydocker" ? undefined : "tinydocker as the runtime",
);

/** For what the specification has and the others, in the versions that Debian has, do not do. */
export const isOurs = runtimeName === "tinydocker";

export type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object with others in it changed: `{ process: { cwd: "/tmp" } }`. Undefined takes away. */
export function merged(base: Json, change: Json): Json {
  const result = { ...base };
  for (const [name, value] of Object.entries(change)) {
    const there = result[name];
    if (value === undefined) delete result[name];
    else result[name] = isObject(value) && isObject(there) ? merged(there, value) : value;
  }
  return result;
}

export const namespaces = (...types: string[]): Json[] => types.map((type) => ({ type }));

/** A config.json with little in it: all namespaces, and the file systems that a program may expect. */
export const plainConfig: Json = {
  ociVersion: "1.0.2",
  root: { path: "rootfs" },
  process: {
    user: { uid: 0, gid: 0 },
    args: ["true"],
    env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    cwd: "/",
    capabilities: Object.fromEntries(
      ["bounding", "effective", "permitted"].map((set) => [set, ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"]]),
    ),
  },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755"] },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  ],
  linux: { namespaces: namespaces("pid", "network", "mount", "ipc", "uts", "cgroup") },
};

/** A machine with one bundle: busybox, and the probe as /bin/probe. */
export class BundleMachine extends Sandbox {
  readonly bundle = join(this.tmp, "bundle");
  readonly state = join(this.tmp, "state");
  private count = 0;

  constructor(private readonly runtimeName: string) {
    super();
  }

  async prepare(): Promise<this> {
    await this.open();
    const rootfs = this.path("rootfs");
    mkdirSync(rootfs, { recursive: true });
    for (const [image, ...names] of [["probe", "bin"], ["busybox"]]) {
      const { code, stderr } = await this.exec(["tar", "-xf", imageTar(image!), "-C", rootfs, ...names]);
      if (code !== 0) throw new Error(stderr);
    }
    return this;
  }

  /** A path of the bundle. */
  path(name: string): string {
    return join(this.bundle, name);
  }

  /** Writes a file of the bundle. @returns its path. */
  file(name: string, content: string, mode = 0o644): string {
    mkdirSync(join(this.path(name), ".."), { recursive: true });
    writeFileSync(this.path(name), content, { mode });
    return this.path(name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  configure(...changes: Json[]): void {
    this.file("config.json", JSON.stringify(changes.reduce(merged, plainConfig)));
  }

  private argv(args: string[]): string[] {
    const program = this.runtimeName === "tinydocker" ? [binary(), "runtime"] : [this.runtimeName];
    return [...program, "--root", this.state, ...args];
  }

  /** A command of the runtime. */
  runtime(args: string[], options: RunOptions = {}): Promise<Result> {
    return this.exec(this.argv(args), { cwd: this.bundle, ...options });
  }

  /** `create`: what it says goes into a file, as the container keeps what its creator had as its own. */
  async create(id: string): Promise<Pick<Result, "code" | "stderr">> {
    const script = 'log=$1; shift; exec "$@" </dev/null >"$log" 2>&1';
    const { code } = await this.exec(["sh", "-c", script, "sh", this.path("log"), ...this.argv(["create", id])], {
      cwd: this.bundle,
    });
    return { code, stderr: this.read("log") };
  }

  /** Runs the bundle to its end, with a config.json that is changed so. */
  runBundle(...changes: Json[]): Promise<Result> {
    this.configure(...changes);
    return this.runtime(["run", `c${++this.count}`]);
  }

  /** What a shell script prints. @throws Error unless it ends with 0. */
  async sh(script: string, ...changes: Json[]): Promise<string> {
    const result = await this.runBundle({ process: { args: ["sh", "-c", script] } }, ...changes);
    if (result.code !== 0) throw new Error(JSON.stringify(result));
    return result.stdout.trimEnd();
  }

  /** What the probe answers. */
  async ask<Answer>(question: string, ...changes: Json[]): Promise<Answer> {
    const result = await this.runBundle({ process: { args: ["probe", question] } }, ...changes);
    try {
      return JSON.parse(result.stdout) as Answer;
    } catch {
      throw new Error(JSON.stringify(result));
    }
  }

  /** What is said of a bundle that can't be run. @throws Error if it can. */
  async refusal(...changes: Json[]): Promise<string> {
    const { code, stdout, stderr } = await this.runBundle(...changes);
    if (code === 0) throw new Error(`it ran: ${stdout}`);
    return stderr;
  }
}

/** Gives a test a machine with a bundle, and fails it if our runtime leaves anything behind. */
export async function withBundle(
  use: (machine: BundleMachine) => Promise<void>,
  runtime: string = runtimeName,
): Promise<void> {
  await using machine = await new BundleMachine(runtime).prepare();
  await machine.sh("true");
  const before = machine.snapshot();
  await use(machine);
  if (runtime !== "tinydocker") return;
  expect(readdirSync(machine.state)).toEqual([]);
  // What the test and its programs have written is no matter.
  const files = (all: Snapshot): Snapshot => ({
    ...all,
    files: all.files.filter((path) => !path.startsWith("tmp/bundle/")),
  });
  await machine.expectNothingLeft(files(before), 10_000, files);
}
