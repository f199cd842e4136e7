/** `--security-opt`: profiles of one's own, no_new_privs, paths of the system; and capabilities of users who are not root. */

import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineOf, numbersOf } from "../../src/linux/seccomp/architectures.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const test = needing(root);

const numbers = numbersOf(machineOf(process.arch));
const option = (...words: string[]): string[] => words.flatMap((word) => ["--security-opt", word]);

interface Status {
  NoNewPrivs: string;
  Seccomp: string;
}

/** A profile that lets all calls be made but these. */
function profile(...rules: object[]): string {
  const path = join(temporaryDirectory(), "profile.json");
  const text = JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: rules });
  // No number of JavaScript's.
  writeFileSync(path, text.replace('"MAX"', "18446744073709551615"));
  return path;
}

const callsOf = async (machine: Machine, options: string[], ...names: string[]): Promise<string[]> => {
  const answers = await machine.ask<Record<string, string>>(
    options,
    "calls",
    ...names.map((name) => String(numbers.get(name)!)),
  );
  return names.map((name) => answers[numbers.get(name)!]!);
};

describe("--security-opt seccomp", () => {
  test("=unconfined is without a filter, and =builtin with one, also with --privileged", async () => {
    await withMachine(["probe"], async (machine) => {
      const seccomp = async (...options: string[]) => (await machine.ask<Status>(options, "nonewprivs")).Seccomp;
      expect(await seccomp(...option("seccomp=unconfined"))).toBe("0");
      expect(await seccomp(...option("seccomp:unconfined"))).toBe("0");
      expect(await seccomp("--privileged", ...option("seccomp=builtin"))).toBe("2");
      expect(await callsOf(machine, option("seccomp=unconfined"), "keyctl", "clone3")).not.toContain("EPERM");
    });
  });

  test("=FILE has the profile's own rules: errnos, signals, arguments, capabilities; and exec has them, too", async () => {
    await withMachine(["probe"], async (machine) => {
      const file = profile(
        { names: ["umask"], action: "SCMP_ACT_ERRNO", errnoRet: 42 },
        { names: ["getpgid"], action: "SCMP_ACT_KILL_PROCESS" },
        { names: ["getsid"], action: "SCMP_ACT_TRAP" },
        { names: ["mlockall"], action: "SCMP_ACT_ERRNO", excludes: { caps: ["CAP_CHOWN"] } },
        { names: ["fchdir"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 3, op: "SCMP_CMP_GT" }] },
        {
          names: ["fchmod"],
          action: "SCMP_ACT_ERRNO",
          args: [{ index: 0, value: "MAX", op: "SCMP_CMP_LT" }],
        },
      );
      const names = ["umask", "getpgid", "getsid", "mlockall", "fchdir", "fchmod"];
      const expected = ["ENOMSG", "signal 31", "signal 31", "EINVAL", "EPERM", "EBADF"];
      expect(await callsOf(machine, option(`seccomp=${file}`), ...names)).toEqual(expected);
      const without = await callsOf(machine, ["--cap-drop", "CHOWN", ...option(`seccomp=${file}`)], "mlockall");
      expect(without).toEqual(["EPERM"]);
      ok(
        await machine.run([
          "run",
          "-d",
          "--name",
          "box",
          ...option(`seccomp=${file}`),
          "probe",
          "/bin/probe",
          "sleep",
          "60",
        ]),
      );
      const numbersOfAll = names.map((name) => String(numbers.get(name)!));
      const inside = JSON.parse(ok(await machine.run(["exec", "box", "/bin/probe", "calls", ...numbersOfAll])));
      expect(numbersOfAll.map((number) => inside[number])).toEqual(expected);
      // What becomes of the file later is nothing to the container.
      writeFileSync(file, "{}");
      ok(await machine.run(["restart", "-t", "0", "box"]));
      const [shown] = JSON.parse(ok(await machine.run(["inspect", "box"])));
      expect(shown.HostConfig.SecurityOpt).toEqual([
        expect.stringContaining('seccomp={"defaultAction":"SCMP_ACT_ALLOW"'),
      ]);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });

  test("=FILE needs a rule for nothing but execve, with and without no_new_privs, as root and as another user", async () => {
    await withMachine(["probe"], async (machine) => {
      const path = join(temporaryDirectory(), "profile.json");
      const allowed =
        "execve write exit_group exit brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlinkat readlink getrandom mprotect newfstatat fstat ioctl";
      const syscalls = [{ names: allowed.split(" "), action: "SCMP_ACT_ALLOW" }];
      writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 1, syscalls }));
      for (const more of [[], ["-u", "7"], option("no-new-privileges"), ["-u", "7", ...option("no-new-privileges")]])
        expect([more, await machine.ask<string[]>([...more, ...option(`seccomp=${path}`)], "args")]).toEqual([
          more,
          ["/bin/probe", "args"],
        ]);
    });
  });

  test("=FILE of what is not there or no profile is refused, and nothing is left", async () => {
    await withMachine(["probe"], async (machine) => {
      const refused = async (file: string) => (await machine.container([...option(`seccomp=${file}`), "probe"])).stderr;
      expect(await refused("/nothing.json")).toContain("/nothing.json");
      expect(await refused(profile({ names: ["read"], action: "SCMP_ACT_DENY" }))).toContain(
        'syscalls[0].action is "SCMP_ACT_DENY", and not one of',
      );
      const unknown = await machine.container([
        ...option(`seccomp=${profile({ names: ["raed"], action: "SCMP_ACT_ERRNO" })}`),
        ...["probe", "/bin/probe", "args"],
      ]);
      expect([unknown.code, unknown.stderr]).toEqual([
        0,
        expect.stringContaining("names calls that are not known: raed"),
      ]);
    });
  });
});

test("no-new-privileges is of the program, and of exec", async () => {
  await withMachine(["probe"], async (machine) => {
    const status = (...options: string[]) => machine.ask<Status>(options, "nonewprivs");
    expect(await status(...option("no-new-privileges"))).toMatchObject({ NoNewPrivs: "1", Seccomp: "2" });
    expect(await status(...option("no-new-privileges=false"))).toMatchObject({ NoNewPrivs: "0" });
    ok(
      await machine.run([
        "run",
        "-d",
        "--name",
        "box",
        ...option("no-new-privileges"),
        "probe",
        "/bin/probe",
        "sleep",
        "60",
      ]),
    );
    const inside = JSON.parse(ok(await machine.run(["exec", "box", "/bin/probe", "nonewprivs"])));
    expect(inside).toMatchObject({ NoNewPrivs: "1", Seccomp: "2" });
    ok(await machine.run(["rm", "-f", "box"]));
  });
});

test("systempaths, mask and unmask change what is hidden of the system, and inspect says so", async () => {
  await withMachine(["busybox"], async (machine) => {
    const look = async (...words: string[]) =>
      ok(
        await machine.sh(
          "wc -c </proc/timer_list; grep -q ' /proc/sys ' /proc/mounts || echo writable; ls /etc",
          option(...words),
        ),
      );
    expect(await look()).toMatch(/^0\n(?!writable)/);
    expect(await look("systempaths=unconfined")).toMatch(/^[1-9]\d*\nwritable\n/);
    expect(await look("unmask=/proc/timer*")).toMatch(/^[1-9]\d*\n(?!writable)/);
    expect(await look("unmask=ALL", "mask=/etc")).toMatch(/^[1-9]\d*\nwritable$/);
    ok(await machine.run(["create", "--name", "box", ...option("unmask=ALL", "mask=/etc"), "busybox"]));
    const [{ HostConfig }] = JSON.parse(ok(await machine.run(["inspect", "box"])));
    expect([HostConfig.MaskedPaths, HostConfig.ReadonlyPaths]).toEqual([["/etc"], []]);
    ok(await machine.run(["rm", "box"]));
  });
});

test("a profile of AppArmor's that there is not is refused by name, and unconfined is to be had everywhere", async () => {
  await withMachine(["busybox"], async (machine) => {
    ok(await machine.sh("true", option("apparmor=unconfined", "label=disable")));
    const { code, stderr } = await machine.sh("true", option("apparmor=no-such-profile"));
    expect([code, stderr]).toEqual([125, expect.stringContaining("apparmor=no-such-profile")]);
  });
});

test("labels of SELinux say nothing where it is not on, but the words have to be right", async () => {
  await withMachine(["busybox"], async (machine) => {
    const words = ["label=type:svirt_t", "label=level:s0:c1,c2", "label:user:u", "label=nested"];
    ok(await machine.run(["create", "--name", "box", ...option(...words), "-v", `${machine.tmp}:/t:Z`, "busybox"]));
    const [{ HostConfig }] = JSON.parse(ok(await machine.run(["inspect", "box"])));
    const said = ["label=type:svirt_t", "label=level:s0:c1,c2", "label=user:u", "label=nested"];
    expect([HostConfig.SecurityOpt, HostConfig.Binds]).toEqual([said, [`${machine.tmp}:/t:Z`]]);
    ok(await machine.run(["rm", "box"]));
    for (const word of ["label=kind:x", "label=type:", "label=level:high", "label=off"]) {
      const { code, stderr } = await machine.run(["create", ...option(word), "busybox"]);
      expect([word, code, stderr.includes(`--security-opt ${word}`)]).toEqual([word, 125, true]);
    }
  });
});

test("a capability that was added counts for a user other than root, and what root has by default does not (R10)", async () => {
  await withMachine(["probe"], async (machine) => {
    const added = 1n << 10n; // CAP_NET_BIND_SERVICE
    const sets = async (...options: string[]) => {
      const caps = await machine.ask<Record<string, string>>(options, "caps");
      return ["CapInh", "CapPrm", "CapEff", "CapAmb"].map((name) => BigInt(`0x${caps[name]}`));
    };
    expect(await sets("-u", "1000", "--cap-add", "NET_BIND_SERVICE")).toEqual([added, added, added, added]);
    expect(await sets("-u", "1000")).toEqual([0n, 0n, 0n, 0n]);
    const [inheritable, , , ambient] = await sets("--cap-add", "NET_BIND_SERVICE");
    expect([inheritable, ambient]).toEqual([0n, 0n]);
    ok(
      await machine.run([
        "run",
        "-d",
        "--name",
        "box",
        "--cap-add",
        "NET_BIND_SERVICE",
        "probe",
        "/bin/probe",
        "sleep",
        "60",
      ]),
    );
    const inside = JSON.parse(ok(await machine.run(["exec", "-u", "7", "box", "/bin/probe", "caps"])));
    expect(BigInt(`0x${inside.CapEff}`)).toBe(added);
    ok(await machine.run(["rm", "-f", "box"]));
  });
});

test("--read-only-tmpfs leaves a read-only container /run, /tmp and /var/tmp, but what the user has mounted there", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script = "for at in / /run /tmp /var/tmp; do touch $at/x 2>/dev/null && echo $at; done; true";
    expect(ok(await machine.sh(script, ["--read-only"]))).toBe("");
    const writable = ok(await machine.sh(script, ["--read-only", "--read-only-tmpfs", "--tmpfs", "/tmp:ro"]));
    expect(writable.split("\n")).toEqual(["/run", "/var/tmp"]);
    const { code, stderr } = await machine.sh(script, ["--read-only-tmpfs"]);
    expect([code, stderr]).toEqual([125, expect.stringContaining("--read-only-tmpfs needs --read-only")]);
  });
});
