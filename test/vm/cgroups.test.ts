/** Containers that make cgroups of their own, and others that have hardly any room: in a virtual machine with cgroup v2 (helpers/test.ts). */

import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, ok, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const cgroup2 = (): string | undefined => {
  const path = "/sys/fs/cgroup/cgroup.controllers";
  const controllers = existsSync(path) ? readFileSync(path, "utf8").split(/\s/) : [];
  const missing = ["memory", "pids"].filter((name) => !controllers.includes(name));
  return missing.length > 0 ? `cgroup v2 with ${missing.join(", ")}` : undefined;
};
const test = needing(root, cgroup2);

/** As systemd, kind or docker:dind begin: its own processes go into a cgroup below, so that the first one can have controllers. */
const nest = `cd /sys/fs/cgroup && mkdir init other && echo 1 >init/cgroup.procs &&
  echo "+memory +pids" >cgroup.subtree_control && { sh -c 'echo 0 >other/cgroup.procs; exec sleep 501' & } && exec sleep 502`;

const nested = async (machine: Machine, options: string[] = []): Promise<void> => {
  await detached(machine, "box", nest, ["--privileged", "--network", "none", ...options]);
  await until(async () => ok(await machine.run(["top", "box"])).includes("sleep 502"), "it has made its cgroups");
};

describe("a container with cgroups of its own (P11)", () => {
  test("takes an exec, which is in the cgroup of its first process", async () => {
    await withMachine(["busybox"], async (machine) => {
      await nested(machine);
      for (const options of [[], ["--privileged", "-u", "1000"]])
        expect(ok(await machine.run(["exec", ...options, "box", "cat", "/proc/self/cgroup"]))).toBe("0::/init");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("is healthy: its checks are executed there, too", async () => {
    await withMachine(["busybox"], async (machine) => {
      await nested(machine, ["--health-cmd", "grep -x 0::/init /proc/self/cgroup", "--health-interval", "100ms"]);
      await until(async () => (await status(machine, "box")).includes("(healthy)"), "it is healthy");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("has all of its processes in `top` and `stats`, and ends with all", async () => {
    await withMachine(["busybox"], async (machine) => {
      await nested(machine);
      const top = ok(await machine.run(["top", "box"]));
      expect([top.includes("sleep 501"), top.includes("sleep 502")]).toEqual([true, true]);
      const stats = JSON.parse(ok(await machine.run(["stats", "--no-stream", "--format", "json", "box"])));
      expect(Number(stats.PIDs)).toBe(2);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("is paused, and stopped, as a whole", async () => {
    await withMachine(["busybox"], async (machine) => {
      await nested(machine);
      ok(await machine.run(["pause", "box"]));
      ok(await machine.run(["unpause", "box"]));
      ok(await machine.run(["exec", "box", "true"]));
      ok(await machine.run(["stop", "-t", "0", "box"]));
      ok(await machine.run(["rm", "box"]));
    });
  });
});

test("tinydocker in a container: what is in the way of its own containers' limits goes into a group below (M9)", async () => {
  await withMachine(["busybox"], async (machine) => {
    const shown = ["/usr:/usr", "/usr/lib:/lib", "/usr/lib64:/lib64", `${binary()}:/tinydocker`];
    const outer = ["--network", "none", "--privileged", ...shown.flatMap((volume) => ["-v", `${volume}:ro`])];
    const root = "mkdir -p /r/bin && cp /bin/busybox /r/bin/cat";
    const inner = "/tinydocker -r /r -m 64 -- cat /sys/fs/cgroup/memory.max";
    const result = await machine.sh(`${root} && ${inner} && cat /proc/self/cgroup`, outer);
    expect(ok(result)).toBe("67108864\n0::/init");
  });
});

describe("hardly any room", () => {
  test("-m 6m is enough to start and for an exec, with --init, too", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const init of [[], ["--init"]]) {
        await detached(machine, "box", "exec sleep 500", ["-m", "6m", ...init]);
        expect(ok(await machine.run(["exec", "box", "echo", "inside"]))).toBe("inside");
        ok(await machine.run(["rm", "-f", "box"]));
      }
    });
  });
  test("--pids-limit 1 is enough to start, and 2 with --init", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const options of [
        ["--pids-limit", "1"],
        ["--pids-limit", "2", "--init"],
      ]) {
        const result = await machine.container([...options, "busybox", "echo", "inside"]);
        expect([result.code, result.stdout]).toEqual([0, "inside\n"]);
      }
    });
  });
  test("--init with --pids-limit 1 is refused, with the reason", async () => {
    await withMachine(["busybox"], async (machine) => {
      const result = await machine.container(["--pids-limit", "1", "--init", "busybox", "true"]);
      expect(result.code).toBe(125);
      expect(said(result)).toContain("--init needs two processes");
    });
  });
  test("an exec beyond --pids-limit says so, and the container lives on", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", "exec sleep 500", ["--pids-limit", "1"]);
      const result = await machine.run(["exec", "box", "true"]);
      expect(result.code).not.toBe(0);
      expect(said(result)).toContain("EAGAIN");
      expect(await status(machine, "box")).toContain("Up");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("an exec takes one place of --pids-limit, and another for as long as it is on its way", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", "exec sleep 500", ["--pids-limit", "3"]);
      expect(ok(await machine.run(["exec", "box", "echo", "inside"]))).toBe("inside");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

describe("too little memory", () => {
  const eat = "x=x; while :; do x=$x$x; done";
  test("for an exec in a full container kills what is inside, and never who started it", async () => {
    await withMachine(["busybox"], async (machine) => {
      // A tmpfs that is all but full, and what is in it can't be moved.
      await detached(machine, "box", "head -c 5200k /dev/zero >/t/f; exec sleep 500", ["-m", "6m", "--tmpfs", "/t"]);
      for (let times = 0; times < 5; times++) {
        const { code, signal } = await machine.run(["exec", "box", "sh", "-c", eat]);
        expect(signal).toBeNull();
        expect([1, 125, 137]).toContain(code!);
      }
      await machine.run(["rm", "-f", "box"]);
    });
  });
  test("with memory.oom.group ends the whole container: 137, OOMKilled, and exec and monitor say so", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "echo 1 >/sys/fs/cgroup/memory.oom.group; exec sleep 500";
      await detached(machine, "box", script, ["-m", "16m", "--privileged", "--network", "none"]);
      expect((await machine.run(["exec", "box", "sh", "-c", eat])).code).toBe(137);
      await until(async () => (await status(machine, "box")).includes("Exited (137)"), "it has ended");
      expect(ok(await machine.run(["inspect", "-f", "{{.State.OOMKilled}}", "box"]))).toBe("true");
      ok(await machine.run(["rm", "box"]));
    });
  });
});
