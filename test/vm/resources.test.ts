/** Each option of memory, CPUs and disks as the kernel has it: in a virtual machine with cgroup v2 (helpers/test.ts). */

import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const cgroup2 = (): string | undefined => {
  const path = "/sys/fs/cgroup/cgroup.controllers";
  const controllers = existsSync(path) ? readFileSync(path, "utf8").split(/\s/) : [];
  const missing = ["memory", "cpu", "cpuset", "io", "pids"].filter((name) => !controllers.includes(name));
  return missing.length > 0 ? `cgroup v2 with ${missing.join(", ")}` : undefined;
};
const test = needing(root, cgroup2);

/** Files of a container's cgroup, as its host has them. */
async function cgroup(
  machine: Machine,
  name: string,
): Promise<(...files: string[]) => Promise<Record<string, string>>> {
  const id = ok(await machine.run(["inspect", "-f", "{{.Id}}", name]));
  const { cgroup } = JSON.parse(readFileSync(`${machine.root}/containers/${id}/state.json`, "utf8"));
  return async (...files) => {
    const script = 'cd "$0"; for f; do echo "$f=$(cat $f)"; done';
    const { stdout } = await machine.exec(["sh", "-c", script, cgroup, ...files]);
    return Object.fromEntries(
      stdout
        .trim()
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  };
}

const all = ["memory.max", "memory.swap.max", "memory.low", "cpu.max", "cpu.weight", "cpuset.cpus", "cpuset.mems"];

/** A whole disk of the machine, and its number. */
function disk(): { path: string; number: string } {
  const name = readdirSync("/sys/block").find((one) => existsSync(`/dev/${one}`))!;
  return { path: `/dev/${name}`, number: readFileSync(`/sys/block/${name}/dev`, "utf8").trim() };
}

const alone = ["--network", "none"];
const sleep = "exec sleep 500";

describe("options of resources", () => {
  test("are what the kernel has, what inspect tells, and what update changes: all of it or nothing", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { path, number } = disk();
      await detached(machine, "box", sleep, [
        ...[...alone, "-m", "64", "--memory-swap", "96m", "--memory-reservation", "32"],
        ...["--cpu-shares", "512", "--cpu-period", "50000", "--cpu-quota", "25000", "--cpuset-cpus", "0"],
        ...["--cpuset-mems", "0", "--device-read-bps", `${path}:1mb`, "--device-write-iops", `${path}:100`],
      ]);
      const files = await cgroup(machine, "box");
      const first = {
        ...{ "memory.max": String(64 << 20), "memory.swap.max": String(32 << 20), "memory.low": String(32 << 20) },
        ...{ "cpu.max": "25000 50000", "cpu.weight": "59", "cpuset.cpus": "0", "cpuset.mems": "0" },
      };
      expect(await files(...all)).toEqual(first);
      // What is reserved counts only as far as it is reserved for those above, too.
      expect(await files("../memory.low")).toEqual({ "../memory.low": String(32 << 20) });
      expect(await files("io.max")).toEqual({ "io.max": `${number} rbps=${1 << 20} wbps=max riops=max wiops=100` });
      const config = async () => JSON.parse(ok(await machine.run(["inspect", "-f", "{{json .HostConfig}}", "box"])));
      expect(await config()).toMatchObject({
        ...{ Memory: 64 << 20, MemorySwap: 96 << 20, MemoryReservation: 32 << 20, NanoCpus: 0 },
        ...{ CpuShares: 512, CpuPeriod: 50_000, CpuQuota: 25_000, CpusetCpus: "0", CpusetMems: "0" },
        BlkioDeviceReadBps: [{ Path: path, Rate: 1 << 20 }],
        BlkioDeviceWriteIOps: [{ Path: path, Rate: 100 }],
      });

      const update = (...words: string[]) => machine.run(["update", ...words, "box"]);
      // The last one can't be: memory and swap are less than memory.
      for (const words of [
        ["--cpu-shares", "2048", "-m", "128"],
        ["--cpuset-cpus", "0,1", "--memory-swap", "32m"],
      ]) {
        expect((await update(...words)).code).not.toBe(0);
        expect(await files(...all)).toEqual(first);
      }
      ok(await update("--cpus", "1.5", "--cpu-shares", "0", "--cpuset-cpus", "0-1", "-m", "80", "--memory-swap", "-1"));
      expect(await files(...all)).toEqual({
        ...{ "memory.max": String(80 << 20), "memory.swap.max": "max", "memory.low": String(32 << 20) },
        ...{ "cpu.max": "150000 100000", "cpu.weight": "100", "cpuset.cpus": "0-1", "cpuset.mems": "0" },
      });
      ok(await update("-m", "0", "--memory-reservation", "0", "--cpu-quota", "-1", "--cpuset-cpus", "1"));
      expect(await files(...all)).toMatchObject({
        ...{ "memory.max": "max", "memory.low": "0", "cpuset.cpus": "1" },
        "cpu.max": expect.stringMatching(/^max /),
      });
      expect(await files("../memory.low")).toEqual({ "../memory.low": "0" });
      expect(await config()).toMatchObject({ Memory: 0, NanoCpus: 0, CpuQuota: -1, CpusetCpus: "1" });
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("that are given only later get their controllers then; the next start has them, too", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", sleep, alone);
      const files = await cgroup(machine, "box");
      const few = ["memory.max", "memory.swap.max", "cpu.weight"];
      expect(await files(...few)).toEqual({ "memory.max": "max", "memory.swap.max": "max", "cpu.weight": "100" });
      ok(await machine.run(["update", "--cpuset-cpus", "1", "--cpu-shares", "2", "-m", "64", "box"]));
      const size = String(64 << 20);
      const now = { "memory.max": size, "memory.swap.max": size, "cpu.weight": "1", "cpuset.cpus": "1" };
      expect(await files(...few, "cpuset.cpus")).toEqual(now);
      ok(await machine.run(["restart", "-t", "0", "box"]));
      const again = await cgroup(machine, "box");
      expect(await again(...few, "cpuset.cpus")).toEqual(now);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("--cgroup-parent is where the container's is, and stays; --blkio-weight is weighed, or refused by name", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", sleep, [...alone, "--cgroup-parent", "a-b.slice", "-m", "64"]);
      const pid = ok(await machine.run(["inspect", "-f", "{{.State.Pid}}", "box"]));
      expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toMatch(/\/a\.slice\/a-b\.slice\/[0-9a-f]{64}\n$/);
      expect(ok(await machine.run(["exec", "box", "cat", "/sys/fs/cgroup/memory.max"]))).toBe(String(64 << 20));
      expect(JSON.parse(ok(await machine.run(["stats", "--no-stream", "--format", "json", "box"])))).toBeTruthy();
      ok(await machine.run(["rm", "-f", "box"]));
      // It can be removed, so there is nothing in it.
      const removed = await machine.exec(["rmdir", "/sys/fs/cgroup/a.slice/a-b.slice", "/sys/fs/cgroup/a.slice"]);
      expect(removed).toMatchObject({ code: 0 });

      const script = "cat /sys/fs/cgroup/io.weight /sys/fs/cgroup/io.bfq.weight 2>/dev/null";
      const weighed = await machine.sh(script, [...alone, "--blkio-weight", "500"]);
      if (weighed.code === 125) expect(said(weighed)).toContain("neither io.bfq.weight nor io.weight");
      else expect(weighed.stdout).toMatch(/default (500|4950)/);
    });
  });
});

test("limits of the configuration are set where nothing is said", async () => {
  await withMachine(["busybox"], async (machine) => {
    const config = machine.file("config.json", JSON.stringify({ limits: { memory: "64m", cpus: 0.5, pids: 50 } }));
    const script = "cd /sys/fs/cgroup; cat memory.max memory.swap.max cpu.max pids.max";
    const run = async (...options: string[]) =>
      ok(await machine.run(["--config", config, "run", "--rm", ...alone, ...options, "busybox", "sh", "-c", script]));
    expect((await run()).split("\n")).toEqual([String(64 << 20), String(64 << 20), "50000 100000", "50"]);
    expect((await run("-m", "32", "--cpu-quota", "20000", "--pids-limit", "9")).split("\n")).toEqual([
      ...[String(32 << 20), String(32 << 20), "20000 100000", "9"],
    ]);
    expect((await run("-m", "0", "--cpus", "0")).split("\n")).toEqual(["max", "max", "max 100000", "50"]);
    await machine.exec(["rm", config]);
  });
});
