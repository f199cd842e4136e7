import { expect } from "bun:test";
import { needing, virtualMachine } from "./needs.ts";
import { runInVm } from "./vm.ts";

needing(virtualMachine)(
  "the virtual machine has cgroup v2 with all its controllers, and passes on output and status",
  async () => {
    const script = "cat /sys/fs/cgroup/cgroup.controllers; echo err >&2; exit 7";
    const result = await runInVm(["sh", "-c", script], { timeoutSeconds: 120 });
    expect(result).toMatchObject({ code: 7, stderr: "err\n" });
    expect(result.stdout.split(/\s/)).toEqual(expect.arrayContaining(["cpu", "memory", "pids"]));
  },
  150_000,
);
