/** What the self-test of a container has told, and whether it is as it should be. Pure. */

import { capabilityNames } from "../../oci/capabilities.ts";
import { defaultCapabilities } from "../../plan/capabilities.ts";
import { type Finding, fine, lacking, problem } from "./finding.ts";

/** @param told as plan/program/self-test.ts tells it. @param ours capabilities that we have ourselves, and can give. */
export function judge(told: string, ours: readonly string[]): Finding[] {
  const section = (name: string) => told.split(/^== /m).find((part) => part.startsWith(`${name}\n`)) ?? "";
  const status = section("/proc/self/status");
  return [
    capabilities(status, ours),
    signals(status),
    seccomp(status),
    processes(status),
    cgroup(section("/proc/self/cgroup")),
    ...mounts(section("/proc/self/mountinfo")),
    ...attempts(section("attempts")),
  ];
}

const field = (status: string, name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";

function capabilities(status: string, ours: readonly string[]): Finding {
  const bits = capabilityNames.reduce(
    (mask, name, number) =>
      defaultCapabilities.includes(name) && ours.includes(name) ? mask | (1n << BigInt(number)) : mask,
    0n,
  );
  const set = (name: string) => BigInt(`0x${field(status, name) || "f"}`);
  const wrong = [
    ...["CapBnd", "CapPrm", "CapEff"].filter((name) => set(name) !== bits),
    ...["CapInh", "CapAmb"].filter((name) => set(name) !== 0n),
  ];
  if (wrong.length === 0) return fine("capabilities inside", "those of the default profile");
  return problem("capabilities inside", wrong.map((name) => `${name} ${field(status, name)}`).join(", "));
}

function signals(status: string): Finding {
  const wrong = ["SigBlk", "SigIgn"].filter((name) => BigInt(`0x${field(status, name) || "f"}`) !== 0n);
  return wrong.length === 0
    ? fine("signals inside", "none is blocked or ignored")
    : problem("signals inside", wrong.map((name) => `${name} ${field(status, name)}`).join(", "));
}

const seccomp = (status: string): Finding =>
  field(status, "Seccomp") === "2"
    ? fine("seccomp inside", "a filter is on")
    : lacking("seccomp inside", "no filter: every system call is within reach");

const processes = (status: string): Finding =>
  field(status, "Pid") === "1"
    ? fine("processes inside", "it is process 1, and sees no others")
    : problem("processes inside", `it is process ${field(status, "Pid")} of somebody else's pid namespace`);

const cgroup = (text: string): Finding =>
  /^0::\/$/m.test(text)
    ? fine("cgroup inside", "its own is the root")
    : problem("cgroup inside", `it sees ${/^0::(.*)$/m.exec(text)?.[1] ?? "none of version 2"}`);

const own = /^\/(proc|sys|dev)(\/|$)|^\/$/;
const types = ["overlay", "proc", "tmpfs", "devpts", "sysfs", "cgroup2", "mqueue", "devtmpfs"];
/** To be seen, and not to be written. */
const readOnly = ["/sys", "/sys/fs/cgroup", "/proc/sys", "/proc/sysrq-trigger", "/proc/irq"];

function mounts(text: string): Finding[] {
  const all = text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const words = before.split(" ");
    return after === ""
      ? []
      : [{ point: words[4] ?? "", options: (words[5] ?? "").split(","), type: after.split(" ")[0]! }];
  });
  const strange = all.filter(({ point, type }) => !own.test(point) || !types.includes(type));
  const writable = all.filter(({ point, options }) => readOnly.includes(point) && !options.includes("ro"));
  const found = [
    ...strange.map(({ point, type }) => problem("mounts inside", `it sees ${point} (${type})`)),
    ...writable.map(({ point }) => problem("mounts inside", `${point} is writable`)),
    ...(all.length === 0 ? [problem("mounts inside", "it sees none")] : []),
  ];
  return found.length > 0 ? found : [fine("mounts inside", `${all.length}, all its own`)];
}

function attempts(text: string): Finding[] {
  const lines = [...text.matchAll(/^(.+): (allowed|refused)$/gm)];
  const allowed = lines.filter(([, , answer]) => answer === "allowed").map(([, name]) => name!);
  if (lines.length === 0) return [problem("attempts inside", "it has told nothing of them")];
  if (allowed.length > 0) return allowed.map((name) => problem("attempts inside", `it could ${name}`));
  return [fine("attempts inside", `refused: ${lines.map(([, name]) => name).join(", ")}`)];
}
