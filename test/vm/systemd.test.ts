/** Cgroups that systemd makes: the same of ours, runc and crun, beside a systemd of the test's own, in a virtual machine (helpers/test.ts). */

import { afterAll, beforeAll, expect } from "bun:test";
import { needing, root } from "../support/needs.ts";
import { type Config, installedRuntimes } from "../support/runtimes.ts";
import { Systemd, SystemdSandbox, systemdHere } from "../support/systemd.ts";

const test = needing(root, systemdHere);

let systemd: Systemd;
beforeAll(async () => {
  if (systemdHere() === undefined) systemd = await Systemd.start();
});
afterAll(async () => {
  await systemd?.[Symbol.asyncDispose]();
});

const unit = "own-box.scope";
const scope = `/td.slice/td-test.slice/${unit}`;
const limits = "MemoryMax,TasksMax,CPUQuotaPerSecUSec,CPUQuotaPeriodUSec,AllowedCPUs";

function limited(config: Config): void {
  config.linux.cgroupsPath = "td-test.slice:own:box";
  config.annotations = {
    "org.systemd.property.CollectMode": "'inactive-or-failed'",
    "org.systemd.property.TimeoutStopSec": "uint64 7",
  };
  config.linux.resources = {
    ...config.linux.resources,
    memory: { limit: 64 << 20, swap: 96 << 20 },
    cpu: { quota: 12_345, period: 50_000, cpus: "0" },
    pids: { limit: 99 },
  };
}

for (const name of installedRuntimes())
  test(`${name}: a scope in the slice that cgroupsPath names, or in system.slice, limited by systemd and in the cgroup, until it is deleted`, async () => {
    await using box = new SystemdSandbox(name, systemd);
    // crun puts the container into a cgroup below its scope. That of Debian 12 tells systemd of few limits, and has no events.
    const isCrun = name === "crun";
    const below = isCrun ? "/container" : "";
    box.bundle("b", ["sh", "-c", "sleep 1001 & exec sleep 1000"], limited);
    // It is killed for its memory: the unit has failed then.
    box.bundle("big", ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"], (config) => {
      config.linux.resources = { ...config.linux.resources, memory: { limit: 16 << 20, swap: 16 << 20 } };
    });
    const said = await box.script(`
      cgroup() { cd /sys/fs/cgroup${scope}${below}; cat "$@"; cd - >/dev/null; }
      ok R create --pid-file $PWD/pid -b b c; pid=$(cat pid); cat /proc/$pid/cgroup | say created
      show unit ${unit} Slice,Delegate,CollectMode,TimeoutStopUSec,${limits}
      cgroup memory.max cpu.max pids.max cpuset.cpus | say limits
      ok R start c; R exec c cat /proc/self/cgroup | say exec
      ok R pause c; cgroup cgroup.freeze | say paused; ok R resume c
      R ps --format json c | grep -c $pid | say ps; ${isCrun ? "" : "R events --stats c | grep -c memory | say stats"}
      ok R update --memory ${32 << 20} --memory-swap ${32 << 20} --pids-limit 50 --cpu-quota 20000 --cpu-period 100000 c
      show updated ${unit} ${limits}; cgroup memory.max cpu.max pids.max cpuset.cpus | say newLimits
      ok R kill --all c KILL; ended $pid; ok R delete c; find /sys/fs/cgroup -name '${unit}' | say left
      ok R create --pid-file $PWD/pid -b big big; pid=$(cat pid); cat /proc/$pid/cgroup | say unnamed
      ok R start big; ended $pid; ok R delete big; show gone "${unit} ${name}-big.scope" LoadState`);
    const told = (memory: string, tasks: string, quota: string, period: string) => [
      ...["AllowedCPUs=0", `CPUQuotaPerSecUSec=${quota}`, `CPUQuotaPeriodUSec=${period}`],
      ...[`MemoryMax=${memory}`, `TasksMax=${tasks}`],
    ];
    const { unit: properties, updated, ...others } = said;
    expect(others).toEqual({
      created: `0::${scope}${below}`,
      limits: `${64 << 20}\n12345 50000\n99\n0`,
      exec: `0::${scope}${below}`,
      paused: "1",
      ps: "1",
      ...(!isCrun && { stats: "1" }),
      newLimits: `${32 << 20}\n20000 100000\n50\n0`,
      left: "",
      unnamed: `0::/system.slice/${name}-big.scope${below}`,
      gone: "\nLoadState=not-found\nLoadState=not-found",
    });
    const expected = [
      ...["CollectMode=inactive-or-failed", "Delegate=yes", "Slice=td-test.slice", "TimeoutStopUSec=7s"],
      ...(isCrun ? [] : told(String(64 << 20), "99", "250ms", "50ms")),
    ];
    expect(properties!.split("\n")).toEqual(expect.arrayContaining(expected));
    if (!isCrun) expect(updated!.split("\n")).toEqual(told(String(32 << 20), "50", "200ms", "100ms"));
  });

test("tinydocker: what systemd refuses is named, somebody else's unit stays as it is, and systemd is asked itself where there is no bus", async () => {
  await using box = new SystemdSandbox("tinydocker", systemd);
  box.bundle("nonsense", ["true"], (config) => {
    config.annotations = { "org.systemd.property.Nonsense": "true" };
  });
  box.bundle("taken", ["sleep", "1000"], (config) => {
    config.linux.cgroupsPath = ":own:taken";
  });
  box.bundle("broken", ["/no/such/program"]);
  // Limits that systemd has no word for, in a scope of the root slice.
  box.bundle(
    "direct",
    ["sh", "-c", "cd /sys/fs/cgroup; cat /proc/self/cgroup memory.high cgroup.max.depth"],
    (config) => {
      config.linux.cgroupsPath = "-:own:direct";
      config.linux.resources.unified = { "cgroup.max.depth": "3", "memory.high": "33554432" };
      config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] });
      config.linux.namespaces.push({ type: "cgroup" });
    },
  );
  const run = [...box.program, "run", "-b", "direct", "direct"].join(" ");
  const said = await box.script(`
    refused R run -b nonsense a | say nonsense
    systemd-run -q --scope --unit own-taken sleep 1000 >/dev/null 2>&1 & other=$!
    until [ -e /sys/fs/cgroup/system.slice/own-taken.scope/cgroup.procs ]; do sleep 0.05; done
    refused R run -d -b taken b | say taken; kill $other
    refused R run -d -b broken c | say broken
    unshare --mount sh -c 'mount -t tmpfs none /run/dbus && exec ${run}' </dev/null | say direct
    show gone "tinydocker-a.scope tinydocker-c.scope own-direct.scope" LoadState; ls -A ${box.states} | say left`);
  expect(said).toEqual({
    nonsense: expect.stringContaining("Nonsense"),
    taken: expect.stringContaining("own-taken.scope has processes in it already"),
    broken: expect.stringContaining("/no/such/program"),
    direct: "0::/\n33554432\n3",
    gone: "\n\nLoadState=not-found\nLoadState=not-found\nLoadState=not-found",
    left: "",
  });
});
