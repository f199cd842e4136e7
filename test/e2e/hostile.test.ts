/** Images that try to reach the host, and command lines in hostile places: nothing outside the container changes. */

import { describe, expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, type Machine, said, withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";
import { type RawEntry, tarOf } from "../support/tars.ts";

const test = needing(root);

const busybox = (): RawEntry[] => [
  { name: "bin/", mode: 0o755 },
  { name: "bin/busybox", content: readFileSync("/bin/busybox"), mode: 0o755 },
  { name: "bin/sh", type: "2", link: "busybox" },
];

/** Runs a command in an image of busybox and these entries. */
async function inImage(entries: RawEntry[], use: (machine: Machine) => Promise<void>): Promise<void> {
  await withMachine([], use, async (machine) => {
    machine.file("victim/file", "untouched\n");
    await machine.load("hostile", [...busybox(), ...entries]);
  });
}

const link = (name: string, to: string): RawEntry => ({ name, type: "2", link: to });

describe("symbolic links in the image (R15, CVE-2021-30465)", () => {
  const targets = [
    "/tmp",
    "/",
    "..",
    "../../../../../../tmp",
    "/proc/self/root",
    "/proc/1/root/tmp",
    "dev",
    "/bin",
    "loop",
  ];
  for (const name of ["dev", "proc", "sys", "etc", "tmp"]) {
    test(`/${name} as a link to anywhere changes nothing on the host`, async () => {
      for (const target of targets) {
        await inImage([link(name, target), link("loop", "loop")], async (machine) => {
          const hostTmp = readdirSync("/tmp").length;
          const outcome = await machine.container([
            "-v",
            "./victim:/mnt:ro",
            "hostile",
            "/bin/busybox",
            "cat",
            "/mnt/file",
          ]);
          if (outcome.code === 0) expect(outcome.stdout).toBe("untouched\n");
          else
            expect([name, target, outcome.stdout, said(outcome).split("\n")[0]]).toEqual([
              name,
              target,
              "",
              expect.stringMatching(/^tinydocker: /),
            ]);
          expect(said(outcome)).not.toContain("internal error");
          // Other tests may come and go there; what a container writes would stay.
          expect(readdirSync("/tmp").length).toBeLessThan(hostTmp + 10);
        });
      }
    });
  }
  test("under a volume's target lead nowhere but into the image", async () => {
    const entries = [link("out", "/../../../../../../.."), link("up", "../../../../../../tmp")];
    await inImage(entries, async (machine) => {
      for (const target of ["/out/mnt", "/up/x", "/out"]) {
        const outcome = await machine.container([
          "-v",
          `./victim:${target}`,
          "hostile",
          "/bin/busybox",
          "sh",
          "-c",
          `busybox cat ${target}/file`,
        ]);
        if (outcome.code === 0) expect([target, outcome.stdout]).toEqual([target, "untouched\n"]);
      }
      expect(existsSync("/mnt/file")).toBe(false);
      expect(existsSync("/tmp/x/file")).toBe(false);
    });
  });
  test("make no mount land over /proc: neither the image's volume nor the user's (R18)", async () => {
    await inImage(
      [link("data", "/proc"), link("deep", "/proc/sys"), link("self", "proc/self/attr")],
      async (machine) => {
        for (const target of ["/data", "/data/sys", "/deep", "/deep/kernel", "/self"]) {
          for (const option of [
            ["-v", `./victim:${target}`],
            ["--tmpfs", target],
            ["--mount", `type=tmpfs,dst=${target}`],
          ]) {
            const outcome = await machine.container([
              ...option,
              "hostile",
              "/bin/busybox",
              "cat",
              "/proc/self/mountinfo",
            ]);
            if (outcome.code === 125) continue;
            const points = outcome.stdout.split("\n").map((line) => line.split(" ")[4] ?? "");
            const over = points.filter((point, index) => point.startsWith("/proc") && index > 12 && !known.test(point));
            expect([target, option[0], outcome.code, over]).toEqual([target, option[0]!, 0, []]);
            // One mount of /proc, ours, is all there is.
            expect([target, option[0], points.filter((point) => point === "/proc").length]).toEqual([
              target,
              option[0]!,
              1,
            ]);
            expect([target, points.filter((point) => point === "/proc/sys").length]).toEqual([target, 1]);
          }
        }
      },
    );
  });
  const known =
    /^\/proc(\/(bus|fs|irq|sys|sysrq-trigger|acpi|asound|interrupts|kcore|keys|latency_stats|sched_debug|scsi|timer_list|timer_stats))?$/;
  test("as /dev/null and its like are not followed when devices and masks are made (R16, CVE-2025-31133)", async () => {
    const entries = [
      { name: "dev/" },
      link("dev/null", "/proc/sys/kernel/core_pattern"),
      link("dev/console", "/etc/target"),
      { name: "etc/" },
    ];
    await inImage(entries, async (machine) => {
      const outcome = await machine.container(["-t", "hostile", "/bin/busybox", "stat", "-c", "%F %t:%T", "/dev/null"]);
      expect(outcome.stdout.trim()).toBe("character special file 1:3");
    });
  });
  test("as the working directory stay inside (R6)", async () => {
    await inImage(
      [link("cwd", "/proc/self/cwd"), link("fd", "/proc/self/fd/8"), link("host", "/../../tmp")],
      async (machine) => {
        for (const path of ["/cwd", "/cwd/../..", "/fd", "/fd/..", "/host"]) {
          const outcome = await machine.container([
            "-w",
            path,
            "hostile",
            "/bin/busybox",
            "sh",
            "-c",
            "busybox pwd -P; busybox ls",
          ]);
          if (outcome.code !== 0) continue;
          expect(outcome.stdout).not.toContain("(unreachable)");
          expect(outcome.stdout).not.toContain("tinydocker-test");
        }
      },
    );
  });
});

describe("/etc/passwd and /etc/group of the image (R24)", () => {
  const cases: Record<string, RawEntry[]> = {
    "a FIFO": [{ name: "etc/passwd", type: "6" }],
    "a directory": [{ name: "etc/passwd/" }],
    "a device": [{ name: "etc/passwd", type: "3", major: 1, minor: 5 }],
    "a link to a device": [link("etc/passwd", "/dev/zero")],
    "a link to the host's": [link("etc/passwd", "../../../../../../etc/passwd")],
    "a link to itself": [link("etc/passwd", "passwd")],
    "a link to /proc/self/fd": [link("etc/passwd", "/proc/self/fd/0")],
    "ten megabytes": [{ name: "etc/passwd", content: Buffer.alloc(10 << 20, "x") }],
  };
  for (const [title, entries] of Object.entries(cases)) {
    test(`as ${title} hold nobody up and give no name away`, async () => {
      await inImage([{ name: "etc/" }, ...entries], async (machine) => {
        const started = Date.now();
        const outcome = await machine.container(["-u", "daemon", "hostile", "/bin/busybox", "id"], {
          timeoutMs: 20_000,
        });
        expect([outcome.code, outcome.stdout]).toEqual([125, ""]);
        expect(said(outcome)).not.toContain("internal error");
        expect(Date.now() - started).toBeLessThan(15_000);
      });
    });
  }
  test("with malformed lines: they are passed over, and nobody becomes root by them", async () => {
    const passwd =
      "\n:::\nroot\nevil:x:-1:0::/:\nwrap:x:4294967296:0::/:\nhex:x:0x0:0::/:\nempty:x::::\n# c\ngood:x:5:6:a:b:/h:/s\n";
    await inImage([{ name: "etc/" }, { name: "etc/passwd", content: passwd }], async (machine) => {
      for (const user of ["evil", "wrap", "hex", "empty", "root", "#"]) {
        const outcome = await machine.container(["-u", user, "hostile", "/bin/busybox", "id", "-u"]);
        expect([user, outcome.code, outcome.stdout]).toEqual([user, 125, ""]);
      }
      expect(await machine.container(["-u", "good", "hostile", "/bin/busybox", "id", "-u"])).toMatchObject({
        stdout: "5\n",
      });
    });
  });
});

describe("the binary (R4)", () => {
  test("is not changed by a container that runs /proc/self/exe or writes to /proc/PID/exe", async () => {
    const entries: RawEntry[] = [
      link("self", "/proc/self/exe"),
      { name: "script", content: "#!/proc/self/exe\n", mode: 0o755 },
    ];
    await inImage(entries, async (machine) => {
      const before = Bun.hash(readFileSync(binary()));
      const { mtimeMs } = statSync(binary());
      for (const program of ["/proc/self/exe", "/self", "/script"]) {
        const outcome = await machine.container(["hostile", program, "--version"]);
        expect(outcome.stdout).not.toMatch(/tinydocker \d/);
      }
      const script = "for p in /proc/[0-9]*; do (busybox echo evil >$p/exe) 2>/dev/null; done; busybox true";
      await machine.container(["hostile", "/bin/sh", "-c", script]);
      expect(Bun.hash(readFileSync(binary()))).toBe(before);
      expect(statSync(binary()).mtimeMs).toBe(mtimeMs);
    });
  });
});

describe("where we are called (R1, R2)", () => {
  test("a directory full of traps changes nothing about a container", async () => {
    const traps: Record<string, string> = {
      "evil.js": 'require("node:fs").writeFileSync("evil-was-here", "");',
      "bunfig.toml": 'preload = ["./evil.js"]\n',
      ".env": "TINYDOCKER_ROOT=/evil\nBUN_OPTIONS=--preload=./evil.js\nFROM_DOTENV=1\n",
      "package.json": "{",
      "tsconfig.json": "{ not json",
      probe: "not an image",
      "node_modules/citty/index.js": "throw new Error('EVIL')",
    };
    await withMachine(
      ["probe"],
      async (machine) => {
        const result = await machine.container(["-e", "FROM_DOTENV", "probe", "/bin/probe", "env"], {
          env: {
            BUN_OPTIONS: "--preload=./evil.js",
            BUN_BE_BUN: "1",
            NODE_OPTIONS: "--require=./evil.js",
            BUN_INSPECT: "x",
          },
        });
        expect([result.code, said(result)]).toEqual([0, ""]);
        expect(result.stdout).not.toContain("FROM_DOTENV");
      },
      async (machine) => {
        for (const [name, content] of Object.entries(traps)) machine.file(name, content);
      },
    );
  });
  test("a directory that is gone is in nobody's way: what needs it is refused", async () => {
    await withMachine(["probe"], async (machine) => {
      const gone = (words: string) =>
        machine.exec(["sh", "-c", `mkdir gone; cd gone; rmdir ../gone; exec "$0" ${words}`, binary()]);
      // Other builds do not start there: Bun itself says so.
      if (process.arch !== "x64") return;
      expect((await gone("--version")).stdout).toStartWith("tinydocker ");
      expect((await gone("run --rm --network none probe /bin/probe cwd")).stdout).toBe('"/"\n');
      expect((await gone("ps -aq")).stdout).toBe("");
      const refused = await gone("run --rm -v ./x:/x probe /bin/probe cwd");
      expect([refused.code, refused.stderr]).toEqual([
        125,
        "tinydocker: ./x leads nowhere: the working directory was deleted\ntinydocker: hint: cd elsewhere\n",
      ]);
      expect((await gone("save -o x probe")).stderr).toContain("ENOENT (no such file or directory)");
      expect((await gone("inspect nobody")).code).toBe(1);
    });
  });
  test("an environment of nothing is enough", async () => {
    await withMachine(["probe"], async (machine) => {
      const { stdout } = await machine.exec([
        "env",
        "-i",
        binary(),
        "--root",
        machine.root,
        "run",
        "--rm",
        "probe",
        "/bin/probe",
        "cwd",
      ]);
      expect(stdout).toBe('"/"\n');
    });
  });
  test("helper programs are not looked for on a hostile PATH (R26)", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const result = await machine.sh("echo fine", [], { env: { PATH: join(machine.directory, "bin") } });
        expect([result.stdout, existsSync(join(machine.directory, "evil-was-here"))]).toEqual(["fine\n", false]);
      },
      async (machine) => {
        for (const name of ["ip", "mount", "sh", "nsenter", "unshare", "cp", "xz", "nft"]) {
          const path = machine.file(`bin/${name}`, `#!/bin/sh\ntouch ${machine.directory}/evil-was-here\n`);
          chmodSync(path, 0o755);
        }
        // Of the test's own: nsenter(1) is looked up on the same PATH.
        symlinkSync(Bun.which("nsenter")!, join(machine.directory, "bin/nsenter.real"));
        writeFileSync(join(machine.directory, "bin/nsenter"), "");
        Bun.spawnSync(["ln", "-sf", Bun.which("nsenter")!, join(machine.directory, "bin/nsenter")]);
      },
    );
  });
});

describe("the state root (R23)", () => {
  test("is closed to others: directories 0700, files 0600, whatever the umask", async () => {
    await withMachine([], async (machine) => {
      await machine.exec(["sh", "-c", `umask 000; ${binary()} run --name one ${imageTar("probe")} /bin/probe exit`]);
      const { stdout } = await machine.exec([
        "find",
        "root",
        "-path",
        "*/layers/*/fs",
        "-prune",
        "-o",
        "-path",
        "*/upper",
        "-prune",
        "-o",
        "-path",
        "*/work/*",
        "-prune",
        "-o",
        "-type",
        "l",
        "-o",
        "-perm",
        "/077",
        "-printf",
        "%m %p\n",
      ]);
      expect(stdout).toBe("");
      expect(lstatSync(machine.root).mode & 0o777).toBe(0o700);
      await machine.run(["rm", "one"]);
      await machine.beginAnew();
    });
  });
});

test("a malicious tar given to run is refused as it is to load, and no container starts (R27)", async () => {
  const bad: Record<string, RawEntry[]> = {
    "..": [{ name: "../../../../../../tmp/escaped", content: "x" }],
    "write through a link": [link("d", "/tmp"), { name: "d/escaped", content: "x" }],
    "hard link out": [{ name: "h", type: "1", link: "../../../../../../etc/passwd" }],
    NUL: [{ name: Buffer.from("a\0b"), content: "x", patch: (block) => void block.write("x", 300) }],
  };
  await withMachine([], async (machine) => {
    for (const [title, entries] of Object.entries(bad)) {
      const path = join(machine.tmp, "bad.tar");
      writeFileSync(path, tarOf(...busybox(), ...entries));
      const result = await machine.container([path, "/bin/busybox", "echo", "started"]);
      expect(existsSync("/tmp/escaped")).toBe(false);
      if (result.code !== 125) expect([title, result.code, result.stdout]).toEqual([title, 0, "started\n"]);
      await Bun.file(path).delete();
    }
    await machine.run(["network", "prune", "-f"]);
    await machine.exec(["rm", "-rf", machine.root]);
    mkdirSync(machine.root);
    await machine.makeLasting();
  });
});
