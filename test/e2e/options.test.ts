/** What the options of `run` and an image's configuration do to a container. */

import { describe, expect } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageTar, type Machine, said, withMachine } from "../support/containers.ts";
import { configOf, dockerArchive } from "../support/images.ts";
import { needing, root } from "../support/needs.ts";
import { tarOf } from "../support/tars.ts";

const test = needing(root);

describe("the command", () => {
  test("is everything after the image, also what looks like our options; one -- is dropped", async () => {
    await withMachine(["probe"], async (machine) => {
      const args = async (...words: string[]) => JSON.parse((await machine.container(["probe", ...words])).stdout);
      const words = ["-m", "64", "--rm", "--", "", "two words", "é\n\"'$x"];
      expect(await args("/bin/probe", "args", ...words)).toEqual(["/bin/probe", "args", ...words]);
      expect(await args("--", "/bin/probe", "args", "--")).toEqual(["/bin/probe", "args", "--"]);
    });
  });
  test("is found by the container's PATH", async () => {
    await withMachine(["probe"], async (machine) => {
      expect((await machine.container(["probe", "probe", "exit", "3"])).code).toBe(3);
      expect((await machine.container(["-e", "PATH=/nowhere", "probe", "probe", "exit", "3"])).code).toBe(127);
    });
  });
  test("can be long: a hundred thousand bytes of it", async () => {
    await withMachine(["probe"], async (machine) => {
      const long = "x".repeat(100_000);
      expect(await machine.ask<string[]>([], "args", long)).toEqual(["/bin/probe", "args", long]);
    });
  });
  test("is /bin/sh with a notice when nobody says one", async () => {
    await withMachine(["busybox"], async (machine) => {
      const result = await machine.container(["busybox"], { stdin: "echo $0 from stdin" });
      expect(result.stdout).toBe("/bin/sh from stdin\n");
      expect(said(result)).toContain("/bin/sh");
    });
  });
});

describe("rootfs mode", () => {
  test("runs a command in a directory, in place, with the exact defaults", async () => {
    await withMachine(
      [],
      async (machine) => {
        const result = await machine.run(["--", "/bin/probe", "hostname"]);
        expect(result).toMatchObject({ code: 0, stdout: '"container"\n' });
        const named = await machine.run([
          "-h",
          "box",
          "-r",
          "./rootfs",
          "-m",
          "0",
          "-c",
          "0",
          "--",
          "/bin/probe",
          "hostname",
        ]);
        expect(named.stdout).toBe('"box"\n');
        expect(await machine.run(["--rootfs=rootfs", "--hostname=h", "--", "/bin/probe", "exit", "7"])).toMatchObject({
          code: 7,
        });
      },
      unpackedProbe,
    );
  });
  test("keeps what the program writes, and removes the container", async () => {
    await withMachine(
      [],
      async (machine) => {
        const { stdout } = await machine.run(["-r", "rootfs", "--", "/bin/sh", "-c", "echo kept >/tmp/f; cat /tmp/f"]);
        expect(stdout).toBe("kept\n");
        expect(readFileSync(join(machine.directory, "rootfs/tmp/f"), "utf8")).toBe("kept\n");
        await Bun.file(join(machine.directory, "rootfs/tmp/f")).delete();
        expect((await machine.run(["ps", "-a", "-q"])).stdout).toBe("");
      },
      (machine) => unpack(machine, "busybox"),
    );
  });
  test("without a command is /bin/sh, with a notice on stderr", async () => {
    await withMachine(
      [],
      async (machine) => {
        const result = await machine.run(["-r", "rootfs"], { stdin: "echo hello; exit 5" });
        expect(result).toMatchObject({ code: 5, stdout: "hello\n" });
        expect(said(result)).toContain("/bin/sh");
      },
      (machine) => unpack(machine, "busybox"),
    );
  });
  test("without a rootfs says so, and how to get one", async () => {
    await withMachine([], async (machine) => {
      for (const args of [
        ["--", "sh"],
        ["-r", "/no/such", "--", "sh"],
      ]) {
        const result = await machine.run(args);
        expect([args, result.code]).toEqual([args, 125]);
        expect(said(result)).toContain(args[1] === "sh" ? "rootfs" : "/no/such");
        expect(said(result)).toContain("hint: ");
      }
    });
  });
});

const unpackedProbe = (machine: Machine) => unpack(machine, "probe");

/** ./rootfs of the sandbox, from one of our images. */
async function unpack(machine: Machine, name: string): Promise<void> {
  mkdirSync(join(machine.directory, "rootfs"));
  const { code } = await machine.exec(["tar", "-C", "rootfs", "-xf", imageTar(name)]);
  if (code !== 0) throw new Error("tar failed");
  // Mount points that the first run makes.
  for (const path of ["dev", "proc", "sys"]) mkdirSync(join(machine.directory, "rootfs", path), { recursive: true });
}

describe("environment", () => {
  test("comes from -e, from the caller by name, and from files; -e wins", async () => {
    await withMachine(
      ["probe"],
      async (machine) => {
        const options = [
          "--env-file",
          "env",
          "-e",
          "A=b=c",
          "-e",
          "CALLER",
          "--env",
          "ABSENT",
          "-e",
          "EMPTY=",
          "-e",
          "FILE2=mine",
        ];
        const { stdout } = await machine.container([...options, "probe", "/bin/probe", "env"], {
          env: { CALLER: "yes" },
        });
        const env = JSON.parse(stdout) as string[];
        for (const entry of ["A=b=c", "CALLER=yes", "EMPTY=", "FILE1=from file", "FILE2=mine"])
          expect(env).toContain(entry);
        expect(env.some((entry) => entry.startsWith("ABSENT"))).toBe(false);
      },
      async (machine) => void machine.file("env", "# comment\n\nFILE1=from file\nFILE2=lost\n"),
    );
  });
  test("a NUL in a file is refused: it would cut the value short", async () => {
    await withMachine(
      ["probe"],
      async (machine) => {
        const result = await machine.container(["--env-file", "env", "probe", "/bin/probe", "env"]);
        expect(result.code).toBe(125);
        expect(said(result)).not.toContain("internal error");
      },
      async (machine) => void machine.file("env", "A=x\0B=y\n"),
    );
  });
  test("a name that objects have by nature is not passed on", async () => {
    await withMachine(["probe"], async (machine) => {
      const { stdout } = await machine.container(["-e", "constructor", "-e", "toString", "probe", "/bin/probe", "env"]);
      expect(stdout).not.toContain("constructor");
    });
  });
  test("HOME is the user's by the image's /etc/passwd, unless it is given", async () => {
    await withMachine(["probe"], async (machine) => {
      const home = async (...options: string[]) =>
        (await machine.ask<string[]>(options, "env")).filter((entry) => entry.startsWith("HOME="));
      expect(await home("-u", "probe")).toEqual(["HOME=/work"]);
      expect(await home("-u", "4242")).toEqual(["HOME=/"]);
      expect(await home("-u", "probe", "-e", "HOME=/x")).toEqual(["HOME=/x"]);
    });
  });
});

describe("the directory", () => {
  test("is -w, made when it is not there", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await machine.ask<string>(["-w", "/new/deep/dir"], "cwd")).toBe("/new/deep/dir");
      expect(await machine.ask<string>(["-w", "/work/.././tmp/"], "cwd")).toBe("/tmp");
    });
  });
  test("that is a file is refused with its name", async () => {
    await withMachine(["probe"], async (machine) => {
      const result = await machine.container(["-w", "/bin/probe", "probe", "/bin/probe"]);
      expect(result.code).toBe(125);
      expect(said(result)).toMatch(/workdir: .*\/bin\/probe.*ENOTDIR/);
    });
  });
});

describe("--read-only", () => {
  test("nothing below / can be changed, but /dev/shm and what is mounted", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script =
        "touch /x 2>&1; touch /etc/x 2>&1; touch /dev/shm/x /scratch/x && echo wrote; mount -o remount,rw / 2>&1 | grep -c denied";
      // What a file is mounted on was made in the same file system, which may have no writer then.
      const file = ["-v", "/proc/version:/of/the/host"];
      const { stdout } = await machine.sh(script, ["--read-only", "--tmpfs", "/scratch", ...file]);
      expect(stdout.match(/Read-only file system/g)).toHaveLength(2);
      expect(stdout).toEndWith("wrote\n1\n");
    });
  });
});

describe("--init", () => {
  test("process 1 is a small init: the program is another, orphans are collected, the code passed on", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "(sleep 0.05 & ) ; sleep 0.3; ps -o pid,ppid,stat,args; echo me $$; exit 9";
      const { code, stdout } = await machine.sh(script, ["--init"]);
      expect(code).toBe(9);
      expect(stdout).not.toMatch(/^me 1$/m);
      expect(stdout).not.toMatch(/ Z /);
    });
  });
  test("a program ended by a signal is 128 + n, and a missing one 127", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect((await machine.sh("kill -9 $$", ["--init"])).code).toBe(137);
      expect((await machine.container(["--init", "busybox", "nonsense"])).code).toBe(127);
    });
  });
  test("the program gets clean signals, three descriptors and the same capabilities", async () => {
    await withMachine(["probe"], async (machine) => {
      const zero = "0".repeat(16);
      expect(await machine.ask<object>(["--init"], "signals")).toMatchObject({
        SigBlk: zero,
        SigIgn: zero,
        SigCgt: zero,
      });
      expect(Object.keys(await machine.ask<object>(["--init"], "fds")).sort()).toEqual(["0", "1", "2"]);
      expect(await machine.ask<object>(["--init"], "caps")).toMatchObject({ CapEff: "00000000a80425fb", CapInh: zero });
    });
  });
});

describe("--cidfile", () => {
  test("has the id of the container, 64 digits", async () => {
    await withMachine(["probe"], async (machine) => {
      expect((await machine.container(["--cidfile", "cid", "probe", "/bin/probe", "exit"])).code).toBe(0);
      expect(readFileSync(join(machine.directory, "cid"), "utf8")).toMatch(/^[0-9a-f]{64}$/);
      const again = await machine.container(["--cidfile", "cid", "probe", "/bin/probe", "exit"]);
      expect(again.code).toBe(125);
      expect(said(again)).toContain("exists already");
      await Bun.file(join(machine.directory, "cid")).delete();
    });
  });
  test("of a container that could not start is gone with it, so that the same command can be given again", async () => {
    await withMachine(["probe"], async (machine) => {
      expect((await machine.container(["--cidfile", "cid", "-u", "ghost", "probe", "/bin/probe"])).code).toBe(125);
    });
  });
});

describe("volumes", () => {
  const prepare = async (machine: Machine) => {
    machine.file("data/inside", "hello\n");
    machine.file("single", "one\n");
  };
  test("show a directory or a file of the host; what is written arrives there", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const script = "cat /d/inside /etc/one; echo new >/d/made; stat -c %a /d/made";
        const { stdout } = await machine.sh(script, ["-v", "./data:/d", "-v", `${machine.directory}/single:/etc/one`]);
        expect(stdout).toBe("hello\none\n644\n");
        expect(await Bun.file(join(machine.directory, "data/made")).text()).toBe("new\n");
        await Bun.file(join(machine.directory, "data/made")).delete();
      },
      prepare,
    );
  });
  test("with ro can't be written, by root either, and not be remounted", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const script = "touch /d/x 2>&1; mount -o remount,bind,rw /d 2>/dev/null; touch /d/y 2>&1; cat /d/inside";
        const { stdout } = await machine.sh(script, ["-v", "./data:/d:ro"]);
        expect(stdout.match(/Read-only file system/g)).toHaveLength(2);
        expect(stdout).toContain("hello");
        expect((await machine.sh("touch /d/x", ["--mount", "type=bind,src=./data,dst=/d,readonly"])).code).toBe(1);
      },
      prepare,
    );
  });
  test("with ro are read-only below too", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        await machine.exec(["mount", "-t", "tmpfs", "below", join(machine.directory, "data/sub")]);
        const { stdout } = await machine.sh("touch /d/sub/x 2>&1", ["-v", "./data:/d:ro"]);
        expect(stdout).toContain("Read-only file system");
        await machine.exec(["umount", join(machine.directory, "data/sub")]);
      },
      async (machine) => {
        await prepare(machine);
        machine.file("data/sub/");
      },
    );
  });
  test("that are not there are made with a warning; --mount refuses instead", async () => {
    await withMachine(["busybox"], async (machine) => {
      const result = await machine.sh("ls -d /d", ["-v", "./fresh:/d"]);
      expect(result).toMatchObject({ code: 0, stdout: "/d\n" });
      expect(said(result)).toContain("fresh does not exist");
      expect(lstatSync(join(machine.directory, "fresh")).mode & 0o7777).toBe(0o755);
      await machine.exec(["rmdir", "fresh"]);
      expect((await machine.sh("true", ["--mount", "type=bind,src=./fresh,dst=/d"])).code).toBe(125);
      expect(existsSync(join(machine.directory, "fresh"))).toBe(false);
    });
  });
  test("over a path that the image lacks make it in the container only", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        expect((await machine.sh("cat /a/b/c/inside", ["-v", "./data:/a/b/c"])).stdout).toBe("hello\n");
      },
      prepare,
    );
  });
  test("over one another are mounted in order", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const { stdout } = await machine.sh("cat /d/inside /d/sub/inside", ["-v", "./data:/d", "-v", "./data:/d/sub"]);
        expect(stdout).toBe("hello\nhello\n");
      },
      async (machine) => {
        await prepare(machine);
        machine.file("data/sub/");
      },
    );
  });
  test("may have a name with anything but a colon in it", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        expect((await machine.sh('cat "/t o,\\x/f"', ["-v", "./o d,d\\é:/t o,\\x"])).stdout).toBe("x\n");
      },
      async (machine) => void machine.file("o d,d\\é/f", "x\n"),
    );
  });
});

describe("--tmpfs", () => {
  test("is memory, hardened, with its size and mode", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script =
        "grep ' /t ' /proc/mounts; stat -c %a /t; head -c 3000000 /dev/zero 2>/dev/null >/t/f; stat -c %s /t/f";
      const { stdout } = await machine.sh(script, ["--tmpfs", "/t:size=1m,mode=700"]);
      expect(stdout).toMatch(
        /^tmpfs \/t tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700\b.*\n700\n1048576\n$/,
      );
      const mount = await machine.sh("grep ' /t ' /proc/mounts", ["--mount", "type=tmpfs,dst=/t,tmpfs-size=2m"]);
      expect(mount.stdout).toContain("size=2048k");
    });
  });
  test("is empty each time", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (let turn = 0; turn < 2; turn++)
        expect((await machine.sh("ls -A /etc; touch /etc/x", ["--tmpfs", "/etc"])).stdout).toBe("");
    });
  });
});

describe("-u (R24)", () => {
  const ids = (machine: Machine, user: string) => machine.ask<Record<string, unknown>>(["-u", user], "ids");
  test("is a name or number by the image's own files", async () => {
    await withMachine(["probe"], async (machine) => {
      expect(await ids(machine, "probe")).toMatchObject({
        uid: 1000,
        euid: 1000,
        suid: 1000,
        gid: 1000,
        egid: 1000,
        sgid: 1000,
        groups: [1000, 2000],
      });
      expect(await ids(machine, "1000")).toMatchObject({ uid: 1000, gid: 1000, groups: [1000, 2000] });
      expect(await ids(machine, "probe:extra")).toMatchObject({ uid: 1000, gid: 2000, groups: [2000] });
      expect(await ids(machine, "7:8")).toMatchObject({ uid: 7, gid: 8, groups: [8] });
      expect(await ids(machine, "4242")).toMatchObject({ uid: 4242, gid: 0, groups: [0] });
      expect(await ids(machine, "0")).toMatchObject({ uid: 0, gid: 0, groups: [0] });
      expect(await ids(machine, "4294967294")).toMatchObject({ uid: 4294967294 });
    });
  });
  test("is never a number that wraps around to root", async () => {
    await withMachine(["probe"], async (machine) => {
      for (const user of [
        "4294967295",
        "4294967296",
        "-1",
        "0x0",
        "00000000000",
        "1e3",
        " 0",
        "0 ",
        "+0",
        "0:4294967296",
        ":",
      ]) {
        const { code, stdout } = await machine.container(["-u", user, "probe", "/bin/probe", "ids"]);
        expect([user, code, stdout]).toEqual([user, 125, ""]);
      }
    });
  });
});

describe("an image's configuration", () => {
  const config = {
    Entrypoint: ["/bin/probe"],
    Cmd: ["args", "cmd"],
    Env: ["FROM_IMAGE=1", "PATH=/bin", "LD_PRELOAD=/evil.so", "BUN_OPTIONS=--preload=/evil.js"],
    WorkingDir: "/made/by/image",
    User: "probe:extra",
    Volumes: { "/data": {}, "/empty": {} },
    StopSignal: "SIGUSR1",
  };
  const prepare =
    (changes: object = {}) =>
    async (machine: Machine) => {
      const base = readFileSync(imageTar("probe"));
      const more = tarOf(
        { name: "data/", mode: 0o750, uid: 1000, gid: 2000 },
        { name: "data/seed", content: "seed\n", uid: 1000, gid: 1000, mode: 0o640 },
        { name: "data/link", type: "2", link: "seed" },
      );
      const layers = [base, more];
      const text = configOf(layers, { config: { ...config, ...changes } });
      const path = join(machine.tmp, "image.tar");
      writeFileSync(path, tarOf(...dockerArchive({ config: text, layers, tags: ["configured:1"] })));
      await machine.loadFile(path, "configured:1");
      await Bun.file(path).delete();
    };

  test("gives Entrypoint, Cmd, Env, WorkingDir and User", async () => {
    await withMachine(
      [],
      async (machine) => {
        const answer = async (...args: string[]) => JSON.parse((await machine.container(args)).stdout);
        expect(await answer("configured:1")).toEqual(["/bin/probe", "args", "cmd"]);
        expect(await answer("configured:1", "args", "mine")).toEqual(["/bin/probe", "args", "mine"]);
        expect(await answer("configured:1", "cwd")).toBe("/made/by/image");
        expect(await answer("configured:1", "ids")).toMatchObject({ uid: 1000, gid: 2000 });
        expect(await answer("configured:1", "env")).toEqual(expect.arrayContaining(["FROM_IMAGE=1", "PATH=/bin"]));
        expect(await answer("-e", "FROM_IMAGE=2", "configured:1", "env")).toContain("FROM_IMAGE=2");
        expect(await answer("--entrypoint", "probe", "-u", "0", "-w", "/", "configured:1", "ids")).toMatchObject({
          uid: 0,
        });
        expect(await answer("--entrypoint", "", "configured:1", "/bin/probe", "args")).toEqual(["/bin/probe", "args"]);
      },
      prepare(),
    );
  });
  test("its Env reaches the program only, and never what starts it (R3)", async () => {
    await withMachine(
      [],
      async (machine) => {
        const result = await machine.container(["configured:1", "env"]);
        expect(result.code).toBe(0);
        expect(JSON.parse(result.stdout)).toEqual(
          expect.arrayContaining(["LD_PRELOAD=/evil.so", "BUN_OPTIONS=--preload=/evil.js"]),
        );
        expect(said(result)).toBe("");
      },
      prepare(),
    );
  });
  test("its Volumes are filled with what the image has there: content, owners, modes, links", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const result = await machine.run(["run", "--name", "keeper", "configured:1", "args"]);
        expect(result.code).toBe(0);
        const script = `cd root/volumes && stat -c '%a %u %g %F' */_data */_data/seed */_data/link && cat */_data/link`;
        const { stdout } = await machine.exec(["sh", "-c", script]);
        expect(stdout.split("\n").sort().join("\n")).toBe(
          "\n640 1000 1000 regular file\n750 1000 2000 directory\n755 0 0 directory\n777 0 0 symbolic link\nseed",
        );
        expect((await machine.run(["rm", "-v", "keeper"])).code).toBe(0);
      },
      prepare(),
    );
  });
  test("a volume over /proc, / or .. is refused as one of the user's would be (R18)", async () => {
    for (const path of ["/proc", "/proc/sys", "/./proc", "//proc/sys/kernel", "/x/../proc", "/", "/.."]) {
      await withMachine(
        [],
        async (machine) => {
          const result = await machine.container(["configured:1", "mounts"]);
          expect([path, result.code]).toEqual([path, 125]);
          expect(said(result)).toContain("tinydocker: ");
        },
        prepare({ Volumes: { [path]: {} } }),
      );
    }
  });
});

describe("the image may be", () => {
  test("a tar that was not loaded yet: it is, once, and named after the file", async () => {
    await withMachine([], async (machine) => {
      const first = await machine.container([imageTar("probe"), "/bin/probe", "exit", "4"]);
      expect(first.code).toBe(4);
      expect((await machine.run(["images"])).stdout).toMatch(/^probe +latest /m);
      const before = machine.snapshot();
      expect((await machine.container([imageTar("probe"), "/bin/probe", "exit", "5"])).code).toBe(5);
      expect((await machine.container(["probe:latest", "/bin/probe", "exit", "6"])).code).toBe(6);
      await machine.expectNothingLeft(before);
      const id = (await machine.run(["images", "-q"])).stdout.trim();
      expect((await machine.container([id, "/bin/probe", "exit", "7"])).code).toBe(7);
      await machine.beginAnew();
    });
  });
  test("a root directory, which stays as it is", async () => {
    await withMachine(
      [],
      async (machine) => {
        expect((await machine.container(["./rootfs", "/bin/sh", "-c", "echo x >/new; rm /bin/ls; exit 3"])).code).toBe(
          3,
        );
      },
      (machine) => unpack(machine, "busybox"),
    );
  });
  test("a path with colons, commas, spaces and backslashes", async () => {
    await withMachine(
      [],
      async (machine) => {
        const result = await machine.container(["./odd: name,\\x", "/bin/probe", "exit", "3"]);
        expect([result.code, said(result)]).toEqual([3, ""]);
      },
      async (machine) => {
        await unpack(machine, "probe");
        await machine.exec(["mv", "rootfs", "odd: name,\\x"]);
      },
    );
  });
  test("a symbolic link to a tar or to a directory", async () => {
    await withMachine(
      [],
      async (machine) => {
        expect((await machine.container(["./link", "/bin/probe", "exit", "3"])).code).toBe(3);
      },
      async (machine) => {
        await unpack(machine, "probe");
        symlinkSync("rootfs", join(machine.directory, "link"));
      },
    );
  });
});
