/** `run --runtime`: what is limited of a container that runc or crun makes, as of our own, in a virtual machine with cgroup v2 (helpers/test.ts). */

import { expect } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { withMachine } from "../support/containers.ts";
import { detached, ok, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { installedRuntimes, runtimeProgram } from "../support/runtimes.ts";

const cgroup2 = () => (existsSync("/sys/fs/cgroup/cgroup.controllers") ? undefined : "cgroup v2");
const test = needing(root, cgroup2);

for (const name of installedRuntimes().filter((name) => name !== "tinydocker"))
  test(`${name}: memory, CPU and processes are limited, set anew by update, and felt; too little memory is told`, async () => {
    await withMachine(["busybox"], async (machine) => {
      const runtime = runtimeProgram(name, machine.directory);
      const td = async (...words: string[]) => ok(await machine.run(words));
      const own = ["--runtime", runtime, "--network", "none"];
      // Goes on until it has had to wait for its share, then takes all the processes there may be.
      const script = `cd /sys/fs/cgroup; n=0
        while [ $n = 0 ]; do while read -r name value; do [ $name != nr_throttled ] || n=$value; done <cpu.stat; done; echo throttled
        (while :; do sleep 1000 & done) 2>/dev/null; read taken <pids.current; echo $taken; echo started; exec sleep 1000`;
      const limits = ["-m", "32m", "--memory-swap", "48m", "-c", "0.5", "--pids-limit", "9", "--cpuset-cpus", "0"];
      await detached(machine, "web", script, [...own, ...limits]);
      await until(async () => (await td("logs", "web")).endsWith("started"), "it has started");
      const [throttled, processes] = (await td("logs", "web")).split("\n");
      expect(throttled).toBe("throttled");
      expect(Number(processes)).toBeGreaterThan(7);
      const cgroup = /^0::(.*)$/m.exec(
        readFileSync(`/proc/${await td("inspect", "-f", "{{.State.Pid}}", "web")}/cgroup`, "utf8"),
      )![1];
      const limited = () =>
        ["memory.max", "memory.swap.max", "cpu.max", "pids.max", "cpuset.cpus"].map((file) =>
          readFileSync(`/sys/fs/cgroup${cgroup}/${file}`, "utf8").trim(),
        );
      expect(limited()).toEqual([String(32 << 20), String(16 << 20), "50000 100000", "9", "0"]);
      await td("update", "-m", "64m", "--memory-swap", "64m", "-c", "1", "--pids-limit", "99", "web");
      expect(limited()).toEqual([String(64 << 20), "0", "100000 100000", "99", "0"]);
      await td("rm", "-f", "web");
      const greedy = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"];
      const { code, stderr } = await machine.run(["run", "--name", "full", "-m", "16m", ...own, "busybox", ...greedy]);
      expect(stderr).toContain("out of memory");
      expect(code).toBe(137);
      expect(await td("inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", "full")).toBe("137 true");
      await td("rm", "full");
      rmSync(runtime);
    });
  });
