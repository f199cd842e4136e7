/** Races for what a start mounts, covers and enters: targets of mounts, masks, read-only paths, working directories, volumes. */

import { expect } from "bun:test";
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../containers.ts";
import { ok } from "../life.ts";
import { type Config, runtimeSandbox } from "../runtimes.ts";
import { counted, names, Outside, places, plant, type Scenario, whileSwapping } from "./swap.ts";

/** The mount points that a container sees, and where the host's secret would be. */
const show = "cat /proc/self/mountinfo; cat /d*/f /d*/*/f 2>/dev/null; true";

/** Targets of binds and of file systems, below directories of the root that others exchange. */
export const targets: Scenario = async (rounds) => {
  await using box = await runtimeSandbox("tinydocker");
  const outside = new Outside(box.directory);
  mkdirSync(join(box.directory, "in"));
  for (const name of names) mkdirSync(join(box.rootfs, name, "sub"), { recursive: true });
  const bundle = box.bundle("b", ["sh", "-c", show], (config: Config) => {
    config.root.readonly = false;
    for (const [index, name] of names.entries())
      config.mounts.push(
        index % 2
          ? { destination: `/${name}/sub/deep`, type: "tmpfs", source: "tmpfs", options: ["size=4k"] }
          : { destination: `/${name}/sub`, type: "bind", source: join(box.directory, "in"), options: ["bind"] },
      );
  });
  const counts: Record<string, number> = {};
  const before = box.snapshot().mounts;
  await whileSwapping(
    names.map((name) => join(box.rootfs, name)),
    outside.path,
    async () => {
      for (let done = 0; done < rounds; done += places) {
        const result = await box.call(["run", "-b", bundle, "c"]);
        counted(counts, result);
        expect(result.stdout).not.toContain("SECRET");
        outside.check();
      }
    },
  );
  expect(box.snapshot().mounts).toEqual(before);
  return counts;
};

/** Of each kind that the default profile has: files and directories of /proc and /sys. What this kernel has not is no matter. */
const there = (paths: string[], is: "isFile" | "isDirectory"): string[] =>
  paths.filter((path) => existsSync(path) && statSync(path)[is]());
const masked = [
  ...there(["/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/kcore", "/sys/kernel/notes"], "isFile"),
  ...there(
    ["/proc/acpi", "/proc/scsi", "/proc/tty/driver", "/sys/firmware", "/sys/devices/virtual/powercap"],
    "isDirectory",
  ),
];
const readonly = [
  ...there(["/proc/sysrq-trigger", "/proc/version", "/sys/kernel/mm/lru_gen/enabled"], "isFile"),
  ...there(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/sys/fs", "/sys/kernel/slab"], "isDirectory"),
];

/** /proc and /sys themselves, which masks and read-only paths lie in: the container runs with all of them, or not at all. */
export const masks: Scenario = async (rounds) => {
  await using box = await runtimeSandbox("tinydocker");
  for (const path of ["proc", "sys", "fake"]) mkdirSync(join(box.rootfs, path), { recursive: true });
  const wheres = ["/proc", "/proc.link", "/fake"];
  const look = `cat ${wheres.map((where) => `${where}/self/mountinfo`).join(" ")} 2>/dev/null; true`;
  const bundle = box.bundle("b", ["sh", "-c", look], (config: Config) => {
    config.linux.maskedPaths = masked;
    config.linux.readonlyPaths = readonly;
  });
  const all = [...masked, ...readonly];
  const counts: Record<string, number> = {};
  await whileSwapping([join(box.rootfs, "proc"), join(box.rootfs, "sys")], "/fake", async () => {
    for (let done = 0; done < rounds; done += all.length + 2) {
      const result = await box.call(["run", "-b", bundle, "c"]);
      counted(counts, result);
      const mounts = result.stdout.split("\n").map((line) => line.split(" "));
      for (const [kind, root] of [
        ["proc", "/proc"],
        ["sysfs", "/sys"],
      ]) {
        // It lies where the link led it, and is called otherwise from one line to the next: its own names tell.
        const own = mounts.find((line) => line[3] === "/" && line[line.indexOf("-") + 1] === kind);
        if (own === undefined) continue;
        const below = mounts.filter((line) => line[1] === own[0]).map((line) => line[4]!.replace(/^\/[^/]+/, ""));
        const wanted = all.filter((path) => path.startsWith(`${root}/`)).map((path) => path.slice(root!.length));
        expect([...new Set(below)].filter(Boolean).sort()).toEqual(wanted.sort());
      }
    }
  });
  return counts;
};

/** Masks and read-only paths, of files and of directories, below directories of the root that others exchange. */
export const rootMasks: Scenario = async (rounds) => {
  await using box = await runtimeSandbox("tinydocker");
  const outside = new Outside(box.directory);
  plant(join(box.rootfs, "w"));
  const look = "cat /proc/self/mountinfo /w/*/f /w/*/sub/f 2>/dev/null; true";
  const bundle = box.bundle("b", ["sh", "-c", look], (config: Config) => {
    const at = (kind: number) =>
      names.filter((_, index) => index % 4 === kind).map((name) => `/w/${name}/sub${kind % 2 ? "/f" : ""}`);
    config.linux.maskedPaths = [...at(0), ...at(1)];
    config.linux.readonlyPaths = [...at(2), ...at(3)];
  });
  const counts: Record<string, number> = {};
  const before = box.snapshot().mounts;
  await whileSwapping(
    names.map((name) => join(box.rootfs, "w", name)),
    outside.path,
    async () => {
      for (let done = 0; done < rounds; done += places) {
        const result = await box.call(["run", "-b", bundle, "c"]);
        counted(counts, result);
        expect(result.stdout).not.toContain("SECRET");
        outside.check();
        writeFileSync(join(outside.path, "f"), "SECRET\n"); // and it is not read-only
      }
    },
  );
  expect(box.snapshot().mounts).toEqual(before);
  return counts;
};

/** Masks in a volume that another container changes. */
export const volumeMasks =
  (machine: Machine): Scenario =>
  async (rounds) => {
    const outside = new Outside(machine.directory);
    ok(await machine.run(["volume", "create", "shared"]));
    const data = join(machine.root, "volumes/shared/_data");
    plant(data);
    const options = names.flatMap((name, index) => ["--security-opt", `mask=/m/${name}/sub${index % 2 ? "/f" : ""}`]);
    const look = "cat /m/*/f /m/*/sub/f 2>/dev/null; true";
    const counts: Record<string, number> = {};
    const before = machine.snapshot().mounts;
    await whileSwapping(
      names.map((name) => join(data, name)),
      outside.path,
      async () => {
        for (let done = 0; done < rounds; done += places) {
          const words = ["--network", "none", "-v", "shared:/m", ...options, "busybox", "sh", "-c", look];
          const result = await machine.container(words);
          counted(counts, result);
          expect(result.stdout).not.toContain("SECRET");
          outside.check();
        }
      },
    );
    expect(machine.snapshot().mounts).toEqual(before);
    ok(await machine.run(["volume", "rm", "shared"]));
    rmSync(outside.path, { recursive: true });
    return counts;
  };

/** The working directory of `exec`. */
export const workdir: Scenario = async (rounds) => {
  await using box = await runtimeSandbox("tinydocker");
  const outside = new Outside(box.directory);
  mkdirSync(join(box.rootfs, "d/sub"), { recursive: true });
  expect((await box.call(["run", "-d", "-b", box.bundle("b", ["sleep", "3600"]), "c"])).code).toBe(0);
  const counts: Record<string, number> = {};
  await whileSwapping([join(box.rootfs, "d")], outside.path, async () => {
    for (let done = 0; done < rounds; done++) {
      const result = await box.call(["exec", "--cwd", "/d/sub", "c", "cat", "f"]);
      counted(counts, { ...result, code: result.code === 1 ? 0 : result.code });
      expect(result.stdout).toBe("");
    }
  });
  return counts;
};

/** A part of a volume that another container changes. */
export const subpath =
  (machine: Machine): Scenario =>
  async (rounds) => {
    const outside = new Outside(machine.directory);
    ok(await machine.run(["volume", "create", "shared"]));
    const data = join(machine.root, "volumes/shared/_data");
    mkdirSync(join(data, "d/sub"), { recursive: true });
    writeFileSync(join(data, "d/sub/f"), "inside\n");
    const mount = "type=volume,src=shared,dst=/m,volume-subpath=d/sub";
    const counts: Record<string, number> = {};
    await whileSwapping([join(data, "d")], outside.path, async () => {
      for (let done = 0; done < rounds; done++) {
        const words = ["--network", "none", "--mount", mount, "busybox", "cat", "/m/f"];
        const result = await machine.container(words);
        counted(counts, result);
        expect(["", "inside\n"]).toContain(result.stdout);
      }
    });
    outside.check();
    ok(await machine.run(["volume", "rm", "shared"]));
    outside.check();
    rmSync(outside.path, { recursive: true });
    return counts;
  };
