/** The processes of a container as `ps` would show them: in a table of ours, or in that of the host's ps. */

import { ConflictError, Failure, UnsupportedError } from "../../errors.ts";
import { readFileIfAny } from "../../linux/file.ts";
import { type ProcessStat, readStat, readUser, readWords, uptimeMs } from "../../linux/procfs.ts";
import { statIfAny } from "../../linux/stat.ts";
import { processesOf } from "../../runtime/oci/processes.ts";
import { type Container, isUp } from "../record/container.ts";

export interface ProcessTable {
  titles: string[];
  rows: string[][];
}

/** As `ps -ef`: by the numbers and users of the host, as Docker's. The image needs no ps. */
export function listProcesses(pids: number[]): ProcessTable {
  const users = hostUsers();
  const now = { timeMs: Date.now(), uptimeMs: uptimeMs() };
  const rows = pids.flatMap((pid) => {
    const stat = readStat(pid);
    const user = readUser(pid);
    if (!stat || user === undefined) return [];
    return [[users.get(user) ?? String(user), String(pid), ...describe(stat, now), commandOf(pid, stat)]];
  });
  return { titles: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], rows };
}

/** @throws ConflictError for one that is not running. */
export function numbersOf(container: Container): number[] {
  if (!isUp(container)) throw new ConflictError(`container ${container.record.name} is not running`);
  return processesOf(container.state);
}

function hostUsers(): Map<number, string> {
  const lines = (readFileIfAny("/etc/passwd") ?? "").split("\n").map((line) => line.split(":"));
  // Of several names the first is the one that programs show.
  return new Map(
    lines
      .filter((fields) => fields.length > 2)
      .reverse()
      .map(([name, , id]) => [Number(id), name!]),
  );
}

/** Times of the machine, from which those of a process are told. */
interface Now {
  timeMs: number;
  uptimeMs: number;
}

function describe({ parent, cpuMs, startMs, terminal }: ProcessStat, now: Now): string[] {
  const ageMs = Math.max(1, now.uptimeMs - startMs);
  const share = Math.min(99, Math.floor((cpuMs / ageMs) * 100));
  return [
    String(parent),
    String(share),
    startText(now.timeMs - ageMs, now.timeMs),
    terminalName(terminal),
    cpuText(cpuMs),
  ];
}

/** 13:05 today, Nov23 this year, 2025 before. */
export function startText(startMs: number, nowMs: number): string {
  const [start, now] = [new Date(startMs), new Date(nowMs)];
  if (start.getFullYear() !== now.getFullYear()) return String(start.getFullYear());
  const two = (value: number) => String(value).padStart(2, "0");
  if (start.toDateString() === now.toDateString()) return `${two(start.getHours())}:${two(start.getMinutes())}`;
  return `${start.toDateString().slice(4, 7)}${two(start.getDate())}`;
}

/** 01:02:03, and days before it when there are some. */
export function cpuText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const clock = `${two((seconds / 3600) % 24)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days > 0 ? `${days}-${clock}` : clock;
}

/** By a device number of proc_pid_stat(5): the minor's bits 31 to 20 and 7 to 0, the major's 15 to 8. */
export function terminalName(device: number): string {
  if (device === 0) return "?";
  const major = (device >> 8) & 0xff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  return major === 4 ? (minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`) : major === 5 ? "console" : "?";
}

function commandOf(pid: number, { name, state }: ProcessStat): string {
  if (state === "Z") return `[${name}] <defunct>`;
  return readWords(pid).join(" ") || `[${name}]`;
}

const directories = ["/usr/bin", "/bin"];

/** With options only the host's ps knows how. It is asked about our processes or, where its options forbid that, about all. */
export function askHostPs(pids: number[], options: string[]): ProcessTable {
  const program = directories.map((directory) => `${directory}/ps`).find((path) => statIfAny(path));
  if (!program) throw new UnsupportedError("this host has no ps program", "tinydocker top CONTAINER, without options");
  const chosen = runPs(program, [...options, "-q", pids.join(",")]);
  const answer = chosen.exitCode === 0 ? chosen : runPs(program, options);
  if (answer.exitCode !== 0) throw new Failure(answer.stderr.toString().trim().split("\n")[0] || `${program} failed`);
  return chooseLines(answer.stdout.toString(), new Set(pids));
}

/** By its absolute path, with a fixed environment (docs/security.md R26). */
const runPs = (program: string, options: string[]) =>
  Bun.spawnSync([program, ...options], { env: { PATH: "/usr/bin:/bin", LC_ALL: "C" }, cwd: "/", stdin: "ignore" });

/** Lines of ps by their column PID; the last column has what is left of a line. */
export function chooseLines(text: string, pids: Set<number>): ProcessTable {
  const [head = "", ...lines] = text.split("\n").filter((line) => line.trim() !== "");
  const titles = head.trim().split(/\s+/);
  const column = titles.indexOf("PID");
  if (column < 0) throw new Failure("what ps printed has no column PID", "add pid to the options");
  const rows = lines.map((line) => splitLine(line.trim(), titles.length));
  return { titles, rows: rows.filter((row) => pids.has(Number(row[column]))) };
}

function splitLine(line: string, columns: number): string[] {
  const words = line.split(/\s+/);
  if (words.length <= columns) return [...words, ...Array<string>(columns - words.length).fill("")];
  const rest = new RegExp(`^(?:\\S+\\s+){${columns - 1}}(.*)$`, "s").exec(line)![1]!;
  return [...words.slice(0, columns - 1), rest];
}
