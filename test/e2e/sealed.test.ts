/** No program of a container ever gets hold of our binary, to run, read or overwrite it (R4, CVE-2019-5736). */

import { describe, expect } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { binary, type Result } from "../support/cli.ts";
import { compiled, compiledBytes } from "../support/compile.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";
import type { RawEntry } from "../support/tars.ts";

const test = needing(root, tool("gcc"));

const program = (name: string, content: Buffer | string): RawEntry => ({ name, content, mode: 0o755 });

/** An image full of traps: a shell, and whatever a kernel or loader could be made to start in our place. */
async function loadTraps(machine: Machine): Promise<void> {
  const spy = compiledBytes("spy.c");
  const loader = compiledBytes("loader.c", ["-nostdlib", "-static-pie", "-fPIE", "-fno-stack-protector"]);
  await machine.load("traps", [
    ...["bin/", "dev/", "proc/", "sys/", "etc/", "lib/", "lib64/"].map((name) => ({ name, mode: 0o755 })),
    program("bin/sh", readFileSync("/bin/busybox")),
    program("bin/spy", spy),
    program("loader", loader),
    // Where our own binary would look for its loader.
    program("lib64/ld-linux-x86-64.so.2", loader),
    program("lib/ld-linux-aarch64.so.1", loader),
    program("lib/ld-musl-x86_64.so.1", loader),
    program("preload.so", compiledBytes("spy.c", ["-shared", "-fPIC", "-DLIBRARY"])),
    program("hosted", compiledBytes("hosted.c", ["-pie", "-Wl,--dynamic-linker=/loader"])),
    program("script", "#!/proc/self/exe\n"),
    program("deep", "#!/script\n"),
    program("first", "#!/proc/1/exe\n"),
    { name: "exe", type: "2", link: "/proc/self/exe" },
  ]);
}

/** Lines that a spy has printed: what each /proc/PID/exe leads to. */
const spied = ({ stdout }: Result) =>
  stdout
    .split("\n")
    .filter((line) => line.startsWith("spied "))
    .map((line) => line.split(" "));

const ours = statSync(binary());

/** Fails if one of the lines is about our binary. */
function expectUnseen(result: Result): void {
  expect(result.stdout + result.stderr).not.toContain(binary());
  for (const [, pid, ...rest] of spied(result)) {
    const [inode, size] = rest.slice(-3);
    expect([pid, inode]).not.toEqual([pid, `${ours.dev}:${ours.ino}`]);
    expect([pid, Number(size) > 1e7]).toEqual([pid, false]);
  }
}

const traps = ["/proc/self/exe", "/exe", "/script", "/deep", "/proc/thread-self/exe", "/proc/1/exe", "/first"];

describe("our binary is not started in a container (R4)", () => {
  const preload = ["-e", "LD_PRELOAD=/preload.so", "-e", "LD_LIBRARY_PATH=/lib64", "-e", "BUN_BE_BUN=1"];
  const kinds: Record<string, string[]> = {
    run: [],
    "run --init": ["--init"],
    "run -u 1000": ["-u", "1000"],
    "run --privileged with LD_PRELOAD": ["--privileged", ...preload],
  };
  for (const [name, options] of Object.entries(kinds)) {
    test(`${name}: by /proc/self/exe, a link to it, or a script that names it`, async () => {
      await withMachine(
        [],
        async (machine) => {
          for (const trap of traps) {
            const result = await machine.container(["--network", "none", ...options, "traps", trap, "version"]);
            // With --init, process 1 may not be looked at: EACCES. A script of a script of it is one too many: ELOOP.
            expect([trap, result.code, result.stdout]).toEqual([trap, 126, ""]);
            expect(said(result)).toMatch(/cannot execute \S+: (ENOEXEC|EACCES|ELOOP)/);
          }
        },
        loadTraps,
      );
    });
  }
  test("exec: neither, also into a container that may trace everything", async () => {
    await withMachine(
      [],
      async (machine) => {
        const words = ["run", "-d", "--name", "box", "--network", "none", "--privileged", "traps"];
        ok(await machine.run([...words, "/bin/sh", "-c", "while :; do sleep 1; done"]));
        for (const options of [[], ["-u", "1000"], ["--privileged", ...preload]])
          for (const trap of traps) {
            if (trap === "/proc/1/exe" || trap === "/first") continue; // busybox, which is the image's
            const result = await machine.run(["exec", ...options, "box", trap, "version"]);
            expect([trap, result.code, result.stdout]).toEqual([trap, 126, ""]);
          }
        ok(await machine.run(["rm", "-f", "box"]));
      },
      loadTraps,
    );
  });
});

describe("no /proc/PID/exe leads to our binary, and none can be written (R4)", () => {
  for (const options of [[], ["--init"], ["--init", "--privileged"], ["--privileged", "--network", "host"]])
    test(`with ${options.join(" ") || "nothing asked for"}`, async () => {
      await withMachine(
        [],
        async (machine) => {
          const result = await machine.container([...options, "traps", "/bin/spy"]);
          expectUnseen(result);
          const [self, ...others] = spied(result);
          expect([self![2], self!.at(-1)]).toEqual(["/bin/spy", "ETXTBSY"]);
          expect(others.length).toBeGreaterThan(0);
          // --init itself is an empty file that can't be filled.
          const first = others.find(([, pid]) => pid === "1")!;
          if (options.includes("--init") && first.at(-1) !== "EACCES")
            expect(first.slice(-2)).toEqual(["0", expect.stringMatching(/^(EPERM|ETXTBSY|EACCES)$/)]);
        },
        loadTraps,
      );
    });
  test("seen by a program that the kernel starts as another's loader (PT_INTERP)", async () => {
    await withMachine(
      [],
      async (machine) => {
        for (const options of [[], ["--init", "--privileged"]]) {
          const result = await machine.container(["--network", "none", ...options, "traps", "/hosted"]);
          expect(result.code).toBe(9);
          const [self, first] = result.stdout.split("\n");
          expect(self).toBe("loader /hosted small");
          expect(first).toMatch(options.length ? /^loader \/memfd:\S+ \(deleted\) small$/ : /^loader \/hosted small$/);
        }
      },
      loadTraps,
    );
  });
});

describe("on a kernel without CONFIG_CHECKPOINT_RESTORE", () => {
  const on = (machine: Machine, calls: string, ...words: string[]) =>
    machine.exec([compiled("older-kernel.c"), calls, binary(), ...words]);

  test("nothing is started that could show our binary: not by run, not by exec, and nothing is left", async () => {
    await withMachine(["busybox"], async (machine) => {
      const refused = expect.stringContaining("exe-file: cannot prctl /proc/self/exe: EPERM");
      const run = await on(machine, "map,file", "run", "--rm", "--network", "none", "busybox", "echo", "ran");
      expect([run.code, run.stdout, said(run)]).toEqual([125, "", refused]);
      expect(said(run)).toContain("CONFIG_CHECKPOINT_RESTORE");
      ok(await machine.run(["run", "-d", "--name", "box", "--network", "none", "busybox", "sleep", "600"]));
      const exec = await on(machine, "map,file", "exec", "box", "echo", "ran");
      expect([exec.code, exec.stdout, said(exec)]).toEqual([125, "", refused]);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});
