/** Volumes and binds: what is in them, who shares them, whose they are, and what is left of them. */

import { describe, expect } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, type Machine, said, withMachine } from "../support/containers.ts";
import { configOf, dockerArchive } from "../support/images.ts";
import { needing, root } from "../support/needs.ts";
import { type RawEntry, tarOf } from "../support/tars.ts";

const test = needing(root);

const files = 600;
const seeds: RawEntry[] = [
  { name: "data/", mode: 0o2770, uid: 7, gid: 8 },
  { name: "data/seed", content: "seed\n", uid: 7, gid: 8, mode: 0o4750 },
  { name: "data/link", type: "2", link: "seed" },
  { name: "data/deep/" },
  ...Array.from({ length: files }, (_, index) => ({ name: `data/deep/${index}`, content: "x".repeat(3000) })),
];

/** busybox with a /data that has something in it, under the name `seeded`. */
const seeded =
  (config: object = {}) =>
  async (machine: Machine): Promise<void> => {
    const layers = [readFileSync(imageTar("busybox")), tarOf(...seeds)];
    const path = join(machine.tmp, "seeded.tar");
    writeFileSync(
      path,
      tarOf(...dockerArchive({ config: configOf(layers, { config }), layers, tags: ["seeded:latest"] })),
    );
    await machine.loadFile(path, "seeded");
    await Bun.file(path).delete();
  };

/** Runs a test that uses the image `seeded`; its volumes are removed in the end, and nothing else may be left. */
const withSeeded = (use: (machine: Machine) => Promise<void>, config?: object, prepare?: (machine: Machine) => void) =>
  withMachine(
    [],
    async (machine) => {
      await use(machine);
      await machine.run(["volume", "prune", "-a", "-f"]);
    },
    async (machine) => {
      prepare?.(machine);
      await seeded(config)(machine);
    },
  );

const sh = (machine: Machine, script: string, options: string[] = []) =>
  machine.container([...options, "seeded", "sh", "-c", script]);

const volumes = async (machine: Machine, ...options: string[]) =>
  (await machine.run(["volume", "ls", "-q", ...options])).stdout.split("\n").filter(Boolean);

const pathIn = (machine: Machine, ...parts: string[]) => join(machine.root, "volumes", ...parts);

describe("a volume", () => {
  test("outlives its containers, and two that run share it", async () => {
    await withSeeded(async (machine) => {
      const { until } = await machine.start([
        ...["run", "--rm", "-v", "shared:/s", "seeded", "sh", "-c"],
        "echo ready; until [ -e /s/from-other ]; do sleep 0.1; done; cat /s/from-other; echo mine >/s/from-first",
      ]);
      expect((await sh(machine, "echo hello >/s/.new; mv /s/.new /s/from-other", ["-v", "shared:/s"])).code).toBe(0);
      await until("hello");
      const script = "until [ -e /s/from-first ]; do sleep 0.1; done; cat /s/from-first /s/from-other";
      expect((await sh(machine, script, ["-v", "shared:/s:ro"])).stdout).toBe("mine\nhello\n");
      expect(await volumes(machine)).toEqual(["shared"]);
    });
  });
  test("that is empty is filled with what the image has there: content, owners, modes, links; then never again", async () => {
    await withSeeded(async (machine) => {
      const look = "stat -c '%n %a %u %g' /data /data/seed; readlink /data/link; ls /data/deep | wc -l";
      const expected = `/data 2770 7 8\n/data/seed 4750 7 8\nseed\n${files}\n`;
      expect((await sh(machine, look, ["-v", "data:/data"])).stdout).toBe(expected);
      expect(lstatSync(pathIn(machine, "data/_data/seed")).mode & 0o7777).toBe(0o4750);
      await sh(machine, "rm -r /data/deep /data/link; echo mine >/data/seed", ["-v", "data:/data"]);
      expect((await sh(machine, "ls /data; cat /data/seed", ["-v", "data:/data"])).stdout).toBe("seed\nmine\n");
      expect((await sh(machine, "ls -A /bin", ["-v", "data:/bin:ro", "--entrypoint", "/nothing"])).code).toBe(127);
      expect(readdirSync(pathIn(machine, "data")).sort()).toEqual(["_data", "volume.json"]);
    });
  });
  test("stays empty with nocopy, and for a container that was started before", async () => {
    await withSeeded(async (machine) => {
      expect((await sh(machine, "ls -A /data", ["-v", "one:/data:nocopy"])).stdout).toBe("");
      expect((await sh(machine, "ls -A /data", ["--mount", "src=two,dst=/data,volume-nocopy"])).stdout).toBe("");
      const script = "ls /data | wc -l; rm -rf /data/*";
      await machine.run(["create", "--name", "again", "-v", "three:/data", "seeded", "sh", "-c", script]);
      expect((await machine.run(["start", "-a", "again"])).stdout).toBe("3\n");
      expect((await machine.run(["start", "-a", "again"])).stdout).toBe("0\n");
      await machine.run(["rm", "again"]);
    });
  });
  test("that six containers want at once is filled by one, and whole for all", async () => {
    await withSeeded(async (machine) => {
      const run = `${binary()} run --rm -v new:/data seeded sh -c 'ls /data/deep | wc -l; cat /data/seed' 2>/dev/null`;
      const { stdout } = await machine.exec(["sh", "-c", `for i in 1 2 3 4 5 6; do ${run} & done; wait`]);
      expect(stdout.split("\n").filter(Boolean).sort()).toEqual([
        ...Array.from({ length: 6 }, () => String(files)),
        ...Array.from({ length: 6 }, () => "seed"),
      ]);
    });
  });
  test("is whole after kill -9 in the middle of filling it, whenever that was", async () => {
    await withSeeded(async (machine) => {
      for (let turn = 0; turn < 8; turn++) {
        const child = machine.spawn(["run", "--rm", "-v", "hit:/data", "seeded", "true"]);
        await Bun.sleep(20 + turn * 6);
        child.kill("SIGKILL");
        await child.exited;
      }
      expect((await sh(machine, "ls /data/deep | wc -l; stat -c %a /data", ["-v", "hit:/data"])).stdout).toBe(
        `${files}\n2770\n`,
      );
      expect(readdirSync(pathIn(machine, "hit")).sort()).toEqual(["_data", "volume.json"]);
    });
  });
  test("takes over what a dead one has left: a copy that is not whole is thrown away, one that is whole moved on", async () => {
    await withSeeded(async (machine) => {
      await machine.run(["volume", "create", "half"]);
      mkdirSync(pathIn(machine, "half/_copy/deep"), { recursive: true });
      writeFileSync(pathIn(machine, "half/_copy/seed"), "not who");
      expect((await sh(machine, "cat /data/seed; ls /data/deep | wc -l", ["-v", "half:/data"])).stdout).toBe(
        `seed\n${files}\n`,
      );
      await machine.run(["volume", "create", "moving"]);
      mkdirSync(pathIn(machine, "moving/_whole"));
      writeFileSync(pathIn(machine, "moving/_whole/b"), "second");
      writeFileSync(pathIn(machine, "moving/_whole/a"), "of the image");
      writeFileSync(pathIn(machine, "moving/_data/a"), "of somebody else");
      expect((await sh(machine, "cd /data; cat a b; ls | wc -l", ["-v", "moving:/data"])).stdout).toBe(
        "of somebody elsesecond2\n",
      );
    });
  });
  test("with ro can't be written, one below it can", async () => {
    await withSeeded(async (machine) => {
      const options = ["-v", "low:/data/deep/low", "-v", "top:/data:ro,nocopy"];
      await sh(machine, "mkdir -p /data/deep/low", ["-v", "top:/data"]);
      const { stdout } = await sh(machine, "touch /data/x 2>&1; touch /data/deep/low/y && echo fine", options);
      expect(stdout).toBe("touch: /data/x: Read-only file system\nfine\n");
    });
  });
  test("may be shown in part, and no link in it leads out", async () => {
    await withSeeded(async (machine) => {
      await sh(
        machine,
        "mkdir -p /v/a/b; echo x >/v/a/b/f; ln -s / /v/root; ln -s ../../../.. /v/up; ln -s a/b /v/in",
        ["-v", "parts:/v"],
      );
      const part = (path: string, script: string) =>
        sh(machine, script, ["--mount", `src=parts,dst=/data,volume-subpath=${path}`]);
      expect((await part("a/b", "ls -A /data")).stdout).toBe("f\n");
      expect((await part("in", "ls -A /data")).stdout).toBe("f\n");
      expect((await part("a/b/f", "true")).code).toBe(125);
      for (const path of ["root", "up"]) expect((await part(path, "ls -A /data")).stdout).toBe("a\nin\nroot\nup\n");
      const none = await part("no/such", "true");
      expect(none.code).toBe(125);
      expect(said(none)).toContain("no/such");
      expect((await part("root/etc", "ls /data")).code).toBe(125);
    });
  });
});

describe("a volume without a name", () => {
  test("goes with its container: by --rm, by rm -v, after kill -9; without those it stays", async () => {
    await withSeeded(
      async (machine) => {
        expect((await sh(machine, "ls /data | wc -l", ["-v", "/more"])).stdout).toBe("3\n");
        expect(await volumes(machine)).toEqual([]);
        await machine.run(["run", "--name", "kept", "-v", "/more", "seeded", "true"]);
        expect(await volumes(machine)).toHaveLength(2);
        expect((await machine.run(["rm", "-v", "kept"])).stdout).toBe("kept\n");
        expect(await volumes(machine)).toEqual([]);
        await machine.run(["run", "--name", "kept", "seeded", "true"]);
        await machine.run(["rm", "kept"]);
        const [name] = await volumes(machine, "--filter", "dangling=true");
        expect(name).toMatch(/^[0-9a-f]{64}$/);
        expect((await machine.run(["volume", "prune", "-f"])).stdout).toStartWith(`Deleted Volumes:\n${name}\n\nTotal`);
        const { child } = await machine.start(["run", "--rm", "seeded", "sh", "-c", "echo ready; exec sleep 60"]);
        expect(await volumes(machine)).toHaveLength(1);
        child.kill("SIGKILL");
        await child.exited;
        await machine.run(["ps"]);
        expect(await volumes(machine)).toEqual([]);
      },
      { Volumes: { "/data": {} } },
    );
  });
  test("is not made by a run that fails, and a named one of --rm stays", async () => {
    await withSeeded(async (machine) => {
      expect((await machine.container(["-v", "/more", "-v", "named:/n", "seeded", "/nothing"])).code).toBe(127);
      expect((await machine.run(["run", "-v", "/more", "-d", "seeded", "/nothing"])).code).toBe(127);
      expect(await volumes(machine)).toEqual([]);
      expect((await machine.container(["-v", "named:/n", "seeded", "true"])).code).toBe(0);
      expect(
        (await machine.run(["run", "-d", "--rm", "--name", "bg", "-v", "/more", "seeded", "sleep", "60"])).code,
      ).toBe(0);
      expect(await volumes(machine)).toHaveLength(2);
      await machine.run(["rm", "-f", "bg"]);
      expect(await volumes(machine)).toEqual(["named"]);
    });
  });
});

describe("--volumes-from", () => {
  test("shows what another container has mounted, and keeps it in use", async () => {
    await withSeeded(
      async (machine) => {
        const own = ["-v", "named:/n", "-v", "./host:/h:ro", "--tmpfs", "/t"];
        await machine.run(["create", "--name", "first", ...own, "seeded", "true"]);
        const look = "ls /data | wc -l; touch /n/x /data/x && echo wrote; touch /h/x 2>&1; [ -e /t ] || echo no tmpfs";
        await machine.run(["run", "--name", "second", "--volumes-from", "first", "seeded", "true"]);
        await machine.run(["start", "-a", "first"]);
        const readOnly = "touch: /h/x: Read-only file system\nno tmpfs\n";
        expect((await sh(machine, look, ["--volumes-from", "first"])).stdout).toBe(`3\nwrote\n${readOnly}`);
        const { stdout } = await sh(machine, "touch /n/y 2>&1; ls /n; touch /data/y 2>&1", [
          "--volumes-from",
          "first:ro",
        ]);
        expect(stdout).toBe("touch: /n/y: Read-only file system\nx\ntouch: /data/y: Read-only file system\n");
        expect((await sh(machine, "ls /n", ["--volumes-from", "first", "-v", "other:/n"])).stdout).toBe("");
        await machine.run(["rm", "-v", "first"]);
        expect(await volumes(machine)).toHaveLength(3);
        await machine.run(["rm", "-v", "second"]);
        expect(await volumes(machine)).toEqual(["named", "other"]);
        expect(said(await sh(machine, "true", ["--volumes-from", "nobody"]))).toContain("no such container: nobody");
      },
      { Volumes: { "/data": {} } },
      (machine) => void machine.file("host/f"),
    );
  });
});

describe("whose the files are", () => {
  test("U gives them to the container's user", async () => {
    await withSeeded(
      async (machine) => {
        const look = "stat -c '%u %g' /d /d/sub /d/sub/f; touch /d/sub/new && echo wrote";
        const options = ["-u", "1234:5678", "-v", "./host:/d:U"];
        expect((await sh(machine, look, options)).stdout).toBe(`${"1234 5678\n".repeat(3)}wrote\n`);
        expect(lstatSync(join(machine.directory, "host/sub/f")).uid).toBe(1234);
        expect(lstatSync(join(machine.directory, "outside")).uid).toBe(0);
        await machine.exec(["rm", "host/sub/new"]);
        expect((await sh(machine, "touch /n/x && stat -c %u /n", ["-u", "1234", "-v", "own:/n:U"])).stdout).toBe(
          "1234\n",
        );
        expect(said(await sh(machine, "true", ["-v", "/etc:/d:U"]))).toContain("would give /etc");
      },
      {},
      (machine) => {
        machine.file("host/sub/f");
        symlinkSync(machine.file("outside"), join(machine.directory, "host/link"));
      },
    );
  });
  test("me shows the caller's files as the container user's, and what that one writes is the caller's", async () => {
    await withSeeded(
      async (machine) => {
        await machine.exec(["chown", "-R", "1000:1001", "host"]);
        await machine.exec(["sh", "-c", "touch host/roots"]);
        const env = { SUDO_UID: "1000", SUDO_GID: "1001" };
        const look =
          "cd /d; stat -c '%n %u %g' f roots; touch new; rm roots 2>&1; chmod 777 roots 2>/dev/null || echo no";
        for (const user of ["0:0", "50:60"]) {
          const { stdout } = await machine.container(["-u", user, "-v", "./host:/d:me", "seeded", "sh", "-c", look], {
            env,
          });
          const [uid, gid] = user.split(":");
          expect(stdout).toStartWith(`f ${uid} ${gid}\nroots 65534 65534\nrm: `);
          expect(stdout).toEndWith("no\n");
          expect(lstatSync(join(machine.directory, "host/new"))).toMatchObject({ uid: 1000, gid: 1001 });
          await machine.exec(["rm", "host/new"]);
        }
        // As root, to whom none of it belongs.
        const roots = await machine.container(["-v", "./host:/d:me", "seeded", "touch", "/d/x"]);
        expect([roots.code, said(roots)]).toEqual([
          1,
          expect.stringContaining("/host belongs to uid 1000, and with :me"),
        ]);
        const made = await machine.container(["-v", "./made:/d:me", "seeded", "touch", "/d/x"], { env });
        expect(made.code).toBe(0);
        expect(lstatSync(join(machine.directory, "made"))).toMatchObject({ uid: 1000, gid: 1001 });
        await machine.exec(["rm", "-r", "made", "host/roots"]);
        const proc = await machine.container(["-v", "/proc:/d:me", "seeded", "true"], { env });
        expect(proc.code).toBe(125);
        expect(said(proc)).toMatch(
          /cannot map owners of \/proc: .*\n.*hint: .*idmapped mounts.* this is proc on Linux/,
        );
      },
      {},
      (machine) => void machine.file("host/f"),
    );
  });
});

describe("binds", () => {
  test("may stop at what is mounted below, or leave it writable", async () => {
    await withSeeded(
      async (machine) => {
        await machine.exec(["mount", "-t", "tmpfs", "below", join(machine.directory, "host/sub")]);
        const bind = async (more: string, script: string) =>
          (await sh(machine, script, ["--mount", `type=bind,src=./host,dst=/d${more}`])).stdout;
        expect(await bind(",bind-recursive=disabled", "grep -c ' /d/sub ' /proc/mounts")).toBe("0\n");
        expect(await bind(",ro,bind-recursive=writable", "touch /d/x || touch /d/sub/x && echo wrote")).toBe("wrote\n");
        expect(await bind(",ro", "touch /d/sub/y || echo read-only")).toBe("read-only\n");
        expect(await bind("/new,bind-create-src", "true")).toBe("");
        await machine.exec(["umount", join(machine.directory, "host/sub")]);
      },
      {},
      (machine) => void machine.file("host/sub/"),
    );
  });
});

describe("volume commands", () => {
  test("create, ls and inspect tell what there is, as Docker does", async () => {
    await withSeeded(async (machine) => {
      expect((await machine.run(["volume", "create", "--label", "tier=test", "named"])).stdout).toBe("named\n");
      expect((await machine.run(["volume", "create"])).stdout).toMatch(/^[0-9a-f]{64}\n$/);
      expect((await machine.run(["volume", "ls", "--filter", "name=nam"])).stdout).toBe(
        "DRIVER    VOLUME NAME\nlocal     named\n",
      );
      for (const filter of ["label=tier", "label=tier=test", "driver=local", "dangling=true"])
        expect(await volumes(machine, "--filter", filter)).toContain("named");
      for (const filter of ["label=tier=other", "driver=nfs", "dangling=false"])
        expect(await volumes(machine, "--filter", filter)).not.toContain("named");
      expect(JSON.parse((await machine.run(["volume", "inspect", "named"])).stdout)).toEqual([
        {
          CreatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
          Driver: "local",
          Labels: { tier: "test" },
          Mountpoint: pathIn(machine, "named/_data"),
          Name: "named",
          Options: null,
          Scope: "local",
        },
      ]);
      const some = await machine.run(["volume", "inspect", "-f", "{{.Name}}", "named", "none"]);
      expect(some).toMatchObject({ code: 1, stdout: "named\n" });
      expect(some.stderr).toContain("no such volume: none");
      expect((await machine.run(["volume", "create", "named"])).stdout).toBe("named\n");
      expect((await machine.run(["volume", "create", "--label", "tier=x", "named"])).code).toBe(1);
      for (const wrong of [
        ["-d", "nfs"],
        ["-o", "type=nfs"],
        ["-o", "size=1g"],
        ["-o", "o=bind"],
        [".."],
        ["a/b"],
        ["x"],
      ])
        expect([wrong, (await machine.run(["volume", "create", ...wrong])).code]).toEqual([wrong, 125]);
    });
  });
  test("rm refuses what any container uses, also one that was only created", async () => {
    await withSeeded(async (machine) => {
      await machine.run(["create", "--name", "user", "-v", "used:/u", "seeded", "true"]);
      const shown = ["inspect", "-f", "{{range .Mounts}}{{.Type}} {{.Name}} {{.Source}} {{.RW}}{{end}}", "user"];
      expect((await machine.run(shown)).stdout).toBe(`volume used ${pathIn(machine, "used/_data")} true\n`);
      const refused = await machine.run(["volume", "rm", "used", "none"]);
      expect(refused).toMatchObject({ code: 1, stdout: "" });
      expect(refused.stderr).toContain("volume used is in use by user");
      expect(refused.stderr).toContain("no such volume: none");
      expect((await machine.run(["volume", "rm", "-f", "used"])).code).toBe(1);
      expect((await machine.run(["volume", "rm", "-f", "none"])).stdout).toBe("none\n");
      expect((await machine.run(["volume", "prune", "-a", "-f"])).stdout).toBe("Total reclaimed space: 0B\n");
      writeFileSync(
        join(machine.root, "containers", readdirSync(join(machine.root, "containers"))[0]!, "container.json"),
        "{",
      );
      expect((await machine.run(["volume", "prune", "-a", "-f"])).stdout).toBe("Total reclaimed space: 0B\n");
      await machine.run(["rm", readdirSync(join(machine.root, "containers"))[0]!]);
      await machine.exec(["rm", "-f", join(machine.root, "names/user")]);
      expect((await machine.run(["volume", "rm", "used"])).stdout).toBe("used\n");
    });
  });
  test("prune asks, takes the answer from a pipe too, and takes what filters choose", async () => {
    await withSeeded(async (machine) => {
      await machine.run(["volume", "create", "--label", "keep", "one"]);
      await machine.run(["volume", "create", "two"]);
      const anonymous = (await machine.run(["volume", "create"])).stdout.trim();
      const no = await machine.run(["volume", "prune"], { stdin: "n\n" });
      expect(no).toMatchObject({ code: 1, stdout: "" });
      expect(no.stderr).toStartWith(
        "WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue? [y/N] ",
      );
      expect((await machine.run(["volume", "prune", "-a"])).stderr).toContain("nothing was removed");
      expect(await volumes(machine)).toHaveLength(3);
      expect((await machine.run(["volume", "prune"], { stdin: "y\n" })).stdout).toContain(anonymous);
      expect(await volumes(machine)).toEqual(["one", "two"]);
      await machine.run(["volume", "prune", "-a", "-f", "--filter", "label!=keep"]);
      expect(await volumes(machine)).toEqual(["one"]);
    });
  });
  test("a volume may stand for a directory of the host, which stays when it goes", async () => {
    await withSeeded(
      async (machine) => {
        const device = join(machine.directory, "host");
        const options = ["-o", "type=none", "-o", "o=bind", "-o", `device=${device}`];
        expect((await machine.run(["volume", "create", ...options, "there"])).code).toBe(0);
        expect((await sh(machine, "ls /d", ["-v", "there:/d"])).stdout).toBe("f\n");
        const mount = `"volume-opt=o=bind,ro",volume-opt=type=none,volume-opt=device=${device}`;
        const made = await sh(machine, "touch /d/x 2>&1; ls /d", ["--mount", `src=made,dst=/d,${mount}`]);
        expect(made.stdout).toBe("touch: /d/x: Read-only file system\nf\n");
        expect(said(await sh(machine, "true", ["--mount", `src=there,dst=/d,${mount}`]))).toContain("other options");
        await machine.run(["volume", "rm", "there", "made"]);
        expect(existsSync(join(device, "f"))).toBe(true);
      },
      {},
      (machine) => void machine.file("host/f"),
    );
  });
  test("a volume may be memory: shared while a container uses it, gone with the last, after kill -9 too", async () => {
    await withSeeded(async (machine) => {
      const options = ["-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=1770"];
      await machine.run(["volume", "create", ...options, "shared-ram"]);
      const mounted = () => machine.snapshot().mounts.filter((line) => line.includes("shared-ram"));
      const script = "echo ready; until [ -e /m/end ]; do sleep 0.1; done";
      await machine.run(["create", "--name", "made", "-v", "shared-ram:/m", "seeded", "true"]);
      expect(mounted()).toEqual([]);
      expect((await machine.run(["start", "-a", "made"])).code).toBe(0);
      await machine.run(["rm", "made"]);
      expect(mounted()).toEqual([]);
      const { child } = await machine.start(["run", "--rm", "-v", "shared-ram:/m", "seeded", "sh", "-c", script]);
      expect(mounted()).toHaveLength(1);
      const look = "stat -c %a /m; head -c 3000000 /dev/zero 2>/dev/null >/m/f; stat -c %s /m/f; rm /m/f; touch /m/end";
      expect((await sh(machine, look, ["-v", "shared-ram:/m"])).stdout).toBe("1770\n1048576\n");
      expect(await child.exited).toBe(0);
      expect(mounted()).toEqual([]);
      expect((await sh(machine, "ls -A /m", ["-v", "shared-ram:/m"])).stdout).toBe("");
      const other = await machine.start(["run", "--rm", "-v", "shared-ram:/m", "seeded", "sh", "-c", script]);
      other.child.kill("SIGKILL");
      await other.child.exited;
      expect((await machine.run(["volume", "rm", "shared-ram"])).stdout).toBe("shared-ram\n");
      expect(mounted()).toEqual([]);
    });
  });
  test("kill -9 in the middle of create leaves a volume that is whole or none, and nothing in the way", async () => {
    await withSeeded(async (machine) => {
      for (let turn = 0; turn < 12; turn++) {
        const child = machine.spawn(["volume", "create", "hit"]);
        await Bun.sleep(4 + 2 * turn);
        child.kill("SIGKILL");
        await child.exited;
        for (const name of readdirSync(pathIn(machine)))
          expect(readdirSync(pathIn(machine, name)).sort()).toEqual(["_data", "volume.json"]);
        await machine.run(["volume", "rm", "-f", "hit"]);
      }
      mkdirSync(join(machine.root, "staging/dead/_data"), { recursive: true });
      expect((await machine.run(["volume", "create", "hit"])).stdout).toBe("hit\n");
    });
  });
});

describe("system", () => {
  test("df counts images, containers and volumes, and prune removes what nobody uses", async () => {
    await withMachine(
      [],
      async (machine) => {
        await machine.run([
          "run",
          "--name",
          "old",
          "-v",
          "named:/n",
          "seeded",
          "sh",
          "-c",
          "head -c 1000 /dev/zero >/f",
        ]);
        await sh(machine, "head -c 500 /dev/zero >/n/f; ln /n/f /n/g", ["-v", "named:/n"]);
        await machine.run(["volume", "create"]);
        const df = (
          await machine.run([
            "system",
            "df",
            "--format",
            "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}",
          ])
        ).stdout;
        expect(df).toMatch(
          /^Images 1 1 [\d.]+MB 0B \(0%\)\nContainers 1 0 1kB 1kB \(100%\)\nLocal Volumes 2 1 500B 0B \(0%\)\n$/,
        );
        const { stdout } = await machine.run(["system", "df", "-v"]);
        expect(stdout).toMatch(/seeded +latest +[0-9a-f]{12} .* 1\n/);
        expect(stdout).toMatch(/ 1 +1kB .*Exited \(0\).* old\n/);
        expect(stdout).toMatch(/^named +1 +500B$/m);
        const asked = await machine.run(["system", "prune"]);
        expect(asked.stderr).toContain(
          "  - all stopped containers\n  - all networks not used by at least one container\n  - all dangling images\n",
        );
        const pruned = await machine.run(["system", "prune", "--volumes", "-f"]);
        expect(pruned.stdout).toMatch(
          /^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Volumes:\n[0-9a-f]{64}\n\nTotal reclaimed space: 1kB\n$/,
        );
        expect(await volumes(machine)).toEqual(["named"]);
        expect((await machine.run(["system", "prune", "-a", "-f", "--filter", "label=none"])).stdout).toBe(
          "Total reclaimed space: 0B\n",
        );
        expect((await machine.run(["system", "prune", "-a", "-f"])).stdout).toMatch(
          /^Deleted Images:\nuntagged: seeded:latest\ndeleted: sha256:[0-9a-f]{64}\n\nTotal reclaimed space: [\d.]+MB\n$/,
        );
        await machine.run(["volume", "rm", "named"]);
        await seeded()(machine);
        await machine.makeLasting();
      },
      seeded(),
    );
  });
});
