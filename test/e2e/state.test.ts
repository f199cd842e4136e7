/** Names, what `ps` and `rm` know, `info` and `version`. */

import { describe, expect } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, monitorOf, stateOf, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

const ids = async (machine: Machine) => (await machine.run(["ps", "-a", "-q"])).stdout.split("\n").filter(Boolean);

describe("names and state", () => {
  test("a container without --rm is kept, with its name, its files and how it ended, until rm", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect((await machine.run(["run", "--name", "web", "busybox", "sh", "-c", "echo x >/made; exit 3"])).code).toBe(
        3,
      );
      expect((await machine.run(["ps"])).stdout).not.toContain("web");
      expect((await machine.run(["ps", "-a"])).stdout).toMatch(/busybox .*Exited \(3\).*web\n/);
      const again = await machine.run(["run", "--name", "web", "busybox", "true"]);
      expect(again.code).toBe(125);
      expect(said(again)).toMatch(/the name "web" is taken by container [0-9a-f]{12}/);
      expect((await machine.run(["rm", "web"])).stdout).toBe("web\n");
      expect(await ids(machine)).toEqual([]);
      expect((await machine.run(["run", "--rm", "--name", "web", "busybox", "true"])).code).toBe(0);
    });
  });
  test("a running container is shown, can't be removed, and keeps its name to itself", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child } = await machine.start([
        "run",
        "--rm",
        "--name",
        "busy",
        "busybox",
        "sh",
        "-c",
        "echo ready; exec sleep 60",
      ]);
      expect((await machine.run(["ps"])).stdout).toMatch(/Up .*busy\n/);
      expect((await machine.run(["rm", "busy"])).stderr).toContain("is running");
      expect((await machine.run(["run", "--rm", "--name", "busy", "busybox", "true"])).code).toBe(125);
      expect((await machine.run(["rmi", "busybox"])).code).not.toBe(0);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(143);
      expect((await machine.run(["ps", "-a", "-q"])).stdout).toBe("");
    });
  });
  test("rm takes unique beginnings of ids and several at once", async () => {
    await withMachine(["probe"], async (machine) => {
      for (let turn = 0; turn < 3; turn++) await machine.run(["run", "probe", "/bin/probe", "exit"]);
      const all = await ids(machine);
      expect(all).toHaveLength(3);
      expect((await machine.run(["rm", ...all])).stdout).toBe(`${all.join("\n")}\n`);
      const none = await machine.run(["rm", "0".repeat(12)]);
      expect(none.code).not.toBe(0);
      expect(none.stderr).toContain("no such container");
      for (const word of ["../names", "..", "", "/", "constructor"])
        expect((await machine.run(["rm", word])).stderr).toContain("no such container");
    });
  });
  test("of two that want one name at once exactly one gets it (F15)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = `for i in 1 2 3 4; do ${binary()} run --rm --name one busybox sh -c 'echo mine; sleep 1' 2>/dev/null & done; wait`;
      expect((await machine.exec(["sh", "-c", script])).stdout).toBe("mine\n");
    });
  });
  test("twenty at once all run and leave nothing (F11)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = `for i in $(seq 20); do ${binary()} run --rm busybox echo $i 2>/dev/null & done; wait`;
      const { stdout } = await machine.exec(["sh", "-c", script], { timeoutMs: 50_000 });
      expect(
        stdout
          .trim()
          .split("\n")
          .map(Number)
          .sort((a, b) => a - b),
      ).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    });
  });
  test("four that need the same unloaded tar at once load it once and all run", async () => {
    await withMachine([], async (machine) => {
      const script = `for i in 1 2 3 4; do ${binary()} run --rm ${imageTar("probe")} /bin/probe exit $i; echo $?; done | sort & ${binary()} run --rm ${imageTar("probe")} /bin/probe exit 9; echo $?; wait`;
      const { stdout } = await machine.exec(["sh", "-c", script]);
      expect(stdout.split("\n").filter(Boolean).sort()).toEqual(["1", "2", "3", "4", "9"]);
      expect((await machine.run(["images", "-q"])).stdout.split("\n").filter(Boolean)).toHaveLength(1);
      expect(readdirSync(join(machine.root, "layers"))).toHaveLength(1);
      await machine.beginAnew();
    });
  });
  test("a damaged state file is that container's trouble only, and rm removes it (F14)", async () => {
    await withMachine(["probe"], async (machine) => {
      await machine.run(["run", "--name", "broken", "probe", "/bin/probe", "exit"]);
      const [directory] = readdirSync(join(machine.root, "containers"));
      await machine.run(["run", "--name", "sound", "probe", "/bin/probe", "exit"]);
      for (const text of ["{", "", "null", "[]", '{"name":7}']) {
        writeFileSync(join(machine.root, "containers", directory!, "state.json"), text);
        const listed = await machine.run(["ps", "-a"]);
        expect([text, listed.code]).toEqual([text, 0]);
        expect(listed.stdout).toContain("sound");
        expect(listed.stderr).not.toContain("internal error");
        expect((await machine.container(["probe", "/bin/probe", "exit", "3"])).code).toBe(3);
      }
      expect((await machine.run(["rm", "sound", directory!.slice(0, 12)])).code).toBe(0);
      expect(await ids(machine)).toEqual([]);
      expect((await machine.run(["run", "--rm", "--name", "broken", "probe", "/bin/probe", "exit"])).code).toBe(0);
    });
  });
  test("a process that has a dead container's number is not taken for it, nor one of another boot (F12)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "lost", forever);
      const monitor = monitorOf(machine, id);
      const other = machine.spawn(["run", "--rm", "busybox", "sleep", "1000"]);
      await until(() => stateOf(machine, id).status === "running", "it runs");
      const { process: own, ...state } = stateOf(machine, id);
      for (const pid of [monitor, own.pid]) process.kill(pid, "SIGKILL");
      const fields = readFileSync(`/proc/${other.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
      const path = join(machine.root, "containers", id, "state.json");
      for (const claimed of [
        { ...own, pid: other.pid },
        { ...own, pid: other.pid, startTicks: Number(fields[19]), bootId: "00000000-0000-0000-0000-000000000000" },
      ]) {
        writeFileSync(path, JSON.stringify({ ...state, process: claimed }));
        expect((await machine.run(["ps", "-a"])).stdout).toMatch(/Exited .*lost\n/);
        writeFileSync(path, JSON.stringify({ ...state, process: claimed }));
        expect((await machine.run(["kill", "lost"])).code).toBe(1);
        expect((await machine.run(["exec", "lost", "true"])).code).toBe(1);
        expect((await machine.run(["stop", "lost"])).code).toBe(0);
        expect(other.exitCode).toBe(null);
      }
      expect((await machine.run(["rm", "lost"])).code).toBe(0);
      other.kill("SIGTERM");
      expect(await other.exited).toBe(143);
    });
  });
  test("terminal escapes in a command are shown, not obeyed (R39)", async () => {
    await withMachine(["probe"], async (machine) => {
      await machine.run(["run", "--name", "escaped", "probe", "/bin/probe", "args", "\x1b]0;evil\x07\x1b[2J\n"]);
      expect((await machine.run(["ps", "-a"])).stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
      await machine.run(["rm", "escaped"]);
    });
  });
  test("the layers are shared and never written: what a container changes is its own", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "echo changed >/etc/passwd; rm /bin/ls; mkdir /new; chmod 777 /tmp; cat /etc/passwd";
      expect((await machine.sh(script)).stdout).toBe("changed\n");
      expect(
        (await machine.sh("head -n 1 /etc/passwd; ls -d /bin/ls; [ -e /new ] || echo clean; stat -c %a / /tmp")).stdout,
      ).toBe("root:x:0:0:root:/root:/bin/sh\n/bin/ls\nclean\n755\n1777\n");
    });
  });
  const lasting = ["lock", "events.log", "networks/.lock", "networks/.sysctls", "networks/bridge/network.json"].map(
    (name) => `root/${name}`,
  );
  test("the first run of all leaves an empty state root behind, and no file anywhere else", async () => {
    await using machine = await new Machine().open();
    const before = machine.snapshot();
    expect((await machine.container([machine.file("tmp/empty/"), "/nothing"])).code).toBe(127);
    for (const name of ["containers", "names", "running"])
      expect([name, readdirSync(join(machine.root, name))]).toEqual([name, []]);
    const files = machine.snapshot().files.filter((path) => !path.endsWith("/"));
    expect(files.filter((path) => !lasting.includes(path))).toEqual(before.files.filter((path) => !path.endsWith("/")));
    expect(machine.snapshot()).toMatchObject({ cgroups: before.cgroups, mounts: before.mounts, processes: [] });
  });
  test("a second run of the same tar extracts nothing", async () => {
    await withMachine([], async (machine) => {
      await machine.container([imageTar("probe"), "/bin/probe", "exit"]);
      const [layer] = readdirSync(join(machine.root, "layers"));
      const path = join(machine.root, "layers", layer!, "fs/bin/probe");
      const { ino, ctimeMs } = statSync(path);
      const again = await machine.container([imageTar("probe"), "/bin/probe", "exit"]);
      expect(said(again)).toBe("");
      expect(statSync(path)).toMatchObject({ ino, ctimeMs });
      await machine.beginAnew();
    });
  });
});

test("info tells the kernel, the cgroup mode and controllers, and the storage", async () => {
  await withMachine(["probe"], async (machine) => {
    const info = JSON.parse((await machine.run(["info", "--json"])).stdout);
    expect(info).toMatchObject({
      Images: 1,
      Containers: 0,
      "Containers running": 0,
      "Storage driver": "overlayfs",
      "State root": machine.root,
    });
    expect(info.Kernel).toMatch(/^\d+\.\d+/);
    expect(info["Cgroup controllers"]).toBeArray();
    const text = await machine.run(["info"]);
    // Docker's lines, for scripts that look for them.
    for (const line of [
      "Client:",
      "Server:",
      " Containers: 0",
      "  Running: 0",
      " Images: 1",
      " Server Version: ",
      " Storage Driver: overlayfs",
      "  Backing Filesystem: ",
      " Logging Driver: local",
      " Cgroup Driver: cgroupfs",
      " Cgroup Version: ",
      "  Network: bridge host ",
      " Kernel Version: ",
      " Operating System: ",
      " OSType: linux",
      " CPUs: ",
      " Total Memory: ",
      ` Docker Root Dir: ${machine.root}\n`,
    ])
      expect(text.stdout).toContain(line === "Client:" ? line : `\n${line}`);
    const { stdout } = await machine.run(["version"]);
    expect(stdout).toMatch(/^Client: tinydocker\n Version: {11}\S+\n API version: {7}1\.\d+\n/);
    expect(stdout).toMatch(
      /\n\nServer: tinydocker\n Engine:\n {2}Version: {10}\S+\n[\s\S]*\n {2}Experimental: {5}false\n$/,
    );
    expect((await machine.run(["--version"])).stdout).toMatch(/^tinydocker \S+ \(\S+, \w+\)\n$/);
  });
});
