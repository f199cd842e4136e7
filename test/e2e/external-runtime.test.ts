/** `run --runtime`: containers that another OCI runtime makes are as those of our own, for whoever uses them. */

import { describe, expect } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Machine, withMachine } from "../support/containers.ts";
import { detached, monitorOf, ok, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { installedRuntimes, type RuntimeName, runtimeProgram } from "../support/runtimes.ts";

const test = needing(root);

/** A machine with a program for `--runtime`. */
const withRuntime = (name: RuntimeName, use: (machine: Machine, runtime: string) => Promise<void>) =>
  withMachine(["busybox"], async (machine) => {
    const program = runtimeProgram(name, machine.directory);
    await use(machine, program);
    rmSync(program);
  });

/** Goes on until it is told to end. */
const forever = "trap 'exit 9' TERM; echo started; while :; do sleep 0.05; done";

describe.each(installedRuntimes())("%s", (name) => {
  test("runs a program with its user, network, volumes and limits of what it may do, and tells how it ended", async () => {
    await withRuntime(name, async (machine, runtime) => {
      machine.file("shown/file", "of the host\n");
      const script = [
        "id; hostname; pwd; umask; ulimit -n; cat /shown/file; cat /proc/net/dev | grep -c eth0",
        "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status",
        "echo $A $HOME; touch /shown/new /etc/new || echo read-only; mount -t tmpfs x /tmp || cat; echo err >&2; exit 3",
      ].join("; ");
      const options = [
        ...["-h", "box", "-w", "/made/here", "-e", "A=1", "--ulimit", "nofile=77", "--umask", "077"],
        ...["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp"],
        ...["-v", `${machine.directory}/shown:/shown:ro`, "-v", "data:/data"],
      ];
      const words = ["run", "--rm", "-i", "--runtime", runtime, ...options, "busybox", "sh", "-c", script];
      const { code, stdout, stderr } = await machine.run(words, { stdin: "typed\n" });
      expect(stdout.split("\n")).toEqual([
        ...["uid=0(root) gid=0(root) groups=0(root)", "box", "/made/here", "0077", "77", "of the host", "1"],
        ...["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"],
        ...["1 /root", "read-only", "typed", ""],
      ]);
      expect(stderr).toEndWith("err\n");
      expect(code).toBe(3);
      ok(await machine.run(["volume", "rm", "data"]));
      rmSync(join(machine.directory, "shown"), { recursive: true });
    });
  });

  test("makes a container that is entered, seen, stopped, started again and killed as any other, or says why it cannot", async () => {
    await withRuntime(name, async (machine, runtime) => {
      const td = async (...words: string[]) => ok(await machine.run(words));
      const id = await detached(machine, "web", forever, ["--runtime", runtime, "--network", "none"]);
      expect(await machine.run(["exec", "-u", "nobody", "web", "sh", "-c", "id -u; hostname; exit 5"])).toMatchObject({
        code: 5,
        stdout: `65534\n${id.slice(0, 12)}\n`,
      });
      expect(await td("exec", "-t", "web", "tty")).toStartWith("/dev/");
      expect((await machine.run(["exec", "web", "nothing-of-that-name"])).code).toBe(127);
      expect(await status(machine, "web")).toContain("Up");
      expect(await td("inspect", "-f", "{{.HostConfig.Runtime}} {{.State.Status}}", "web")).toBe(`${runtime} running`);
      expect(await td("top", "web")).toContain("trap");
      await td("stop", "web");
      expect(await td("inspect", "-f", "{{.State.ExitCode}}", "web")).toBe("9");
      await td("start", "web");
      await until(async () => (await td("logs", "web")) === "started\nstarted", "it has started again");
      await td("kill", "web");
      expect(await td("wait", "web")).toBe("137");
      await td("rm", "web");
      const failing = (program: string) =>
        machine.run(["run", "--rm", "--network", "none", "--runtime", runtime, "busybox", program]);
      const { code, stderr } = await failing("nothing-of-that-name");
      expect(code).toBe(127);
      expect(stderr).toContain(`the runtime ${runtime} cannot `);
      expect(stderr).toContain("nothing-of-that-name");
      expect((await failing("/etc/passwd")).code).toBe(126);
    });
  });
});

const [first = "tinydocker"] = installedRuntimes();

describe("a container of another runtime", () => {
  test("has the caller's terminal, health checks, and a restart policy; it outlives its monitor", async () => {
    await withRuntime(first, async (machine, runtime) => {
      const td = async (...words: string[]) => ok(await machine.run(words));
      const plain = ["--runtime", runtime, "--network", "none"];
      expect(await td("run", "--rm", "-t", ...plain, "busybox", "tty")).toBe("/dev/pts/0");
      const check = ["--health-cmd", "echo seen; exit 3", "--health-interval", "100ms", "--health-retries", "1"];
      const id = await detached(machine, "web", forever, [...plain, ...check]);
      const health = async () => JSON.parse(await td("inspect", "-f", "{{json .State.Health}}", "web"));
      await until(async () => (await health()).Status === "unhealthy", "it is unhealthy");
      expect((await health()).Log[0]).toMatchObject({ ExitCode: 3, Output: "seen\n" });
      process.kill(monitorOf(machine, id), "SIGKILL");
      await until(async () => (await status(machine, "web")).includes("Up"), "it goes on");
      expect(await td("exec", "web", "echo", "alive")).toBe("alive");
      await td("rm", "-f", "web");
      await detached(machine, "again", "echo x; exit 4", [...plain, "--restart", "on-failure:1"]);
      const ended = () => td("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", "again");
      await until(async () => (await ended()) === "exited 4 1", "it was started once more");
      expect(await td("logs", "again")).toBe("x\nx");
      await td("rm", "again");
    });
  });

  test("is made by the runtime that the configuration names; what there is not is said with what there is", async () => {
    await withRuntime(first, async (machine, path) => {
      const config = machine.file(
        "config.json",
        JSON.stringify({ runtimes: { other: { path } }, "default-runtime": "other" }),
      );
      const td = (...words: string[]) => machine.run(["--config", config, ...words]);
      const runtimeOf = async (...words: string[]) => {
        const id = ok(await td("create", ...words, "busybox", "true"));
        const runtime = ok(await td("inspect", "-f", "{{.HostConfig.Runtime}}", id));
        ok(await td("rm", id));
        return runtime;
      };
      expect(await runtimeOf()).toBe("other");
      expect(await runtimeOf("--runtime", "tinydocker")).toBe("tinydocker");
      const info = ok(await td("info", "-f", "{{.DefaultRuntime}} {{json .Runtimes}}"));
      expect(info).toStartWith("other ");
      expect(info).toContain(`"other":{"path":"${path}"}`);
      const unknown = await td("run", "--runtime", "nothing", "busybox");
      expect(unknown.code).toBe(125);
      expect(unknown.stderr).toContain('there is no runtime "nothing"');
      expect(unknown.stderr).toContain("there are: tinydocker, other");
      for (const [option, ...more] of [["--init"], ["--userns", "auto"]]) {
        const refused = await td("run", option!, ...more, "busybox", "true");
        expect(refused.code).toBe(125);
        expect(refused.stderr).toContain(`${[option, ...more].join(" ")} is not supported under --runtime other`);
      }
      expect((await td("explain", "run", "busybox")).stderr).toContain(
        "explain is not supported under --runtime other",
      );
      rmSync(config);
    });
  });
});
