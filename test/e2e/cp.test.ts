/** `cp`: Docker's rules for every pair of ends, and containers that try to lead it out of their root. */

import { describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, Machine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";
import { tarOf } from "../support/tars.ts";

const test = needing(root);

/** A machine with a stopped container "box", which has run a script. */
async function withBox(
  script: string,
  use: (machine: Machine) => Promise<void>,
  options: string[] = [],
): Promise<void> {
  await using machine = await new Machine().open();
  await machine.loadFile(imageTar("busybox"), "busybox");
  const made = await machine.run(["run", "--name", "box", ...options, "busybox", "sh", "-c", script]);
  if (made.code !== 0) throw new Error(made.stderr);
  const { mounts, processes } = machine.snapshot();
  await use(machine);
  expect(machine.snapshot()).toMatchObject({ mounts, processes });
  for (const name of ["staging", "running"]) expect([name, readdirSync(join(machine.root, name))]).toEqual([name, []]);
}

/** Copies in the sandbox's tmp. @returns the exit code, and what failed. */
async function cp(machine: Machine, ...args: string[]): Promise<[code: number | null, said: string]> {
  const { code, stderr } = await machine.run(["cp", "-q", ...args], { cwd: machine.tmp });
  return [code, stderr];
}

const copied: [number, string] = [0, ""];
/** The container's tree at a path, as GNU tar lists it. */
const listed = async (machine: Machine, path: string): Promise<string[]> =>
  (await machine.exec(["sh", "-c", `${binary()} cp box:${path} - | tar -t`])).stdout.split("\n").filter(Boolean);

describe("into a container", () => {
  const rules: [from: string, to: string, result: string[] | string][] = [
    ["file", "/in", ["in/", "in/file"]],
    ["file", "/in/", ["in/", "in/file"]],
    ["file", "/in/new", ["in/", "in/new"]],
    ["file", "in/relative", ["in/", "in/relative"]],
    ["file", "/in/new/", "no such directory: /in/new/ in container box"],
    ["file", "/no/new", "could not find /no/new in container box"],
    ["file", "/etc/passwd/", "/etc/passwd/ in container box is not a directory"],
    ["dir", "/in", ["in/", "in/dir/", "in/dir/sub/", "in/dir/sub/f"]],
    ["dir/", "/in", ["in/", "in/dir/", "in/dir/sub/", "in/dir/sub/f"]],
    ["dir/.", "/in", ["in/", "in/sub/", "in/sub/f"]],
    ["dir", "/in/new", ["in/", "in/new/", "in/new/sub/", "in/new/sub/f"]],
    ["dir", "/in/new/", ["in/", "in/new/", "in/new/sub/", "in/new/sub/f"]],
    ["dir/.", "/in/new", ["in/", "in/new/", "in/new/sub/", "in/new/sub/f"]],
    ["dir", "/etc/passwd", "cannot copy a directory over /etc/passwd in container box"],
    ["file/", "/in", "file/ is not a directory"],
    ["nothing", "/in", "could not find nothing"],
    ["link", "/in", ["in/", "in/link"]],
    ["link/.", "/in", ["in/", "in/sub/", "in/sub/f"]],
    ["link/", "/in/x", ["in/", "in/x/", "in/x/sub/", "in/x/sub/f"]],
  ];
  for (const [from, to, result] of rules)
    test(`${from} to ${to}`, async () => {
      await withBox("mkdir /in", async (machine) => {
        mkdirSync(`${machine.tmp}/dir/sub`, { recursive: true });
        writeFileSync(`${machine.tmp}/dir/sub/f`, "f");
        writeFileSync(`${machine.tmp}/file`, "content");
        symlinkSync("dir", `${machine.tmp}/link`);
        const [code, stderr] = await cp(machine, from, `box:${to}`);
        if (typeof result === "string") {
          expect([code, stderr.includes(result), stderr]).toEqual([1, true, stderr]);
          expect(await listed(machine, "/in")).toEqual(["in/"]);
        } else {
          expect([code, stderr]).toEqual(copied);
          expect(await listed(machine, "/in")).toEqual(result);
        }
      });
    });
  test("root owns what comes in, -a keeps owners; modes, times, hard links and set-user-id bits are kept", async () => {
    await withBox("mkdir /in", async (machine) => {
      mkdirSync(`${machine.tmp}/d`);
      writeFileSync(`${machine.tmp}/d/f`, "x");
      chownSync(`${machine.tmp}/d/f`, 1000, 2000);
      chmodSync(`${machine.tmp}/d/f`, 0o4751);
      await machine.exec(["sh", "-c", "ln d/f d/g; touch -d @1000000000 d/f"], { cwd: machine.tmp });
      expect(await cp(machine, "d", "box:/in/plain")).toEqual(copied);
      expect(await cp(machine, "-a", "d", "box:/in/kept")).toEqual(copied);
      await machine.run(["start", "box"]);
      await machine.run(["commit", "-q", "box", "made"]);
      const { stdout } = await machine.container([
        "made",
        "stat",
        "-c",
        "%n %u:%g %a %h %Y",
        "/in/plain/f",
        "/in/kept/f",
      ]);
      expect(stdout).toBe("/in/plain/f 0:0 4751 2 1000000000\n/in/kept/f 1000:2000 4751 2 1000000000\n");
    });
  });
  test("what is there is overwritten, directories are merged and keep their mode, and neither takes the other's place", async () => {
    await withBox(
      "mkdir -m 1777 /in; mkdir -m 700 /in/d; echo old >/in/d/f; echo stays >/in/d/other; mkdir /in/x; touch /in/y",
      async (machine) => {
        mkdirSync(`${machine.tmp}/t/d`, { recursive: true });
        writeFileSync(`${machine.tmp}/t/d/f`, "new");
        expect(await cp(machine, "t/.", "box:/in")).toEqual(copied);
        const { stdout } = await machine.exec([
          "sh",
          "-c",
          `${binary()} cp box:/in - | tar -tv; ${binary()} cp box:/in/d/f - | tar -xO`,
        ]);
        expect(stdout).toMatch(/drwxrwxrwt.* in\/\ndrwx------.* in\/d\/\n.*in\/d\/f\n.*in\/d\/other\n/);
        expect(stdout).toEndWith("new");
        rmSync(`${machine.tmp}/t`, { recursive: true });
        mkdirSync(`${machine.tmp}/t/y`, { recursive: true });
        expect((await cp(machine, "t/.", "box:/in"))[1]).toContain("cannot overwrite y with a directory");
        rmSync(`${machine.tmp}/t`, { recursive: true });
        mkdirSync(`${machine.tmp}/t`);
        writeFileSync(`${machine.tmp}/t/x`, "");
        expect((await cp(machine, "t/.", "box:/in"))[1]).toContain("cannot overwrite the directory x");
      },
    );
  });
  test("a symbolic link at the target is followed, also one that leads to nothing yet", async () => {
    await withBox(
      "mkdir /in; ln -s /in/real /in/dangling; touch /in/t; ln -s t /in/link; ln -s /in /inlink",
      async (machine) => {
        writeFileSync(`${machine.tmp}/f`, "x");
        for (const target of ["/in/dangling", "/in/link", "/inlink"])
          expect(await cp(machine, "f", `box:${target}`)).toEqual(copied);
        expect(await listed(machine, "/in")).toEqual(["in/", "in/dangling", "in/f", "in/link", "in/real", "in/t"]);
        const { stdout } = await machine.exec(["sh", "-c", `${binary()} cp box:/in - | tar -tv`]);
        expect(stdout).toMatch(/in\/dangling -> \/in\/real\n.*in\/f\n.*in\/link -> t\n/);
      },
    );
  });
  test("a tar on stdin is extracted, compressed or not, only into a directory", async () => {
    await withBox("mkdir /in", async (machine) => {
      const script = `mkdir -p a/b; echo x >a/b/c; tar -c a | ${binary()} cp -q - box:/in; tar -cz a/b | ${binary()} cp -q - box:/in/a; tar -c a | ${binary()} cp -q - box:/etc/passwd; echo $?`;
      const { stdout, stderr } = await machine.exec(["sh", "-c", script], { cwd: machine.tmp });
      expect(stdout).toBe("1\n");
      expect(stderr).toContain("/etc/passwd in container box is not a directory");
      expect(await listed(machine, "/in")).toEqual([
        "in/",
        "in/a/",
        "in/a/a/",
        "in/a/a/b/",
        "in/a/a/b/c",
        "in/a/b/",
        "in/a/b/c",
      ]);
    });
  });
  test("a container whose root is read-only takes nothing", async () => {
    await withBox(
      "true",
      async (machine) => {
        writeFileSync(`${machine.tmp}/f`, "x");
        expect((await cp(machine, "f", "box:/tmp"))[1]).toContain("is read-only");
      },
      ["--read-only"],
    );
  });
  test("that goes when it ends works before it starts", async () => {
    await using machine = await new Machine().open();
    await machine.loadFile(imageTar("busybox"), "busybox");
    writeFileSync(join(machine.tmp, "f"), "before\n");
    const program = ["sh", "-c", "cat /f; grep -c volatile /proc/self/mountinfo"];
    expect((await machine.run(["create", "--rm", "--name", "soon", "busybox", ...program])).code).toBe(0);
    await cp(machine, "f", "soon:/f");
    expect((await machine.run(["start", "-a", "soon"])).stdout).toBe("before\n1\n");
    expect((await machine.run(["ps", "-aq"])).stdout).toBe("");
  });
});

describe("out of a container", () => {
  const rules: [from: string, to: string, result: string[] | string][] = [
    ["/src/f", ".", ["f"]],
    ["/src/f", "new", ["new"]],
    ["/src/f", "there", ["there"]],
    ["/src/f", "dir", ["dir", "dir/f"]],
    ["/src/f", "new/", "no such directory: new/"],
    ["/src/f", "no/new", "could not find no/new"],
    ["/src", ".", ["src", "src/d", "src/d/g", "src/f", "src/l"]],
    ["/src/.", ".", ["d", "d/g", "f", "l"]],
    ["/src/d", "new", ["new", "new/g"]],
    ["/src/d", "there", "cannot copy a directory over there"],
    ["/src/l", "new", ["new"]],
    ["/src/l/", "new", ["new", "new/g"]],
    ["src/f", "new", ["new"]],
    ["/nothing", ".", "could not find /nothing in container box"],
    ["/src/f/", ".", "/src/f/ in container box is not a directory"],
  ];
  for (const [from, to, result] of rules)
    test(`${from} to ${to}`, async () => {
      await withBox("mkdir -p /src/d; echo f >/src/f; echo g >/src/d/g; ln -s d /src/l", async (machine) => {
        const work = join(machine.tmp, "w");
        mkdirSync(work);
        const before = to === "there" || to === "dir" ? [to] : [];
        if (to === "there") writeFileSync(join(work, to), "old");
        if (to === "dir") mkdirSync(join(work, to));
        const { code, stderr } = await machine.run(["cp", "-q", `box:${from}`, to], { cwd: work });
        const found = (await machine.exec(["find", ".", "-mindepth", "1"], { cwd: work })).stdout
          .split("\n")
          .filter(Boolean)
          .map((path) => path.slice(2))
          .sort();
        if (typeof result === "string") expect([code, stderr.includes(result), found]).toEqual([1, true, before]);
        else expect([code, stderr, found]).toEqual([0, "", result]);
      });
    });
  test("-L copies what a link leads to; a link alone stays one", async () => {
    await withBox("ln -s /etc/passwd /l", async (machine) => {
      expect(await cp(machine, "box:/l", "link")).toEqual(copied);
      expect(lstatSync(`${machine.tmp}/link`).isSymbolicLink()).toBe(true);
      expect(await cp(machine, "-L", "box:/l", "file")).toEqual(copied);
      expect(readFileSync(`${machine.tmp}/file`, "utf8")).toContain("root:x:0:0");
    });
  });
  test("programs with more rights than their caller stay inside, -a lets them out, and devices too", async () => {
    await withBox(
      "mkdir /s; cp /bin/busybox /s/su; chown 5:6 /s/su; chmod 6755 /s/su; mknod /s/null c 1 3",
      async (machine) => {
        const { code, stderr } = await machine.run(["cp", "-q", "box:/s", "out"], { cwd: machine.tmp });
        expect([code, stderr.includes("out/null is a device: left out")]).toEqual([0, true]);
        expect(readdirSync(`${machine.tmp}/out`)).toEqual(["su"]);
        expect(statSync(`${machine.tmp}/out/su`)).toMatchObject({ mode: 0o100755, uid: 0, gid: 0 });
        const alone = await machine.run(["cp", "box:/s/null", "null"], { cwd: machine.tmp });
        expect([alone.code, alone.stderr]).toEqual([
          1,
          expect.stringContaining("/s/null in container box is a device\n"),
        ]);
        expect(alone.stderr).not.toContain("copied");
        expect(await cp(machine, "-a", "box:/s", "all")).toEqual(copied);
        expect(statSync(`${machine.tmp}/all/su`)).toMatchObject({ mode: 0o106755, uid: 5, gid: 6 });
        expect(statSync(`${machine.tmp}/all/null`).isCharacterDevice()).toBe(true);
      },
    );
  });
  test("tells a terminal alone how much was copied, and refuses two containers and none", async () => {
    await withBox("echo x >/f", async (machine) => {
      const told = await machine.run(["cp", "box:/f", "f"], { cwd: machine.tmp });
      expect([told.code, told.stdout, told.stderr]).toEqual([0, "", ""]);
      for (const args of [["box:/f", "box:/g"], ["a", "b"], ["box:/f"]])
        expect((await machine.run(["cp", ...args])).code).toBe(125);
      expect((await machine.run(["cp", "nobody:/f", "f"])).stderr).toContain("no such container: nobody");
    });
  });
});

describe("volumes", () => {
  test("are seen and written to, in a running container and in a stopped one", async () => {
    await using machine = await new Machine().open();
    await machine.loadFile(imageTar("busybox"), "busybox");
    const host = machine.file("tmp/host/");
    const running = await machine.start([
      "run",
      "--name",
      "live",
      "-v",
      `${host}:/vol`,
      "--tmpfs",
      "/memory",
      "busybox",
      "sh",
      "-c",
      "echo v >/vol/v; echo m >/memory/m; echo ready; exec sleep 60",
    ]);
    expect(await cp(machine, "live:/vol/v", "one")).toEqual(copied);
    expect(await cp(machine, "live:/memory/m", "two")).toEqual(copied);
    expect(await cp(machine, "one", "live:/vol/from-host")).toEqual(copied);
    expect(readFileSync(join(host, "from-host"), "utf8")).toBe("v\n");
    expect((await cp(machine, "live:/proc/cpuinfo", "three"))[1]).toContain("a view of the kernel");
    for (const path of ["/proc/x", "/proc/sys/kernel/hostname", "/sys/x", "/dev/mqueue/x"])
      expect((await cp(machine, "one", `live:${path}`))[1]).toContain(
        `${path} in container live is not a file of the container but a view of the kernel`,
      );
    expect((await cp(machine, "live:/vol/v", "/proc/v"))[1]).toContain(
      "/proc/v is not a file but a view of the kernel",
    );
    expect((await cp(machine, "live:/", "all"))[0]).toBe(0);
    expect(readdirSync(`${machine.tmp}/all/proc`)).toEqual([]);
    running.child.kill("SIGTERM");
    await running.child.exited;
    writeFileSync(join(host, "later"), "later");
    expect(await cp(machine, "live:/vol/later", "three")).toEqual(copied);
    expect(await cp(machine, "one", "live:/vol/again")).toEqual(copied);
    expect(existsSync(join(host, "again"))).toBe(true);
  });
});

describe("a hostile container (R25)", () => {
  test("leads nothing out by symbolic links: not by those on the way, nor by the last one", async () => {
    const secret = "/etc/hostname-of-the-host";
    await withBox(
      `mkdir /d; ln -s / /d/root; ln -s ../../../../../../.. /d/up; ln -s ${secret} /secret; ln -s /proc/self/root /magic`,
      async (machine) => {
        const target = machine.file("tmp/target/");
        writeFileSync(join(machine.tmp, "f"), "x");
        writeFileSync(join(machine.tmp, "secret"), "secret");
        for (const path of [
          `/d/root${machine.tmp}/secret`,
          `/d/up${machine.tmp}/secret`,
          `/magic${machine.tmp}/secret`,
          "/../../../../../../../..".concat(machine.tmp, "/secret"),
          "/secret/",
        ])
          expect([path, (await cp(machine, `box:${path}`, "got"))[0]]).toEqual([path, 1]);
        for (const path of [`/d/root${target}/`, `/d/up${target}/`, `/magic${target}/`])
          expect([path, (await cp(machine, "f", `box:${path}`))[0]]).toEqual([path, 1]);
        expect(readdirSync(target)).toEqual([]);
        // A copy through them lands inside, as a program in the container would see it.
        expect(await cp(machine, "f", "box:/d/up/tmp/inside")).toEqual(copied);
        expect(await listed(machine, "/tmp")).toEqual(["tmp/", "tmp/inside"]);
        expect(await cp(machine, "-L", "box:/d/up", "whole")).toEqual(copied);
        expect(readdirSync(`${machine.tmp}/whole`)).toContain("secret");
        expect(existsSync(`${machine.tmp}/got`)).toBe(false);
      },
    );
  });
  test("is not made to write elsewhere by a tar on stdin", async () => {
    await withBox("mkdir /in; ln -s / /in/root", async (machine) => {
      const target = machine.file("tmp/target/");
      const tars = [
        tarOf({ name: "../escape", content: "x" }),
        tarOf({ name: "link", type: "2", link: machine.tmp }, { name: "link/target/escape", content: "x" }),
        tarOf({ name: `root${target}escape`, content: "x" }),
        tarOf({ name: "hard", type: "1", link: "../../../../../../etc/passwd" }),
      ];
      for (const tar of tars) await machine.run(["cp", "-q", "-", "box:/in"], { stdin: tar });
      expect(readdirSync(target)).toEqual([]);
      expect(existsSync(join(machine.tmp, "escape"))).toBe(false);
    });
  });
  test("that swaps directories for links while we copy gets nothing read or written outside its root", async () => {
    await using machine = await new Machine().open();
    await machine.loadFile(imageTar("busybox"), "busybox");
    const outside = machine.file("tmp/outside/");
    writeFileSync(join(outside, "f"), "SECRET");
    mkdirSync(join(machine.tmp, "in/sub"), { recursive: true });
    for (let i = 0; i < 20; i++) writeFileSync(join(machine.tmp, `in/sub/f${i}`), "ours");
    // What "d" is changes all the time: a directory, a link to a place of the host, a link to the root.
    const script = `mkdir -p /a /d/sub; echo inside >/d/sub/f; echo ready
      while :; do mv /d /a/d; ln -s ${outside} /d; rm /d; ln -s / /d; rm /d; mv /a/d /d; mv /d/sub /a/sub; ln -s ${outside} /d/sub; rm -f /d/sub; mv /a/sub /d/sub; done 2>/dev/null`;
    const running = await machine.start(["run", "--rm", "--name", "live", "busybox", "sh", "-c", script]);
    const seen = new Set<string>();
    for (let turn = 0; turn < 15; turn++) {
      await cp(machine, "live:/d/sub/f", `out${turn}`);
      await cp(machine, "live:/d", `tree${turn}`);
      await cp(machine, "in/.", "live:/d");
      await cp(machine, "in/sub/f0", "live:/d/sub/new");
      // Copies only: a link of the container is copied as a link, and leads where it says.
      for (const path of [`out${turn}`, `tree${turn}/sub/f`].map((name) => join(machine.tmp, name)))
        if (existsSync(path) && realpathSync(path) === path) seen.add(readFileSync(path, "utf8"));
    }
    running.child.kill("SIGKILL");
    await running.child.exited;
    expect(readdirSync(outside)).toEqual(["f"]);
    expect(readFileSync(join(outside, "f"), "utf8")).toBe("SECRET");
    for (const content of seen) expect(["inside\n", "ours"]).toContain(content);
    expect(readdirSync(machine.tmp).filter((name) => /^f\d+$|^new$/.test(name))).toEqual([]);
  });
});
