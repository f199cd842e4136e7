/** How bytes get in and out of a container that has no terminal. */

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** A shell script outside that runs containers with `$T ...`; its own pipes are real ones. */
const outside = (machine: Machine, script: string) =>
  machine.exec(["sh", "-c", script], { env: { T: `${binary()} run --rm`, B: binary() } });

describe("standard input", () => {
  test("from a pipe reaches the program to its last byte, then ends", async () => {
    await withMachine(["probe"], async (machine) => {
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
      machine.file("tmp/in").slice();
      await Bun.write(`${machine.tmp}/in`, bytes);
      const { stdout } = await outside(
        machine,
        "cat tmp/in | $T probe /bin/probe stdin-echo | cmp - tmp/in && rm tmp/in && echo same",
      );
      expect(stdout).toBe("same\n");
    });
  });
  test("from a file, and from nothing, ends", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await outside(machine, "$T busybox wc -c </etc/passwd; $T busybox wc -c </dev/null");
      expect(stdout).toBe(`${readFileSync("/etc/passwd").length}\n0\n`);
    });
  });
  test("-i=false gives /dev/null", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await outside(
        machine,
        "echo secret | $T -i=false busybox sh -c 'cat; readlink /proc/self/fd/0'",
      );
      expect(stdout).toBe("/dev/null\n");
    });
  });
  test("is left unread by a program that does not read: the next one finds all of it", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await outside(machine, "{ $T busybox true; cat; } </etc/passwd");
      expect(stdout).toBe(readFileSync("/etc/passwd", "utf8"));
    });
  });
  test("closed from the start is no reason to fail", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(await outside(machine, "$T busybox sh -c 'echo fine' <&-")).toMatchObject({ code: 0, stdout: "fine\n" });
    });
  });
});

describe("standard output and error", () => {
  test("are kept apart", async () => {
    await withMachine(["busybox"], async (machine) => {
      const result = await machine.sh("echo out; echo err >&2");
      expect([result.stdout, said(result)]).toEqual(["out\n", "err\n"]);
    });
  });
  test("pass on a megabyte as it is", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await outside(
        machine,
        "$T busybox sh -c 'head -c 1000000 /dev/zero; printf end' | tail -c 3; echo; $T busybox sh -c 'head -c 1000000 /dev/zero' | wc -c",
      );
      expect(stdout).toBe("end\n1000000\n");
    });
  });
  test("can be opened again as /dev/stdout and /dev/stderr", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await outside(
        machine,
        "$T busybox sh -c 'echo out >/dev/stdout; echo err >/dev/stderr' 2>&1 | grep -v warning",
      );
      expect(stdout).toBe("out\nerr\n");
    });
  });
  test("can be opened again also where the caller's are sockets, as systemd's are (B7)", async () => {
    await withMachine(["busybox"], async (machine) => {
      // What Bun calls "pipe" is a socket.
      expect(await machine.sh("echo through >/dev/stdout")).toMatchObject({ code: 0, stdout: "through\n" });
    });
  });
  test("into a file leave the file's owner and position alone", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await outside(
        machine,
        "{ echo first; $T busybox echo second; echo third; } >tmp/f; cat tmp/f; rm tmp/f",
      );
      expect(stdout).toBe("first\nsecond\nthird\n");
    });
  });
  test("closing the pipe ends yes, and nothing is left", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await outside(machine, "$T busybox yes | head -n 2");
      expect(stdout).toBe("y\ny\n");
    });
  });
  test("closed from the start are no reason to fail", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await outside(machine, "$T busybox sh -c 'exit 4' >&- 2>&-; echo $?");
      expect(stdout).toBe("4\n");
    });
  });
  test("full disk: what could not be written is an error of ours, and the program is told with its next word", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "trap '' PIPE; echo x; sleep 0.2; echo y 2>/dev/null || echo told >&2";
      const { stdout, stderr } = await outside(machine, `$T busybox sh -c "${script}" >/dev/full; echo $?`);
      expect(stdout).toBe("125\n");
      expect(stderr).toMatch(/told[\s\S]*cannot write to stdout: ENOSPC/);
    });
  });
  test("full disk: a container whose id cannot be printed is said to run", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout, stderr } = await outside(
        machine,
        "$T -d --name box busybox sleep 60 >/dev/full; echo $?; $B inspect -f '{{.Id}}' box; $B rm -f box",
      );
      const [code, id] = stdout.split("\n");
      expect(code).toBe("125");
      expect(stderr).toContain(`container ${id!.slice(0, 12)} is running, but cannot write to stdout: ENOSPC`);
    });
  });
});

describe("results that stdout does not take", () => {
  test("are an error with exit code 1, whatever the command: nothing that was lost looks like a success", async () => {
    await withMachine(["busybox"], async (machine) => {
      await outside(machine, "$T -d --name box busybox sleep 60");
      for (const words of [
        "version",
        "--version",
        "-v",
        "--help",
        "help run",
        "ps --help",
        "ps -a",
        "images",
        "inspect box",
        "info",
        "exec box echo lost",
        "exec -t box echo lost",
        "top box",
        "export box",
        "save busybox",
        "man",
      ]) {
        const { stdout, stderr } = await outside(machine, `$B ${words} >/dev/full; echo $?`);
        expect([words, stdout, stderr]).toEqual([
          words,
          "1\n",
          "tinydocker: cannot write to stdout: ENOSPC (no space left)\n",
        ]);
      }
      await outside(machine, "$B rm -f box");
    });
  });
  test("leave what was done as it is, and it is said to be so", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [words, said] of [
        [
          "create --name one busybox true",
          /^tinydocker: container [0-9a-f]{12} is created, but cannot write to stdout: ENOSPC/,
        ],
        ["create --name two busybox true", /is created/],
        ["volume create data", /^tinydocker: volume data is created, but cannot/],
        ["network create net", /^tinydocker: network net is created, but cannot/],
        ["commit one made", /^tinydocker: one is committed, but cannot/],
        // The second one is not given up because of the first one's name.
        ["rm one two", /^tinydocker: cannot write to stdout: ENOSPC .*: everything is done all the same\n$/],
        [
          "rmi made none",
          /no such image: none[\s\S]*cannot write to stdout.*: what is not told of above is done all the same/,
        ],
        ["network rm net", /everything is done/],
        ["volume prune -af", /^tinydocker: volumes are removed, but cannot/],
        ["image prune -f", /^tinydocker: images are removed, but cannot/],
      ] as const) {
        const { stdout, stderr } = await outside(machine, `$B ${words} >/dev/full; echo $?`);
        expect([words, stdout, stderr]).toEqual([words, "1\n", expect.stringMatching(said)]);
      }
    });
  });
  test("and messages that stderr does not take change no exit code", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [words, code] of [
        ["rm nobody", 1],
        ["nonsense", 125],
        ["run --rm busybox", 0],
      ] as const)
        expect([words, (await outside(machine, `$B ${words} 2>/dev/full; echo $?`)).stdout]).toEqual([
          words,
          `${code}\n`,
        ]);
    });
  });
});

describe("a warning", () => {
  test("is given once, with a monitor too", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stderr } = await outside(machine, "$T -t busybox </dev/null >/dev/null");
      expect(stderr.split("no command given")).toHaveLength(2);
      const made = await machine.run(["create", "--name", "shell", "busybox"]);
      expect(made.stderr).toContain("no command given");
      expect(await machine.run(["start", "-a", "shell"])).toMatchObject({ code: 0, stderr: "" });
      expect((await machine.run(["rm", "shell"])).code).toBe(0);
    });
  });
});

describe("a state root", () => {
  test("that is a file is refused by every command", async () => {
    await withMachine([], async (machine) => {
      const script = 'for c in "ps" "network ls" "run busybox"; do $B --root /etc/passwd $c; echo $?; done';
      const { stdout, stderr } = await outside(machine, script);
      expect(stdout).toBe("125\n125\n125\n");
      expect(stderr.split("the state root /etc/passwd is not a directory")).toHaveLength(4);
    });
  });
});

describe("-t without a terminal", () => {
  test("gives the program one all the same, with stdout and stderr as one", async () => {
    await withMachine(["probe"], async (machine) => {
      const { stdout } = await outside(machine, "$T -t probe /bin/probe tty </dev/null | cat");
      expect(JSON.parse(stdout)).toMatchObject({
        0: "/dev/pts/0",
        1: "/dev/pts/0",
        2: "/dev/pts/0",
        controlling: true,
      });
    });
  });
  test("a pipe's end is what Ctrl-D is on a keyboard", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout, code } = await outside(machine, "echo 'echo $((6*7)); exit 3' | $T -t busybox sh; echo code $?");
      expect(stdout).toContain("42");
      expect(stdout).toContain("code 3");
      expect(code).toBe(0);
    });
  });
});

test("-t=false on a pipe changes nothing", async () => {
  await withMachine(["probe"], async (machine) => {
    expect(await machine.ask<object>(["-t=false"], "tty")).toMatchObject({ 0: "", 1: "", 2: "", controlling: false });
  });
});
