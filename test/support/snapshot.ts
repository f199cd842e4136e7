/** What a machine holds that a container engine could leave behind: taken before and after, and compared. */

import { type Dirent, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { has } from "../../helpers/process.ts";
import { binaryPath } from "./cli.ts";

export interface Snapshot {
  /** One line each: mounts, links, firewall rules, cgroups, processes, files. */
  mounts: string[];
  links: string[];
  firewall: string[];
  cgroups: string[];
  processes: string[];
  files: string[];
  /** Of `processes`. */
  processIds: number[];
}
const kinds = ["mounts", "links", "firewall", "cgroups", "processes", "files"] as const;

export interface Scope {
  /** A process whose mount and network namespaces are looked at. */
  pid: number;
  /** Files are listed from here; a process that knows of it belongs to us. */
  directory: string;
  /** Whether the namespaces of `pid` are the test's own: then every process in them belongs to us. */
  ownNamespaces: boolean;
  /** The cgroup of the test's own, below which its containers are; all of the machine's containers where there is none. */
  cgroup?: string | undefined;
}

export function takeSnapshot(scope: Scope): Snapshot {
  const processes = ourProcesses(scope);
  return {
    mounts: mounts(scope.pid),
    links: links(scope.pid),
    firewall: scope.ownNamespaces ? firewall(scope.pid) : [],
    cgroups: scope.cgroup === undefined ? cgroups() : directories(scope.cgroup).sort(),
    processes: processes.map(({ title }) => title),
    files: files(scope.directory),
    processIds: processes.map(({ pid }) => pid),
  };
}

/** @throws Error that lists what is more and what is less than before. */
export function expectNothingLeft(before: Snapshot, after: Snapshot): void {
  const lines = kinds.flatMap((kind) => [
    ...difference(after[kind], before[kind]).map((line) => `  + ${kind}: ${line}`),
    ...difference(before[kind], after[kind]).map((line) => `  - ${kind}: ${line}`),
  ]);
  if (lines.length > 0) throw new Error(`not as it was before (+ left behind, - gone):\n${lines.join("\n")}`);
}

/** The lines of one list beyond those of another; a line counts as often as it occurs. */
function difference(lines: string[], others: string[]): string[] {
  const rest = new Map<string, number>();
  for (const line of others) rest.set(line, (rest.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = rest.get(line) ?? 0;
    rest.set(line, count - 1);
    return count <= 0;
  });
}

/** Mount points with their types and sources. Ids and peer groups are left out: they change without a mount. */
function mounts(pid: number): string[] {
  return readLines(`/proc/${pid}/mountinfo`).map((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, point] = before.split(" ");
    const [type, source] = after.split(" ");
    return `${point} ${type} ${source} ${root}`;
  });
}

const links = (pid: number): string[] =>
  readLines(`/proc/${pid}/net/dev`)
    .slice(2)
    .map((line) => line.split(":")[0]?.trim() ?? "");

function firewall(pid: number): string[] {
  const programs = [["nft", "list", "ruleset"], ["iptables-save"], ["ip6tables-save"]];
  return programs.flatMap(([program = "", ...args]) => {
    if (!has(program)) return [];
    const { stdout } = Bun.spawnSync(["nsenter", "-t", String(pid), "--net", "--", program, ...args]);
    return (
      stdout
        .toString()
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
        // Of networks and containers: made anew, they have others.
        .map((line) => line.replace(/[0-9a-f]{64}/g, "ID"))
    );
  });
}

/** Every cgroup whose path has `tinydocker` in it, in whatever hierarchies this machine has. */
function cgroups(): string[] {
  const hierarchies = readLines("/proc/self/mountinfo")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] as string);
  return [...new Set(hierarchies)]
    .flatMap((mount) => directories(mount).filter((path) => path.includes("tinydocker")))
    .sort();
}

/** The directories below a path: two levels deep, and all that is below one of ours. */
function directories(path: string, depth = 0): string[] {
  if (depth > 2 && !path.includes("/tinydocker")) return [];
  try {
    const entries = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return entries.flatMap(({ name }) => [join(path, name), ...directories(join(path, name), depth + 1)]);
  } catch {
    return []; // gone while we looked
  }
}

/** Every process of a cgroup and of those below it. */
function membersOf(cgroup: string): number[] {
  return [cgroup, ...directories(cgroup)].flatMap((path) => readLines(`${path}/cgroup.procs`).map(Number));
}

/** Processes of the binary, in the test's namespaces, in the test's cgroup, or with the test's files mounted. */
function ourProcesses({ pid, directory, ownNamespaces, cgroup }: Scope): { pid: number; title: string }[] {
  const namespaces = ownNamespaces ? [link(`/proc/${pid}/ns/mnt`), link(`/proc/${pid}/ns/net`)] : [];
  const members = new Set(cgroup === undefined ? [] : membersOf(cgroup));
  const found: { pid: number; title: string }[] = [];
  for (const name of readdirSync("/proc")) {
    const process = Number(name);
    if (!process || process === pid) continue;
    const at = `/proc/${name}`;
    const ours =
      members.has(process) ||
      link(`${at}/exe`)?.replace(" (deleted)", "") === binaryPath ||
      namespaces.some((namespace) => namespace === link(`${at}/ns/mnt`) || namespace === link(`${at}/ns/net`)) ||
      readLines(`${at}/mountinfo`).some((line) => line.includes(directory));
    if (ours)
      found.push({ pid: process, title: `${readText(`${at}/cmdline`).replaceAll("\0", " ").trim()} (pid ${process})` });
  }
  return found;
}

/** Every path below a directory, on its own file system; directories end in "/". */
function files(directory: string): string[] {
  const list = (path: string, prefix: string): string[] =>
    entriesOf(path).flatMap((entry) => {
      const name = prefix + entry.name;
      return entry.isDirectory() ? [`${name}/`, ...list(join(path, entry.name), `${name}/`)] : [name];
    });
  return list(realpathSync(directory), "").sort();
}

function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // gone while we looked
    throw error;
  }
}

const readLines = (path: string): string[] => readText(path).split("\n").filter(Boolean);

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process ended
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // the process ended, or belongs to somebody else
  }
}
