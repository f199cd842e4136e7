/** A sandbox with images in its store, for tests of running containers; when the test is over all must be as it was before. */

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Result, RunOptions } from "./cli.ts";
import { patienceMs } from "./patience.ts";
import { Sandbox } from "./sandbox.ts";
import { type RawEntry, tarOf } from "./tars.ts";

const images = join(import.meta.dir, "../../images");

/** The tar that `npm run images` made. */
export function imageTar(name: string): string {
  const path = join(images, `${name}.tar`);
  if (!existsSync(path)) throw new Error(`there is no ${path}: run \`npm run images\` first`);
  return path;
}

export class Machine extends Sandbox {
  /** Runs a container that is removed when it ends. */
  container(args: string[], options: RunOptions = {}): Promise<Result> {
    return this.run(["run", "--rm", ...args], options);
  }

  /** Asks the probe a question in a container of its own. @throws Error that shows what was printed, if it is no answer. */
  async ask<Answer>(options: string[], ...question: string[]): Promise<Answer> {
    const result = await this.container([...options, "probe", "/bin/probe", ...question]);
    try {
      return JSON.parse(result.stdout) as Answer;
    } catch {
      throw new Error(`no answer to ${question.join(" ")}: ${JSON.stringify(result)}`);
    }
  }

  /** A shell script in a busybox container: what it printed, and its exit code. */
  async sh(script: string, options: string[] = [], more: RunOptions = {}): Promise<Result> {
    return this.container([...options, "busybox", "sh", "-c", script], more);
  }

  /** Starts a command that runs a container, and waits until the container has printed `ready`. */
  async start(args: string[], ready = "ready"): Promise<Running> {
    const child = this.spawn(args);
    const decoder = new TextDecoder();
    const running = { child, output: "" };
    const reader = child.stdout.getReader();
    const until = async (text: string) => {
      const late = setTimeout(() => child.kill("SIGKILL"), patienceMs);
      while (!running.output.includes(text)) {
        const { value, done } = await reader.read();
        if (done) {
          const why = child.signalCode === "SIGKILL" ? "waited too long for" : "ended before";
          throw new Error(`${why} ${JSON.stringify(text)}: ${running.output}${await child.stderr.text()}`);
        }
        running.output += decoder.decode(value, { stream: true });
      }
      clearTimeout(late);
    };
    await until(ready);
    const pid = this.snapshot().processIds.find((id) => readText(`/proc/${id}/status`).match(/^NSpid:\s+\d+\s+1$/m));
    return {
      child,
      pid: pid!,
      until,
      get output() {
        return running.output;
      },
    };
  }

  /** Puts an image made of these entries into the store. */
  async load(name: string, entries: RawEntry[]): Promise<void> {
    const path = join(this.tmp, `${name}.tar`);
    writeFileSync(path, tarOf(...entries));
    await this.loadFile(path, name);
    await Bun.file(path).delete();
  }

  async loadFile(path: string, name: string): Promise<void> {
    const { code, signal, stderr } = await this.run(["load", "-q", "-i", path, "-t", name]);
    if (code !== 0) throw new Error(`cannot load ${path}: ${signal ?? code}: ${stderr}`);
  }

  /** What the first run on a machine makes, for all that come after it: directories of the state root. */
  async makeLasting(): Promise<void> {
    const empty = this.file("tmp/empty/");
    const { code, stderr } = await this.container([empty, "/nothing"]);
    if (code !== 127) throw new Error(`the first run ended with ${code}: ${stderr}`);
    rmdirSync(empty);
    // The kernel takes its time to remove a device with its namespace.
    while (this.snapshot().links.some((name) => name.startsWith("veth"))) await Bun.sleep(10);
  }

  /** Takes away the store and what its networks have, and makes what the first run makes. */
  async beginAnew(): Promise<void> {
    await this.run(["network", "prune", "-f"]);
    await this.exec(["rm", "-rf", this.root]);
    await this.makeLasting();
  }

  /** A file or directory (a path that ends in "/") of the sandbox. @returns its absolute path. */
  file(path: string, content = ""): string {
    const full = join(this.directory, path);
    mkdirSync(path.endsWith("/") ? full : dirname(full), { recursive: true });
    if (!path.endsWith("/")) writeFileSync(full, content);
    return full;
  }
}

/** A container that runs while the test goes on. */
export interface Running {
  child: ReturnType<Sandbox["spawn"]>;
  /** Of the container's process 1, on the host. */
  pid: number;
  /** All that it has printed. */
  readonly output: string;
  /** Waits until it has printed a text. */
  until(text: string): Promise<void>;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process ended
  }
}

/** What is said on stderr, without the warning that this host cannot enforce the limits of rootfs mode. */
export const said = (result: Result): string =>
  result.stderr.replace(/^tinydocker: warning: default limits are off: .*\n/m, "");

/**
 * Gives a test a machine with these images loaded, and fails it if anything is left behind: a mount, a cgroup, a process, a file.
 * What `prepare` makes is there before.
 */
export async function withMachine(
  names: string[],
  use: (machine: Machine) => Promise<void>,
  prepare?: (machine: Machine) => Promise<void>,
): Promise<void> {
  await using machine = await new Machine().open();
  for (const name of names) await machine.loadFile(imageTar(name), name);
  await prepare?.(machine);
  await machine.makeLasting();
  const before = machine.snapshot();
  await use(machine);
  await machine.expectNothingLeft(before);
}
