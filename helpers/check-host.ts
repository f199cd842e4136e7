/** `npm run check-host`: what this machine has for containers, found out by trying. Exits 1 when a container cannot run at all. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { defaultRoot } from "../src/paths.ts";
import { has } from "./process.ts";
import { missingForVm } from "./vm.ts";

interface Check {
  name: string;
  /** Without it no container runs. */
  needed?: true;
  /** What there is, in words; an Error says what is missing. */
  find: () => string;
}

const checks: Check[] = [
  { name: "kernel 5.14 or newer (cgroup.kill, clone3, openat2)", needed: true, find: kernel },
  { name: "root, with all capabilities", needed: true, find: capabilities },
  ...["mount", "pid", "net", "ipc", "uts", "cgroup", "user"].map((kind): Check => namespace(kind)),
  { name: "overlayfs on the state root's file system", needed: true, find: overlay },
  { name: "seccomp filters", find: () => lineOf("/proc/sys/kernel/seccomp/actions_avail") },
  { name: "cgroup v2", find: cgroupMount },
  ...["cpu", "memory", "pids", "io", "cpuset"].map((name): Check => controller(name)),
  ...["nft", "ip", "xz"].map((name): Check => ({ name: `program ${name}`, find: () => program(name) })),
  { name: "virtual machines for tests", find: () => must(missingForVm() === undefined, missingForVm() ?? "", "yes") },
];

function must(condition: boolean, otherwise: string, answer: string): string {
  if (!condition) throw new Error(otherwise);
  return answer;
}

const lineOf = (path: string): string => readFileSync(path, "utf8").trim();

function kernel(): string {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return must(major > 5 || (major === 5 && minor >= 14), `this is ${release()}`, `${release()}, ${process.arch}`);
}

function capabilities(): string {
  const [, effective = ""] = /^CapEff:\s*(\S+)/m.exec(lineOf("/proc/self/status")) ?? [];
  const uid = process.getuid?.();
  must(uid === 0, `we are user ${uid}: use sudo`, "");
  const missing = (2n ** (BigInt(lineOf("/proc/sys/kernel/cap_last_cap")) + 1n) - 1n) & ~BigInt(`0x${effective}`);
  return must(
    missing === 0n || (missing & (1n << 21n)) === 0n,
    "no CAP_SYS_ADMIN",
    missing ? `all but 0x${missing.toString(16)}` : "yes",
  );
}

function namespace(kind: string): Check {
  const find = () => {
    must(existsSync(`/proc/self/ns/${kind === "mount" ? "mnt" : kind}`), "not in this kernel", "");
    return trying("unshare", [`--${kind}`, "true"]);
  };
  return kind === "user" ? { name: "user namespaces", find } : { name: `${kind} namespaces`, needed: true, find };
}

/** Mounts an overlay in a mount namespace of its own, as near to the state root as there is a directory. */
function overlay(): string {
  let parent = defaultRoot;
  while (!existsSync(parent)) parent = join(parent, "..");
  const directory = mkdtempSync(join(parent, "check-host-"));
  try {
    const type = String(spawnSync("stat", ["-f", "-c", "%T", directory]).stdout).trim();
    const mount = "mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged && touch merged/file";
    trying("unshare", ["--mount", "sh", "-c", `cd ${directory} && mkdir lower upper work merged && ${mount}`]);
    return `${type} at ${parent}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function cgroupMount(): string {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const points = mounts.filter((line) => line.includes(" - cgroup2 ")).map((line) => line.split(" ")[4]);
  const v1 = mounts.some((line) => line.includes(" - cgroup "));
  const point = must(points.length > 0, "not mounted", points[0] ?? "");
  return v1 ? `at ${point}, beside v1 hierarchies` : `at ${point}, alone`;
}

function controller(name: string): Check {
  const find = () => {
    const point = cgroupMount().match(/at (\S+),/)?.[1] ?? "";
    const controllers = lineOf(join(point, "cgroup.controllers")).split(" ");
    return must(controllers.includes(name), "not there: v1 has it, or the kernel lacks it", "yes");
  };
  return { name: `cgroup v2 controller ${name}`, find };
}

const program = (name: string): string => must(has(name), "not installed", "yes");

function trying(command: string, args: string[]): string {
  const { status, stderr, error } = spawnSync(command, args);
  return must(status === 0, error?.message ?? String(stderr).trim(), "yes");
}

for (const { name, needed, find } of checks) {
  let answer: string;
  let mark = "ok     ";
  try {
    answer = find();
  } catch (error) {
    answer = (error as Error).message;
    mark = needed ? "MISSING" : "without";
    if (needed) process.exitCode = 1;
  }
  console.log(`${mark}  ${name.padEnd(52)} ${answer}`);
}
