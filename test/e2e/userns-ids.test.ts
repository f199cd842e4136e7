/** Which ids a container with a user namespace has beside the first 65536, and what it may do with its own cgroup. */

import { describe, expect } from "bun:test";
import { chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCgroup2 } from "../../src/linux/cgroup.ts";
import { imageTar, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const cgroup2 = () => (findCgroup2() ? undefined : "cgroup v2");
const test = needing(root);
const auto = ["--userns", "auto", "--network", "none"];
const wide = 1_000_720_000;

describe("ids above 65535", () => {
  test("are those of the image's files and of the program's user, with their ranges, and are given back", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const script = `stat -c %u:%g /made/f; echo x >/made/f; chown ${wide + 1} /made/f; stat -c %u /made/f`;
        const inside = ok(await machine.container([...auto, "wide", "sh", "-c", script]));
        expect(inside).toBe(`${wide}:70000\n${wide + 1}`);
        const user = [
          ...auto,
          "-u",
          "140000:70000",
          "busybox",
          "sh",
          "-c",
          "id -u; id -g; touch /tmp/a; stat -c %u /tmp/a",
        ];
        expect(ok(await machine.container(user))).toBe("140000\n70000\n140000");
        const map = ok(
          await machine.sh("cat /proc/self/uid_map", [
            "--userns",
            "auto:size=70000",
            "--network",
            "none",
            "-u",
            "80000",
          ]),
        );
        const lines = map
          .trim()
          .split("\n")
          .map((line) => line.trim().split(/ +/).map(Number));
        expect(lines.map(([first, , count]) => [first, count])).toEqual([
          [0, 70_000],
          [70_000, 61_072],
        ]);
        // The caller of such a number is himself inside, and all others are the container's.
        const env = { SUDO_UID: String(wide), SUDO_GID: "70000" };
        const kept = ok(
          await machine.container(["--userns", "keep-id", "--network", "none", "wide", "id", "-u"], { env }),
        );
        expect(kept).toBe(String(wide));
        ok(await machine.run(["create", "--name", "box", ...auto, "wide", "true"]));
        expect(readdirSync(join(machine.root, "ids"))).toHaveLength(3);
        ok(await machine.run(["rm", "box"]));
        expect(readdirSync(join(machine.root, "ids"))).toEqual([]);
      },
      async (machine) => {
        const tree = join(machine.tmp, "tree");
        mkdirSync(join(tree, "made"), { recursive: true });
        ok(await machine.exec(["tar", "-xf", imageTar("busybox"), "-C", tree]));
        writeFileSync(join(tree, "made/f"), "");
        chownSync(join(tree, "made/f"), wide, 70_000);
        ok(await machine.exec(["tar", "-C", tree, "-cf", `${tree}.tar`, "."]));
        ok(await machine.run(["import", `${tree}.tar`, "wide"]));
        ok(await machine.exec(["rm", "-r", tree, `${tree}.tar`]));
        void (await machine.sh("true", auto));
      },
    );
  });
});

describe("a privileged container with a user namespace", () => {
  needing(root, cgroup2)("makes cgroups in its own, and can't lift its limits", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const script =
          "cd /sys/fs/cgroup; mkdir made; echo $$ >made/cgroup.procs; cat /proc/self/cgroup | grep ^0; echo 5 >cgroup.max.depth";
        const { stdout, stderr } = await machine.sh(script, [...auto, "--privileged"]);
        expect(stdout).toBe("0::/made\n");
        expect(stderr).toContain("cgroup.max.depth: Permission denied");
        const plain = await machine.sh("mkdir /sys/fs/cgroup/made", auto);
        expect(plain.stderr).toContain("Read-only file system");
        // What it could not have of the host it has in its own namespaces.
        expect(ok(await machine.sh("grep CapBnd /proc/self/status", [...auto, "--cap-add", "SYS_RESOURCE"]))).toBe(
          "CapBnd:\t00000000a90425fb",
        );
      },
      async (machine) => void (await machine.sh("true", auto)),
    );
  });
});
