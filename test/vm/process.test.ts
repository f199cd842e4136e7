/** Options about the process where root is really root and cgroup v2 is whole: these tests run inside a virtual machine (helpers/test.ts). */

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const hasMemory = (): string | undefined =>
  existsSync("/sys/fs/cgroup/cgroup.controllers") &&
  readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").includes("memory")
    ? undefined
    : "cgroup v2 with memory";
const test = needing(root, hasMemory);
const none = ["--network", "none"];

test("what is asked for beyond our own limits is so, and /dev/shm is as large as the memory limit", async () => {
  await withMachine(["busybox", "probe"], async (machine) => {
    const most = Number(readFileSync("/proc/sys/fs/nr_open", "utf8"));
    const words = ["memlock=-1", "nproc=unlimited", "nofile=-1", "rtprio=99", "nice=40", "stack=67108864"];
    const options = [...words.flatMap((word) => ["--ulimit", word]), "--oom-score-adj", "-500"];
    const answer = await machine.ask<Record<string, unknown>>([...none, ...options], "attributes");
    expect(answer).toMatchObject({
      oomScoreAdj: "-500",
      limits: {
        MEMLOCK: [-1, -1],
        NPROC: [-1, -1],
        NOFILE: [most, most],
        RTPRIO: [99, 99],
        NICE: [40, 40],
        STACK: [64 << 20, 64 << 20],
      },
    });
    // What is in it counts: beyond the limit it ends as all memory does.
    const script = "df -k /dev/shm | tail -1 | awk '{ print $2 }'; exec dd if=/dev/zero of=/dev/shm/f bs=1M count=100";
    const { code, stdout } = await machine.sh(script, [...none, "-m", "32m"]);
    expect([stdout, code === 0]).toEqual([`${32 << 10}\n`, false]);
  });
});

test("a container with --pid host is counted, frozen and ended by its cgroup, which --cgroupns host shows", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script = "sed -n 's/^0:://p' /proc/self/cgroup; sleep 4718 & sleep 4718 & wait";
    const options = ["--pid", "host", "--cgroupns", "host"];
    ok(await machine.run(["run", "-d", "--name", "box", ...none, ...options, "busybox", "sh", "-c", script]));
    const own = ok(await machine.run(["exec", "box", "sed", "-n", "s/^0:://p", "/proc/self/cgroup"]));
    expect(own).toMatch(/\/tinydocker\/[0-9a-f]{64}$/);
    const look = `cat /sys/fs/cgroup${own}/pids.current; mkdir /sys/fs/cgroup${own}/x 2>&1`;
    const seen = await machine.run(["exec", "box", "sh", "-c", look]);
    expect(seen.stdout).toMatch(/^\d+\n.*Read-only file system/);
    expect(ok(await machine.run(["stats", "--no-stream", "--format", "{{.PIDs}}", "box"]))).toBe("3");
    ok(await machine.run(["pause", "box"]));
    ok(await machine.run(["stop", "-t", "1", "box"]));
    expect((await machine.exec(["pgrep", "-f", "sleep 4718"])).stdout).toBe("");
    ok(await machine.run(["rm", "box"]));
  });
});
