/** Docker's words on a command line: what has its meaning here, what means nothing, and what is refused by its name. */

import { describe, expect } from "bun:test";
import { imageTar, withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** So that they are quick. */
const run = ["run", "--rm", "--network", "none"];

describe("Docker's global options", () => {
  test("say how much is said on stderr: --log-level hides warnings and notices, and never a failure", async () => {
    await withMachine(["busybox"], async (machine) => {
      const warned = [...run, "-v", "./made:/made", "busybox", "true"];
      for (const [level, expected] of [
        ["info", expect.stringContaining("made")],
        ["error", ""],
      ] as const) {
        const { code, stderr } = await machine.run(["--log-level", level, ...warned]);
        expect([level, code, stderr]).toEqual([level, 0, expected]);
        await machine.exec(["rmdir", "made"]);
      }
      const { code, stderr } = await machine.run(["-l", "fatal", "nonsense"]);
      expect([code, stderr]).toEqual([125, expect.stringContaining('unknown command "nonsense"\ntinydocker: hint: ')]);
      const wrong = await machine.run(["-lloud", "ps"]);
      expect([wrong.code, wrong.stderr]).toEqual([125, expect.stringContaining('--log-level: "loud" is not a level')]);
    });
  });
  test("--debug says where a failure comes from, beside the failure", async () => {
    await withMachine([], async (machine) => {
      for (const words of [["-D"], ["--debug"], ["--log-level=debug"]]) {
        const { code, stderr } = await machine.run([...words, "rmi"]);
        expect([words, code]).toEqual([words, 125]);
        expect(stderr).toContain("IMAGE is missing\n");
        expect(stderr).toMatch(/ at src\/cli\/\S+\.ts:\d+/);
      }
      expect((await machine.run(["--debug=false", "rmi"])).stderr).not.toContain(" at src/");
    });
  });
  test("that are about a daemon are refused by name, unless they name the one machine there is", async () => {
    await withMachine([], async (machine) => {
      for (const words of [
        ["-H", "tcp://other:2375"],
        ["--host=ssh://other"],
        ["--context", "other"],
        ["--tls"],
        ["--tlsverify"],
        ["--tlscacert=x"],
        ["--tlscert", "x"],
        ["--tlskey", "x"],
      ]) {
        const { code, stderr } = await machine.run([...words, "ps"]);
        const [name] = words[0]!.split("=");
        expect([words, code, stderr]).toEqual([words, 125, expect.stringContaining(`${name} `)]);
        expect(stderr).toContain("there is no daemon");
      }
      expect((await machine.run(["--config", "/etc", "ps"])).stderr).toContain("option --config: /etc is a directory");
      for (const words of [["--context", "default"], ["--tls=false"], ["-D", "--tlsverify=0"]])
        expect([words, (await machine.run([...words, "ps", "-q"])).code]).toEqual([words, 0]);
      expect((await machine.run(["-v"])).stdout).toStartWith("tinydocker ");
    });
  });
});

test("run and create take Docker's --quiet, --disable-content-trust and --isolation", async () => {
  await withMachine(["busybox"], async (machine) => {
    const quiet = await machine.run([...run, "-q", imageTar("probe"), "/bin/probe", "exit", "0"]);
    expect([quiet.code, quiet.stderr]).toEqual([0, ""]);
    expect((await machine.run(["rmi", "probe"])).code).toBe(0);
    for (const words of [
      ["--disable-content-trust"],
      ["--disable-content-trust=true"],
      ["--isolation", "default"],
      ["--isolation="],
    ])
      expect([words, (await machine.run([...run, ...words, "busybox", "true"])).code]).toEqual([words, 0]);
    for (const [words, message] of [
      [["--disable-content-trust=false"], "--disable-content-trust false is not supported"],
      [["--isolation", "hyperv"], "--isolation hyperv is for Windows"],
    ] as const) {
      const { code, stderr } = await machine.run(["create", ...words, "busybox"]);
      expect([code, stderr]).toEqual([125, expect.stringContaining(message)]);
    }
  });
});

test("an empty value is no value: text is as if the option were not there, a figure is refused", async () => {
  await withMachine(["busybox"], async (machine) => {
    const text = "name hostname log-driver stop-signal pull platform workdir user health-cmd restart cpuset-cpus";
    const more = "cgroup-parent ip mac-address pid ipc uts cgroupns domainname tz cidfile volume-driver userns";
    const nothing = `${text} ${more} runtime isolation network`.split(" ").map((name) => `--${name}=`);
    const { code, stdout, stderr } = await machine.run(["run", "--rm", ...nothing, "busybox", "echo", "runs"]);
    expect([code, stdout, stderr]).toEqual([0, "runs\n", ""]);
    const figures = "memory cpus pids-limit shm-size memory-swap memory-reservation cpu-shares cpu-period cpu-quota";
    const others = "blkio-weight stop-timeout oom-score-adj health-interval health-retries timeout umask";
    for (const name of `${figures} ${others}`.split(" ")) {
      const { code, stderr } = await machine.run([...run, `--${name}`, "", "busybox", "true"]);
      expect([name, code, stderr]).toEqual([name, 125, expect.stringContaining(`--${name}: ""`)]);
    }
    for (const words of [
      ["ps", "--format=", "--filter="],
      ["images", "--format", ""],
      ["logs", "--tail=", "--since=", "--until=", "box"],
      ["kill", "-s", "", "box"],
      ["start", "box"],
      ["exec", "-u", "", "-w", "", "box", "true"],
      ["stop", "-s=", "-t", "0", "box"],
      ["commit", "-q", "-a", "", "-m=", "box", "made"],
      ["volume", "create", "-d", "", "data"],
      ["network", "create", "-d", "", "--ipam-driver=", "net"],
      ["network", "inspect", "-v", "net"],
    ]) {
      if (words[0] === "ps")
        await machine.run(["run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "60"]);
      const { code, stderr } = await machine.run(words);
      expect([words, code, stderr]).toEqual([words, 0, ""]);
    }
    const unchanged = await machine.run(["update", "--restart=", "box"]);
    expect([unchanged.code, unchanged.stderr]).toEqual([125, expect.stringContaining("nothing to change")]);
    const anonymous = (await machine.run(["volume", "create", ""])).stdout.trim();
    expect(anonymous).toMatch(/^[0-9a-f]{64}$/);
    expect((await machine.run(["volume", "create", "--name", "old"])).stdout).toBe("old\n");
    for (const words of [
      ["rm", "-f", "box"],
      ["rmi", "made"],
      ["network", "rm", "net"],
      ["volume", "rm", "data", "old", anonymous],
    ])
      expect([words, (await machine.run(words)).code]).toEqual([words, 0]);
  });
});
