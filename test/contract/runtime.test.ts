/** The command line of an OCI runtime: the same of ours, runc and crun (all that are installed, or RUNTIME=NAME). */

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { installedRuntimes, type RuntimeSandbox, runtimeSandbox } from "../support/runtimes.ts";

const asRoot = needing(root);

for (const name of installedRuntimes())
  describe(name, () => {
    const contract = (title: string, check: (box: RuntimeSandbox) => Promise<void>) =>
      asRoot(title, async () => {
        await using box = await runtimeSandbox(name);
        await check(box);
      });

    contract("run gives the program's output and exit code, and leaves no container", async (box) => {
      const bundle = box.bundle("b", ["sh", "-c", "hostname; exit 7"]);
      const result = await box.call(["run", "--bundle", bundle, "c"]);
      expect(result).toMatchObject({ code: 7, stdout: "box\n" });
      expect((await box.call(["list", "-q"])).stdout).toBe("");
    });

    contract(
      "create runs nothing, start runs the program, and its end is a state (M1, M8, M14, M20, M23, M26, M28, M32, M94, M97)",
      async (box) => {
        const marker = join(box.rootfs, "marker");
        const bundle = box.bundle("b", ["sh", "-c", "echo x >/marker"], (config) => {
          config.root.readonly = false;
          config.annotations = { "org.example.key": "value" };
        });
        expect(await box.call(["create", "--bundle", bundle, "c"])).toMatchObject({ code: 0 });
        const state = await box.state("c");
        expect(state).toMatchObject({
          id: "c",
          status: "created",
          bundle,
          annotations: { "org.example.key": "value" },
        });
        expect(state.ociVersion).toMatch(/^1\./);
        expect(existsSync(`/proc/${state.pid}`)).toBe(true);
        expect(existsSync(marker)).toBe(false);
        expect(await box.call(["start", "c"])).toMatchObject({ code: 0 });
        await box.until("c", "stopped");
        expect(existsSync(marker)).toBe(true);
        expect(await box.call(["delete", "c"])).toMatchObject({ code: 0 });
        expect((await box.call(["state", "c"])).code).toBe(1);
      },
    );

    contract("what the kernel finds no program only at start is told on the stderr of the container", async (box) => {
      writeFileSync(join(box.rootfs, "bad"), "\x7fELF, and no more", { mode: 0o755 });
      writeFileSync(join(box.rootfs, "alone"), "#!/not/there\n", { mode: 0o755 });
      for (const name of ["bad", "alone"]) {
        const output = join(box.directory, `stderr-${name}`);
        const under = ["sh", "-c", `exec "$@" >${output} 2>&1`, "sh"];
        const bundle = box.bundle(name, [`/${name}`]);
        expect(await box.call(["create", "-b", bundle, name], { under })).toMatchObject({ code: 0 });
        expect(await box.call(["start", name])).toMatchObject({ code: 0 });
        await box.until(name, "stopped");
        expect(readFileSync(output, "utf8")).toContain(`/${name}`);
        expect(await box.call(["delete", name])).toMatchObject({ code: 0 });
      }
    });

    contract("the pid file has the number of the first process before create returns", async (box) => {
      const [bundle, file] = [box.bundle("b", ["sleep", "100"]), join(box.directory, "pid")];
      await box.call(["create", "-b", bundle, "--pid-file", file, "c"]);
      expect(Number(readFileSync(file, "utf8"))).toBe((await box.state("c")).pid);
    });

    contract("an id that is taken is refused, and its container stays as it is (M2, M25)", async (box) => {
      const bundle = box.bundle("b", ["sleep", "100"]);
      await box.call(["create", "-b", bundle, "c"]);
      const { pid } = await box.state("c");
      expect((await box.call(["create", "-b", bundle, "c"])).code).toBe(1);
      expect(await box.state("c")).toMatchObject({ pid, status: "created" });
    });

    contract("what can be no id, and a bundle that is not there, are refused (M25)", async (box) => {
      const bundle = box.bundle("b", ["true"]);
      for (const words of [
        ["-b", bundle, "a/b"],
        ["-b", bundle, ".."],
        ["-b", "/not/there", "c"],
      ])
        expect((await box.call(["create", ...words])).code).toBe(1);
      expect((await box.call(["list", "-q"])).stdout).toBe("");
    });

    test.each([
      ["that is not in PATH", ["nothing-of-that-name"], /not found in \$PATH/],
      ["that is no path", ["/not/there"], /no such file or directory/i],
      ["that may not be executed", ["/etc/passwd"], /permission denied/i],
    ])("create fails for a program %s, and leaves nothing", async (_, args, message) => {
      if (root()) return;
      await using box = await runtimeSandbox(name);
      const { code, stderr } = await box.call(["create", "-b", box.bundle("b", args), "c"]);
      expect(stderr).toMatch(message);
      expect(code).toBe(1);
      expect((await box.call(["list", "-q"])).stdout).toBe("");
    });

    contract("of two starts the second fails (M31)", async (box) => {
      await box.call(["create", "-b", box.bundle("b", ["sleep", "100"]), "c"]);
      expect((await box.call(["start", "c"])).code).toBe(0);
      expect((await box.call(["start", "c"])).code).toBe(1);
      expect((await box.state("c")).status).toBe("running");
    });

    contract(
      "one that runs is not deleted but by force, one that was created is; by force also one that is not (M38)",
      async (box) => {
        const bundle = box.bundle("b", ["sleep", "100"]);
        await box.call(["run", "-d", "-b", bundle, "c"]);
        expect((await box.call(["delete", "c"])).code).toBe(1);
        expect((await box.call(["delete", "--force", "c"])).code).toBe(0);
        expect((await box.call(["delete", "--force", "c"])).code).toBe(0);
        expect((await box.call(["delete", "c"])).code).toBe(1);
        await box.call(["create", "-b", bundle, "d"]);
        expect((await box.call(["delete", "d"])).code).toBe(0);
        expect((await box.state("d")).status).toBe("gone");
      },
    );

    contract("kill sends SIGTERM, or the signal that is named or numbered (M36)", async (box) => {
      const script =
        "trap 'exit 3' TERM; trap 'exit 4' USR1; trap 'exit 5' HUP; echo on >/tmp/on; while :; do sleep 0.02; done";
      const bundle = box.bundle("b", ["sh", "-c", script], (config) => {
        config.mounts.push({ destination: "/tmp", type: "bind", source: box.tmp, options: ["rbind", "rw"] });
      });
      for (const [signal, code] of [
        [[], 3],
        [["USR1"], 4],
        [["SIGHUP"], 5],
        [["9"], 137],
      ] as [string[], number][]) {
        rmSync(join(box.tmp, "on"), { force: true });
        const running = box.call(["run", "-b", bundle, "c"]);
        for (let tries = 0; !existsSync(join(box.tmp, "on")) && tries < 500; tries++) await Bun.sleep(20);
        expect(await box.call(["kill", "c", ...signal])).toMatchObject({ code: 0 });
        expect((await running).code).toBe(code);
      }
      expect((await box.call(["kill", "c"])).code).toBe(1);
    });

    contract("exec gives output and exit code, by options or a file; 255 is not the program's", async (box) => {
      const bundle = box.bundle("b", ["sleep", "100"]);
      await box.call(["run", "-d", "-b", bundle, "c"]);
      const script = 'echo "$(id -u):$(id -g) $PWD $X"; exit 7';
      const options = ["--user", "1000:1001", "--cwd", "/bin", "--env", "X=1"];
      expect(await box.call(["exec", ...options, "c", "/bin/sh", "-c", script])).toMatchObject({
        code: 7,
        stdout: "1000:1001 /bin 1\n",
      });
      const file = join(box.directory, "process.json");
      const env = ["PATH=/bin", "X=2"];
      const args = ["sh", "-c", script];
      writeFileSync(file, JSON.stringify({ user: { uid: 3, gid: 4 }, args, env, cwd: "/etc" }));
      expect(await box.call(["exec", "--process", file, "c"])).toMatchObject({ code: 7, stdout: "3:4 /etc 2\n" });
      expect(await box.call(["exec", "c", "sh", "-c", "kill -9 $$"])).toMatchObject({ code: 137 });
      for (const program of ["nothing-of-that-name", "/not/there", "/etc/passwd"])
        expect((await box.call(["exec", "c", program])).code).toBe(255);
    });

    contract("exec --detach leaves the process running, with its number in the pid file", async (box) => {
      await box.call(["run", "-d", "-b", box.bundle("b", ["sleep", "100"]), "c"]);
      const file = join(box.directory, "pid");
      expect((await box.call(["exec", "-d", "--pid-file", file, "c", "sleep", "99"])).code).toBe(0);
      const running = () => readFileSync(`/proc/${readFileSync(file, "utf8")}/cmdline`, "utf8");
      // runc says the number of a process that is still its own.
      await until(() => running() === "sleep\x0099\0", "it is the program");
    });

    contract("exec into one that has ended fails", async (box) => {
      await box.call(["run", "-d", "-b", box.bundle("b", ["true"]), "c"]);
      await box.until("c", "stopped");
      expect((await box.call(["exec", "c", "true"])).code).not.toBe(0);
    });

    contract("--preserve-fds hands over so many descriptors, and no others", async (box) => {
      const bundle = box.bundle("b", ["sh", "-c", "cat <&3; cat <&4; cat <&5"]);
      for (const file of ["x", "y", "z"]) writeFileSync(join(box.directory, file), `${file}\n`);
      const script = `exec 3<x 4<y 5<z; exec "$@"`;
      const argv = ["sh", "-c", script, "sh", ...box.program, "run", "-b", bundle, "--preserve-fds", "2", "c"];
      const { stdout, code } = await box.exec(argv);
      expect({ stdout, code }).toEqual({ stdout: "x\ny\n", code: 1 });
    });

    contract("pause and resume are states (M3)", async (box) => {
      await box.call(["run", "-d", "-b", box.bundle("b", ["sleep", "100"]), "c"]);
      expect((await box.call(["pause", "c"])).code).toBe(0);
      expect((await box.state("c")).status).toBe("paused");
      expect((await box.call(["resume", "c"])).code).toBe(0);
      expect((await box.state("c")).status).toBe("running");
    });

    contract("list knows all, also those whose process or bundle is gone; ps the processes", async (box) => {
      const bundle = box.bundle("b", ["sleep", "100"]);
      await box.call(["run", "-d", "-b", bundle, "c"]);
      await box.call(["create", "-b", bundle, "d"]);
      const { pid } = await box.state("c");
      expect(JSON.parse((await box.call(["ps", "--format", "json", "c"])).stdout)).toEqual([pid]);
      await box.call(["kill", "c", "KILL"]);
      await box.until("c", "stopped");
      rmSync(bundle, { recursive: true });
      const listed = JSON.parse((await box.call(["list", "--format", "json"])).stdout);
      expect(listed.map(({ id, status }: { id: string; status: string }) => `${id} ${status}`).sort()).toEqual([
        "c stopped",
        "d created",
      ]);
      expect((await box.call(["delete", "c"])).code).toBe(0);
      expect((await box.call(["delete", "--force", "d"])).code).toBe(0);
      expect((await box.call(["list", "-q"])).stdout).toBe("");
    });

    contract("--log has a line of JSON for an error", async (box) => {
      const log = join(box.directory, "log");
      const bundle = box.bundle("b", ["nothing-of-that-name"]);
      await box.call(["--log", log, "--log-format", "json", "create", "-b", bundle, "c"]);
      const last = JSON.parse(readFileSync(log, "utf8").trim().split("\n").at(-1)!);
      expect(last).toMatchObject({ level: "error", msg: expect.stringContaining("nothing-of-that-name") });
      expect(Date.parse(last.time)).toBeGreaterThan(Date.now() - 60_000);
    });

    contract("a terminal is sent to the console socket, and is the program's", async (box) => {
      const bundle = box.bundle("b", ["sh", "-c", "tty; stty size; read line; echo got $line"], (config) => {
        config.process.terminal = true;
        config.process.consoleSize = { height: 33, width: 44 };
      });
      const socket = join(box.directory, "console");
      const receiver = Bun.spawn([process.execPath, join(import.meta.dir, "../support/console.ts"), socket, "hello"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      for (let tries = 0; !existsSync(socket) && tries < 500; tries++) await Bun.sleep(20);
      expect(await box.call(["create", "-b", bundle, "--console-socket", socket, "c"])).toMatchObject({ code: 0 });
      await box.call(["start", "c"]);
      const shown = (await receiver.stdout.text()).replaceAll("\r", "").split("\n").sort();
      expect(shown).toEqual(["", "/dev/pts/0", "33 44", "got hello", "hello"]);
    });

    contract("of options that are not known, and commands, an error is told", async (box) => {
      expect((await box.call(["create", "--no-such-option", "c"])).code).not.toBe(0);
      expect((await box.call(["no-such-command"])).code).not.toBe(0);
      expect((await box.call(["create"])).code).not.toBe(0);
    });
  });
