/**
 * A machine of its own for one test: a state root and, as root, private mount and network namespaces and a cgroup that looks
 * like the root, so that the host is never touched and whatever is left behind is seen, and gone with the test.
 */

import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary, type Result, type RunOptions, runProgram } from "./cli.ts";
import { freshHost } from "./fresh-host.ts";
import { patienceMs } from "./patience.ts";
import { expectNothingLeft, type Snapshot, takeSnapshot } from "./snapshot.ts";

export class Sandbox {
  /** Everything of this sandbox is below it. */
  readonly directory = mkdtempSync(join(tmpdir(), "tinydocker-test-"));
  /** The state root that `run` gives to the binary. */
  readonly root = join(this.directory, "root");
  readonly tmp = join(this.directory, "tmp");
  private holder: Bun.Subprocess<"ignore", "pipe", "inherit"> | undefined;
  private cgroup: TestCgroup | undefined;

  /** Use sandbox() instead. */
  async open(): Promise<this> {
    mkdirSync(this.tmp);
    if (process.getuid?.() !== 0) return this;
    // The namespaces live as long as this process, which ends with ours even if we are killed.
    this.cgroup = makeCgroup();
    const show = this.cgroup ? `mount --bind ${this.cgroup.path} ${this.cgroup.mountPoint} &&` : "";
    const wait = [
      "sh",
      "-c",
      `${show} { ip link set lo up 2>/dev/null; ${freshHost}; echo ready; exec sleep infinity; }`,
    ];
    const unshare = ["unshare", "--mount", "--net", "--propagation", "private"];
    this.holder = Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...unshare, ...wait], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { value } = await this.holder.stdout.getReader().read();
    if (value === undefined) throw new Error("cannot make a private mount and network namespace: unshare(1) failed");
    return this;
  }

  /** The pid that has the namespaces; our own where there are none. */
  get pid(): number {
    return this.holder?.pid ?? process.pid;
  }

  /** The argv that runs a command inside. */
  command(argv: string[], cwd = this.directory): string[] {
    if (this.holder === undefined) return argv;
    return ["nsenter", "-t", String(this.holder.pid), "--mount", "--net", `--wdns=${cwd}`, "--", ...argv];
  }

  /** The environment of everything that runs inside: nothing of ours but the PATH. */
  environment(extra: Record<string, string> = {}): Record<string, string> {
    return {
      PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: this.directory,
      LANG: "C.UTF-8",
      TERM: "xterm",
      TMPDIR: this.tmp,
      TINYDOCKER_ROOT: this.root,
      // For a round of all tests with other defaults, such as {"userns": "auto"}.
      ...(process.env.TEST_CONFIG && { TINYDOCKER_CONFIG: process.env.TEST_CONFIG }),
      ...extra,
    };
  }

  /** Runs the compiled binary as a user would: `sandbox.run(["run", "busybox", "true"])`. */
  run(args: string[], options: RunOptions = {}): Promise<Result> {
    return this.exec([binary(), ...args], options);
  }

  /** Runs any command inside. */
  exec(argv: string[], options: RunOptions = {}): Promise<Result> {
    const env = this.environment(options.env);
    return runProgram(this.command(argv, options.cwd), { ...options, cwd: options.cwd ?? this.directory, env });
  }

  /** Starts the compiled binary and goes on; the caller waits for it. */
  spawn(args: string[], options: { env?: Record<string, string>; cwd?: string } = {}) {
    return Bun.spawn(this.command([binary(), ...args], options.cwd), {
      cwd: options.cwd ?? this.directory,
      env: this.environment(options.env),
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  snapshot(): Snapshot {
    return takeSnapshot({
      pid: this.pid,
      directory: this.directory,
      ownNamespaces: this.holder !== undefined,
      cgroup: this.cgroup?.path,
    });
  }

  /** Fails unless all is as it was; waits a little for what goes away on its own: the kernel removes network namespaces in turn. */
  async expectNothingLeft(
    before: Snapshot,
    withinMs = patienceMs,
    only: (all: Snapshot) => Snapshot = (all) => all,
  ): Promise<void> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      try {
        return expectNothingLeft(before, only(this.snapshot()));
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await Bun.sleep(25);
      }
    }
  }

  /** Ends what still runs inside, then the namespaces, then the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.holder !== undefined) {
      for (const pid of this.snapshot().processIds) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {} // it ended by itself
      }
      this.holder.kill("SIGKILL");
      await this.holder.exited;
    }
    if (this.cgroup) await removeCgroup(this.cgroup.path);
    makeRemovable(this.directory);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

interface TestCgroup {
  /** Where cgroup v2 is mounted on this machine. */
  mountPoint: string;
  /** The test's own group. */
  path: string;
}

/** A group with all the controllers there are; undefined where cgroup v2 is not to be had. */
function makeCgroup(): TestCgroup | undefined {
  const mountPoint = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((path) =>
    existsSync(`${path}/cgroup.controllers`),
  );
  if (mountPoint === undefined) return undefined;
  try {
    return { mountPoint, path: mkdtempSync(`${mountPoint}/test-`) };
  } catch {
    return undefined; // mounted read-only: we are in a container
  }
}

/** Ends all that is in a group and removes it with those below it. */
async function removeCgroup(path: string): Promise<void> {
  for (let tries = 0; existsSync(path); tries++) {
    try {
      writeFileSync(`${path}/cgroup.kill`, "1");
      const below = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory());
      for (const { parentPath, name } of below.toReversed()) rmdirSync(join(parentPath, name));
      rmdirSync(path);
    } catch (error) {
      if (tries > 100) throw error;
      await Bun.sleep(10);
    }
  }
}

/** `await using box = await sandbox()`. */
export const sandbox = (): Promise<Sandbox> => new Sandbox().open();

/** Where we are not root, directories without write permission (from images, overlay work directories) resist rm. */
function makeRemovable(directory: string): void {
  if (process.getuid?.() === 0) return;
  const { chmodSync } = require("node:fs") as typeof import("node:fs");
  chmodSync(directory, 0o700);
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (lstatSync(path).isDirectory()) makeRemovable(path);
  }
}
