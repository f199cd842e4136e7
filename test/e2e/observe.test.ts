/** Looking at containers: `inspect`, `top`, `stats`, `run --report`, the sizes in `ps`. */

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, ok, stateOf, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";
import { ptyIn } from "../support/pty.ts";

const test = needing(root);

const inspect = async (machine: Machine, ...words: string[]) =>
  JSON.parse(ok(await machine.run(["inspect", ...words])));

describe("inspect", () => {
  test("tells of a running container what is so, and of one that has ended how it did and what it used", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", forever, ["-e", "A=1", "-l", "x=y", "--restart", "on-failure:2"]);
      const [running] = await inspect(machine, "web");
      expect(running).toMatchObject({
        Id: id,
        Name: "/web",
        Path: "sh",
        Args: ["-c", forever],
        State: { Status: "running", Running: true, Pid: stateOf(machine, id).process.pid, Monitored: true },
        HostConfig: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 }, NetworkMode: "bridge" },
        Config: { Image: "busybox", Labels: { x: "y" }, Tty: false },
      });
      expect(running.Config.Env).toContain("A=1");
      expect(readFileSync(`/proc/${running.State.Pid}/cmdline`, "utf8")).toStartWith("sh\0-c");
      ok(await machine.run(["pause", "web"]));
      expect(ok(await machine.run(["inspect", "-f", "{{.State.Status}} {{.State.Paused}}", "web"]))).toBe(
        "paused true",
      );
      ok(await machine.run(["unpause", "web"]));
      ok(await machine.run(["stop", "web"]));
      const [ended] = await inspect(machine, id.slice(0, 10));
      expect(ended.State).toMatchObject({ Status: "exited", Running: false, Pid: 0, ExitCode: 7, OOMKilled: false });
      expect(Date.parse(ended.State.FinishedAt)).toBeGreaterThanOrEqual(Date.parse(ended.State.StartedAt));
      expect(ended.Usage.WallMs).toBeGreaterThan(0);
      expect(ended.Usage.CpuMs).toBeGreaterThan(0);
      ok(await machine.run(["rm", "web"]));
    });
  });
  test("finds containers and images by one name or the other, and only one kind if asked", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "busybox", "busybox"]));
      expect((await inspect(machine, "busybox"))[0].Name).toBe("/busybox");
      expect((await inspect(machine, "--type", "image", "busybox"))[0].RepoTags).toEqual(["busybox:latest"]);
      expect(JSON.parse(ok(await machine.run(["image", "inspect", "busybox"])))[0].RootFS.Type).toBe("layers");
      ok(await machine.run(["rm", "busybox"]));
      expect((await inspect(machine, "busybox"))[0].RepoTags).toEqual(["busybox:latest"]);
      const none = await machine.run(["inspect", "--type", "container", "busybox"]);
      expect(none).toMatchObject({ code: 1, stdout: "[]\n" });
      expect(said(none)).toContain("no such container: busybox");
      expect((await machine.run(["inspect", "--type", "volcano", "busybox"])).code).toBe(125);
    });
  });
  test("-s counts what the container has written, a file with two names once, and what is below", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "head -c 100000 /dev/zero >/a; ln /a /b; ln -s /a /c; mkdir /d; echo 12345 >/d/e";
      ok(await machine.run(["run", "--name", "ww", "busybox", "sh", "-c", script]));
      const [{ SizeRw, SizeRootFs }] = await inspect(machine, "-s", "ww");
      const [{ Size }] = await inspect(machine, "--type", "image", "busybox");
      expect([SizeRw, SizeRootFs - SizeRw]).toEqual([100_000 + 2 + 6, Size]);
      expect((await inspect(machine, "ww"))[0]).not.toHaveProperty("SizeRw");
      expect(ok(await machine.run(["ps", "-a", "-s"]))).toContain(" ww        100kB (virtual");
      ok(await machine.run(["rm", "ww"]));
    });
  });
});

describe("top", () => {
  test("shows every process of the container by the host's numbers, and nobody else's, without a ps in the image", async () => {
    await withMachine(["busybox", "probe"], async (machine) => {
      const id = await detached(machine, "web", "sleep 61 & exec sleep 62", ["-t"]);
      const { pid } = stateOf(machine, id).process;
      await until(
        async () => ok(await machine.run(["top", "web"])).split("\n").length === 3,
        "there are two processes",
      );
      const [head, first, second] = ok(await machine.run(["top", "web"])).split("\n");
      expect(head!.split(/ +/)).toEqual(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
      expect(first).toMatch(new RegExp(`^root +${pid} +\\d+ +\\d+ +\\S+ +pts/0 +00:00:00 +sleep 62$`));
      expect(second).toMatch(new RegExp(`^root +\\d+ +${pid} +\\d+ +\\S+ +pts/0 +00:00:00 +sleep 61$`));
      ok(await machine.run(["rm", "-f", "web"]));
      const { child } = await machine.start([
        "run",
        "--rm",
        "--name",
        "pp",
        "-u",
        "4321",
        "probe",
        "/bin/probe",
        "catch",
      ]);
      expect(ok(await machine.run(["top", "pp"]))).toMatch(/\n4321 +\d+ .*\/bin\/probe catch$/);
      child.kill("SIGTERM");
      await child.exited;
    });
  });
  test("refuses what does not run", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "still", "busybox"]));
      const result = await machine.run(["top", "still"]);
      expect([result.code, said(result)]).toEqual([1, "tinydocker: container still is not running\n"]);
      ok(await machine.run(["rm", "still"]));
    });
  });
  needing(root, tool("ps"))("has the host's ps make the table when it gets options", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", "exec sleep 62");
      const { pid } = stateOf(machine, id).process;
      await until(async () => ok(await machine.run(["top", "web"])).endsWith(" sleep 62"), "the shell is sleep");
      for (const options of [
        ["-o", "pid,args"],
        ["-eo", "pid,args"],
      ])
        expect(ok(await machine.run(["top", "web", ...options]))).toMatch(
          new RegExp(`^PID +COMMAND\n${pid} +sleep 62$`),
        );
      expect(ok(await machine.run(["top", "web", "aux"])).split("\n")).toHaveLength(2);
      expect(said(await machine.run(["top", "web", "-o", "args"]))).toContain("no column PID");
      expect((await machine.run(["top", "web", "--nonsense"])).code).toBe(1);
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
});

describe("stats", () => {
  const of = async (machine: Machine, name: string) =>
    JSON.parse(ok(await machine.run(["stats", "--no-stream", "--format", "json", name])));
  test("tells CPU, memory, processes and a limit; of one that sleeps no CPU time", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "busy", "while :; do :; done");
      await detached(machine, "lazy", "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo ready; sleep 60; echo $x");
      await until(async () => ok(await machine.run(["logs", "lazy"])) === "ready", "it has filled its memory");
      const busy = await of(machine, "busy");
      const lazy = await of(machine, "lazy");
      expect(Number.parseFloat(busy.CPUPerc)).toBeGreaterThan(5);
      expect(Number.parseFloat(lazy.CPUPerc)).toBeLessThan(5);
      const [, used, unit] = /^([\d.]+)(\w+) \/ [\d.]+[MG]iB$/.exec(lazy.MemUsage)!;
      expect(unit).toBe("MiB");
      expect(Number(used)).toBeGreaterThan(19);
      expect(Number(used)).toBeLessThan(100);
      expect(lazy).toMatchObject({ Name: "lazy", NetIO: expect.stringMatching(/^[\d.]+k?B \/ [\d.]+k?B$/), PIDs: "2" });
      const table = ok(await machine.run(["stats", "--no-stream"])).split("\n");
      expect(table[0]).toMatch(/^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS$/);
      expect(table).toHaveLength(3);
      ok(await machine.run(["rm", "-f", "busy", "lazy"]));
    });
  });
  test("leaves out what does not run, unless it is asked for", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "still", "busybox"]));
      expect(ok(await machine.run(["stats", "--no-stream"])).split("\n")).toHaveLength(1);
      expect(ok(await machine.run(["stats", "--no-stream", "-a"]))).toMatch(/still +0\.00% +0B \/ 0B +0\.00%/);
      expect((await machine.run(["stats", "--no-stream", "nobody"])).code).toBe(1);
      ok(await machine.run(["rm", "still"]));
    });
  });
  test("is drawn again in its place on a terminal until Ctrl-C, and ends when nobody reads", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "web", "sleep 60");
      await using pty = ptyIn(machine, ["stats"], { columns: 60, rows: 10 });
      await pty.waitFor("--");
      await pty.waitFor("\x1b[2A\r");
      await pty.waitFor("0.00%");
      expect(pty.output).not.toContain("BLOCK I/O");
      pty.press("ctrl-c");
      expect(await pty.exit()).toBe(130);
      const { code } = await machine.exec(["sh", "-c", '"$0" stats web | head -1', binary()]);
      expect(code).toBe(0);
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
});

describe("run --report", () => {
  const busy =
    "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; x=$(head -c 9000000 /dev/zero | tr '\\0' a); sleep 0.3; exit 3";
  test("says on stderr what it took, of every kind of run, and takes nothing for itself", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const kind of [[], ["-t"], ["--restart", "no", "--health-cmd", "true"]]) {
        const options = ["--report", "--report-format", "json", ...kind];
        const result = await machine.container([...options, "busybox", "sh", "-c", busy]);
        expect(result.code).toBe(3);
        const report = JSON.parse(said(result));
        expect(report).toMatchObject({ exitCode: 3, oomKilled: false });
        expect(report.cpuMs).toBeGreaterThan(5);
        expect(report.cpuMs).toBeLessThan(report.wallMs * 2 + 50);
        expect(report.memoryPeakBytes ?? report.largestProcessBytes).toBeGreaterThan(8_000_000);
      }
      const sleeping = await machine.container(["--report", "--report-format=json", "busybox", "sleep", "0.5"]);
      const { cpuMs, wallMs } = JSON.parse(said(sleeping));
      expect(wallMs).toBeGreaterThan(490);
      expect(cpuMs).toBeLessThan(50);
    });
  });
  test("is for people if nothing is said, and refused where it could not be kept", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stderr } = await machine.container(["--report", "busybox", "true"]);
      expect(stderr).toMatch(/^exit code: +0\nwall time: +\S+ m?s\nCPU time: /m);
      for (const wrong of [
        ["--report", "-d"],
        ["--report-format", "json"],
        ["--report", "--report-format", "xml"],
      ])
        expect((await machine.container([...wrong, "busybox", "true"])).code).toBe(125);
    });
  });
});

describe("container prune", () => {
  test("removes what does not run and is chosen, and nothing without a yes", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "up", forever);
      for (const name of ["aa", "bb"])
        ok(await machine.run(["run", "--name", name, "-l", `is=${name}`, "busybox", "sh", "-c", "echo 1234 >/f"]));
      ok(await machine.run(["create", "--name", "cc", "busybox"]));
      const names = async () =>
        ok(await machine.run(["ps", "-a", "--format", "{{.Names}}"]))
          .split("\n")
          .sort();
      expect((await machine.run(["container", "prune"], { stdin: "n\n" })).code).toBe(1);
      ok(await machine.run(["container", "prune", "-f", "--filter", "until=1h"]));
      expect(await names()).toEqual(["aa", "bb", "cc", "up"]);
      const pruned = ok(await machine.run(["container", "prune", "-f", "--filter", "label=is=aa"]));
      expect(pruned).toMatch(/^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: 5B$/);
      ok(await machine.run(["container", "prune", "-f", "--filter", "label!=is"]));
      expect(await names()).toEqual(["bb", "up"]);
      ok(await machine.run(["container", "prune"], { stdin: "y\n" }));
      expect(await names()).toEqual(["up"]);
      expect(ok(await machine.run(["container", "prune", "-f"]))).toBe("Total reclaimed space: 0B");
      expect((await machine.run(["container", "prune", "-f", "--filter", "color=red"])).code).toBe(125);
      ok(await machine.run(["rm", "-f", "up"]));
    });
  });
});
