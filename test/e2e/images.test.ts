/** Images on the command line: tag, history, save and load, import, commit, export, diff, rmi, image prune. */

import { describe, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, Machine, said } from "../support/containers.ts";
import { sha256 } from "../support/images.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root);

/** A machine that is thrown away with all that a test made in it. */
async function onMachine(names: string[], use: (machine: Machine) => Promise<void>): Promise<void> {
  await using machine = await new Machine().open();
  for (const name of names) await machine.loadFile(imageTar(name), name);
  await machine.makeLasting();
  const { mounts, cgroups, processes } = machine.snapshot();
  await use(machine);
  expect(machine.snapshot()).toMatchObject({ mounts, cgroups, processes });
  for (const name of ["staging", "trash", "running"])
    expect([name, readdirSync(join(machine.root, name))]).toEqual([name, []]);
}

const lines = (text: string): string[] => text.split("\n").filter(Boolean);

interface Inspected {
  Id: string;
  Config: Record<string, unknown>;
  RootFS: { Layers: string[] };
  History: Record<string, unknown>[];
}
const inspect = async (machine: Machine, image: string): Promise<Inspected> =>
  JSON.parse((await machine.run(["inspect", image])).stdout)[0];

/** Runs a command that must succeed. @returns what it printed, without the newline. */
async function ok(machine: Machine, ...args: string[]): Promise<string> {
  const result = await machine.run(args);
  if (result.code !== 0) throw new Error(`${args.join(" ")}: ${result.stderr}`);
  return result.stdout.trimEnd();
}

describe("names", () => {
  test("tag gives one more name, which rmi takes away; the image goes with the last", async () => {
    await onMachine(["probe"], async (machine) => {
      await ok(machine, "tag", "probe", "localhost:5000/a/b:1");
      await ok(machine, "tag", "localhost:5000/a/b:1", "probe:2");
      expect(await ok(machine, "rmi", "probe", "localhost:5000/a/b:1")).toBe(
        "Untagged: probe:latest\nUntagged: localhost:5000/a/b:1",
      );
      expect(await ok(machine, "rmi", "probe:2")).toMatch(/^Untagged: probe:2\nDeleted: sha256:[0-9a-f]{64}$/);
      expect(readdirSync(join(machine.root, "layers"))).toEqual([]);
    });
  });
  test("tag refuses what is no name, and images that are not there", async () => {
    await onMachine(["probe"], async (machine) => {
      for (const [source, target, why] of [
        ["probe", "UPPER", "invalid image reference"],
        ["probe", `x@sha256:${"0".repeat(64)}`, "a digest is not a name"],
        ["nothing", "x", "no such image: nothing"],
      ] as const) {
        const result = await machine.run(["tag", source, target]);
        expect([result.code === 0, result.stderr.includes(why)]).toEqual([false, true]);
      }
      expect(readdirSync(join(machine.root, "refs"))).toEqual(["probe%3Alatest"]);
    });
  });
  test("--platform that is not the image's is an error of save, history, inspect and rmi; import makes one for it", async () => {
    await onMachine(["probe"], async (machine) => {
      const own = process.arch === "arm64" ? "linux/arm64" : "linux/amd64";
      const [tar, flat] = [join(machine.tmp, "probe.tar"), join(machine.tmp, "flat.tar")];
      const commands = [["save", "-o", tar], ["history"], ["image", "inspect"], ["rmi"]];
      for (const words of commands) {
        const { code, stderr } = await machine.run([...words, "--platform", "linux/s390x", "probe"]);
        expect([code, stderr]).toEqual([1, expect.stringContaining(` is for ${own}, not for linux/s390x`)]);
      }
      expect(readdirSync(machine.tmp)).not.toContain("probe.tar");
      await ok(machine, "create", "--name", "one", "probe");
      await ok(machine, "export", "-o", flat, "one");
      await ok(machine, "import", "--platform", "linux/s390x", flat, "other");
      expect(await ok(machine, "image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", "other")).toBe("linux/s390x");
      await ok(machine, "rm", "one");
      for (const words of commands) await ok(machine, ...words, "--platform", own, "probe");
      const wrong = await machine.run(["load", "-i", tar, "--platform", "linux/s390x"]);
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining(`is for ${own}, not for linux/s390x`)]);
      expect(await ok(machine, "load", "-i", tar, "--platform", own)).toContain("probe:latest");
    });
  });
  test("rmi of several removes those it can, and says which it cannot", async () => {
    await onMachine(["probe"], async (machine) => {
      await ok(machine, "tag", "probe", "other");
      const result = await machine.run(["rmi", "nothing", "other"]);
      expect([result.code, result.stdout]).toEqual([1, "Untagged: other:latest\n"]);
      expect(result.stderr).toContain("no such image: nothing");
      expect((await machine.run(["rmi", "-f", "nothing"])).code).toBe(0);
    });
  });
  test("image prune takes what has no name, with -a what no container uses, and tells what that freed", async () => {
    await onMachine(["probe", "busybox"], async (machine) => {
      await ok(machine, "run", "--name", "user", "busybox", "true");
      await ok(machine, "commit", "user");
      expect((await machine.run(["image", "prune"], { stdin: "n\n" })).code).toBe(1);
      expect(lines(await ok(machine, "images", "-q"))).toHaveLength(3);
      expect(await ok(machine, "image", "prune", "-f")).toMatch(
        /^Deleted Images:\ndeleted: sha256:[0-9a-f]{64}\n\nTotal reclaimed space: /,
      );
      const all = await machine.run(["image", "prune", "-a"], { stdin: "y\n" });
      expect(all.stdout).toMatch(/untagged: probe:latest\ndeleted: sha256:.*\n\nTotal reclaimed space: 7\d\dkB\n$/);
      expect(await ok(machine, "images")).toMatch(/busybox/);
      expect(await ok(machine, "image", "prune", "-a", "-f")).toBe("Total reclaimed space: 0B");
    });
  });
  test("the name of a digest algorithm is refused, in an archive too, and a file of that name gets another", async () => {
    await onMachine(["probe"], async (machine) => {
      const ambiguous = "refusing to create an ambiguous tag using digest algorithm as name";
      const [tar, saved] = [join(machine.tmp, "sha256.tar"), join(machine.tmp, "saved.tar")];
      await ok(machine, "create", "--name", "one", "probe");
      await ok(machine, "export", "-o", tar, "one");
      await ok(machine, "save", "-o", saved, "probe");
      const rename = "sed -i s/probe:latest/sha256:abcdef/ manifest.json && tar -cf ../bad.tar *";
      const script = `cd ${machine.tmp} && mkdir d && cd d && tar -xf ${saved} && ${rename}`;
      const bad = await machine.exec(["sh", "-c", script]);
      expect([bad.code, bad.stderr]).toEqual([0, ""]);
      for (const args of [
        ["tag", "probe", "sha256:abc"],
        ["tag", "probe", "docker.io/library/sha256"],
        ["tag", "probe", "sha512:1"],
        ["commit", "one", "sha256:abc"],
        ["import", tar, "sha256:abc"],
        ["load", "-i", tar, "-t", "sha256:abc"],
        ["load", "-i", join(machine.tmp, "bad.tar")],
      ]) {
        const result = await machine.run(args);
        expect([args[0], result.code === 0, result.stderr.includes(ambiguous)]).toEqual([args[0], false, true]);
      }
      expect(readdirSync(join(machine.root, "refs"))).toEqual(["probe%3Alatest"]);
      expect(await ok(machine, "load", "-q", "-i", tar)).toBe("Loaded image: image-sha256:latest");
      await ok(machine, "tag", "probe", "some/sha256:abc");
    });
  });
  test("such a name that a store has is removed by rmi and prune, and what cannot be removed stops no prune", async () => {
    await onMachine(["probe", "busybox"], async (machine) => {
      const refs = join(machine.root, "refs");
      const name = (given: string) => {
        const ref = readFileSync(join(refs, "probe%3Alatest"), "utf8");
        writeFileSync(join(refs, encodeURIComponent(given)), ref.replace("probe:latest", given));
      };
      name("sha256:abc");
      expect(await ok(machine, "rmi", "sha256:abc")).toBe("Untagged: sha256:abc");
      name("sha256:abc");
      const busy = (await inspect(machine, "busybox")).Id;
      name(busy); // the whole id of another image
      const file = join(refs, "busybox%3Alatest");
      expect((await machine.exec(["mount", "--bind", file, file])).code).toBe(0);
      for (const [command, expected] of [
        ["image", `untagged: probe:latest\nuntagged: ${busy}\nuntagged: sha256:abc\ndeleted: `],
        ["system", "Total reclaimed space: 0B"],
      ] as const) {
        const result = await machine.run([command, "prune", "-a", "-f"]);
        expect([result.code, result.stdout.includes(expected)]).toEqual([1, true]);
        expect(result.stderr).toMatch(/cannot unlink .*busybox%3Alatest: EBUSY/);
      }
      expect((await machine.exec(["umount", file])).code).toBe(0);
      expect(readdirSync(refs)).toEqual(["busybox%3Alatest"]);
      expect(await ok(machine, "system", "prune", "-a", "-f")).toContain("untagged: busybox:latest");
    });
  });
});

describe("save and load", () => {
  test("are each other's reverse, for several images at once, from stdout to stdin", async () => {
    await onMachine(["probe", "busybox"], async (machine) => {
      await ok(machine, "tag", "probe", "probe:two");
      const before = lines(await ok(machine, "images", "--no-trunc"));
      const script = `${binary()} save probe busybox:latest | ${binary()} --root ${machine.root}2 load 2>/dev/null`;
      const { stdout } = await machine.exec(["sh", "-c", script]);
      expect(lines(stdout).sort()).toEqual([
        "Loaded image: busybox:latest",
        "Loaded image: probe:latest",
        "Loaded image: probe:two",
      ]);
      expect(lines(await ok(machine, "--root", `${machine.root}2`, "images", "--no-trunc")).sort()).toEqual(
        before.sort(),
      );
    });
  });
  test("an image has its layer's own bytes in it, and the same archive each time", async () => {
    await onMachine(["busybox"], async (machine) => {
      for (const format of ["docker-archive", "oci-archive"]) {
        const [one, two] = [join(machine.tmp, "one.tar"), join(machine.tmp, "two.tar")];
        await ok(machine, "save", "--format", format, "-o", one, "busybox");
        await ok(machine, "save", "--format", format, "-o", two, "busybox");
        expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
        expect(readFileSync(one).includes(readFileSync(imageTar("busybox")))).toBe(true);
        expect(statSync(one).mode & 0o777).toBe(0o600);
      }
    });
  });
  test("an image saved by its id has no name", async () => {
    await onMachine(["probe"], async (machine) => {
      const { Id } = await inspect(machine, "probe");
      const file = join(machine.tmp, "x.tar");
      await ok(machine, "save", "-o", file, Id.slice(7, 19));
      expect((await machine.exec(["tar", "-xOf", file, "manifest.json"])).stdout).toContain('"RepoTags":null');
    });
  });
  test("a terminal gets no tar, and a wrong word leaves no file", async () => {
    await onMachine(["probe"], async (machine) => {
      const file = join(machine.tmp, "x.tar");
      for (const args of [["nothing"], ["--format", "zip", "probe"], ["-o", `${file}/no`, "probe"]])
        expect((await machine.run(["save", "-o", file, ...args])).code).not.toBe(0);
      expect(readdirSync(machine.tmp)).toEqual([]);
      const typed = await machine.exec(["script", "-qec", `${binary()} save probe`, "/dev/null"]);
      expect(typed.stdout).toContain("a tar is not printed on a terminal");
      for (const command of ["load", "import -"]) {
        const read = await machine.exec(["script", "-qec", `${binary()} ${command}`, "/dev/null"]);
        expect(read.stdout).toContain("stdin is a terminal");
      }
      const away = await machine.run(["save", "-o", "/nonexist/out.tar", "probe"]);
      expect(away.stderr).toContain("cannot write /nonexist/out.tar: the directory /nonexist does not exist");
      const fd = await machine.exec(["bash", "-c", `${binary()} load -i <(echo garbage)`]);
      expect(fd.stderr).toMatch(/^tinydocker: \/dev\/fd\/\d+ is not a tar/);
    });
  });
  test("a full disk is a clean error, and what was there stays (F7)", async () => {
    await onMachine(["busybox"], async (machine) => {
      mkdirSync(`${machine.tmp}/small`);
      const script = `mount -t tmpfs -o size=1m none ${machine.tmp}/small; echo old >${machine.tmp}/small/x.tar
        ${binary()} save -o ${machine.tmp}/small/x.tar busybox; echo $?; cat ${machine.tmp}/small/x.tar; ls ${machine.tmp}/small; umount ${machine.tmp}/small`;
      const { stdout, stderr } = await machine.exec(["sh", "-c", script]);
      expect(stdout).toBe("1\nold\nx.tar\n");
      expect(stderr).toContain("ENOSPC");
    });
  });
  test("a signal ends it in the middle, and leaves no file and no staging (F5)", async () => {
    await onMachine(["busybox"], async (machine) => {
      // Nobody reads the pipe, so that it surely is in the middle when the signal comes.
      const script = `mkfifo slow; ${binary()} save -q -o slow busybox & exec 3<slow; sleep 0.3; kill -TERM $!
        cat <&3 >/dev/null; wait $!; echo $?; ls; ls ${machine.root}/staging`;
      expect((await machine.exec(["sh", "-c", script], { cwd: machine.tmp })).stdout).toBe("143\nslow\n");
    });
  });
  test("a file that is written in part is not there under its name", async () => {
    await onMachine(["busybox"], async (machine) => {
      for (let turn = 0; turn < 10; turn++) {
        const child = machine.spawn(["save", "-q", "-o", join(machine.tmp, "x.tar"), "busybox"]);
        await Bun.sleep(4 * turn);
        child.kill("SIGTERM");
        const code = await child.exited;
        expect(readdirSync(machine.tmp)).toEqual(code === 0 ? ["x.tar"] : []);
        if (code === 0) expect(statSync(join(machine.tmp, "x.tar")).size).toBeGreaterThan(2_000_000);
        await machine.exec(["rm", "-f", join(machine.tmp, "x.tar")]);
      }
    });
  });
});

describe("beside podman, skopeo and umoci", () => {
  const podman = (machine: Machine) => [
    "podman",
    "--root",
    `${machine.tmp}/p`,
    "--runroot",
    `${machine.tmp}/r`,
    "--storage-driver",
    "vfs",
  ];
  const withPodman = needing(root, tool("podman"));
  withPodman("podman loads what we save and saves what we load: the ids are the same", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(
        machine,
        "run",
        "--name",
        "maker",
        "busybox",
        "sh",
        "-c",
        "mkdir /new; echo x >/new/f; ln /new/f /new/g; chmod 4755 /new/f; rm /bin/ls; rm -rf /root; mkdir /root; dd if=/dev/zero of=/new/holes bs=1 count=1 seek=3000000 2>/dev/null",
      );
      const id = await ok(machine, "commit", "-q", "maker", "made:1");
      for (const format of ["docker-archive", "oci-archive"]) {
        const [ours, theirs] = [join(machine.tmp, `${format}.tar`), join(machine.tmp, `${format}.podman`)];
        await ok(machine, "save", "--format", format, "-o", ours, "made:1");
        const { stdout } = await machine.exec([...podman(machine), "load", "-q", "-i", ours]);
        const name = stdout.trim().replace("Loaded image: ", "");
        const listed = await machine.exec([...podman(machine), "images", "-q", "--no-trunc", name]);
        expect(lines(listed.stdout)).toEqual([id]);
        await machine.exec([...podman(machine), "save", "-q", "--format", format, "-o", theirs, name]);
        await ok(machine, "--root", `${machine.root}-${format}`, "load", "-i", theirs);
        expect(lines(await ok(machine, "--root", `${machine.root}-${format}`, "images", "-q", "--no-trunc"))).toEqual([
          id,
        ]);
      }
    });
  });
  needing(
    root,
    tool("skopeo"),
    tool("umoci"),
  )("skopeo copies both formats, and umoci unpacks what was committed as the container had it", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(
        machine,
        "run",
        "--name",
        "maker",
        "busybox",
        "sh",
        "-c",
        "mkdir /new; echo x >/new/f; mknod /new/d c 1 3; chown 5:6 /new/f; rm /bin/ls",
      );
      await ok(machine, "commit", "-q", "maker", "made:1");
      await ok(machine, "save", "-q", "-o", `${machine.tmp}/d.tar`, "made:1");
      await ok(machine, "save", "-q", "--format", "oci-archive", "-o", `${machine.tmp}/o.tar`, "made:1");
      const { RootFS } = await inspect(machine, "made:1");
      for (const [from, to] of [
        ["docker-archive:d.tar", "oci:one:1"],
        ["oci-archive:o.tar", "oci:two:1"],
      ] as const) {
        const copied = await machine.exec(["skopeo", "copy", "-q", from, to], { cwd: machine.tmp });
        expect(copied.code).toBe(0);
        const { stdout } = await machine.exec(["skopeo", "inspect", "--config", to], { cwd: machine.tmp });
        expect(JSON.parse(stdout).rootfs.diff_ids).toEqual(RootFS.Layers);
      }
      const script =
        "umoci unpack --image two:1 bundle >/dev/null 2>&1; cd bundle/rootfs; stat -c '%u:%g %t:%T' new/f new/d; [ -e bin/ls ] || echo gone";
      expect((await machine.exec(["sh", "-c", script], { cwd: machine.tmp })).stdout).toBe("5:6 0:0\n0:0 1:3\ngone\n");
    });
  });
});

describe("commit", () => {
  test("makes an image of what changed: files, deletions, how it is run, who made it", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(
        machine,
        "run",
        "--name",
        "maker",
        "-e",
        "A=1",
        "-w",
        "/tmp",
        "-u",
        "5",
        "busybox",
        "sh",
        "-c",
        "echo made >/tmp/f; [ $(id -u) = 5 ]",
      );
      const id = await ok(
        machine,
        "commit",
        "-a",
        "somebody",
        "-m",
        "why",
        "-c",
        'CMD ["cat", "f"]',
        "-c",
        "LABEL x=y",
        "maker",
        "made:1",
      );
      const image = await inspect(machine, "made:1");
      expect(image).toMatchObject({
        Id: id,
        Config: { Env: ["A=1"], WorkingDir: "/tmp", User: "5", Cmd: ["cat", "f"], Labels: { x: "y" } },
      });
      expect(image.History.at(-1)).toMatchObject({ author: "somebody", comment: "why" });
      expect(image.RootFS.Layers).toHaveLength(2);
      expect((await machine.container(["made:1"])).stdout).toBe("made\n");
      const history = lines(await ok(machine, "history", "made:1"));
      expect(history[0]).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
      expect(history[1]).toMatch(new RegExp(`^${id.slice(7, 19)} .*sh -c echo made.* why$`));
      expect(history[2]).toMatch(/^<missing> .*MB +root filesystem$/);
      expect(lines(await ok(machine, "history", "-q", "--no-trunc", "made:1"))).toEqual([id, "<missing>"]);
    });
  });
  test("keeps what run said of health, ports and volumes; changes are a Dockerfile with the image's variables", async () => {
    await onMachine(["busybox"], async (machine) => {
      const how = [
        "--health-cmd",
        "true",
        "--health-interval",
        "5s",
        "--expose",
        "53/udp",
        "-p",
        "8080:80",
        "-v",
        "/data",
      ];
      await ok(machine, "create", "--name", "maker", ...how, "-e", "A=/a", "busybox", "sh");
      const changes = [
        "ENV PATH=/opt/bin:$PATH B=$A/b",
        "WORKDIR $B\nUSER 5",
        "HEALTHCHECK --retries=2 CMD test -e $A\n# a comment\nONBUILD RUN make",
        "EXPOSE 80 \\\n 443",
      ];
      const wrong = await machine.run(["commit", "-c", "USER 5 # no comment", "maker"]);
      expect(wrong.stderr).toContain("USER takes one word, not 5 # no comment");
      await ok(machine, "commit", "maker", "kept");
      const kept = (await inspect(machine, "kept")).Config;
      expect(kept.Healthcheck).toEqual({ Test: ["CMD-SHELL", "true"], Interval: 5e9 });
      expect(kept.ExposedPorts).toEqual({ "53/udp": {}, "80/tcp": {} });
      expect(kept.Volumes).toEqual({ "/data": {} });
      await ok(machine, "commit", ...changes.flatMap((change) => ["-c", change]), "maker", "made");
      const made = (await inspect(machine, "made")).Config;
      expect(made).toMatchObject({
        Env: ["A=/a", "PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "B=/a/b"],
        WorkingDir: "/a/b",
        User: "5",
        Healthcheck: { Test: ["CMD-SHELL", "test -e $A"], Retries: 2 },
        ExposedPorts: { "53/udp": {}, "80/tcp": {}, "443/tcp": {} },
      });
      await ok(machine, "rm", "-v", "maker");
    });
  });
  test("leaves out a file whose name means a deleted one in a layer, and says so", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(machine, "run", "--network", "none", "--name", "maker", "busybox", "touch", "/.wh.bin", "/b");
      const { code, stderr } = await machine.run(["commit", "maker", "made"]);
      expect([code, stderr]).toEqual([
        0,
        expect.stringContaining("warning: .wh.bin is left out: names that begin with"),
      ]);
      expect((await machine.container(["made", "ls", "-a", "/b", "/bin/sh"])).stdout).toBe("/b\n/bin/sh\n");
    });
  });
  test("of the same container twice has the same layer, and of one that changed nothing has none", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(machine, "run", "--name", "maker", "busybox", "touch", "/x");
      await ok(machine, "commit", "-q", "maker", "one");
      await ok(machine, "commit", "-q", "maker", "two");
      expect((await inspect(machine, "two")).RootFS).toEqual((await inspect(machine, "one")).RootFS);
      await ok(machine, "create", "--name", "idle", "busybox", "true");
      await ok(machine, "commit", "-q", "idle", "three");
      const idle = await inspect(machine, "three");
      expect(idle.RootFS.Layers).toHaveLength(1);
      expect(idle.History.at(-1)).toMatchObject({ empty_layer: true });
    });
  });
  test("holds a running container still meanwhile, and lets it go on", async () => {
    await onMachine(["busybox"], async (machine) => {
      const running = await machine.start([
        "run",
        "--rm",
        "--name",
        "live",
        "busybox",
        "sh",
        "-c",
        "echo one >/f; echo ready; read x; cat /f",
      ]);
      await ok(machine, "commit", "-q", "live", "made");
      expect(await ok(machine, "ps")).toMatch(/Up .*live/);
      running.child.stdin.write("\n");
      running.child.stdin.end();
      expect(await running.child.exited).toBe(0);
      expect((await machine.container(["made", "cat", "/f"])).stdout).toBe("one\n");
    });
  });
  test("refuses wrong changes and names before anything is made", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(machine, "run", "--name", "maker", "busybox", "touch", "/x");
      for (const args of [["-c", "RUN ls", "maker"], ["-c", "EXPOSE x", "maker"], ["maker", "BAD"], ["nobody"]])
        expect((await machine.run(["commit", ...args])).code).not.toBe(0);
      expect(lines(await ok(machine, "images", "-q"))).toHaveLength(1);
      expect(readdirSync(join(machine.root, "layers"))).toHaveLength(1);
    });
  });
  test("of a container of a directory has all of it in one layer", async () => {
    await onMachine(["busybox"], async (machine) => {
      const directory = machine.file("tmp/tree/");
      await machine.exec(["tar", "-xf", imageTar("busybox"), "-C", directory]);
      await ok(machine, "run", "--name", "maker", directory, "sh", "-c", "echo x >/new");
      await ok(machine, "commit", "-q", "maker", "made");
      expect((await inspect(machine, "made")).RootFS.Layers).toHaveLength(1);
      expect((await machine.container(["made", "cat", "/new"])).stdout).toBe("x\n");
    });
  });
});

describe("export, import and diff", () => {
  test("diff tells what was added, changed and deleted", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(
        machine,
        "run",
        "--name",
        "maker",
        "busybox",
        "sh",
        "-c",
        "mkdir /new; touch /new/f; echo x >>/etc/passwd; rm /bin/ls; rm -rf /root; mkdir /root; ls /usr >/dev/null; touch /usr/bin/../sbin/x",
      );
      expect(await ok(machine, "diff", "maker")).toBe(
        "C /bin\nD /bin/ls\nC /etc\nC /etc/passwd\nA /new\nA /new/f\nC /root\nC /usr\nC /usr/sbin\nA /usr/sbin/x",
      );
    });
  });
  test("diff prints names as they are into a pipe", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(machine, "run", "--name", "maker", "busybox", "sh", "-c", "touch \"$(printf '/a\\377\\033b')\"");
      const { stdout } = await machine.exec(["sh", "-c", `${binary()} diff maker | od -An -tx1`]);
      expect(stdout.trim()).toBe("41 20 2f 61 ff 1b 62 0a");
    });
  });
  test("export has the whole file system and import makes it an image again", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(
        machine,
        "run",
        "--name",
        "maker",
        "-v",
        `${machine.file("tmp/host/")}:/vol`,
        "busybox",
        "sh",
        "-c",
        "echo x >/new; rm /bin/ls; ln /new /hard; echo y >/vol/f",
      );
      const file = join(machine.tmp, "e.tar");
      await ok(machine, "export", "-o", file, "maker");
      const names = lines((await machine.exec(["tar", "-tf", file])).stdout);
      expect(names).toContain("new");
      expect(names).toContain("bin/sh");
      expect(names).not.toContain("bin/ls");
      expect(names).not.toContain("vol/f");
      expect((await machine.exec(["tar", "-tvf", file])).stdout).toContain("hard");
      const again = await machine.run(["export", "maker"]);
      expect(sha256(Buffer.from(again.stdout, "latin1")).length).toBe(64);
      const id = await ok(machine, "import", "-m", "flat", "-c", 'CMD ["cat", "/new"]', file, "flat:1");
      expect((await inspect(machine, "flat:1")).Id).toBe(id);
      expect((await machine.container(["flat:1"])).stdout).toBe("x\n");
      const script = `${binary()} export maker 2>/dev/null | gzip | ${binary()} import -q - flat:2`;
      expect((await machine.exec(["sh", "-c", script])).stdout).toMatch(/^sha256:/);
      expect((await inspect(machine, "flat:2")).RootFS).toEqual((await inspect(machine, "flat:1")).RootFS);
    });
  });
  test("import refuses what is no tar, a URL, and a wrong change, and leaves nothing", async () => {
    await onMachine([], async (machine) => {
      writeFileSync(join(machine.tmp, "text"), "no tar, but long enough to be one".repeat(100));
      for (const [args, why] of [
        [[join(machine.tmp, "text"), "x"], "is not a tar"],
        [["https://example.org/x.tar"], "importing from a URL is not supported"],
        [["-c", "RUN x", imageTar("probe")], '"RUN" is not supported'],
        [[join(machine.tmp, "nothing")], "no such file"],
      ] as const) {
        const result = await machine.run(["import", ...args]);
        expect([result.code === 0, said(result).includes(why)]).toEqual([false, true]);
      }
      expect((await machine.run(["images", "-q"])).stdout).toBe("");
    });
  });
  test("nobody sees a mount while a container is exported or looked into", async () => {
    await onMachine(["busybox"], async (machine) => {
      await ok(machine, "run", "--name", "maker", "busybox", "touch", "/x");
      const child = machine.spawn(["export", "-q", "maker"]);
      await Bun.sleep(300); // it waits for somebody to read its stdout
      const seen = readFileSync(`/proc/${machine.pid}/mountinfo`, "utf8");
      expect(seen).not.toContain(machine.root);
      expect((await new Response(child.stdout).arrayBuffer()).byteLength).toBeGreaterThan(1_000_000);
      expect(await child.exited).toBe(0);
    });
  });
});
