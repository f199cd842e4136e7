/** `update`, `stats` and `run --report` by the kernel's own counts: inside a virtual machine with cgroup v2 (helpers/test.ts). */

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, ok, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const cgroup2 = (): string | undefined => {
  const file = "/sys/fs/cgroup/cgroup.controllers";
  const controllers = existsSync(file) ? readFileSync(file, "utf8").split(/\s/) : [];
  return controllers.includes("memory") ? undefined : "cgroup v2 with memory";
};
const test = needing(root, cgroup2);

const limits = async (machine: Machine, name: string): Promise<string> =>
  ok(
    await machine.run([
      "exec",
      name,
      "sh",
      "-c",
      "cd /sys/fs/cgroup; echo $(cat memory.max memory.swap.max cpu.max pids.max)",
    ]),
  );

test("update changes what is said, at once, all or nothing, and never so that the kernel would kill", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo ready; while :; do sleep 0.1; done";
    await detached(machine, "web", script, ["-m", "128", "-c", "0.5", "--init"]);
    await until(async () => ok(await machine.run(["logs", "web"])) === "ready", "it has its memory");
    expect(await limits(machine, "web")).toBe(`${128 << 20} ${128 << 20} 50000 100000 2048`);
    ok(await machine.run(["update", "-m", "64", "--pids-limit", "10", "web"]));
    expect(await limits(machine, "web")).toBe(`${64 << 20} ${64 << 20} 50000 100000 10`);
    const tooLittle = await machine.run(["update", "--cpus", "2", "-m", "8", "--restart", "always", "web"]);
    expect([tooLittle.code, said(tooLittle)]).toEqual([
      1,
      expect.stringContaining("with less the kernel would kill it"),
    ]);
    expect(await limits(machine, "web")).toBe(`${64 << 20} ${64 << 20} 50000 100000 10`);
    const format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}}";
    expect(ok(await machine.run(["inspect", "-f", format, "web"]))).toBe(`${64 << 20} 500000000 no`);
    ok(await machine.run(["update", "-m", "0", "--cpus", "0", "--pids-limit", "0", "web"]));
    expect(await limits(machine, "web")).toBe("max max max 100000 max");
    ok(await machine.run(["rm", "-f", "web"]));
  });
});

test("stats tells the memory of a container and its limit", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo ready; while :; do sleep 0.1; done";
    await detached(machine, "web", script, ["-m", "128"]);
    await detached(machine, "small", forever, ["-m", "32"]);
    await until(async () => ok(await machine.run(["logs", "web"])) === "ready", "it has its memory");
    const stats = JSON.parse(ok(await machine.run(["stats", "--no-stream", "--format", "json", "web"])));
    const [, used, limit] = /^([\d.]+)MiB \/ (\w+)$/.exec(stats.MemUsage)!;
    expect([Number(used) > 19 && Number(used) < 60, limit]).toEqual([true, "128MiB"]);
    expect(Number.parseFloat(stats.MemPerc)).toBeCloseTo((Number(used) / 128) * 100, 0);
    expect(Number(stats.PIDs)).toBeGreaterThan(0);
    expect(ok(await machine.run(["stats", "--no-stream"]))).toMatch(/small .* \/ 32MiB/);
    ok(await machine.run(["rm", "-f", "web", "small"]));
  });
});

test("--report tells the peak of memory, and that there was not enough of it", async () => {
  await withMachine(["busybox", "probe"], async (machine) => {
    const report = async (kind: string[], ...rest: string[]) => {
      const result = await machine.container([...kind, "--report", "--report-format", "json", ...rest]);
      return JSON.parse(result.stderr.trim().split("\n").at(-1)!);
    };
    for (const kind of [[], ["-t"]]) {
      const script = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); exit 5";
      const one = await report(kind, "busybox", "sh", "-c", script);
      expect(one).toMatchObject({ exitCode: 5, oomKilled: false });
      expect(one.memoryPeakBytes).toBeGreaterThan(20_000_000);
      expect(one.memoryPeakBytes).toBeLessThan(100_000_000);
      expect(one.cpuMs).toBeGreaterThan(1);
      expect(one).not.toHaveProperty("largestProcessBytes");
      const greedy = await report([...kind, "-m", "16m"], "probe", "/bin/probe", "oom", "200");
      expect(greedy).toMatchObject({ exitCode: 137, oomKilled: true });
      expect(greedy.memoryPeakBytes).toBeLessThanOrEqual(16 << 20);
    }
  });
});
