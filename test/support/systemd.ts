/**
 * systemd in namespaces of its own, which takes a second where a virtual machine with it takes a minute: process 1 of a pid
 * namespace whose cgroup is the root that it sees, with the system bus. It needs cgroup v2 alone, as in test/vm.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { has } from "../../helpers/process.ts";
import { type RuntimeName, RuntimeSandbox } from "./runtimes.ts";
import { Sandbox } from "./sandbox.ts";

const program = "/lib/systemd/systemd";

/** What this machine lacks for it. */
export const systemdHere = (): string | undefined => {
  if (!existsSync(program)) return "systemd (apt-get install systemd)";
  if (!has("dbus-daemon")) return "dbus-daemon (apt-get install dbus)";
  const controllers = existsSync("/sys/fs/cgroup/cgroup.controllers")
    ? readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").split(/\s/)
    : [];
  const missing = ["cpu", "cpuset", "memory", "pids"].filter((name) => !controllers.includes(name));
  return missing.length > 0 ? `cgroup v2 with ${missing.join(", ")}` : undefined;
};

const units = {
  "dbus.socket": ["[Unit]", "DefaultDependencies=no", "[Socket]", "ListenStream=/run/dbus/system_bus_socket"],
  "dbus.service": [
    ...["[Unit]", "DefaultDependencies=no", "Requires=dbus.socket", "After=dbus.socket", "[Service]", "Type=notify"],
    "ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only",
  ],
  "test.target": ["[Unit]", "DefaultDependencies=no", "Requires=dbus.socket dbus.service"],
};

/** Nothing of the host's own is started: no unit that is there is wanted by ours. A root with processes could give no controllers. */
const inside = `set -e
mount -t proc proc /proc; umount /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo $$ >/sys/fs/cgroup/init.scope/cgroup.procs
mount -t tmpfs run /run; mkdir -p /run/systemd/system /run/dbus
${Object.entries(units)
  .map(([name, lines]) => `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(" ")} >/run/systemd/system/${name}`)
  .join("\n")}
echo ready; read go
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin ${program} --system --unit=test.target --show-status=no --log-target=null`;

export class Systemd {
  private constructor(
    private readonly holder: Bun.Subprocess,
    private readonly cgroup: string,
    /** Of systemd. */
    readonly pid: number,
  ) {}

  static async start(): Promise<Systemd> {
    const cgroup = `/sys/fs/cgroup/test-systemd-${process.pid}`;
    mkdirSync(`${cgroup}/init.scope`, { recursive: true });
    const unshare = "unshare --mount --pid --fork --kill-child --cgroup --propagation private";
    const script = `echo $$ >${cgroup}/cgroup.procs && exec ${unshare} sh -c "$1"`;
    const holder = Bun.spawn(["setpriv", "--pdeathsig", "KILL", "sh", "-c", script, "sh", inside], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const { value } = await holder.stdout.getReader().read();
    if (value === undefined) throw new Error("systemd cannot have namespaces of its own: unshare(1) failed");
    writeFileSync(`${cgroup}/init.scope/cgroup.procs`, String(holder.pid));
    holder.stdin.write("go\n");
    holder.stdin.end();
    const pid = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8"));
    while (!existsSync(`/proc/${pid}/root/run/systemd/private`)) {
      if (holder.exitCode !== null) throw new Error("systemd has ended");
      await Bun.sleep(20);
    }
    const systemd = new Systemd(holder, cgroup, pid);
    const state = Bun.spawnSync(systemd.command(["systemctl", "is-system-running", "--wait"]));
    if (state.stdout.toString() !== "running\n") throw new Error(`systemd is ${state.stdout}: ${state.stderr}`);
    return systemd;
  }

  /** The argv that runs a command beside it; in its cgroup, as it can't move processes from elsewhere into others. */
  command(argv: string[], cwd = "/"): string[] {
    const namespaces = ["--mount", "--pid", "--cgroup"];
    const nsenter = ["nsenter", "-t", String(this.pid), ...namespaces, `--wdns=${cwd}`, "--"];
    return ["sh", "-c", `echo $$ >${this.cgroup}/init.scope/cgroup.procs && exec "$@"`, "sh", ...nsenter, ...argv];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.holder.kill("SIGKILL");
    await this.holder.exited;
    Bun.spawnSync(["find", this.cgroup, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
  }
}

/** A runtime beside systemd: in its namespaces in the place of some of its own. */
export class SystemdSandbox extends RuntimeSandbox {
  constructor(
    runtime: RuntimeName,
    private readonly systemd: Systemd,
  ) {
    super(runtime);
    mkdirSync(this.tmp);
  }

  override async open(): Promise<this> {
    return this;
  }

  override get program(): string[] {
    return [...super.program, "--systemd-cgroup"];
  }

  override command(argv: string[], cwd = this.directory): string[] {
    return this.systemd.command(argv, cwd);
  }

  /**
   * Runs a script beside systemd, in one go: each process takes its time in a virtual machine. `R` is the runtime, `ok` a command
   * that has to succeed, `refused` one that must not and whose reason goes to stdout, `ended PID` waits. `say NAME` says what
   * comes from its stdin, `show NAME UNITS PROPERTY,...` what systemd knows of units, sorted.
   * @returns what was said, by name.
   */
  async script(script: string): Promise<Record<string, string>> {
    const { code, stdout, stderr } = await this.exec(["sh", "-c", `${this.prelude}\n${script}`], {
      timeoutMs: 110_000,
    });
    if (code !== 0) throw new Error(stdout + stderr);
    return Object.fromEntries(stdout.split("\0").flatMap((said) => (said.includes("=") ? [splitAtEqual(said)] : [])));
  }

  /** What is still there ends with systemd. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await Sandbox.prototype[Symbol.asyncDispose].call(this);
  }

  private get prelude(): string {
    return `set -e; cd ${this.directory}
R() { ${this.program.join(" ")} "$@"; }
ok() { "$@" </dev/null >out 2>err || { echo "$* failed: $(cat out err)"; exit 1; }; }
refused() { if "$@" </dev/null >out 2>err; then echo "$* succeeded"; exit 1; fi; cat err; }
say() { printf '%s=%s\\0' "$1" "$(cat)"; }
ended() { while [ -d /proc/$1 ]; do sleep 0.05; done; }
show() { systemctl show -p $3 $2 | sort | say $1; }`;
  }
}

const splitAtEqual = (said: string): [string, string] => {
  const at = said.indexOf("=");
  return [said.slice(0, at), said.slice(at + 1)];
};
