/** What users of podman expect beside Docker's commands: exists, volumes as tars, mounts of containers and images. */

import { expect } from "bun:test";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { said, withMachine } from "../support/containers.ts";
import { forever, ok, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

test("exists says by its exit code what there is, and nothing else", async () => {
  await withMachine(["busybox"], async (machine) => {
    const id = ok(await machine.run(["create", "--name", "web", "--network", "none", "busybox"]));
    ok(await machine.run(["volume", "create", "data"]));
    const asked: [kind: string, there: string[]][] = [
      ["container", ["web", id, id.slice(0, 6)]],
      ["image", ["busybox", "busybox:latest"]],
      ["volume", ["data"]],
      ["network", ["bridge", "host", "none"]],
      ["secret", []],
    ];
    for (const [kind, names] of asked)
      for (const name of [...names, "nobody", "no/../such", "%%%"]) {
        const { code, stdout, stderr } = await machine.run([kind, "exists", name]);
        expect([kind, name, code, stdout, stderr]).toEqual([kind, name, names.includes(name) ? 0 : 1, "", ""]);
      }
    expect((await machine.run(["container", "exists"])).code).toBe(125);
    ok(await machine.run(["rm", "web"]));
    ok(await machine.run(["volume", "rm", "data"]));
  });
});

test("volume export and import carry content, owners, modes and links from volume to volume", async () => {
  await withMachine(["busybox"], async (machine) => {
    const fill =
      "cd /v; mkdir -p a/b; echo one >a/b/one; ln -s one a/b/link; ln a/b/one hard; chown 7:8 a; chmod 2750 a";
    ok(await machine.sh(fill, ["--network", "none", "-v", "old:/v"]));
    ok(await machine.run(["volume", "create", "new"]));
    ok(await machine.sh("echo kept >/v/kept", ["--network", "none", "-v", "new:/v"]));
    const file = join(machine.tmp, "old.tar");
    ok(await machine.run(["volume", "export", "-o", file, "old"]));
    ok(await machine.run(["volume", "import", "new", file]));
    const list = (volume: string) =>
      machine.sh("cd /v; find . | sort | xargs stat -c '%n %u %g %a %h %N'", [
        "--network",
        "none",
        "-v",
        `${volume}:/v`,
      ]);
    const [before, after] = [(await list("old")).stdout, (await list("new")).stdout];
    expect(after.split("\n").filter((line) => !line.includes("kept"))).toEqual(before.split("\n"));
    expect(after).toContain("./kept");
    // By a pipe, too.
    ok(await machine.run(["volume", "create", "third"]));
    const own = binary();
    ok(await machine.exec(["sh", "-c", `${own} volume export old | gzip | ${own} volume import third`]));
    expect((await list("third")).stdout).toBe(before);
    for (const words of [
      ["export", "nobody"],
      ["import", "nobody", file],
      ["import", "new", "/etc"],
    ]) {
      const refused = await machine.run(["volume", ...words]);
      expect([words, refused.code === 0]).toEqual([words, false]);
    }
    expect(said(await machine.run(["volume", "export", "nobody"]))).toContain("no such volume: nobody");
    const readOnly = ["-o", "type=none", "-o", "o=bind,ro", "-o", `device=${machine.tmp}`];
    ok(await machine.run(["volume", "create", ...readOnly, "fixed"]));
    expect(said(await machine.run(["volume", "import", "fixed", file]))).toContain("volume fixed is read-only");
    ok(await machine.run(["volume", "rm", "fixed"]));
    ok(await machine.run(["volume", "rm", "old", "new", "third"]));
    ok(await machine.exec(["rm", file]));
  });
});

test("mount shows a container's root on the host, running or not, and both write one layer", async () => {
  await withMachine(["busybox"], async (machine) => {
    const net = ["--network", "none"];
    const id = ok(await machine.run(["create", "--name", "web", ...net, "-v", "/v", "busybox", "sh", "-c", forever]));
    const path = ok(await machine.run(["mount", "web"]));
    const onHost = async (script: string) => ok(await machine.exec(["sh", "-c", `cd ${path} && ${script}`]));
    const inside = async (script: string) => ok(await machine.run(["exec", "web", "sh", "-c", script]));
    await onHost("echo from the host >made && test -x bin/busybox");
    expect(ok(await machine.run(["mount", "web"]))).toBe(path);
    expect(ok(await machine.run(["inspect", "-f", "{{.GraphDriver.Data.MergedDir}}", "web"]))).toBe(path);
    expect(ok(await machine.run(["mount"]))).toContain(`${id.slice(0, 12)}`);
    expect(ok(await machine.run(["cp", "web:/made", "-"]))).toContain("from the host");
    ok(await machine.run(["start", "web"]));
    expect(await inside("cat /made; echo from inside >/answer")).toBe("from the host");
    expect(await onHost("cat answer; echo more >>made")).toBe("from inside");
    expect(await inside("cat /made")).toBe("from the host\nmore");
    ok(await machine.run(["stop", "-t", "0", "web"]));
    expect(await onHost("cat answer")).toBe("from inside");
    expect(ok(await machine.run(["unmount", "web"]))).toBe(id);
    expect(ok(await machine.run(["unmount", "web"]))).toBe(id);
    expect(ok(await machine.run(["mount", "--format", "{{.Path}}"]))).toBe("");
    // While it runs: the very mount that it has, without its volumes.
    ok(await machine.run(["start", "web"]));
    expect(ok(await machine.run(["mount", "-a"]))).toBe(path);
    await inside("touch /v/in-the-volume /late");
    expect(await onHost("ls v; ls late")).toBe("late");
    ok(await machine.run(["restart", "-t", "0", "web"]));
    expect(await inside("ls /late")).toBe("/late");
    // Started again by its monitor, which has planned that before the mount.
    ok(await machine.run(["update", "--restart", "always", "web"]));
    ok(await machine.run(["unmount", "web"]));
    ok(await machine.run(["restart", "-t", "0", "web"]));
    ok(await machine.run(["mount", "web"]));
    const pid = () => machine.run(["inspect", "-f", "{{.State.Pid}} {{.RestartCount}}", "web"]).then(ok);
    const before = await pid();
    await machine.run(["exec", "web", "kill", "-TERM", "1"]); // which may take the command with it
    await until(async () => !["0", before.split(" ")[0]].includes((await pid()).split(" ")[0]!), "it is started again");
    await onHost("echo late >>seen");
    expect(await inside("cat /seen; echo later >>/seen")).toBe("late");
    expect(await onHost("cat seen")).toBe("late\nlater");
    const overlays = ok(
      await machine.exec(["sh", "-c", `stat -f -c %i ${path}/ /proc/${(await pid()).split(" ")[0]}/root/`]),
    );
    expect(new Set(overlays.split("\n")).size).toBe(1);
    // A mount that was forgotten is in nobody's way.
    ok(await machine.run(["rm", "-f", "-v", "web"]));
    expect(ok(await machine.exec(["cat", "/proc/self/mountinfo"]))).not.toContain(path);
    // One that was made with --rm is gone when it ends, too.
    ok(
      await machine.run(["run", "-d", "--rm", "--read-only", "--name", "web", ...net, "busybox", "sh", "-c", forever]),
    );
    ok(await machine.exec(["touch", `${ok(await machine.run(["mount", "web"]))}/by-the-host`]));
    expect(await inside("ls /by-the-host; touch /x 2>&1 || true")).toMatch(/^\/by-the-host\n.*Read-only/);
    ok(await machine.run(["stop", "-t", "0", "web"]));
    await until(async () => (await machine.run(["container", "exists", "web"])).code === 1, "it is removed");
    expect((await machine.run(["mount", "web"])).code).toBe(1);
  });
});

test("image mount shows an image's files read-only, and the image stays as long as it is mounted", async () => {
  await withMachine(
    ["busybox"],
    async (machine) => {
      ok(await machine.run(["create", "--name", "box", "--network", "none", "busybox", "true"]));
      ok(await machine.run(["cp", "/etc/hostname", "box:/added"]));
      ok(await machine.run(["commit", "box", "two"]));
      ok(await machine.run(["rm", "box"]));
      for (const [name, file] of [
        ["busybox", "bin/busybox"],
        ["two", "added"],
      ] as const) {
        const path = ok(await machine.run(["image", "mount", name]));
        expect((await machine.exec(["test", "-s", `${path}/${file}`])).code).toBe(0);
        expect((await machine.exec(["touch", `${path}/x`])).stderr).toContain("Read-only");
      }
      expect(
        ok(await machine.run(["image", "mount", "--format", "{{.Names}}"]))
          .split("\n")
          .sort(),
      ).toEqual(["busybox:latest", "two:latest"]);
      const refused = await machine.run(["rmi", "two"]);
      expect([refused.code, said(refused)]).toEqual([1, expect.stringContaining("image unmount")]);
      expect(ok(await machine.run(["image", "prune", "-af"]))).not.toContain("deleted");
      ok(await machine.run(["image", "unmount", "-a"]));
      ok(await machine.run(["rmi", "two"]));
    },
    async (machine) => {
      ok(await machine.run(["image", "mount", "busybox"]));
      ok(await machine.run(["image", "umount", "busybox"]));
    },
  );
});
