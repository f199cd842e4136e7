/** How a container ends, and what is said when one can't start: exit codes and errors. */

import { describe, expect } from "bun:test";
import { chmodSync, rmdirSync } from "node:fs";
import { binary } from "../support/cli.ts";
import { imageTar, said, withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";
import { sandbox } from "../support/sandbox.ts";

const test = needing(root);

describe("the exit code", () => {
  test("is the program's", async () => {
    await withMachine(["probe"], async (machine) => {
      for (const code of [0, 1, 42, 125, 255])
        expect((await machine.container(["probe", "/bin/probe", "exit", String(code)])).code).toBe(code);
    });
  });
  test("is 128 + n when signal n ended it", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [signal, code] of [
        ["TERM", 143],
        ["KILL", 137],
        ["SEGV", 139],
      ] as const)
        expect((await machine.sh(`sh -c 'kill -${signal} $$'; exit $?`)).code).toBe(code);
    });
  });
  test("is 128 + n also when process 1 itself is killed, from outside", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child, pid } = await machine.start(["run", "--rm", "busybox", "sh", "-c", "echo ready; sleep 60"]);
      process.kill(pid, "SIGKILL");
      expect(await child.exited).toBe(137);
    });
  });
  test("is 127 when there is no such program", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const program of ["nonsense", "/bin/nonsense", "./nonsense", "/bin/sh/x"]) {
        const result = await machine.container(["busybox", program]);
        expect([program, result.code]).toEqual([program, 127]);
        expect(said(result)).toContain(program);
      }
    });
  });
  test("is 127 with a word about the interpreter when it is that which is missing", async () => {
    const script = { name: "bin/script", content: "#!/no/such/interpreter\n", mode: 0o755 };
    await withMachine(
      [],
      async (machine) => {
        const result = await machine.container(["odd", "/bin/script"]);
        expect(result.code).toBe(127);
        expect(said(result)).toContain("interpreter");
      },
      (machine) => machine.load("odd", [script]),
    );
  });
  test("is 126 when it can't be executed", async () => {
    const entries = [
      { name: "bin/" },
      { name: "bin/plain", content: "x" },
      { name: "bin/text", content: "no program", mode: 0o755 },
    ];
    await withMachine(
      [],
      async (machine) => {
        for (const [path, reason] of [
          ["/bin/plain", "EACCES"],
          ["/bin/text", "ENOEXEC"],
          ["/bin", "EACCES"],
        ] as const) {
          const result = await machine.container(["odd", path]);
          expect([path, result.code]).toEqual([path, 126]);
          expect(said(result)).toContain(reason);
          expect(said(result)).toContain(path);
        }
      },
      (machine) => machine.load("odd", entries),
    );
  });
  test("is 125 for every mistake of ours, before anything is touched", async () => {
    await withMachine(["probe"], async (machine) => {
      const mistakes: [string[], RegExp][] = [
        [["--memry", "64", "probe"], /unknown option --memry\n.*did you mean --memory\?/],
        [["-m", "5m", "probe"], /--memory: 5m/],
        [["-m", "lots", "probe"], /"lots" is not a valid size/],
        [["-c", "-1", "probe"], /--cpus: "-1"/],
        [["-c", "0.001", "probe"], /0\.001/],
        [["--pids-limit", "x", "probe"], /--pids-limit/],
        [["-h", "no_", "probe"], /--hostname/],
        [["-v", "na?me:/x", "probe"], /not a valid volume name/],
        [["-v", "/x:/proc", "probe"], /over \/proc/],
        [["-v", "/x:/proc/sys/kernel", "probe"], /over \/proc/],
        [["--mount", "type=bind,src=/,dst=/../x", "probe"], /"\.\."/],
        [["-w", "relative", "probe"], /--workdir/],
        [["--network", "nowhere", "probe"], /no such network: nowhere/],
        [["--network", "container:nobody", "probe"], /no such container: nobody/],
        [["--name", "../x", "probe"], /--name/],
        [["--cap-add", "fly", "probe"], /--cap-add: unknown capability "fly"/],
        [["--stop-signal", "99", "probe"], /--stop-signal: there is no signal "99"/],
        [["-e", "=x", "probe"], /--env/],
        [["--env-file", "/no/such/file", "probe"], /\/no\/such\/file/],
        [["--rm=perhaps", "probe"], /true or false/],
        [["-m"], /needs a value/],
        [[], /IMAGE is missing/],
        [["--pull", "never", "no-such-image"], /no such image: no-such-image/],
        [["./no-such.tar"], /no such file: \.\/no-such\.tar/],
        [["Bad Name"], /Bad Name/],
      ];
      for (const [args, message] of mistakes) {
        const result = await machine.run(["run", ...args]);
        expect([args, result.code, result.stdout]).toEqual([args, 125, ""]);
        expect(result.stderr).toMatch(message);
        expect(result.stderr).toMatch(/^tinydocker: /);
        expect(result.stderr).not.toMatch(/internal error|\n\s+at /);
      }
    });
  });
});

describe("errors", () => {
  test("of a step name the step, the subject and the errno", async () => {
    await withMachine(["probe"], async (machine) => {
      const result = await machine.container(["--mount", "type=bind,source=/no/such,target=/x", "probe", "/bin/probe"]);
      expect(result.code).toBe(125);
      expect(said(result)).toMatch(/^tinydocker: bind: .*\/no\/such.*ENOENT/);
    });
  });
  test("of a user or group that the image does not have name it", async () => {
    await withMachine(["probe"], async (machine) => {
      for (const [user, word] of [
        ["ghost", "ghost"],
        ["0:ghosts", "ghosts"],
        ["-5", "-5"],
        ["99999999999", "99999999999"],
      ] as const) {
        const result = await machine.container(["-u", user, "probe", "/bin/probe"]);
        expect([user, result.code]).toEqual([user, 125]);
        expect(said(result)).toContain(JSON.stringify(word));
      }
    });
  });
  test("a limit that this host can't enforce is refused by the controller's name, or enforced", async () => {
    await withMachine(["probe"], async (machine) => {
      const { stdout } = await machine.run(["info", "--json"]);
      const controllers = JSON.parse(stdout)["Cgroup controllers"] as string[];
      for (const [options, controller] of [
        [["-m", "64m"], "memory"],
        [["-c", "0.5"], "cpu"],
        [["--pids-limit", "9"], "pids"],
      ] as const) {
        const result = await machine.container([...options, "probe", "/bin/probe", "exit", "3"]);
        if (controllers.includes(controller)) expect(result.code).toBe(3);
        else {
          expect(result.code).toBe(125);
          expect(result.stderr).toContain(`controller ${controller}`);
        }
      }
    });
  });
  test("a container without limits is started without a word, whatever the host could enforce", async () => {
    await withMachine(["probe"], async (machine) => {
      for (const none of [[], ["-m", "0", "-c", "0", "--pids-limit", "0"]])
        expect(await machine.container([...none, "probe", "/bin/probe", "exit"])).toMatchObject({
          code: 0,
          stderr: "",
        });
    });
  });
  test("more memory or CPUs than the machine has are refused, and both readings of the number are named", async () => {
    await withMachine(["probe"], async (machine) => {
      const rootfs = machine.file("rootfs/");
      for (const words of [["run"], ["create"], ["explain", "run"]])
        for (const [option, value, ...parts] of [
          ["-m", "536870912", "is 512 TB, as a bare number is MB", "it is 512 MB: write 536870912b"],
          ["-m", "900t", "900t is more than there is"],
          ["-m", "68719476736", "68719476736 is too large", "68719476736b"],
          ["-c", "512", "512 CPUs are more than there are", "--cpu-shares 512"],
        ] as const) {
          const result = await machine.run([...words, option, value, "probe", "/bin/probe"]);
          expect([words, result.code, result.stdout]).toEqual([words, 125, ""]);
          for (const part of parts) expect(result.stderr).toContain(part);
        }
      expect((await machine.run(["-r", rootfs, "-c", "512", "--", "true"])).stderr).toContain("512 CPUs are more");
      rmdirSync(rootfs);
    });
  });
  test("tell strangers' names without what would command a terminal", async () => {
    await withMachine(["busybox"], async (machine) => {
      const evil = "/x\u001b]0;owned\u0007\u009b2J";
      for (const words of [
        ["run", "--rm", "busybox", evil],
        ["run", "--rm", "-w", evil, "-v", `/tmp:${evil}:bad`, "busybox"],
        ["run", `${evil}.tar`],
        ["load", "-i", evil],
        ["rm", evil],
        ["network", "rm", evil],
        [evil],
      ]) {
        const { code, stderr } = await machine.run(words);
        expect(code).not.toBe(0);
        expect(stderr).toMatch(/tinydocker: /);
        expect(stderr).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f]/);
      }
    });
  });
  test("an unknown command is refused with the nearest, also one that objects have by nature", async () => {
    await using box = await sandbox();
    const before = box.snapshot();
    for (const [word, hint] of [
      ["rnu", "did you mean run?"],
      ["imags", "did you mean images?"],
      ["constructor", "see tinydocker --help"],
      ["toString", "see tinydocker --help"],
      ["__proto__", "see tinydocker --help"],
    ] as const) {
      const result = await box.run([word]);
      expect([word, result.code]).toEqual([word, 125]);
      expect(result.stderr).toContain(`unknown command ${JSON.stringify(word)}`);
      expect(result.stderr).toContain(hint);
    }
    await box.expectNothingLeft(before);
  });
  test("a container's own output is not mistaken for ours: it has no prefix", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(said(await machine.sh("echo tinydocker >&2; exit 1"))).toBe("tinydocker\n");
    });
  });
});

describe("without root", () => {
  test("run says so, with the sudo line, and touches nothing", async () => {
    await withMachine(["probe"], async (machine) => {
      chmodSync(machine.directory, 0o755);
      const asNobody = (...args: string[]) =>
        machine.exec(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", binary(), ...args]);
      const result = await asNobody("run", "-m", "64", "busybox.tar", "--", "echo", "two words");
      if (result.stderr.includes("Permission denied")) return; // the binary lies where only root may look
      expect(result.code).toBe(125);
      expect(result.stderr).toContain("needs root");
      expect(result.stderr).toContain("sudo tinydocker run -m 64 busybox.tar -- echo 'two words'");
      expect((await asNobody("load", "-i", imageTar("probe"))).stderr).toContain("needs root");
      expect((await asNobody("--version")).code).toBe(0);
    });
  });
});

describe("help", () => {
  test("every command has one, with an example, and runs nothing", async () => {
    await using box = await sandbox();
    const before = box.snapshot();
    const overview = await box.run(["--help"]);
    expect(overview).toMatchObject({ code: 0, stderr: "" });
    for (const command of [
      "run",
      "explain",
      "ps",
      "rm",
      "load",
      "images",
      "inspect",
      "rmi",
      "events",
      "info",
      "version",
      "completion",
      "man",
    ]) {
      expect(overview.stdout).toContain(command);
      const help = await box.run([command, "--help"]);
      expect([command, help.code, help.stderr]).toEqual([command, 0, ""]);
      expect(help.stdout).toMatch(/^Examples:\n {2}.*tinydocker /m);
    }
    await box.expectNothingLeft(before);
  });
  test("without any word is the same as --help, and -h alone is too", async () => {
    await using box = await sandbox();
    const help = async (...words: string[]) => {
      const { code, stdout, stderr } = await box.run(words);
      expect([words, code, stderr]).toEqual([words, 0, ""]);
      return stdout;
    };
    expect(await help()).toContain("Usage: tinydocker [GLOBAL OPTIONS] COMMAND");
    for (const words of [["--help"], ["-h"], ["help"]]) expect(await help(...words)).toBe(await help());
    for (const words of [
      ["run", "-h"],
      ["help", "run"],
      ["container", "run", "-h"],
    ])
      expect((await help(...words)).replace("container run", "run")).toBe(await help("run", "--help"));
    expect(await help("explain", "run", "--help")).toBe(await help("run", "--help"));
    expect((await box.run(["explain", "run", "--nope", "x"])).stderr).toContain("see tinydocker run --help");
    for (const words of [
      ["image", "-h"],
      ["help", "image"],
    ])
      expect(await help(...words)).toBe(await help("image"));
  });
  test("--help after the image belongs to the container", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect((await machine.container(["busybox", "echo", "--help"])).stdout).toBe("--help\n");
      expect((await machine.container(["busybox", "--", "echo", "--help"])).stdout).toBe("--help\n");
    });
  });
});
