/** Signals to tinydocker reach the container's process 1; when tinydocker is killed nothing stays. */

import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, unlinkSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, type Machine, type Running, said, withMachine } from "../support/containers.ts";
import { isInCall, until, withSignal } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

// Not SIGPWR: the garbage collector of Bun's engine has it for itself.
const names = ["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "CONT", "WINCH", "POLL"] as const;

/** Sends each signal to tinydocker and waits until the program has said its name, TERM last. */
async function sendAll({ child, until }: Running): Promise<void> {
  for (const name of [...names, "TERM"]) {
    child.kill(name === "POLL" ? "SIGIO" : (`SIG${name}` as NodeJS.Signals));
    await until(`\n${name}`);
  }
}

describe("signals", () => {
  for (const options of [[], ["--init"]]) {
    const how = options.length > 0 ? " through --init" : "";
    test(`reach a program that waits for them in sigwait(3), as tini does${how}`, async () => {
      await withMachine(["probe"], async (machine) => {
        const running = await machine.start(["run", "--rm", ...options, "probe", "/bin/probe", "catch", ...names]);
        await sendAll(running);
        expect(await running.child.exited).toBe(0);
      });
    });
    test(`reach a program that has handlers${how}`, async () => {
      const traps = names.map((name) => `trap 'echo; echo ${name}' ${name === "POLL" ? "IO" : name}`).join("; ");
      const script = `${traps}; trap 'echo; echo TERM; exit 7' TERM; echo ready; while :; do sleep 0.02; done`;
      await withMachine(["busybox"], async (machine) => {
        const running = await machine.start(["run", "--rm", ...options, "busybox", "sh", "-c", script]);
        await sendAll(running);
        expect(await running.child.exited).toBe(7);
      });
    });
  }
  test("end a program that does not handle them, as they would outside (128 + n)", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [name, code] of [
        ["SIGTERM", 143],
        ["SIGINT", 130],
        ["SIGHUP", 129],
        ["SIGQUIT", 131],
      ] as const) {
        const { child } = await machine.start(["run", "--rm", "busybox", "sh", "-c", "echo ready; exec sleep 60"]);
        child.kill(name);
        expect([name, await child.exited]).toEqual([name, code]);
      }
    });
  });
  test("that a program ignores do not end it", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child, until } = await machine.start([
        "run",
        "--rm",
        "busybox",
        "sh",
        "-c",
        'trap "" TERM; trap "echo got; exit 5" USR1; echo ready; while :; do sleep 0.05; done',
      ]);
      child.kill("SIGTERM");
      await Bun.sleep(150);
      child.kill("SIGUSR1");
      await until("got");
      expect(await child.exited).toBe(5);
    });
  });
  test("sent while the container starts are not lost", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const delay of [0, 5, 15, 25, 40]) {
        const child = machine.spawn(["run", "--rm", "busybox", "sleep", "60"]);
        await Bun.sleep(delay);
        child.kill("SIGTERM");
        expect([delay, await child.exited]).toEqual([delay, 143]);
      }
    });
  });
  test("while an image is loaded, or right after it, end the run", async () => {
    await withMachine([], async (machine) => {
      for (let delay = 30; delay <= 90; delay += 6) {
        const child = machine.spawn(["run", "--rm", imageTar("busybox"), "sleep", "2"]);
        await Bun.sleep(delay);
        child.kill("SIGINT");
        expect([delay, await child.exited]).toEqual([delay, 130]);
        await machine.run(["network", "prune", "-f"]);
        await machine.exec(["rm", "-rf", machine.root]);
      }
      await machine.makeLasting();
    });
  });
});

describe("after kill -9", () => {
  /** Nothing of it may need a next command: the kernel ends the container with us. */
  const noProcesses = async (machine: Machine) => {
    for (let waited = 0; machine.snapshot().processes.length > 0; waited += 20) {
      if (waited > 5000) throw new Error(`still there: ${machine.snapshot().processes.join(", ")}`);
      await Bun.sleep(20);
    }
  };

  test("of tinydocker the container's processes die with it, and the next command leaves no trace", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child } = await machine.start(["run", "--rm", "busybox", "sh", "-c", "sleep 77 & echo ready; wait"]);
      child.kill("SIGKILL");
      await child.exited;
      await noProcesses(machine);
      expect((await machine.run(["ps"])).code).toBe(0);
    });
  });
  test("of tinydocker at any moment of a start the next run finds nothing in its way and cleans up", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (let delay = 0; delay <= 60; delay += 4) {
        const child = machine.spawn(["run", "--rm", "--name", "same", "busybox", "sleep", "60"]);
        await Bun.sleep(delay);
        child.kill("SIGKILL");
        await child.exited;
        await noProcesses(machine);
        const next = await machine.sh("echo next", ["--name", "same"]);
        expect([delay, next.code, said(next), next.stdout]).toEqual([delay, 0, "", "next\n"]);
      }
    });
  });
  test("of tinydocker a kept container is there, its end unknown, and can be removed", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child } = await machine.start(["run", "--name", "kept", "busybox", "sh", "-c", "echo ready; sleep 60"]);
      child.kill("SIGKILL");
      await child.exited;
      await noProcesses(machine);
      expect((await machine.run(["ps"])).stdout).not.toContain("kept");
      expect((await machine.run(["ps", "-a"])).stdout).toMatch(/Exited \(137\).*kept/);
      expect((await machine.run(["rm", "kept"])).code).toBe(0);
    });
  });
  test("of init at any moment of a start the run ends with an error, at once (F3)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const codes = new Set<number>();
      const hit = () => codes.has(137) || codes.has(125);
      // On a busy machine it takes longer until there is an init.
      for (let delay = 5; delay <= 45 || (!hit() && delay < 1000); delay += 2) {
        const child = machine.spawn(["run", "--rm", "busybox", "sleep", "60"]);
        await Bun.sleep(delay);
        const ours = machine.snapshot().processIds.filter((id) => id !== child.pid);
        for (const pid of ours) process.kill(pid, "SIGKILL");
        if (ours.length === 0) child.kill("SIGTERM"); // there is no init yet
        const code = await child.exited;
        codes.add(code);
        expect([delay, [125, 137, 143].includes(code)]).toEqual([delay, true]);
        expect(await child.stderr.text()).not.toContain("internal error");
      }
      expect(hit()).toBe(true);
    });
  });
  test("of the container's process 1 all of it is gone at once", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child, pid } = await machine.start([
        "run",
        "--rm",
        "busybox",
        "sh",
        "-c",
        "sleep 77 & sleep 78 & mount -t tmpfs x /mnt 2>/dev/null; echo ready; wait",
      ]);
      process.kill(pid, "SIGKILL");
      expect(await child.exited).toBe(137);
    });
  });
  test("of a loading run the store is usable", async () => {
    await withMachine([], async (machine) => {
      for (const delay of [20, 40, 60, 80]) {
        const child = machine.spawn(["run", "--rm", imageTar("probe"), "/bin/probe", "sleep", "60"]);
        await Bun.sleep(delay);
        child.kill("SIGKILL");
        await child.exited;
        await noProcesses(machine);
      }
      expect((await machine.container([imageTar("probe"), "/bin/probe", "exit", "3"])).code).toBe(3);
      // That one may have been there whole: whatever a dead load has left, the next load takes away.
      expect((await machine.container([imageTar("busybox"), "sh", "-c", "exit 3"])).code).toBe(3);
      for (const name of ["staging", "trash", "running"]) {
        const path = join(machine.root, name);
        expect([name, existsSync(path) ? readdirSync(path) : []]).toEqual([name, []]);
      }
      await machine.beginAnew();
    });
  });
});

test("a stopped tinydocker goes on where it was", async () => {
  await withMachine(["busybox"], async (machine) => {
    const { child, until } = await machine.start([
      "run",
      "--rm",
      "busybox",
      "sh",
      "-c",
      "echo ready; for i in 1 2 3; do sleep 0.1; echo $i; done; exit 4",
    ]);
    child.kill("SIGSTOP");
    await Bun.sleep(100);
    child.kill("SIGCONT");
    await until("3\n");
    expect(await child.exited).toBe(4);
  });
});

test("no thread of ours takes a signal that is the container's", async () => {
  await withMachine(["busybox"], async (machine) => {
    const { child } = await machine.start([
      "run",
      "--rm",
      "busybox",
      "sh",
      "-c",
      "trap 'exit 143' TERM; echo ready; while :; do sleep 0.1; done",
    ]);
    const threads = readdirSync(`/proc/${child.pid}/task`).map((thread) => {
      const status = readFileSync(`/proc/${child.pid}/task/${thread}/status`, "utf8");
      const blocked = BigInt(`0x${/^SigBlk:\s+(\w+)$/m.exec(status)![1]}`);
      // SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGTERM
      return [
        /^Name:\s+(.*)$/m.exec(status)![1],
        [1, 2, 3, 10, 15].map((signal) => (blocked >> BigInt(signal - 1)) & 1n),
      ];
    });
    expect(threads).not.toBeEmpty();
    expect(threads).toEqual(threads.map(([name]) => [name, [1n, 1n, 1n, 1n, 1n]]));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
  });
});

test("processes that the program leaves behind die with it", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script = `${binary()} run --rm busybox sh -c 'setsid sleep 77 >/dev/null 2>&1 & nohup sleep 78 >/dev/null 2>&1 & sleep 0.1; exit 6'`;
    expect((await machine.exec(["sh", "-c", script])).code).toBe(6);
  });
});

test("a signal ends the wait for who writes a pipe that an option names", async () => {
  await withMachine(["busybox"], async (machine) => {
    const pipe = join(machine.tmp, "pipe");
    await machine.exec(["mkfifo", pipe]);
    const signals = { SIGINT: ["run", "--env-file"], SIGTERM: ["create", "--label-file"] } as const;
    for (const [signal, words] of Object.entries(signals)) {
      const child = machine.spawn([...words, pipe, "busybox", "true"]);
      await until(() => isInCall(child.pid, "openat"), "it waits");
      child.kill(signal as NodeJS.Signals);
      await child.exited;
      expect(child.signalCode).toBe(signal as NodeJS.Signals);
    }
    expect((await machine.run(["ps", "-aq"])).stdout).toBe("");
    unlinkSync(pipe);
  });
});

describe("a signal ends a command that waits for the other side of a pipe, and nothing stays", () => {
  const { SIGHUP, SIGINT, SIGQUIT, SIGTERM } = constants.signals;
  /** Where PIPE is a FIFO that nobody else opens, `<` one that is silent, and `>` one that is never read. */
  const waiting: [words: string, signal: number][] = [
    ["load -i PIPE", SIGINT],
    ["run --rm PIPE true", SIGTERM],
    ["create PIPE true", SIGQUIT],
    ["import PIPE x:1", SIGHUP],
    ["volume import vol PIPE", SIGTERM],
    ["load <", SIGQUIT],
    ["import - x:1 <", SIGINT],
    ["volume import vol - <", SIGINT],
    ["cp - cc:/tmp <", SIGTERM],
    ["save -o PIPE busybox", SIGINT],
    ["export -o PIPE cc", SIGTERM],
    ["save busybox >", SIGHUP],
    ["export cc >", SIGQUIT],
    ["volume export vol >", SIGTERM],
    ["cp cc:/bin - >", SIGINT],
  ];
  test("whether it opens, reads or writes", async () => {
    await withMachine(["busybox"], async (machine) => {
      const pipe = join(machine.tmp, "pipe");
      const fill = "dd if=/dev/zero of=/data/big bs=1M count=1 2>/dev/null";
      await machine.exec(["mkfifo", pipe, `${pipe}.shared`]);
      const filled = await machine.run(["run", "--name", "cc", "-v", "vol:/data", "busybox", "sh", "-c", fill]);
      expect([said(filled), filled.code]).toEqual(["", 0]);
      for (const [words, signal] of waiting) {
        const redirected = words
          .replace("PIPE", pipe)
          .replace(/[<>]$/, (way) => `${way === "<" ? "" : 1}<>${pipe}.shared`);
        const argv = machine.command(["sh", "-c", `exec ${binary()} ${redirected}`]);
        const child = Bun.spawn(argv, { env: machine.environment(), stdio: ["ignore", "pipe", "pipe"] });
        await until(() => isInCall(child.pid, "poll"), `${words} waits`);
        process.kill(child.pid, signal);
        expect([words, await child.exited]).toEqual([words, 128 + signal]);
        expect(await child.stderr.text()).toContain("interrupted");
        for (const name of ["staging", "trash"]) {
          const path = join(machine.root, name);
          expect([words, name, existsSync(path) ? readdirSync(path) : []]).toEqual([words, name, []]);
        }
      }
      expect((await machine.run(["ps", "-a", "--format", "{{.Names}}"])).stdout).toBe("cc\n");
      expect((await machine.run(["images", "-q"])).stdout.trim().split("\n").length).toBe(1);
      expect((await machine.run(["rm", "--volumes", "cc"])).code).toBe(0);
      expect((await machine.run(["volume", "rm", "--force", "vol"])).code).toBe(0);
      for (const path of [pipe, `${pipe}.shared`]) unlinkSync(path);
    });
  });
});

test("a signal ends what is copied for a container, or given to its user: it does not start, and nothing stays", async () => {
  await withMachine(["busybox"], async (machine) => {
    const fill = ["run", "--name", "many", "-v", "given:/files", "-w", "/files", "busybox", "sh", "-c"];
    expect(
      (await machine.run([...fill, "mkdir /many; seq 1100 | xargs touch; cd /many; seq 1100 | xargs touch"])).code,
    ).toBe(0);
    expect((await machine.run(["commit", "many", "many"])).code).toBe(0);
    expect((await machine.run(["create", "--name", "kept", "-v", "copied:/many", "many", "true"])).code).toBe(0);
    const run = ["run", "--network", "none", "-u", "5"];
    for (const words of [
      [...run, "--rm", "-v", "new:/many", "many", "echo", "started"],
      [...run, "-v", "/many", "many", "echo", "started"],
      [...run, "-v", "given:/x:U", "many", "echo", "started"],
      ["start", "-a", "kept"],
    ]) {
      const { code, stdout, stderr } = await machine.exec(withSignal("INT", [binary(), ...words]));
      expect([words, code, stdout, stderr]).toEqual([words, 130, "", "tinydocker: interrupted\n"]);
    }
    expect((await machine.run(["ps", "-a", "--format", "{{.Names}} {{.State}}"])).stdout).toBe(
      "kept created\nmany exited\n",
    );
    expect((await machine.run(["volume", "ls", "-q"])).stdout).toBe("copied\ngiven\n");
    // What was begun is done by the next one.
    expect(
      (await machine.run(["run", "--rm", "-v", "copied:/many", "many", "sh", "-c", "ls /many | wc -l"])).stdout,
    ).toBe("1100\n");
    await machine.run(["rm", "-f", "kept", "many"]);
    await machine.run(["volume", "rm", "given", "copied"]);
    await machine.run(["rmi", "many"]);
  });
});
