/** What the kernel sees of a container's first process, compared with the records that `explain --full` prints. */

import { describe, expect } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errnos } from "../../src/linux/errno.ts";
import { cloneProgram } from "../../src/linux/program/clone-program.ts";
import type { Names, Program, Rec } from "../../src/linux/program/record.ts";
import { describeRecord } from "../../src/linux/program/text.ts";
import type { InitStep } from "../../src/plan/init-step.ts";
import { compileInit } from "../../src/plan/program/compile.ts";
import { compileOptions } from "../../src/runtime/given.ts";
import { binary } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("strace"));

/** A system call as strace wrote it down. */
interface Seen {
  name: string;
  line: string;
  /** Absent for one that did not return: it became another program, or ended. */
  errno?: string;
}

interface Trace {
  /** The clone3 that made the process. */
  clone: string;
  /** Its calls, up to the execve that succeeded. */
  calls: Seen[];
}

/** Runs a container under strace and finds its first process. */
async function trace(machine: Machine, options: string[]): Promise<Trace> {
  const file = join(machine.tmp, "strace");
  const argv = [binary(), "run", "--rm", "--network", "none", "--hostname", "traced", ...options];
  const { code, stderr } = await machine.exec(["strace", "-f", "-qq", "-s", "4096", "-o", file, ...argv]);
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  const lines = readFileSync(file, "utf8").split("\n");
  rmSync(file);
  // A call that others interrupt is written in two parts.
  const begun = new Map<string, string>();
  const whole: { pid: string; text: string }[] = [];
  for (const line of lines) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (rest.endsWith(" <unfinished ...>")) begun.set(pid, rest.replace(/ <unfinished \.\.\.>$/, ""));
    else if (resumed) whole.push({ pid, text: begun.get(pid) + resumed[1]! });
    else whole.push({ pid, text: rest });
  }
  const made = whole.find(({ text }) => text.startsWith("clone3(") && text.includes("CLONE_NEWPID"))!;
  const child = / = (\d+)$/.exec(made.text)![1]!;
  const calls: Seen[] = [];
  for (const { pid, text } of whole) {
    const [, name] = /^(\w+)\(/.exec(text) ?? [];
    if (pid !== child || !name) continue;
    const errno = / = -1 (E\w+) /.exec(text)?.[1];
    calls.push({ name, line: text, ...(errno && { errno }) });
    if (name === "execve" && !errno) break;
  }
  return { clone: made.text, calls };
}

/** The steps of init as `explain --json` has them. */
async function explained(machine: Machine, options: string[]): Promise<{ steps: InitStep[]; printed: string[] }> {
  const words = ["--rm", "--network", "none", "--hostname", "traced", ...options];
  const { stdout } = await machine.run(["explain", "--json", "--full", "run", ...words]);
  const phases = JSON.parse(stdout).phases as { by: string; steps: (InitStep & { calls?: string[] })[] }[];
  const steps = phases.filter(({ by }) => by === "init").flatMap((phase) => phase.steps);
  return { steps, printed: steps.flatMap(({ calls }) => calls ?? []) };
}

/** Text that a call is given stands in the line of strace, too. */
const textsOf = ({ args }: Rec): string[] => args.filter((arg): arg is string => typeof arg === "string" && arg !== "");

/**
 * Follows the records through what was seen, one call for each. A test's outcome is not seen, so both are tried.
 * @returns the records that were run; undefined if there is no way through.
 */
function follow(program: Program, calls: Seen[]): Rec[] | undefined {
  const { records } = program;
  const tried = new Set<string>();
  const walk = (at: number, seen: number): Rec[] | undefined => {
    if (seen === calls.length) return [];
    const record = records[at];
    if (!record || tried.has(`${at}:${seen}`)) return undefined;
    tried.add(`${at}:${seen}`);
    const on = (next: number, used: number): Rec[] | undefined => {
      const rest = walk(next, used);
      return rest && [record, ...rest];
    };
    const { call, ok, to } = record;
    if (call === "test") return on(at + 1, seen) ?? on(to!.index, seen);
    if (call === "add") return on(at + 1, seen);
    if (call === "own-memory" || call === "close-inherited") {
      const names = call === "own-memory" ? ["mmap", "munmap"] : ["close_range"];
      let used = seen;
      while (names.includes(calls[used]?.name ?? "")) used++;
      return used > seen ? on(at + 1, used) : undefined;
    }
    const { name, line, errno } = calls[seen]!;
    if (name !== call || !textsOf(record).every((text) => line.includes(JSON.stringify(text)))) return undefined;
    if (errno === undefined) return on(at + 1, seen + 1);
    if (!ok?.some((one) => one === errno)) return undefined;
    expect(Object.keys(errnos)).toContain(errno);
    return on(to ? to.index : at + 1, seen + 1);
  };
  return walk(program.entry.index, 0);
}

describe("what init does, and no more than that (R5, R7)", () => {
  const cases: [string, string[]][] = [
    ["with nothing asked for", ["busybox", "true"]],
    [
      "as another user, with a volume, a tmpfs, a workdir and a read-only root",
      [
        ...["-u", "1000:1000", "--read-only", "-w", "/work/dir", "-v", "named:/data", "--tmpfs", "/t:size=1m,mode=700"],
        ...["busybox", "sh", "-c", "echo 'a b'"],
      ],
    ],
    ["with all capabilities and devices", ["--privileged", "busybox", "true"]],
    [
      "with settings, limits and names of its own, and namespaces of the host's",
      [
        ...["--sysctl", "net.core.somaxconn=5", "--sysctl", "net.ipv4.conf.lo.forwarding=1", "--ulimit", "nofile=5:9"],
        ...["--domainname", "corp", "--group-add", "55", "--umask", "027", "--oom-score-adj", "300"],
        ...["--ipc", "host", "--cgroupns", "host", "busybox", "true"],
      ],
    ],
  ];
  for (const [title, options] of cases) {
    test(`is call by call what explain --full prints: ${title}`, async () => {
      await withMachine(["busybox"], async (machine) => {
        const { clone, calls } = await trace(machine, options);
        const { steps, printed } = await explained(machine, options);
        const program = compileInit(steps, compileOptions());
        const run = follow(program, calls);
        expect(run?.length ?? calls.map(({ line }) => line)).toBeGreaterThan(150);
        expect(run!.at(-1)!.call).toBe("execve");
        // The printed lines are those records.
        const lines = printed.map((line) => line.replace(/^ *\d+ {2}/, ""));
        for (const record of run!) expect(lines).toContain(describeRecord(record));
        const flags = /flags=([A-Z0-9_|x]+)/.exec(clone)![1]!.split("|").sort();
        const made = cloneProgram(["CLONE_NEWPID"], { cgroup: flags.includes("CLONE_INTO_CGROUP"), rseq: true });
        const record = made.records.find(({ call }) => call === "clone")!;
        const { content } = record.args[0] as unknown as { content: { words: { flags: Names } } };
        expect(flags).toEqual([...content.words.flags.list].sort());
        await machine.run(["volume", "prune", "-a", "-f"]);
      });
    });
  }
});
