/** What is particular to our OCI runtime: what is left of it, what it refuses by name, and podman as its caller. */

import { expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageTar } from "../support/containers.ts";
import { needing, root, tool } from "../support/needs.ts";
import { runtimeSandbox } from "../support/runtimes.ts";

const test = needing(root);

test("whatever a container was and did, nothing is left of it: no process, cgroup, mount or file (M16, M29, M39)", async () => {
  await using box = await runtimeSandbox("tinydocker");
  const bundle = box.bundle("b", ["sleep", "100"]);
  const missing = box.bundle("missing", ["nothing-of-that-name"]);
  const nowhere = box.bundle("nowhere", ["true"], (config) => {
    config.mounts.push({ destination: "/x", type: "bind", source: "/not/there", options: ["bind"] });
  });
  const cgroup = box.bundle("cgroup", ["sleep", "100"], (config) => {
    config.linux.cgroupsPath = "/deep/down/below";
  });
  const before = box.snapshot();
  expect((await box.call(["create", "-b", bundle, "a"])).code).toBe(0);
  expect((await box.call(["delete", "a"])).code).toBe(0);
  for (const failing of [missing, nowhere]) expect((await box.call(["create", "-b", failing, "a"])).code).toBe(1);
  expect((await box.call(["run", "-d", "-b", cgroup, "a"])).code).toBe(0);
  expect((await box.call(["exec", "-d", "a", "sleep", "99"])).code).toBe(0);
  const { pid } = await box.state("a");
  expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toMatch(/^0::.*\/deep\/down\/below$/m);
  expect((await box.call(["delete", "--force", "a"])).code).toBe(0);
  expect(readdirSync(box.states)).toEqual([]);
  await box.expectNothingLeft(before);
});

test("of two that start, delete or create the same at once exactly one does it", async () => {
  await using box = await runtimeSandbox("tinydocker");
  const bundle = box.bundle("b", ["sleep", "100"]);
  const both = async (...words: string[]) => {
    const codes = (await Promise.all([box.call(words), box.call(words), box.call(words)])).map(({ code }) => code);
    return codes.sort();
  };
  for (let round = 0; round < 3; round++) {
    expect(await both("create", "-b", bundle, "c")).toEqual([0, 1, 1]);
    expect(await both("start", "c")).toEqual([0, 1, 1]);
    expect((await box.call(["kill", "c", "KILL"])).code).toBe(0);
    await box.until("c", "stopped");
    expect(await both("delete", "c")).toEqual([0, 1, 1]);
  }
  expect((await box.call(["run", "-d", "-b", bundle, "c"])).code).toBe(0);
  expect(await both("delete", "--force", "c")).toEqual([0, 0, 0]);
});

test("a container whose bundle is gone, and one of before a reboot, are told of and removed; nobody else is killed (F10, F12)", async () => {
  await using box = await runtimeSandbox("tinydocker");
  const before = box.snapshot();
  for (const id of ["lost", "old"])
    expect((await box.call(["run", "-d", "-b", box.bundle(id, ["sleep", "100"]), id])).code).toBe(0);
  rmSync(join(box.directory, "lost"), { recursive: true });
  expect((await box.call(["exec", "lost", "true"])).code).toBe(0);
  expect((await box.call(["kill", "lost", "KILL"])).code).toBe(0);
  await box.until("lost", "stopped");
  expect((await box.call(["delete", "lost"])).code).toBe(0);
  // Its number is that of another process by now: here of the one that it was.
  const file = join(box.states, "old/state.json");
  const state = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(
    file,
    JSON.stringify({ ...state, cgroup: undefined, process: { ...state.process, bootId: "earlier" } }),
  );
  expect((await box.call(["list"])).stdout).toMatch(/^old +0 +stopped/m);
  for (const words of [
    ["start", "old"],
    ["exec", "old", "true"],
    ["pause", "old"],
  ])
    expect([words, (await box.call(words)).stderr]).toEqual([words, expect.stringMatching(/stopped|not running/)]);
  expect((await box.call(["delete", "old"])).code).toBe(0);
  expect(existsSync(`/proc/${state.process.pid}`)).toBe(true);
  process.kill(state.process.pid, "SIGKILL");
  rmSync(join(box.directory, "old"), { recursive: true });
  await box.expectNothingLeft(before, 10_000, (all) => ({
    ...all,
    cgroups: all.cgroups.filter((path) => !path.includes("tinydocker-runtime")),
  }));
});

test("what is not supported is refused by its name", async () => {
  await using box = await runtimeSandbox("tinydocker");
  const bundle = box.bundle("b", ["true"]);
  for (const [words, name] of [
    [["create", "--no-pivot", "-b", bundle, "c"], "--no-pivot"],
    [["--rootless", "true", "list"], "--rootless"],
    [["spec", "--rootless"], "--rootless"],
    [["checkpoint", "c"], "checkpoint"],
    [["restore", "c"], "restore"],
    [["update", "--kernel-memory", "1", "c"], "--kernel-memory"],
    [["update", "--l3-cache-schema", "x", "c"], "--l3-cache-schema"],
  ] as [string[], string][]) {
    const { code, stderr } = await box.call(words);
    expect([words, code, stderr]).toEqual([words, 1, expect.stringContaining(name)]);
    expect(stderr).toMatch(/not supported/);
  }
});

test("--systemd-cgroup needs a systemd and root, says so, and leaves nothing", async () => {
  await using box = await runtimeSandbox("tinydocker");
  const bundle = box.bundle("b", ["true"]);
  const words = ["run", "-b", bundle, "c"];
  await box.exec(["mount", "-t", "tmpfs", "none", "/run"]);
  const refused = async (...argv: string[]) => {
    const { code, stderr } = await box.exec(argv);
    return [code, stderr.split("\n")[0]];
  };
  const reason = expect.stringMatching(/not supported here: this host does not run systemd \(\/run\/systemd\/system/);
  expect(await refused(...box.program, "--systemd-cgroup", ...words)).toEqual([1, reason]);
  expect(await refused(...box.program, "--cgroup-manager", "systemd", ...words)).toEqual([1, reason]);
  const rootless = expect.stringContaining("not supported without root: the bus of a session");
  expect(await refused("unshare", "--user", ...box.program, "--systemd-cgroup", ...words)).toEqual([1, rootless]);
  const both = ["--systemd-cgroup", "--cgroup-manager", "cgroupfs"];
  expect(await refused(...box.program, ...both, ...words)).toEqual([1, expect.stringContaining("only one of them")]);
  expect(readdirSync(box.states)).toEqual([]);
});

test("state is kept from others, and a process of the same number is not taken for the container's (F10, F12)", async () => {
  await using box = await runtimeSandbox("tinydocker");
  await box.call(["run", "-d", "-b", box.bundle("b", ["sleep", "100"]), "c"]);
  expect(statSync(box.states).mode & 0o777).toBe(0o700);
  const file = join(box.states, "c/state.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const state = JSON.parse(readFileSync(file, "utf8"));
  for (const other of [{ startTicks: state.process.startTicks + 1 }, { bootId: "of-another-life" }]) {
    writeFileSync(file, JSON.stringify({ ...state, process: { ...state.process, ...other } }));
    expect(await box.state("c")).toMatchObject({ status: "stopped", pid: 0 });
    expect((await box.call(["kill", "c", "KILL"])).code).toBe(1);
    expect(existsSync(`/proc/${state.process.pid}`)).toBe(true);
  }
  writeFileSync(file, "{");
  expect((await box.call(["state", "c"])).stderr).toContain("damaged");
  expect((await box.call(["delete", "--force", "c"])).code).toBe(0);
});

test("spec writes a bundle that runs, and does not overwrite one", async () => {
  await using box = await runtimeSandbox("tinydocker");
  const bundle = join(box.directory, "b");
  mkdirSync(bundle);
  expect((await box.call(["spec", "--bundle", bundle])).code).toBe(0);
  expect((await box.call(["spec", "--bundle", bundle])).code).toBe(1);
  const file = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8"));
  config.root.path = box.rootfs;
  config.process = { ...config.process, terminal: false, args: ["hostname"] };
  writeFileSync(file, JSON.stringify(config));
  expect(await box.call(["run", "-b", bundle, "c"])).toMatchObject({ code: 0, stdout: "tinydocker\n" });
});

test("kill and delete with --regex are of all containers whose ids match, and one that fails is no reason to stop", async () => {
  await using box = await runtimeSandbox("tinydocker");
  const bundle = box.bundle("b", ["sleep", "1000"]);
  for (const id of ["web-1", "web-2", "other"])
    expect((await box.call(["create", "--bundle", bundle, id])).code).toBe(0);
  expect((await box.call(["start", "other"])).code).toBe(0);
  expect(await box.call(["kill", "--regex", "^web-[0-9]$", "KILL"])).toMatchObject({ code: 0, stderr: "" });
  for (const id of ["web-1", "web-2"]) await box.until(id, "stopped");
  const { code, stderr } = await box.call(["delete", "-r", "web|oth"]);
  expect(code).toBe(0);
  expect(stderr).toContain("other: ");
  expect((await box.call(["list", "-q"])).stdout).toBe("other\n");
  for (const wrong of ["(", "[[:digit:]]"]) {
    const refused = await box.call(["delete", "--force", "--regex", wrong]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("--regex: ");
  }
  expect((await box.call(["delete", "--force", "--regex", "."])).code).toBe(0);
});

const withPodman = needing(root, tool("podman"), tool("conmon"));

withPodman("podman runs, enters, stops and removes containers by it, and knows why one could not start", async () => {
  await using box = await runtimeSandbox("tinydocker");
  const at = (name: string) => join(box.directory, name);
  const config = `[containers]
pids_limit = 0
default_ulimits = []
[engine]
runtime_supports_nocgroup = ["ours"]
[engine.runtimes]
ours = ["${box.program[0]}"]
`;
  writeFileSync(at("containers.conf"), config);
  const storage = [
    "--root",
    at("storage"),
    "--runroot",
    at("run"),
    "--tmpdir",
    at("podman"),
    "--storage-driver",
    "vfs",
  ];
  const how = ["--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "ours"];
  const podman = (...words: string[]) =>
    box.exec(["podman", ...storage, ...how, ...words], {
      env: { CONTAINERS_CONF: at("containers.conf") },
      timeoutMs: 90_000,
    });
  expect((await podman("import", imageTar("busybox"), "busybox")).code).toBe(0);
  const alone = ["--network", "none", "--ulimit", "host"];
  for (const cgroups of ["enabled", "disabled"]) {
    const run = (...words: string[]) => podman("run", `--cgroups=${cgroups}`, ...alone, ...words);
    expect(await run("--rm", "busybox", "sh", "-c", "echo hello; exit 3")).toMatchObject({
      code: 3,
      stdout: "hello\n",
    });
    expect((await run("--rm", "busybox", "nothing-of-that-name")).code).toBe(127);
    expect((await run("--rm", "busybox", "/etc/passwd")).code).toBe(126);
    const script = "trap 'exit 9' TERM; echo started; while :; do sleep 0.05; done";
    expect((await run("-d", "--name", "web", "busybox", "sh", "-c", script)).code).toBe(0);
    expect(await podman("exec", "web", "sh", "-c", "echo in; exit 5")).toMatchObject({ code: 5, stdout: "in\n" });
    expect((await podman("stop", "web")).code).toBe(0);
    expect(await podman("logs", "web")).toMatchObject({ stdout: "started\n", stderr: "" });
    expect((await podman("inspect", "--format", "{{.State.ExitCode}}", "web")).stdout).toBe("9\n");
    expect((await podman("rm", "web")).code).toBe(0);
  }
});
