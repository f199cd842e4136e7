/** What a container sees of itself and of the host: namespaces, mounts, devices, capabilities, descriptors. */

import { describe, expect } from "bun:test";
import { readFileSync, readlinkSync } from "node:fs";
import { binary } from "../support/cli.ts";
import { said, withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

describe("namespaces", () => {
  test("every one is the container's own: mnt, pid, net, ipc, uts, cgroup", async () => {
    await withMachine(["probe"], async (machine) => {
      const inside = await machine.ask<Record<string, string>>([], "ns");
      for (const name of ["mnt", "pid", "net", "ipc", "uts", "cgroup"]) {
        expect(inside[name]).toMatch(new RegExp(`^${name}:\\[\\d+\\]$`));
        expect(inside[name]).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
        expect(inside[name]).not.toBe(readlinkSync(`/proc/${machine.pid}/ns/${name}`));
      }
    });
  });

  test("the program is process 1, in a session and group of its own, with the usual umask", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await machine.ask<object>([], "ids")).toMatchObject({ pid: 1, ppid: 0, pgid: 1, sid: 1, umask: 0o022 });
    });
  });

  test("no process of the host is seen", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await machine.sh("ls /proc | grep -c '^[0-9]'; cat /proc/1/comm; true");
      expect(Number(stdout.split("\n")[0])).toBeLessThanOrEqual(4);
      expect(stdout).toContain("\nsh\n");
    });
  });

  test("without a network there is only the loopback device, and it is up", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await machine.sh(
        "ls /sys/class/net; echo; ip addr show lo; ping -c 1 -W 2 127.0.0.1 >/dev/null && echo answered",
        ["--network", "none"],
      );
      expect(stdout.split("\n\n")[0]).toBe("lo");
      expect(stdout).toContain("127.0.0.1/8");
      expect(stdout).toContain("answered");
    });
  });

  test("--network host is the caller's network, with its host name", async () => {
    await withMachine(["probe"], async (machine) => {
      for (const option of [["--network", "host"], ["--network=host"]]) {
        const inside = await machine.ask<Record<string, string>>(option, "ns");
        expect(inside.net).toBe(readlinkSync(`/proc/${machine.pid}/ns/net`));
        expect(inside.mnt).not.toBe(readlinkSync(`/proc/${machine.pid}/ns/mnt`));
      }
      const host = readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
      expect(await machine.ask<string>(["--network", "host"], "hostname")).toBe(host);
    });
  });

  test("the network is the container's own with --network none and by default, also with host in another option", async () => {
    await withMachine(["probe"], async (machine) => {
      const own = await machine.ask<Record<string, string>>(["--network", "none"], "ns");
      expect(own.net).not.toBe(readlinkSync(`/proc/${machine.pid}/ns/net`));
      const named = await machine.ask<Record<string, string>>(["-h", "hosted", "-e", "A=host"], "ns");
      expect(named.net).not.toBe(readlinkSync(`/proc/${machine.pid}/ns/net`));
    });
  });

  test("the host name is the container's, and the host keeps its own", async () => {
    await withMachine(["busybox"], async (machine) => {
      const before = readFileSync("/proc/sys/kernel/hostname", "utf8");
      expect((await machine.sh("hostname; echo $HOSTNAME")).stdout).toMatch(/^([0-9a-f]{12})\n\1\n$/);
      expect((await machine.sh("hostname; echo $HOSTNAME", ["-h", "web-1"])).stdout).toBe("web-1\nweb-1\n");
      expect(readFileSync("/proc/sys/kernel/hostname", "utf8")).toBe(before);
    });
  });
});

describe("mounts", () => {
  /** [root, point, options, type, source, superblock options] of each line of mountinfo. */
  const parse = (lines: string[]) =>
    lines.map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const [, , , origin, point, options, ...tags] = before.split(" ");
      const [type, source] = after.split(" ");
      return { line, origin, point, options: options!.split(","), tags: tags.filter(Boolean), type, source };
    });

  test("are exactly Docker's, each hardened, none shared with the host", async () => {
    await withMachine(["probe"], async (machine) => {
      const mounts = parse(await machine.ask<string[]>([], "mounts"));
      const at = (point: string) => mounts.filter((mount) => mount.point === point).at(-1)!;
      expect(mounts.filter(({ point }) => point === "/")).toMatchObject([{ type: "overlay" }]);
      // /dev is not noexec, which would forbid an executable mmap of /dev/zero.
      const hardened = (point: string) => expect.arrayContaining(point === "/dev" ? ["nosuid"] : ["nosuid", "noexec"]);
      const types = { "/proc": "proc", "/dev": "tmpfs", "/dev/pts": "devpts", "/sys": "sysfs" };
      const more = { "/sys/fs/cgroup": "cgroup2", "/dev/mqueue": "mqueue", "/dev/shm": "tmpfs" };
      for (const [point, type] of Object.entries({ ...types, ...more }))
        expect([point, at(point).type, at(point).options]).toEqual([point, type, hardened(point)]);
      for (const point of ["/proc", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"])
        expect([point, at(point).options.includes("nodev")]).toEqual([point, true]);
      for (const point of [
        "/sys",
        "/sys/fs/cgroup",
        "/proc/sys",
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sysrq-trigger",
      ])
        if (at(point)) expect([point, at(point).options.includes("ro")]).toEqual([point, true]);
      expect(at("/proc/sys")).toBeDefined();
      expect(mounts.filter(({ tags }) => tags.some((tag) => tag.startsWith("shared:")))).toEqual([]);
      const known = /^\/(|proc(\/.*)?|dev(\/.*)?|sys(\/fs\/cgroup|\/firmware|\/devices\/virtual\/powercap)?)$/;
      expect(mounts.filter(({ point }) => !known.test(point!))).toEqual([]);
    });
  });

  test("tell nothing of the host: no path of it is in mountinfo (R19)", async () => {
    await withMachine(["probe"], async (machine) => {
      const lines = await machine.ask<string[]>([], "mounts");
      for (const line of lines) {
        expect(line).not.toContain(machine.directory);
        expect(line).not.toContain("/tmp");
        expect(line).not.toContain("/var");
      }
    });
  });

  test("that the container makes are gone with it and never reach the host", async () => {
    await withMachine(["busybox"], async (machine) => {
      const result = await machine.sh("mount -t tmpfs x /mnt && mount | grep -c ' /mnt '", ["--privileged"]);
      expect(result.stdout).toBe("1\n");
    });
  });

  test("the cgroup is its own and read-only (R20)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await machine.sh(
        "cat /proc/self/cgroup; mkdir /sys/fs/cgroup/x 2>&1; echo 0 2>&1 >/sys/fs/cgroup/cgroup.procs; cat /sys/fs/cgroup/cgroup.procs",
      );
      expect(stdout).toContain("0::/\n");
      expect(stdout).toContain("Read-only file system");
      expect(stdout).toMatch(/^1$/m);
    });
  });

  test("masked files are empty, masked directories too, and none of them can be written", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = `for f in interrupts kcore keys timer_list sched_debug; do
          [ -e /proc/$f ] && { [ -z "$(head -c 1 /proc/$f)" ] && echo empty || echo TELLS $f; }; done
        for d in /proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/devices/virtual/powercap; do
          [ -d $d ] && { [ -z "$(ls -A $d)" ] && echo empty || echo TELLS $d; touch $d/x 2>/dev/null && echo WROTE $d; }; done
        echo done`;
      const { stdout } = await machine.sh(script);
      expect(stdout).toMatch(/^(empty\n)+done\n$/);
    });
  });

  test("settings of the kernel are read-only", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await machine.sh(
        "for f in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /proc/sysrq-trigger /proc/sys/kernel/hostname; do [ -e $f ] && (echo x >$f) 2>&1; done; true",
      );
      expect(stdout.split("\n").filter((line) => !line.includes("Read-only file system"))).toEqual([""]);
      expect(stdout.match(/Read-only/g)!.length).toBeGreaterThanOrEqual(3);
    });
  });

  test("--privileged lifts masks and read-only paths", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await machine.sh(
        "[ -s /proc/interrupts ] || head -c 9 /proc/interrupts | wc -c; grep -c ' /proc/' /proc/mounts; grep '^sysfs' /proc/mounts",
        ["--privileged"],
      );
      expect(stdout).toContain("9\n0\n");
      expect(stdout).toMatch(/sysfs \/sys sysfs rw/);
    });
  });
});

describe("devices (R21)", () => {
  test("/dev has the usual few, which work, and nothing else of the host", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await machine.sh(
        "ls /dev | xargs; stat -c '%n %t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty",
      );
      const [names, ...rest] = stdout.trim().split("\n");
      expect(names!.split(" ")).toEqual([
        "fd",
        "full",
        "mqueue",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
        "zero",
      ]);
      expect(rest).toEqual(
        ["null 1:3", "zero 1:5", "full 1:7", "random 1:8", "urandom 1:9", "tty 5:0"].map((text) => `/dev/${text} 666`),
      );
    });
  });

  test("/dev/null swallows, /dev/zero and /dev/urandom give, /dev/full is full, /dev/fd leads to our descriptors", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = `echo x >/dev/null && head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x 2>&1 >/dev/full
        echo in | cat /dev/stdin; echo x >/dev/shm/f && cat /dev/shm/f; echo y | cat /dev/fd/0`;
      expect((await machine.sh(script)).stdout).toMatch(/^4\n4\n.*No space left on device\nin\nx\ny\n$/);
    });
  });
});

describe("privileges", () => {
  const docker = "00000000a80425fb";
  const none = "0000000000000000";

  test("root has Docker's 14 capabilities; none is inheritable or ambient (R10)", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await machine.ask<object>([], "caps")).toEqual({
        CapInh: none,
        CapPrm: docker,
        CapEff: docker,
        CapBnd: docker,
        CapAmb: none,
      });
    });
  });

  test("another user has none, and can't gain any beyond the bounding set", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await machine.ask<object>(["-u", "1000"], "caps")).toEqual({
        CapInh: none,
        CapPrm: none,
        CapEff: none,
        CapBnd: docker,
        CapAmb: none,
      });
    });
  });

  test("--cap-add and --cap-drop change the sets, the bounding set too", async () => {
    await withMachine(["probe"], async (machine) => {
      const sets = async (...options: string[]) => {
        const { CapPrm, CapEff, CapBnd, CapInh } = await machine.ask<Record<string, string>>(options, "caps");
        expect([CapEff, CapBnd, CapInh]).toEqual([CapPrm!, CapPrm!, none]);
        return BigInt(`0x${CapPrm}`);
      };
      expect(await sets("--cap-drop", "ALL")).toBe(0n);
      expect(await sets("--cap-drop", "all", "--cap-add", "net_bind_service")).toBe(1n << 10n);
      expect(await sets("--cap-add", "SYS_PTRACE")).toBe(BigInt(`0x${docker}`) | (1n << 19n));
      expect(await sets("--cap-drop", "CAP_MKNOD")).toBe(BigInt(`0x${docker}`) & ~(1n << 27n));
    });
  });

  test("--privileged is all that we have", async () => {
    await withMachine(["probe"], async (machine) => {
      const own = /^CapPrm:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1];
      expect(await machine.ask<object>(["--privileged"], "caps")).toMatchObject({
        CapPrm: own,
        CapEff: own,
        CapInh: none,
        CapAmb: none,
      });
    });
  });

  test("open files are limited, and there are no core dumps unless the program lifts the limit", async () => {
    await withMachine(["probe"], async (machine) => {
      const { NOFILE, CORE } = await machine.ask<Record<string, number[]>>([], "limits");
      expect(NOFILE![0]).toBe(1024);
      expect(NOFILE![1]).toBeLessThanOrEqual(524288);
      expect(CORE).toEqual([0, -1]);
    });
  });
});

describe("what is inherited", () => {
  test("only descriptors 0, 1 and 2 reach the program, also when the caller has more open (R6)", async () => {
    await withMachine(["probe"], async (machine) => {
      const { stdout } = await machine.exec([
        "sh",
        "-c",
        `exec 3</etc/passwd 7<${machine.directory} 9>&1; exec "$@"`,
        "sh",
        ...[binary(), "run", "--rm", "probe", "/bin/probe", "fds"],
      ]);
      expect(Object.keys(JSON.parse(stdout)).sort()).toEqual(["0", "1", "2"]);
    });
  });

  test("signals are unblocked and unignored, whatever the caller does (R8, B6)", async () => {
    await withMachine(["probe"], async (machine) => {
      const question = [binary(), "run", "--rm", "probe", "/bin/probe", "signals"];
      const { stdout } = await machine.exec(["sh", "-c", 'trap "" INT TERM PIPE USR1; exec "$@"', "sh", ...question]);
      expect(JSON.parse(stdout)).toMatchObject({ SigIgn: none16, SigBlk: none16, SigCgt: none16 });
    });
  });

  test("the directory is inside, also when the caller's is gone (R6, CVE-2024-21626)", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await machine.ask<string>([], "cwd")).toBe("/");
      expect(await machine.ask<string>(["-w", "/work"], "cwd")).toBe("/work");
      for (const path of [
        "/proc/self/fd/3",
        "/proc/self/fd/7",
        "/proc/self/fd/8",
        "/proc/1/cwd",
        "/proc/self/cwd/../..",
      ]) {
        const result = await machine.container(["-w", path, "probe", "/bin/probe", "cwd"]);
        if (result.code === 0) expect(JSON.parse(result.stdout)).toMatch(/^\/(?!tmp|var|home)/);
        else expect({ path, code: result.code }).toEqual({ path, code: 125 });
      }
    });
  });

  test("the environment is ours, the image's and the user's, and nothing of the caller's (R3)", async () => {
    await withMachine(["probe"], async (machine) => {
      const { stdout } = await machine.container(["--hostname", "box", "probe", "/bin/probe", "env"], {
        env: { SECRET: "1", LD_PRELOAD_NO: "x" },
      });
      expect(JSON.parse(stdout).sort()).toEqual([
        "HOME=/",
        "HOSTNAME=box",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ]);
    });
  });

  test("yes | head ends: a closed pipe kills the writer (B6)", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(await machine.sh("yes | head -n 1")).toMatchObject({ code: 0, stdout: "y\n" });
    });
  });
});

const none16 = "0".repeat(16);

test("nothing is said on stderr when all is well", async () => {
  await withMachine(["busybox"], async (machine) => {
    expect(said(await machine.sh("true"))).toBe("");
  });
});
