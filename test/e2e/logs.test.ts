/** What containers write, kept for later and bounded. */

import { describe, expect } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "../support/compile.ts";
import { imageTar, Machine, said, withMachine } from "../support/containers.ts";
import { detached, ok, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // it was closed meanwhile
  }
};

const ended = async (machine: Machine, name: string, script: string, options: string[] = []): Promise<string> => {
  const id = await detached(machine, name, script, options);
  await machine.run(["wait", name]);
  return id;
};

/** Hides the host's own sockets in the mount namespace of a machine: whatever is sent stays there. */
const hideSockets = (machine: Machine): string => `set -e
  mkdir ${machine.tmp}/dev
  mount --bind /dev ${machine.tmp}/dev
  mount -t tmpfs none /dev
  for name in null zero full random urandom tty ptmx; do touch /dev/$name; mount --bind ${machine.tmp}/dev/$name /dev/$name; done
  mount -t tmpfs none /run
  mkdir -p /run/systemd/journal`;

describe("logs", () => {
  test("are what it wrote to stdout and stderr, on stdout and stderr, byte for byte", async () => {
    await withMachine(["busybox"], async (machine) => {
      await ended(machine, "box", "printf 'one\\0two\\377\\nno end'; echo wrong >&2");
      const { stdout, stderr } = await machine.run(["logs", "box"]);
      expect(stdout).toBe("one\0two\ufffd\nno end");
      expect(stderr).toBe("wrong\n");
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("of a foreground container are there too, also while it runs", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child } = await machine.start([
        "run",
        "--name",
        "fore",
        "busybox",
        "sh",
        "-c",
        "echo ready; exec sleep 60",
      ]);
      expect(ok(await machine.run(["logs", "fore"]))).toBe("ready");
      ok(await machine.run(["stop", "-t", "0", "fore"]));
      expect(await child.exited).toBe(137);
      expect(ok(await machine.run(["logs", "fore"]))).toBe("ready");
      ok(await machine.run(["rm", "fore"]));
    });
  });
  test("--tail and --timestamps", async () => {
    await withMachine(["busybox"], async (machine) => {
      await ended(machine, "box", "for i in $(seq 50); do echo line $i; done; printf last");
      const tail = async (...options: string[]) => ok(await machine.run(["logs", ...options, "box"]));
      expect(await tail("-n", "2")).toBe("line 50\nlast");
      expect(await tail("--tail", "0")).toBe("");
      expect((await tail("-n", "1000")).split("\n")).toHaveLength(51);
      const stamped = (await tail("-t")).split("\n");
      expect(stamped).toHaveLength(51);
      for (const line of stamped) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (line \d+|last)$/);
      // As with Docker, less than nothing is all; and times have all the digits that they show.
      expect((await tail("-n", "-1")).split("\n")).toHaveLength(51);
      expect(stamped.some((line) => !/\.\d{3}000000Z/.test(line))).toBe(true);
      expect((await machine.run(["logs", "-n", "some", "box"])).code).toBe(125);
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("-f shows what comes and ends when the container does", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", "echo one; sleep 0.4; echo two; sleep 0.2; echo three");
      expect(ok(await machine.run(["logs", "-f", "box"]))).toBe("one\ntwo\nthree");
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("-f goes on while its policy starts the container again", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", "echo try; sleep 0.2; exit 1", ["--restart", "on-failure:3"]);
      expect(ok(await machine.run(["logs", "-f", "box"]))).toBe("try\ntry\ntry\ntry");
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("go on from one start to the next", async () => {
    await withMachine(["busybox"], async (machine) => {
      await ended(machine, "box", "echo $(cat /proc/sys/kernel/random/uuid | wc -c)");
      ok(await machine.run(["start", "-a", "box"]));
      expect(ok(await machine.run(["logs", "box"]))).toBe("37\n37");
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("--log-driver json-file writes Docker's lines; none keeps nothing and says so; others are refused", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await ended(machine, "json", "echo 'a \"b\"'; echo c >&2; printf d", ["--log-driver", "json-file"]);
      const lines = readFileSync(join(machine.root, "containers", id, "log"), "utf8")
        .trim()
        .split("\n");
      const entries = lines.map((line) => JSON.parse(line) as { log: string; stream: string; time: string });
      expect(entries.map(({ log, stream }) => [stream, log]).sort()).toEqual([
        ["stderr", "c\n"],
        ["stdout", 'a "b"\n'],
        ["stdout", "d"],
      ]);
      const logs = await machine.run(["logs", "json"]);
      expect([logs.stdout, logs.stderr]).toEqual(['a "b"\nd', "c\n"]);
      await ended(machine, "none", "echo x", ["--log-driver", "none"]);
      expect(said(await machine.run(["logs", "none"]))).toContain("keeps no log");
      const refused = await machine.run(["run", "--log-driver", "fluentd", "busybox"]);
      expect(refused.code).toBe(125);
      expect(said(refused)).toContain("one of local, json-file, none, journald, syslog");
      for (const option of ["compress=true", "tag={{.Nothing}}", "max-file=0", "labels"]) {
        const { code, stderr } = await machine.run(["run", "--log-opt", option, "busybox"]);
        expect([option, code]).toEqual([option, 125]);
        expect(stderr).toContain("--log-opt");
      }
      ok(await machine.run(["rm", "json", "none"]));
    });
  });
  test("are bounded without being asked for: 10 MB three times; with options as they say (F16)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const flood = "head -c 60000000 /dev/zero | tr '\\0' 'x'; echo; echo the end";
      for (const [options, most] of [
        [[], 30 << 20],
        [["--log-opt", "max-size=64k", "--log-opt", "max-file=2"], 128 << 10],
      ] as const) {
        const id = await ended(machine, "flood", flood, [...options]);
        const directory = join(machine.root, "containers", id);
        const files = readdirSync(directory).filter((name) => name.startsWith("log"));
        const bytes = files.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
        expect(bytes).toBeLessThanOrEqual(most);
        expect(bytes).toBeGreaterThan(most / 3);
        expect(ok(await machine.run(["logs", "-n", "1", "flood"]))).toBe("the end");
        ok(await machine.run(["rm", "flood"]));
      }
    });
  });
  test("of one file are bounded as well: it begins anew", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [driver, size, most] of [
        ["local", "16k", 16 << 10],
        ["json-file", "16k", 16 << 10],
        ["local", "1k", 1 << 10],
        ["json-file", "1k", 1 << 10],
        // A line at least, behind its header.
        ["local", "1b", 16 + 8],
      ] as const) {
        const options = ["--log-driver", driver, "--log-opt", `max-size=${size}`, "--log-opt", "max-file=1"];
        const id = await ended(machine, "box", "for i in $(seq 9000); do echo line $i; done; echo the end", options);
        expect(statSync(join(machine.root, "containers", id, "log")).size).toBeLessThanOrEqual(most);
        expect(ok(await machine.run(["logs", "-n", "1", "box"]))).toBe("the end");
        ok(await machine.run(["rm", "box"]));
      }
    });
  });
  test("-f sees every line also when the files change under it", async () => {
    await withMachine(["busybox"], async (machine) => {
      const options = ["--log-opt", "max-size=16k", "--log-opt", "max-file=50"];
      await detached(machine, "box", "for i in $(seq 3000); do echo line number $i; done; sleep 0.3", options);
      const lines = ok(await machine.run(["logs", "-f", "box"])).split("\n");
      expect(lines).toHaveLength(3000);
      expect(lines.at(-1)).toBe("line number 3000");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("-f of one with --rm has what it wrote at its very end, when its files are gone", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "until [ -e /go ]; do sleep 0.05; done; echo hello";
      for (const driver of ["local", "json-file"]) {
        await detached(machine, "box", script, ["--rm", "--log-driver", driver]);
        const following = machine.spawn(["logs", "-f", "box"]);
        const holds = () =>
          readdirSync(`/proc/${following.pid}/fd`).some((fd) =>
            linkOf(`/proc/${following.pid}/fd/${fd}`).endsWith("/log"),
          );
        await until(holds, "it follows");
        ok(await machine.run(["exec", "box", "touch", "/go"]));
        expect(await following.stdout.text()).toBe("hello\n");
        expect(await following.exited).toBe(0);
      }
    });
  });
  test("of one that writes faster than anybody reads are those of this moment: --tail 1 is one line", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const driver of ["local", "json-file"]) {
        await detached(machine, "box", "exec yes", ["--log-driver", driver, "--log-opt", "max-size=1m"]);
        await until(async () => (await machine.run(["logs", "box"])).stdout !== "", "it writes");
        for (let count = 0; count < 5; count++) expect(ok(await machine.run(["logs", "-n", "1", "box"]))).toBe("y");
        ok(await machine.run(["rm", "-f", "box"]));
      }
    });
  });
  test("go on while somebody who is attached does not read: after 10 s he is left behind, and told so (F17)", async () => {
    await withMachine(["busybox"], async (machine) => {
      // It says something until it is heard: then somebody is attached.
      const heard = "until [ -e /go ]; do echo; sleep 0.05; done";
      const script = `${heard}; head -c 8000000 /dev/zero | tr '\\0' 'x'; echo; echo the end; exec sleep 60`;
      await detached(machine, "box", script);
      const stuck = machine.spawn(["attach", "box"]);
      const reader = stuck.stdout.getReader();
      await reader.read();
      process.kill(stuck.pid, "SIGSTOP");
      ok(await machine.run(["exec", "box", "touch", "/go"]));
      const isOver = async () => ok(await machine.run(["logs", "-n", "1", "box"])) === "the end";
      await until(isOver, "all is in the log");
      process.kill(stuck.pid, "SIGCONT");
      let received = 0;
      for (let read = await reader.read(); !read.done; read = await reader.read()) received += read.value.length;
      expect(received).toBeLessThan(8_000_000);
      expect(await stuck.stderr.text()).toContain("the container's output was not read for 10 s");
      expect(await stuck.exited).toBe(1);
      expect(await status(machine, "box")).toContain("Up");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("--details says what --log-opt chose; json-file has it in each line", async () => {
    await withMachine(["busybox"], async (machine) => {
      const chosen = [
        "--log-opt",
        "tag={{.Name}}/{{.ImageName}}",
        "--log-opt",
        "labels=stage,none",
        "--log-opt",
        "env=A",
      ];
      const options = [...chosen, "--label", "stage=a b", "-e", "A=1"];
      const details = "A=1,stage=a%20b,tag=box%2Fbusybox";
      for (const driver of ["local", "json-file"]) {
        const id = await ended(machine, "box", "echo one; echo two", [...options, "--log-driver", driver]);
        expect(ok(await machine.run(["logs", "--details", "box"]))).toBe(`${details} one\n${details} two`);
        expect(ok(await machine.run(["logs", "box"]))).toBe("one\ntwo");
        const stamped = ok(await machine.run(["logs", "-t", "--details", "-n", "1", "box"]));
        expect(stamped).toMatch(new RegExp(`^\\d{4}\\S+Z ${details} two$`));
        if (driver === "json-file") {
          const [line] = readFileSync(join(machine.root, "containers", id, "log"), "utf8").split("\n");
          expect(JSON.parse(line!).attrs).toEqual({ stage: "a b", A: "1", tag: "box/busybox" });
        }
        const config = ok(await machine.run(["inspect", "-f", "{{json .HostConfig.LogConfig.Config}}", "box"]));
        expect(JSON.parse(config)).toMatchObject({ tag: "{{.Name}}/{{.ImageName}}", labels: "stage,none", env: "A" });
        ok(await machine.run(["rm", "box"]));
      }
    });
  });
  test("of several containers have their names before each line, also while they are followed", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = (word: string) => `echo ${word} 1; until [ -e /go ]; do sleep 0.02; done; echo ${word} 2`;
      for (const name of ["one", "two"]) await detached(machine, name, script(name));
      const following = machine.spawn(["logs", "-f", "one", "two"]);
      for (const name of ["two", "one"]) ok(await machine.run(["exec", name, "touch", "/go"]));
      const lines = ["one one 1", "one one 2", "two two 1", "two two 2"];
      expect((await following.stdout.text()).trim().split("\n").sort()).toEqual(lines);
      expect(await following.exited).toBe(0);
      expect(ok(await machine.run(["logs", "-n", "1", "two", "one"]))).toBe("two two 2\none one 2");
      ok(await machine.run(["rm", "one", "two"]));
    });
  });
  test("-f has every line of files that are rotated away while it is busy with older ones", async () => {
    await withMachine(["busybox"], async (machine) => {
      const options = ["--log-opt", "max-size=64k", "--log-opt", "max-file=2"];
      const script =
        "until [ -e /go ]; do sleep 0.02; done; for i in $(seq 20); do seq 1000; sleep 0.05; done; sleep 0.2";
      await detached(machine, "box", script, options);
      const following = machine.spawn(["logs", "-f", "box"]);
      await until(
        () =>
          readdirSync(`/proc/${following.pid}/fd`).some((fd) =>
            linkOf(`/proc/${following.pid}/fd/${fd}`).endsWith("/log"),
          ),
        "it follows",
      );
      ok(await machine.run(["exec", "box", "touch", "/go"]));
      expect((await following.stdout.text()).trim().split("\n")).toHaveLength(20_000);
      expect(await following.exited).toBe(0);
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("go to the host's journal or syslog, where there is one, and are here too", async () => {
    // One that is thrown away, with its mounts.
    await using machine = await new Machine().open();
    await machine.loadFile(imageTar("busybox"), "busybox");
    ok(await machine.exec(["sh", "-c", hideSockets(machine)]));
    for (const [driver, path] of [
      ["journald", "/run/systemd/journal/socket"],
      ["syslog", "/dev/log"],
    ] as const) {
      const words = ["--network", "none", "--log-driver", driver, "--log-opt", "tag={{.Name}}"];
      const refused = await machine.run(["run", ...words, "busybox", "true"]);
      expect([refused.code, said(refused)]).toEqual([125, expect.stringContaining(`this host has no ${driver}`)]);
      const receiver = Bun.spawn(machine.command([compiled("datagrams.c"), path, "3"]), { stdout: "pipe" });
      await until(async () => (await machine.exec(["test", "-S", path])).code === 0, "it is there");
      await ended(machine, "box", "echo hello; echo wrong >&2; printf end", words);
      expect((await machine.run(["logs", "box"])).stdout).toBe("hello\nend");
      const text = await receiver.stdout.text();
      if (driver === "syslog") {
        expect(text).toMatch(/<30>\w{3} [ \d]\d \d\d:\d\d:\d\d box\[\d+\]: hello/);
        expect(text).toMatch(/<27>.* box\[\d+\]: wrong/);
      } else {
        expect(text).toContain("MESSAGE\n\x05\0\0\0\0\0\0\0hello\n");
        expect(text).toContain("CONTAINER_NAME\n\x03\0\0\0\0\0\0\0box\n");
        expect(text).toContain("PRIORITY\n\x01\0\0\0\0\0\0\x003\n");
      }
      expect(text).toContain("end");
      // Nobody listens any more: that is no trouble of the container's.
      ok(await machine.run(["start", "-a", "box"]));
      ok(await machine.run(["rm", "box"]));
    }
  });
});
