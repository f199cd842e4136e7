/** Where the matrix runs: mounts, a network, a cgroup and a state root of its own, so that nothing of the machine is touched. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { run } from "../process.ts";
import { inEveryScript, type Program } from "./program.ts";

export interface Outcome {
  /** The exit code; 124 where it took too long. */
  code: number;
  /** What the script printed. */
  text: string;
  /** The last line of its errors. */
  error: string;
}

const timeoutMs = 180_000;

export class MatrixSandbox {
  private readonly directory = mkdtempSync(join(tmpdir(), "tinydocker-matrix-"));
  private readonly binary: string;
  private constructor(
    binary: string,
    private readonly holder: Bun.Subprocess,
  ) {
    this.binary = resolve(binary);
    mkdirSync(join(this.directory, "scratch"));
  }

  static async open(binary: string): Promise<MatrixSandbox> {
    const script = `
      for g in /sys/fs/cgroup /sys/fs/cgroup/unified; do [ ! -e $g/cgroup.controllers ] || { mkdir -p $g/matrix-$$ && mount --bind $g/matrix-$$ $g; }; done
      ip link set lo up; echo ready; exec sleep infinity`;
    const argv = "setpriv --pdeathsig KILL unshare --mount --net --propagation private sh -c".split(" ");
    const holder = Bun.spawn([...argv, script], { stdio: ["ignore", "pipe", "inherit"] });
    const { value } = await holder.stdout.getReader().read();
    if (value === undefined) throw new Error("cannot make a private mount and network namespace: unshare(1) failed");
    return new MatrixSandbox(binary, holder);
  }

  /** Makes an image of the tar of a root. */
  load(tar: string, name: string): void {
    run(...this.command(["sh", "-c", `"$TINYDOCKER" import ${tar} ${name} >/dev/null`]), {
      env: this.environment("host"),
    });
  }

  /** Runs one program of the matrix with `--userns`. */
  attempt(program: Program, userns: string): Outcome {
    const { inside, outside, options = "" } = program;
    const script =
      outside === undefined ? `new --rm ${options} matrix bash -c "$SCRIPT"` : `${inEveryScript}\n${outside}`;
    const defined = `td() { "$TINYDOCKER" "$@"; }\nnew() { case "$*" in *--network*) td run --userns $USERNS "$@" ;; *) td run --userns $USERNS --network none "$@" ;; esac; }\n`;
    const { status, stdout, stderr } = spawnSync(...this.command(["bash", "-c", defined + script]), {
      env: { ...this.environment(userns), SCRIPT: `${inEveryScript}\n${inside}` },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      encoding: "utf8",
    });
    this.removeContainers();
    const error = stderr.trim().split("\n").at(-1) ?? "";
    return { code: status ?? 124, text: stdout.replaceAll("\r", "").trim(), error };
  }

  private removeContainers(): void {
    const script = `"$TINYDOCKER" ps -aq | xargs -r "$TINYDOCKER" rm -f >/dev/null`;
    spawnSync(...this.command(["sh", "-c", script]), { env: this.environment("host"), stdio: "ignore" });
  }

  private command([program, ...args]: [string, ...string[]]): [string, string[]] {
    return ["nsenter", ["-t", String(this.holder.pid), "--mount", "--net", "--", program, ...args]];
  }

  private environment(userns: string): Record<string, string> {
    return {
      PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: this.directory,
      LANG: "C.UTF-8",
      TINYDOCKER: this.binary,
      TINYDOCKER_ROOT: join(this.directory, "root"),
      SCRATCH: join(this.directory, "scratch"),
      BUSYBOX: "/bin/busybox",
      USERNS: userns,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.removeContainers();
    // The cgroup has what it was named by the shell that became the holder.
    const remove = `for g in /sys/fs/cgroup /sys/fs/cgroup/unified; do for d in $g/matrix-${this.holder.pid}; do [ ! -e $d ] || find $d -depth -type d -exec rmdir {} +; done; done`;
    this.holder.kill("SIGKILL");
    await this.holder.exited;
    spawnSync("sh", ["-c", remove], { stdio: "ignore" });
    rmSync(this.directory, { recursive: true, force: true });
  }
}
