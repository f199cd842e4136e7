/** Limits of a bundle, where they can be enforced: the same of ours, runc and crun, inside a virtual machine (helpers/test.ts). */

import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { needing, root } from "../support/needs.ts";
import { installedRuntimes, runtimeSandbox } from "../support/runtimes.ts";

const cgroup2 = (): string | undefined => {
  const file = "/sys/fs/cgroup/cgroup.controllers";
  const there = existsSync(file) ? readFileSync(file, "utf8").split(/\s/) : [];
  const missing = ["cpu", "memory", "pids"].filter((name) => !there.includes(name));
  return missing.length > 0 ? `cgroup v2 with ${missing.join(", ")}` : undefined;
};
const test = needing(root, cgroup2);

for (const name of installedRuntimes())
  describe(name, () => {
    test("memory, CPU and processes are limited as the bundle says, and as update says later", async () => {
      await using box = await runtimeSandbox(name);
      const bundle = box.bundle("b", ["sleep", "1000"], (config) => {
        config.linux.cgroupsPath = "/of/this/box";
        config.linux.resources = {
          ...config.linux.resources,
          memory: { limit: 64 << 20 },
          cpu: { quota: 50_000, period: 100_000 },
          pids: { limit: 99 },
        };
      });
      expect(await box.call(["run", "-d", "-b", bundle, "c"])).toMatchObject({ code: 0 });
      const { pid } = await box.state("c");
      const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))![1];
      const limits = () =>
        Object.fromEntries(
          ["memory.max", "cpu.max", "pids.max"].map((file) => [
            file,
            readFileSync(`/sys/fs/cgroup${own}/${file}`, "utf8").trim(),
          ]),
        );
      expect(limits()).toEqual({ "memory.max": String(64 << 20), "cpu.max": "50000 100000", "pids.max": "99" });
      const changes = [
        "--memory",
        String(32 << 20),
        "--cpu-quota",
        "20000",
        "--cpu-period",
        "100000",
        "--pids-limit",
        "50",
      ];
      expect(await box.call(["update", ...changes, "c"])).toMatchObject({ code: 0 });
      expect(limits()).toEqual({ "memory.max": String(32 << 20), "cpu.max": "20000 100000", "pids.max": "50" });
      expect((await box.call(["delete", "--force", "c"])).code).toBe(0);
      expect(existsSync(`/sys/fs/cgroup${own}`)).toBe(false);
    });

    test("a program that takes more memory than its limit is killed, and nothing else", async () => {
      await using box = await runtimeSandbox(name);
      const bundle = box.bundle("b", ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=64M count=1; echo $?"], (config) => {
        config.linux.resources = { ...config.linux.resources, memory: { limit: 16 << 20, swap: 16 << 20 } };
      });
      expect(await box.call(["run", "-b", bundle, "c"])).toMatchObject({ code: 0, stdout: "137\n" });
    });
  });
