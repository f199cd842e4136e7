/**
 * Runs a command as root in a throw-away virtual machine with cgroup v2 alone, on the host's own files; nothing is written back.
 *
 *   bun helpers/vm.ts [OPTIONS] -- COMMAND [ARG...]
 *     --mem MB (1024)   --cpus N (2)   --disk MB (4096: sparse ext4 behind / and /scratch)   --timeout SECONDS (600)
 *     --kernel VERSION  one of /boot         --cwd DIR        --env K=V or K (repeatable)
 *     --rw DIR          share it read-write  --scratch DIR    put plain ext4 there (both repeatable)
 *     --systemd UNIT    boot /sbin/init and run the command as a delegated service after UNIT (basic.target)
 *     --append WORDS    at the end of the kernel's command line
 *     --accel kvm       where the machine has it (tcg)        --verbose  the kernel's console on stderr
 *
 * Exits with the command's status; 124 when it timed out, 125 when the machine failed. In the guest / is an overlay,
 * /scratch and TMPDIR are ext4 (fit for an overlayfs upperdir) and /run is a tmpfs.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { has, text } from "./process.ts";
import { quote, runFiles } from "./vm/guest.ts";
import { findKernel, prepareKernel } from "./vm/kernel.ts";

export interface VmOptions {
  memMB?: number;
  cpus?: number;
  diskMB?: number;
  timeoutSeconds?: number;
  kernel?: string | undefined;
  cwd?: string | undefined;
  env?: string[];
  rw?: string[];
  scratch?: string[];
  systemd?: string | undefined;
  append?: string | undefined;
  accel?: string;
  verbose?: boolean;
}
type Sink = (data: Buffer) => void;

/** What this machine lacks for running virtual machines, in words; undefined when it lacks nothing. */
export function missingForVm(): string | undefined {
  const tools = { "qemu-system-x86_64": "qemu-system-x86", mke2fs: "e2fsprogs", modprobe: "kmod", xz: "xz-utils" };
  for (const [tool, name] of Object.entries(tools)) if (!has(tool)) return `${tool} (apt-get install ${name})`;
  if (process.arch !== "x64") return "an x86_64 machine";
  if (!existsSync("/bin/busybox")) return "/bin/busybox (apt-get install busybox-static)";
  try {
    findKernel();
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

/** Runs a command in a new machine: its exit status, or 124 and 125 as above. Output goes to the sinks as it comes. */
export async function vm(command: string[], options: VmOptions, stdout: Sink, stderr: Sink): Promise<number> {
  const kernel = prepareKernel(findKernel(options.kernel));
  const directory = mkdtempSync(join(tmpdir(), "vm-"));
  const machine = new Machine(directory, options.verbose ? stderr : undefined);
  process.on("exit", machine.stop);
  try {
    const initrd = join(directory, "initrd");
    const files = runFiles(settings(kernel.version, options), script(command, options));
    writeFileSync(initrd, Buffer.concat([readFileSync(kernel.initrd), files]), { mode: 0o600 });
    const disk = join(directory, "disk");
    writeFileSync(disk, "", { mode: 0o600 });
    truncateSync(disk, (options.diskMB ?? 4096) * 1024 * 1024);
    text("/sbin/mke2fs", ["-q", "-F", "-t", "ext4", "-m", "0", "-O", "^has_journal", disk]);
    const args = qemuArguments(kernel.kernel, directory, options);
    const { status, reason } = await machine.run(args, (options.timeoutSeconds ?? 600) * 1000, stdout, stderr);
    if (reason) stderr(Buffer.from(`vm: ${reason}\n${machine.console.trimEnd()}\n`));
    return status;
  } finally {
    process.off("exit", machine.stop);
    await machine.stop();
  }
}

/** Shell variables that the guest's scripts read. */
function settings(version: string, options: VmOptions): string {
  const list = (paths: string[] = []) => quote(paths.map((path) => quote(resolve(path))).join(" "));
  const lines = {
    VER: quote(version),
    SCRATCH: list(options.scratch),
    RW: list(options.rw),
    SYSTEMD: quote(options.systemd ?? ""),
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** The command with a fresh environment. env(1) starts it, as busybox's shell would prefer applets of its own. */
function script(command: string[], options: VmOptions): string {
  const own = (name: string) => `${name}=${process.env[name] ?? ""}`;
  const environment = [
    `PATH=${process.env.PATH ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    "HOME=/root",
    "USER=root",
    "TMPDIR=/scratch/tmp",
    ...["TERM", "LANG", "CI"].filter((name) => process.env[name]).map(own),
    ...(options.env ?? []).map((entry) => (entry.includes("=") ? entry : own(entry))),
  ];
  const words = [...environment, ...command].map(quote).join(" ");
  return `echo 0 >/proc/self/oom_score_adj; cd ${quote(options.cwd ?? process.cwd())} || exit 125\nexec /usr/bin/env -i ${words}\n`;
}

const ports = ["console", "stdout", "stderr", "control"] as const;
type Port = (typeof ports)[number];

function qemuArguments(kernel: string, directory: string, options: VmOptions): string[] {
  const share = (id: string, path: string, access: string) => [
    ...["-fsdev", `local,id=${id},path=${path},security_model=none,multidevs=remap${access}`],
    ...["-device", `virtio-9p-pci,fsdev=${id},mount_tag=${id}`],
  ];
  const socket = (port: Port) => ["-chardev", `socket,id=${port},path=${join(directory, port)}`];
  // QEMU before 8.1 lets guest CPUs in parallel threads run stale code while the kernel patches itself: random panics.
  const [, major] = /version (\d+)/.exec(text("qemu-system-x86_64", ["--version"])) ?? [];
  const tcg = Number(major) > 8 ? "tcg,thread=multi" : "tcg,thread=single";
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none", "-machine", "q35"],
    ...["-accel", options.accel ?? tcg, "-cpu", options.accel === "kvm" ? "host" : "max"],
    ...["-smp", String(options.cpus ?? 2), "-m", String(options.memMB ?? 1024)],
    ...["-kernel", kernel, "-initrd", join(directory, "initrd"), "-append"],
    `console=ttyS0 quiet panic=-1 mitigations=off cgroup_no_v1=all nowatchdog rcupdate.rcu_cpu_stall_suppress=1 ${options.append ?? ""}`,
    ...[...socket("console"), "-serial", "chardev:console", "-device", "virtio-serial-pci"],
    ...ports
      .slice(1)
      .flatMap((port, index) => [...socket(port), ...["-device", `virtserialport,chardev=${port},nr=${index + 1}`]]),
    ...["-drive", `file=${join(directory, "disk")},if=none,id=disk,format=raw,cache=unsafe`],
    ...["-device", "virtio-blk-pci,drive=disk"],
    ...share("root", "/", ",readonly=on"),
    ...(options.rw ?? []).flatMap((path, index) => share(`rw${index}`, resolve(path), "")),
  ];
}

/** One QEMU process and the sockets that its ports lead to. */
class Machine {
  /** The end of what the guest's kernel printed. */
  console = "";
  private qemu: ChildProcess | undefined;
  private readonly servers: Server[] = [];

  constructor(
    private readonly directory: string,
    private readonly verbose: Sink | undefined,
  ) {}

  async run(
    args: string[],
    timeoutMs: number,
    stdout: Sink,
    stderr: Sink,
  ): Promise<{ status: number; reason?: string }> {
    const { promise, resolve: finish } = Promise.withResolvers<{ status: number; reason?: string }>();
    const timer = setTimeout(() => finish({ status: 124, reason: `timed out after ${timeoutMs / 1000} s` }), timeoutMs);
    const received = { stdout: 0, stderr: 0 };
    let control = "";
    // The guest says how much it sent: both streams must have arrived before its word counts.
    const finishWhenComplete = () => {
      const [, status, out, err] = /exit (\d+) (\d+) (\d+)\n/.exec(control) ?? [];
      if (Number(out) === received.stdout && Number(err) === received.stderr) finish({ status: Number(status) });
    };
    const listeners: Record<Port, Sink> = {
      console: this.log,
      stdout: (data) => {
        received.stdout += data.length;
        stdout(data);
        finishWhenComplete();
      },
      stderr: (data) => {
        received.stderr += data.length;
        stderr(data);
        finishWhenComplete();
      },
      control: (data) => {
        control += data;
        finishWhenComplete();
      },
    };
    await Promise.all(ports.map((port) => this.listen(port, listeners[port])));
    // setpriv: it dies with us, even if we are killed.
    const qemu = spawn("setpriv", ["--pdeathsig", "KILL", "qemu-system-x86_64", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.qemu = qemu;
    qemu.stdout.on("data", this.log);
    qemu.stderr.on("data", this.log);
    qemu.on("error", (error) => finish({ status: 125, reason: error.message }));
    const stopped = { status: 125, reason: "the machine stopped before the command was done" };
    qemu.on("close", () => setTimeout(finish, 100, stopped));
    return promise.finally(() => clearTimeout(timer));
  }

  /** Ends QEMU and removes its files. */
  readonly stop = async (): Promise<void> => {
    const qemu = this.qemu;
    qemu?.kill("SIGKILL");
    for (const server of this.servers) server.close();
    rmSync(this.directory, { recursive: true, force: true });
    if (qemu && qemu.exitCode === null && qemu.signalCode === null) await new Promise((done) => qemu.on("exit", done));
  };

  private readonly log = (data: Buffer): void => {
    this.console = (this.console + data.toString("latin1")).slice(-4000);
    this.verbose?.(data);
  };

  private listen(port: Port, sink: Sink): Promise<void> {
    const server = createServer((socket: Socket) => void socket.on("error", () => {}).on("data", sink));
    this.servers.push(server);
    return new Promise((ready) => server.listen(join(this.directory, port), ready));
  }
}

/** Our options end at "--" or at the first word that is none; bun swallows a "--" that comes first of all. */
function splitArguments(argv: string[]): { own: string[]; command: string[] } {
  let end = 0;
  while (argv[end]?.startsWith("--") && argv[end] !== "--") {
    end += argv[end] === "--verbose" || argv[end]?.includes("=") ? 1 : 2;
  }
  return { own: argv.slice(0, end), command: argv.slice(argv[end] === "--" ? end + 1 : end) };
}

if (import.meta.main) {
  const { own, command } = splitArguments(process.argv.slice(2));
  const string = { type: "string" } as const;
  const list = { type: "string", multiple: true } as const;
  const { values } = parseArgs({
    args: own,
    options: {
      ...{
        mem: string,
        cpus: string,
        disk: string,
        timeout: string,
        kernel: string,
        cwd: string,
        systemd: string,
        append: string,
        accel: string,
      },
      ...{ env: list, rw: list, scratch: list, verbose: { type: "boolean" } },
    },
  });
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const) {
    process.on(signal, () => process.exit(128 + number));
  }
  const missing = missingForVm();
  if (missing || command.length === 0) {
    console.error(missing ? `vm: this machine lacks ${missing}` : "usage: helpers/vm.ts [OPTIONS] -- COMMAND [ARG...]");
    process.exit(125);
  }
  const { mem, cpus, disk, timeout, ...rest } = values;
  const numbers = Object.entries({ memMB: mem, cpus, diskMB: disk, timeoutSeconds: timeout });
  const given = Object.fromEntries(
    numbers.filter(([, value]) => value !== undefined).map(([name, value]) => [name, Number(value)]),
  );
  const status = await vm(
    command,
    { ...rest, ...given },
    (data) => void process.stdout.write(data),
    (data) => void process.stderr.write(data),
  );
  process.exitCode = status;
}
