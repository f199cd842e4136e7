/** Containers with a user namespace of their own: root inside is nobody outside, and what it owns is its own. */

import { describe, expect } from "bun:test";
import { chownSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);
const auto = ["--userns", "auto", "--network", "none"];
const first = 0x7800_0000;

const shell = async (machine: Machine, script: string, options: string[] = [], env: Record<string, string> = {}) =>
  ok(await machine.sh(script, [...auto, ...options], { env }));

/** Somebody behind sudo. */
const ann = { SUDO_UID: "1234", SUDO_GID: "1235" };

const ranges = (machine: Machine): string[] => {
  const path = join(machine.root, "ids");
  return existsSync(path) ? readdirSync(path).sort() : [];
};

const prepare = async (machine: Machine) => void (await shell(machine, "true"));

describe("--userns auto", () => {
  test("makes root inside a number of the host that nobody has, with everything a container has otherwise", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const map = await shell(machine, "cat /proc/self/uid_map; id -u; ls -ln /etc/passwd /dev/null; stat -c %u /");
        expect(map).toMatch(new RegExp(`^0 +${first} +65536\n0\n`, "m"));
        expect(map.split("\n").slice(2).join("\n")).not.toMatch(/65534|nobody/);
        const id = await detached(machine, "web", "sleep 100", auto);
        const pid = JSON.parse(ok(await machine.run(["inspect", "web"])))[0].State.Pid;
        expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(new RegExp(`^Uid:\\s+${first}\\s+${first}`, "m"));
        // All its namespaces are owned by its user namespace: no host path is left, and it has what root has inside.
        const inside = ok(
          await machine.run([
            ...["exec", "web", "sh", "-c"],
            "grep -c '/tmp\\|/var/lib' /proc/self/mountinfo; grep CapEff /proc/self/status; id -u; hostname; ls /proc/acpi | wc -l; echo x >/dev/null && echo null",
          ]),
        );
        expect(inside.split("\n")).toEqual(["0", "CapEff:\t00000000a80425fb", "0", id.slice(0, 12), "0", "null"]);
        ok(await machine.run(["rm", "-f", "web"]));
      },
      prepare,
    );
  });
  test("lets others in beside a small init, and sets names by their settings", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        await detached(machine, "box", "sleep 100", [...auto, "--init", "--sysctl", "kernel.domainname=corp"]);
        const script = "cat /proc/1/comm /proc/sys/kernel/domainname; id -u";
        expect(ok(await machine.run(["exec", "box", "sh", "-c", script]))).toBe("init\ncorp\n0");
        ok(await machine.run(["rm", "-f", "box"]));
      },
      prepare,
    );
  });
  test("gives each container ids of its own for as long as anything of it is there", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        for (const name of ["one", "two"])
          ok(await machine.run(["create", "--name", name, ...auto, "busybox", "true"]));
        expect(ranges(machine)).toEqual([String(first), String(first + 65_536)]);
        ok(await machine.run(["start", "-a", "one"]));
        ok(await machine.run(["start", "-a", "one"]));
        ok(await machine.run(["rm", "one"]));
        expect(ranges(machine)).toEqual([String(first + 65_536)]);
        // A start that fails leaves none.
        expect((await machine.run(["run", "--rm", ...auto, "busybox", "/nothing"])).code).toBe(127);
        const few = ["--userns", "auto:size=1000", "--network", "none", "--user", "2000"];
        expect((await machine.run(["run", "--rm", ...few, "busybox", "id"])).stderr).toContain(
          "the container's user namespace has no user 2000",
        );
        ok(await machine.run(["rm", "two"]));
        expect(ranges(machine)).toEqual([]);
      },
      prepare,
    );
  });
  test("gives them back with a container whose record cannot be read", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const id = ok(await machine.run(["create", ...auto, "busybox", "true"]));
        writeFileSync(join(machine.root, "containers", id, "container.json"), "{");
        ok(await machine.run(["rm", "-f", id]));
        expect(ranges(machine)).toEqual([]);
        for (const name of readdirSync(join(machine.root, "names"))) rmSync(join(machine.root, "names", name));
      },
      prepare,
    );
  });
  test("takes the ids of somebody who was killed before there was a container", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        for (let at = 0; at < 2046; at++) writeFileSync(join(machine.root, "ids", String(first + at * 65_536)), "");
        expect(await shell(machine, "id -u")).toBe("0");
        for (const name of ranges(machine)) rmSync(join(machine.root, "ids", name));
      },
      prepare,
    );
  });
});

describe("a directory of the host", () => {
  test("shows the caller's files as root's, and takes what root writes as the caller's", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const work = machine.file("tmp/work/");
        chownSync(work, 1234, 1235);
        writeFileSync(join(work, "secret"), "", { mode: 0o600 });
        const script = "stat -c %u:%g /w; echo x >/w/made; cat /w/secret; stat -c %u /w/secret; chown 33 /w/made";
        const options = ["-v", `${work}:/w`];
        const { stdout } = await machine.sh(script, [...auto, ...options], { env: ann });
        expect(stdout).toBe("0:0\n65534\n");
        const { uid, gid } = statSync(join(work, "made"));
        expect([uid, gid]).toEqual([33, 1235]);
        // Who runs as the caller is the caller.
        ok(await machine.sh("touch /w/mine", [...auto, ...options, "-u", "1234:1235"], { env: ann }));
        expect(statSync(join(work, "mine")).uid).toBe(1234);
        await machine.exec(["rm", "-r", work]);
      },
      prepare,
    );
  });
  test("is root's to root where the mount says so, and where root calls", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const work = machine.file("tmp/work/");
        const mount = `type=bind,src=${work},dst=/w,idmap`;
        await shell(machine, "touch /w/a", ["-v", `${work}:/w:idmap`], ann);
        await shell(machine, "touch /w/b", ["--mount", mount], ann);
        await shell(machine, "touch /w/c; stat -c %u /w", ["-v", `${work}:/w`]);
        for (const name of ["a", "b", "c"]) expect(statSync(join(work, name)).uid).toBe(0);
        // Made on the way, it is the caller's, so that root inside can write there.
        await shell(machine, "touch /w/d", ["-v", `${join(work, "new")}:/w`], ann);
        expect(statSync(join(work, "new/d")).uid).toBe(1234);
        await machine.exec(["rm", "-r", work]);
      },
      prepare,
    );
  });
  test("is shown as it is where owners mean nothing: views of the kernel", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        expect(
          await shell(machine, "head -c 6 /p/version; ls /s | head -1", ["-v", "/proc:/p:ro", "-v", "/sys:/s:ro"]),
        ).toBe("Linux block");
      },
      prepare,
    );
  });
});

describe("a volume", () => {
  test("has the same owners for all containers, whatever their ids on the host, and on the disk", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        await detached(machine, "other", "sleep 100", auto);
        const made = await shell(machine, "touch /etc/a; chown 33:34 /etc/a; stat -c %u /etc/passwd", [
          "-v",
          "data:/etc",
        ]);
        expect(made).toBe("0");
        const look = "stat -c %u:%g /d/a; stat -c %u:%g /d/passwd";
        expect(await shell(machine, look, ["-v", "data:/d"])).toBe("33:34\n0:0");
        expect(ok(await machine.sh(look, ["--network", "none", "-v", "data:/d"]))).toBe("33:34\n0:0");
        const on = statSync(join(machine.root, "volumes/data/_data/a"));
        expect([on.uid, on.gid]).toEqual([33, 34]);
        ok(await machine.run(["rm", "-f", "other"]));
        ok(await machine.run(["volume", "rm", "data"]));
      },
      prepare,
    );
  });
});

describe("what comes out of a container", () => {
  test("has the owners that it has inside: commit, export, cp -a, and diff sees what has changed", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const script = "mkdir /made; touch /made/f; chown 33:34 /made/f; touch /etc/new; sleep 100";
        await detached(machine, "box", script, auto);
        ok(await machine.run(["exec", "box", "sh", "-c", "until [ -e /etc/new ]; do sleep 0.01; done"]));
        expect(ok(await machine.run(["diff", "box"])).split("\n")).toEqual([
          "C /etc",
          "A /etc/new",
          "A /made",
          "A /made/f",
        ]);
        const tar = join(machine.tmp, "box.tar");
        ok(await machine.run(["export", "-o", tar, "box"]));
        const listed = ok(await machine.exec(["tar", "--numeric-owner", "-tvf", tar]));
        expect(listed).toMatch(/33\/34 .* \.?\/?made\/f/);
        expect(listed).not.toMatch(/\d{6,}\/|65534/);
        ok(await machine.run(["commit", "-q", "box", "again"]));
        ok(await machine.run(["rm", "-f", "box"]));
        for (const options of [auto, ["--network", "none"]])
          expect(ok(await machine.container([...options, "again", "stat", "-c", "%u:%g", "/made/f", "/made"]))).toBe(
            "33:34\n0:0",
          );
        ok(await machine.run(["rmi", "again"]));
        await machine.exec(["rm", tar]);
      },
      prepare,
    );
  });
  test("and what is copied into it belongs to its root, in volumes too, whether it runs or not", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const file = machine.file("tmp/file", "text");
        chownSync(file, 33, 34);
        ok(await machine.run(["create", "--name", "box", ...auto, "-v", "data:/d", "busybox", "sleep", "100"]));
        ok(await machine.run(["cp", file, "box:/one"]));
        ok(await machine.run(["start", "box"]));
        ok(await machine.run(["cp", file, "box:/d/two"]));
        ok(await machine.run(["cp", "-a", file, "box:/three"]));
        const owners = ok(await machine.run(["exec", "box", "stat", "-c", "%u:%g", "/one", "/d/two", "/three"]));
        expect(owners.split("\n")).toEqual(["0:0", "0:0", "33:34"]);
        ok(await machine.run(["cp", "-a", "box:/three", join(machine.tmp, "back")]));
        expect(statSync(join(machine.tmp, "back")).uid).toBe(33);
        ok(await machine.run(["rm", "-f", "box"]));
        ok(await machine.run(["volume", "rm", "data"]));
        await machine.exec(["rm", file, join(machine.tmp, "back")]);
      },
      prepare,
    );
  });
});

describe("namespaces of others", () => {
  test("are shared in the user namespace that owns them", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        await detached(machine, "box", "sleep 100", [...auto, "--ipc", "shareable"]);
        const map = ok(await machine.run(["exec", "box", "cat", "/proc/self/uid_map"]));
        for (const options of [
          ["--network", "container:box"],
          ["--pid", "container:box", "--network", "none"],
          ["--ipc", "container:box", "--network", "none"],
          ["--userns", "container:box", "--network", "none"],
        ])
          expect(ok(await machine.sh("cat /proc/self/uid_map; ls /sys >/dev/null", options))).toBe(map);
        const refused = await machine.sh("true", ["--userns", "auto", "--network", "container:box"]);
        expect(said(refused)).toContain("it shares namespaces with box");
        ok(await machine.run(["rm", "-f", "box"]));
      },
      prepare,
    );
  });
  test("of the host are seen by a container that asks for them", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const options = ["--userns", "auto", "--network", "host", "--pid", "host", "--ipc", "host"];
        expect(ok(await machine.sh("ls /sys/class/net | head -1; test -d /proc/1 && echo host", options))).toBe(
          "lo\nhost",
        );
      },
      prepare,
    );
  });
});

describe("other user namespaces", () => {
  test("keep-id is the caller inside, nomap shows owners as nobody's, maps are as they are given", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const work = machine.file("tmp/work/");
        chownSync(work, 1234, 1235);
        const how = ["--network", "none", "-v", `${work}:/w`];
        const kept = await machine.sh("id -u; id -g; touch /w/kept", ["--userns", "keep-id", ...how], { env: ann });
        expect(ok(kept)).toBe("1234\n1235");
        expect(statSync(join(work, "kept")).uid).toBe(1234);
        expect(ok(await machine.sh("stat -c %u /w", ["--userns", "nomap", ...how]))).toBe("65534");
        const mapped = ["--uidmap", "0:500000:1000", "--uidmap", "2000:600000:10"];
        expect(ok(await machine.sh("cat /proc/self/uid_map", [...mapped, "--network", "none"]))).toMatch(
          /^0 +500000 +1000\n +2000 +600000 +10$/,
        );
        await machine.exec(["rm", "-r", work]);
      },
      prepare,
    );
  });
  test("userns in the configuration is for all containers that say nothing and take nothing of the host's", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const config = machine.file("tmp/config.json", '{"userns": "auto"}');
        const map = async (...options: string[]) =>
          ok(await machine.sh("cat /proc/self/uid_map", options, { env: { TINYDOCKER_CONFIG: config } }));
        expect(await map("--network", "none")).toContain(String(first));
        for (const options of [
          ["--userns", "host", "--network", "none"],
          ["--network", "host"],
          ["--privileged", "--network", "none"],
        ])
          expect(await map(...options)).not.toContain(String(first));
        await machine.exec(["rm", config]);
      },
      prepare,
    );
  });
});
