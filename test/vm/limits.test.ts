/** Limits of cgroup v2, where they can be enforced: these tests run inside a virtual machine (helpers/test.ts). */

import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";

const cgroup2 = (): string | undefined => {
  const text = existsSync("/sys/fs/cgroup/cgroup.controllers")
    ? readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8")
    : "";
  const missing = ["cpu", "memory", "pids"].filter((name) => !text.split(/\s/).includes(name));
  return missing.length > 0 ? `cgroup v2 with ${missing.join(", ")}` : undefined;
};
const test = needing(root, cgroup2);

/** Files of the container's own cgroup, as it sees them. */
async function files(machine: Machine, options: string[], ...names: string[]): Promise<Record<string, string>> {
  const script = `cd /sys/fs/cgroup; for f in ${names.join(" ")}; do echo "$f=$(cat $f)"; done`;
  const { stdout } = await machine.sh(script, options);
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
}

test("a container may use all memory and CPUs, and have 2048 processes when nothing is said", async () => {
  await withMachine(["busybox"], async (machine) => {
    expect(await files(machine, [], "memory.max", "memory.swap.max", "cpu.max", "pids.max")).toEqual({
      "memory.max": "max",
      "memory.swap.max": "max",
      "cpu.max": "max 100000",
      "pids.max": "2048",
    });
  });
});

test("nothing is said on stderr where every default can be enforced", async () => {
  await withMachine(["probe"], async (machine) => {
    expect(await machine.container(["probe", "/bin/probe", "exit", "3"])).toMatchObject({
      code: 3,
      stdout: "",
      stderr: "",
    });
  });
});

test("options are written as they were said; 0 is no limit", async () => {
  await withMachine(["busybox"], async (machine) => {
    const names = ["memory.max", "memory.swap.max", "cpu.max", "pids.max"];
    expect(await files(machine, ["-m", "64", "-c", "0.5", "--pids-limit", "99"], ...names)).toEqual({
      "memory.max": String(64 << 20),
      "memory.swap.max": String(64 << 20),
      "cpu.max": "50000 100000",
      "pids.max": "99",
    });
    expect(
      await files(machine, ["-m", "0", "-c", "0", "--pids-limit", "0"], "memory.max", "cpu.max", "pids.max"),
    ).toEqual({
      "memory.max": "max",
      "cpu.max": "max 100000",
      "pids.max": "max",
    });
    expect(
      await files(machine, ["-m", "1.5g", "-c", "1.5", "--pids-limit", "-1"], "memory.max", "cpu.max", "pids.max"),
    ).toEqual({
      "memory.max": String(1.5 * 2 ** 30),
      "cpu.max": "150000 100000",
      "pids.max": "max",
    });
  });
});

test("rootfs mode has the same options, and limits of its own where nothing is said", async () => {
  await withMachine(["busybox"], async (machine) => {
    const layers = join(machine.root, "layers");
    const [layer] = (await machine.exec(["ls", layers])).stdout.trim().split("\n");
    await machine.exec(["cp", "-a", join(layers, layer!, "fs"), join(machine.directory, "rootfs")]);
    const { stdout } = await machine.run([
      "-m",
      "32",
      "-c",
      "0.25",
      "--",
      "/bin/cat",
      "/sys/fs/cgroup/memory.max",
      "/sys/fs/cgroup/cpu.max",
    ]);
    expect(stdout).toBe(`${32 << 20}\n25000 100000\n`);
    const names = ["memory.max", "memory.swap.max", "cpu.max", "pids.max"];
    const own = await machine.run(["--", "/bin/cat", ...names.map((name) => `/sys/fs/cgroup/${name}`)]);
    expect(own).toMatchObject({ stdout: `${512 << 20}\n0\n100000 100000\n2048\n`, stderr: "" });
    await machine.exec(["rm", "-rf", join(machine.directory, "rootfs")]);
  });
});

test("the program is in its cgroup from its first instruction, and sees it as the root", async () => {
  await withMachine(["probe"], async (machine) => {
    expect(await machine.ask<string[]>(["-m", "32m"], "cgroup")).toEqual(["0::/"]);
    const { child, pid } = await machine.start(["run", "--rm", "-m", "32m", "probe", "/bin/probe", "catch"]);
    expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toMatch(/\/tinydocker\/[0-9a-f]{64}\n$/);
    child.kill("SIGKILL");
    await child.exited;
    await machine.run(["ps"]);
  });
});

test("the limits can't be raised from inside", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script =
      "cd /sys/fs/cgroup; for f in memory.max pids.max cpu.max; do (echo max >$f) 2>&1; done; cat memory.max";
    const { stdout } = await machine.sh(script, ["-m", "32m"]);
    expect(stdout.match(/Read-only file system/g)).toHaveLength(3);
    expect(stdout).toEndWith(`${32 << 20}\n`);
  });
});

describe("memory", () => {
  test("the least that is allowed, 6 MB, is enough to start (F23)", async () => {
    await withMachine(["probe", "busybox"], async (machine) => {
      for (const option of ["6m", "6"]) {
        expect(await machine.container(["-m", option, "probe", "/bin/probe", "exit", "3"])).toMatchObject({
          code: 3,
          stderr: "",
        });
        expect((await machine.sh("echo $(cat /sys/fs/cgroup/memory.max)", ["-m", option])).stdout).toBe(`${6 << 20}\n`);
      }
    });
  });
  test("too much of it ends the container with 137, and we say why (F9)", async () => {
    await withMachine(["probe"], async (machine) => {
      const result = await machine.container(["-m", "16m", "probe", "/bin/probe", "oom", "200"]);
      expect([result.code, result.stdout]).toEqual([137, ""]);
      expect(said(result)).toMatch(/out of memory/);
      expect(said(result)).toContain("--memory");
    });
  });
  test("with the same figure for memory and swap there is no swap: what does not fit is killed, not moved", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "head -c 64000000 /dev/zero | tail -c 63000000 | wc -c; cat /sys/fs/cgroup/memory.swap.current";
      const { stdout } = await machine.sh(script, ["-m", "16m", "--memory-swap", "16m"]);
      expect(stdout.trim().split("\n").at(-1)).toBe("0");
      expect(stdout).not.toContain("63000000");
    });
  });
  test("one that dies of it is remembered so", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(
        (await machine.run(["run", "--name", "greedy", "-m", "16m", "probe", "/bin/probe", "oom", "200"])).code,
      ).toBe(137);
      expect((await machine.run(["ps", "-a"])).stdout).toMatch(/Exited \(137\).*greedy/);
      const { stdout } = await machine.exec(["sh", "-c", "cat root/containers/*/state.json"]);
      expect(JSON.parse(stdout)).toMatchObject({ oomKilled: true, exitCode: 137 });
      await machine.run(["rm", "greedy"]);
    });
  });
  test("files in a tmpfs count, so nobody gets around the limit", async () => {
    await withMachine(["busybox"], async (machine) => {
      const result = await machine.sh("head -c 100000000 /dev/zero >/t/f; echo survived", [
        "-m",
        "16m",
        "--tmpfs",
        "/t:size=200m",
      ]);
      expect(said(result)).toMatch(/out of memory/);
    });
  });
  test("enough of it is not mistaken for too little", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await machine.container(["-m", "64m", "probe", "/bin/probe", "oom", "20"])).toMatchObject({
        code: 0,
        stdout: '{"megabytes":20}\n',
        stderr: "",
      });
    });
  });
});

describe("processes", () => {
  test("one is enough to start, and a second is refused (F23)", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await machine.ask<object>(["--pids-limit", "1"], "forkbomb", "5")).toEqual({ forked: 0, errno: "EAGAIN" });
    });
  });
  test("a fork bomb is stopped at the limit (F20)", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await machine.ask<object>(["--pids-limit", "20"], "forkbomb", "500")).toEqual({
        forked: 19,
        errno: "EAGAIN",
      });
    });
  });
  test("a bomb that goes on dies with its container, also when that is killed", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child, pid } = await machine.start([
        "run",
        "--rm",
        "--pids-limit",
        "50",
        "busybox",
        "sh",
        "-c",
        "b() { b | b & }; echo ready; b 2>/dev/null; sleep 60",
      ]);
      const [, own] = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))!;
      const count = (file: string) => Number(readFileSync(`/sys/fs/cgroup${own}/${file}`, "utf8"));
      for (let waited = 0; count("pids.current") < 50 && waited < 10_000; waited += 20) await Bun.sleep(20);
      expect(count("pids.peak")).toBe(50);
      process.kill(pid, "SIGKILL");
      expect(await child.exited).toBe(137);
    });
  });
  test("--init starts with two", async () => {
    await withMachine(["probe"], async (machine) => {
      expect((await machine.container(["--init", "--pids-limit", "2", "probe", "/bin/probe", "exit", "3"])).code).toBe(
        3,
      );
    });
  });
});

describe("CPU", () => {
  test("a hundredth of one is enough to start and to end (F23)", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(
        (await machine.container(["-c", "0.01", "probe", "/bin/probe", "exit", "3"], { timeoutMs: 100_000 })).code,
      ).toBe(3);
    });
  });
  test("half of one is what a program that wants more gets, by the kernel's own count", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = `i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done & j=0; while [ $j -lt 20000 ]; do j=$((j+1)); done; wait; cat /sys/fs/cgroup/cpu.stat`;
      const { stdout } = await machine.sh(script, ["-c", "0.5"], { timeoutMs: 100_000 });
      const stat = Object.fromEntries(
        stdout
          .trim()
          .split("\n")
          .map((line) => line.split(" ")),
      ) as Record<string, string>;
      expect(Number(stat.nr_periods)).toBeGreaterThan(0);
      expect(Number(stat.nr_throttled)).toBeGreaterThan(0);
      expect(Number(stat.throttled_usec)).toBeGreaterThan(0);
      // At most 50 ms in each period of 100 ms, and a little more than its share where a CPU's slice was handed out already.
      expect(Number(stat.usage_usec)).toBeLessThanOrEqual((Number(stat.nr_periods) + 2) * 50_000 * 1.25);
    });
  });
});

test("no cgroup is left, whatever the end", async () => {
  await withMachine(["probe"], async (machine) => {
    for (const args of [["exit"], ["kill", "TERM"], ["oom", "100"], ["nonsense"]])
      await machine.container(["-m", "16m", "probe", "/bin/probe", ...args]);
    await machine.container(["-m", "16m", "-u", "ghost", "probe", "/bin/probe"]);
    await machine.container(["-m", "16m", "probe", "/no/such"]);
  });
});

test("info names the mode and the controllers", async () => {
  await withMachine(["probe"], async (machine) => {
    const { stdout } = await machine.run(["info", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ "Cgroup mode": "v2", "Cgroup v2 mount": "/sys/fs/cgroup" });
    expect(JSON.parse(stdout)["Cgroup controllers"]).toEqual(expect.arrayContaining(["cpu", "memory", "pids"]));
  });
});
