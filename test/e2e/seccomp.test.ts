/** System calls that a container may not make: of its program, of all that it starts, and of what `exec` starts in it. */

import { describe, expect } from "bun:test";
import { machineOf, numbersOf } from "../../src/linux/seccomp/architectures.ts";
import { withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

const numbers = numbersOf(machineOf(process.arch));
const numberOf = (name: string): string => String(numbers.get(name)!);

interface Answer {
  result: number;
  errno: string | null;
}
type Status = Record<"NoNewPrivs" | "Seccomp" | "Seccomp_filters", string>;

const AF_ALG = "38";
const TIOCSTI = "0x5412";
const CLONE_NEWUSER = "0x10000000";

describe("a container", () => {
  test("has a filter, also of another user, and process 1 of --init, too; a privileged one has none", async () => {
    await withMachine(["probe", "busybox"], async (machine) => {
      const filtered = { NoNewPrivs: "0", Seccomp: "2", Seccomp_filters: "1" };
      for (const options of [[], ["-u", "1000"], ["--init"], ["--init", "-u", "5"], ["--cap-add", "SYS_ADMIN"]])
        expect([options, await machine.ask<Status>(options, "nonewprivs")]).toEqual([options, filtered]);
      const first = ok(await machine.sh("grep -E 'Seccomp:|Cap[PE]' /proc/1/status", ["--init", "-u", "5"]));
      expect(first.trim().split(/\s+/)).toEqual([
        "CapPrm:",
        "0".repeat(16),
        "CapEff:",
        "0".repeat(16),
        "Seccomp:",
        "2",
      ]);
      expect(await machine.ask<Status>(["--privileged"], "nonewprivs")).toEqual({
        ...filtered,
        Seccomp: "0",
        Seccomp_filters: "0",
      });
    });
  });

  test("cannot make keys, programs for the kernel, namespaces, mounts and rings, open AF_ALG, type into a terminal (R22)", async () => {
    await withMachine(["probe"], async (machine) => {
      const refused = async (name: string, ...args: string[]) =>
        expect([name, (await machine.ask<Answer>([], "syscall", numberOf(name), ...args)).errno]).toEqual([
          name,
          "EPERM",
        ]);
      await refused("keyctl", "0", "-3", "0");
      await refused("add_key");
      await refused("bpf", "0", "0", "0");
      await refused("unshare", CLONE_NEWUSER);
      await refused("clone", CLONE_NEWUSER);
      await refused("setns", "-1", "0");
      await refused("mount");
      await refused("fsopen");
      await refused("io_uring_setup", "1", "0");
      await refused("io_uring_enter", "-1");
      await refused("userfaultfd", "0");
      await refused("open_by_handle_at");
      await refused("socket", AF_ALG, "5", "0");
      await refused("socket", "0x100000026", "5", "0");
      await refused("ioctl", "0", TIOCSTI);
      await refused("ioctl", "0", "0xffffffff00005412");
    });
  });

  test("has no clone3(2) and nothing that is newer than its filter, so that programs do without", async () => {
    await withMachine(["probe"], async (machine) => {
      const names = await machine.ask<Record<string, string>>([], "calls", numberOf("clone3"), "1000");
      expect(Object.values(names)).toEqual(["ENOSYS", "ENOSYS"]);
    });
  });

  const foreign = process.arch === "x64" ? test : (test.skip as typeof test);
  foreign("is killed by a call of i386 or x32 (R22)", async () => {
    await withMachine(["probe"], async (machine) => {
      const getpid = { i386: "20", x32: String(0x40000000 + 39) };
      const ended = async (...question: string[]) => {
        const { code } = await machine.container(["probe", "/bin/probe", ...question]);
        return code;
      };
      // A kernel without CONFIG_IA32_EMULATION has no such calls, and none for a filter to see.
      const [SIGSEGV, SIGSYS] = [11, 31];
      expect<(number | null)[]>([128 + SIGSEGV, 128 + SIGSYS]).toContain(await ended("i386", getpid.i386));
      expect(await ended("syscall", getpid.x32)).toBe(128 + SIGSYS);
    });
  });

  test("has what its capabilities are for", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "mount -t tmpfs none /mnt && unshare -m true && echo done";
      expect((await machine.sh(script)).code).not.toBe(0);
      expect(ok(await machine.sh(script, ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"]))).toBe(
        "done",
      );
      expect((await machine.sh("chroot / true", ["--cap-drop", "SYS_CHROOT"])).code).not.toBe(0);
    });
  });
});

describe("exec", () => {
  test("has the filter of the container, also with --privileged and as another user (R11)", async () => {
    await withMachine(["probe"], async (machine) => {
      ok(await machine.run(["run", "-d", "--name", "box", "probe", "/bin/probe", "sleep", "60"]));
      for (const options of [[], ["--privileged"], ["-u", "7"]]) {
        const ask = async (...question: string[]) =>
          JSON.parse(ok(await machine.run(["exec", ...options, "box", "/bin/probe", ...question])));
        expect([options, await ask("nonewprivs")]).toEqual([
          options,
          { NoNewPrivs: "0", Seccomp: "2", Seccomp_filters: "1" },
        ]);
        expect((await ask("syscall", numberOf("keyctl"), "0", "-3", "0")).errno).toBe("EPERM");
        expect((await ask("calls", numberOf("clone3")))[numberOf("clone3")]).toBe("ENOSYS");
      }
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("of what is not there says so, under a filter, too", async () => {
    await withMachine(["probe"], async (machine) => {
      ok(await machine.run(["run", "-d", "--name", "box", "probe", "/bin/probe", "sleep", "60"]));
      const { code, stderr } = await machine.run(["exec", "box", "nothing"]);
      expect([code, stderr]).toEqual([127, expect.stringContaining("cannot execute nothing")]);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});
