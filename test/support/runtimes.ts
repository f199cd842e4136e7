/** OCI runtimes, each with a root of its own in a sandbox: runc, crun and ours, for tests that hold them to the same. */

import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { has } from "../../helpers/process.ts";
import { binary, type Result, type RunOptions } from "./cli.ts";
import { imageTar } from "./containers.ts";
import { Sandbox } from "./sandbox.ts";

export const runtimeNames = ["tinydocker", "runc", "crun"] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** Those that are here, or the one that RUNTIME names. */
export const installedRuntimes = (): RuntimeName[] =>
  runtimeNames.filter((name) =>
    process.env.RUNTIME ? process.env.RUNTIME === name : name === "tinydocker" || has(name),
  );

/** A config.json, as far as tests change one. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the specification has
export type Config = any;

export class RuntimeSandbox extends Sandbox {
  readonly states = join(this.directory, "states");
  private readonly link = join(this.directory, "tinydocker-runtime");

  constructor(readonly runtime: RuntimeName) {
    super();
    mkdirSync(this.rootfs);
    mkdirSync(this.states, { mode: 0o700 });
    Bun.spawnSync(["tar", "-xf", imageTar("busybox"), "-C", this.rootfs]);
    if (runtime === "tinydocker") symlinkSync(binary(), this.link);
  }

  get rootfs(): string {
    return join(this.directory, "rootfs");
  }

  /** The words before a command. crun and runc trip over a cgroup v2 that lies beside v1: they get a mount namespace without. */
  get program(): string[] {
    const program = [this.runtime === "tinydocker" ? this.link : this.runtime, "--root", this.states];
    if (this.runtime === "tinydocker" || !existsSync("/sys/fs/cgroup/unified")) return program;
    const script = 'while umount /sys/fs/cgroup/unified 2>/dev/null; do :; done; exec "$@"';
    return ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh", ...program];
  }

  /** Runs a command of the runtime. What it starts has no descriptor of ours that we would wait for, but with `attached`. */
  async call(
    words: string[],
    options: RunOptions & { attached?: boolean /** Words before the program's. */; under?: string[] } = {},
  ): Promise<Result> {
    const argv = [...(options.under ?? []), ...this.program, ...words];
    if (options.attached) return await this.exec(argv, options);
    const output = join(this.directory, `output-${crypto.randomUUID()}`);
    const script = `"$@" >${output} 2>${output}.err`;
    const result = await this.exec(["sh", "-c", script, "sh", ...argv], options);
    const [stdout, stderr] = [output, `${output}.err`].map((file) => {
      const text = readFileSync(file, "utf8");
      rmSync(file);
      return text;
    });
    return { ...result, stdout: stdout!, stderr: stderr! };
  }

  /** A bundle that runs these words. @returns its directory. */
  bundle(name: string, args: string[], change: (config: Config) => void = () => {}): string {
    const directory = join(this.directory, name);
    mkdirSync(directory, { recursive: true });
    const config = defaultConfig(this.rootfs, args);
    change(config);
    writeFileSync(join(directory, "config.json"), JSON.stringify(config));
    return directory;
  }

  async state(id: string): Promise<Config> {
    const { stdout, code } = await this.call(["state", id]);
    return code === 0 ? JSON.parse(stdout) : { status: "gone" };
  }

  /** Waits until a container does this. */
  async until(id: string, status: string): Promise<void> {
    for (let tries = 0; (await this.state(id)).status !== status; tries++) {
      if (tries > 200) throw new Error(`${id} is ${(await this.state(id)).status}, not ${status}`);
      await Bun.sleep(20);
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    const { stdout } = await this.call(["list", "-q"]);
    for (const id of stdout.split("\n").filter(Boolean)) await this.call(["delete", "--force", id]);
    await super[Symbol.asyncDispose]();
  }
}

/** A sandbox for one test. */
export const runtimeSandbox = async (name: RuntimeName): Promise<RuntimeSandbox> =>
  (await new RuntimeSandbox(name).open()) as RuntimeSandbox;

/** What `runc spec` writes, for this root and these words. */
function defaultConfig(rootfs: string, args: string[]): Config {
  const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
  const hardened = ["nosuid", "noexec", "nodev"];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: true },
    hostname: "box",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
      },
      { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...hardened, "mode=1777", "size=65536k"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: [...hardened, "ro"] },
    ],
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
      maskedPaths: ["/proc/kcore", "/proc/keys"],
      readonlyPaths: ["/proc/sys"],
    },
  };
}

/**
 * A program for `run --runtime`: ours, or another as it can be had here. Beside cgroup v1 the others get a mount namespace in which
 * cgroup v2 lies where they look for it; crun makes no cgroups there, as it needs CAP_SYS_RESOURCE for what it has no use for.
 * @param directory where it may be made.
 */
export function runtimeProgram(name: RuntimeName, directory: string): string {
  const path = join(directory, name === "tinydocker" ? "tinydocker-runtime" : name);
  if (name === "tinydocker") {
    symlinkSync(binary(), path);
    return path;
  }
  const hybrid = existsSync("/sys/fs/cgroup/unified");
  const more = hybrid && name === "crun" ? "--cgroup-manager disabled" : "";
  const script = `mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup && exec ${name} ${more} "$@"`;
  const here = hybrid ? `unshare --mount --propagation slave sh -c '${script}' ${name}` : name;
  writeFileSync(path, `#!/bin/sh\nexec ${here} "$@"\n`, { mode: 0o755 });
  return path;
}
