/**
 * Races that hostile programs would like to win: a part of a path is exchanged for a symbolic link, all the time, while a
 * command of ours resolves it. A scenario is prepared once, then done as many times as it is asked for, and counts how many
 * resolutions that were; whatever comes of each, nothing outside may have been read, written, covered or removed.
 */

import { expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { byteNameOf } from "../../src/linux/byte-name.ts";
import { cwd } from "../../src/linux/file.ts";
import { removeTree } from "../../src/linux/tree/tree.ts";
import { compiled } from "./compile.ts";
import type { Machine } from "./containers.ts";
import { detached, ok } from "./life.ts";
import { type Config, runtimeSandbox } from "./runtimes.ts";
import type { Sandbox } from "./sandbox.ts";

/** Until this many resolutions have been done. @returns what became of them. */
export type Scenario = (rounds: number) => Promise<Record<string, number>>;

/** A place outside, with a secret in it, that must stay as it is. */
class Outside {
  readonly path: string;

  constructor(box: Sandbox) {
    this.path = join(box.directory, "outside");
    mkdirSync(join(this.path, "sub"), { recursive: true });
    for (const name of ["f", "sub/f"]) writeFileSync(join(this.path, name), "SECRET\n");
  }

  check(): void {
    expect(readdirSync(this.path, { recursive: true }).sort()).toEqual(["f", "sub", "sub/f"]);
    for (const name of ["f", "sub/f"]) expect(readFileSync(join(this.path, name), "utf8")).toBe("SECRET\n");
  }
}

/** Exchanges each of these paths for a link that lies beside it, while something is done. */
async function whileSwapping<Result>(paths: string[], to: string, action: () => Promise<Result>): Promise<Result> {
  const links = paths.map((path) => `${path}.link`);
  for (const link of links) symlinkSync(to, link);
  const child = Bun.spawn([compiled("swap.c"), ...paths.flatMap((path, index) => [path, links[index]!])], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await child.stdout.getReader().read();
    return await action();
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

const places = 20;
const names = Array.from({ length: places }, (_, index) => `d${index}`);

/** Counts what comes of one: each failure must be one in words. */
function counted(counts: Record<string, number>, { code, stderr }: { code: number | null; stderr: string }): void {
  expect(stderr).not.toMatch(/internal error|bunfs/);
  const what = code === 0 ? "done" : (/[A-Z]{4,}/.exec(stderr)?.[0] ?? "refused");
  counts[what] = (counts[what] ?? 0) + 1;
}

/** The mount points that a container sees, and where the host's secret would be. */
const show = "cat /proc/self/mountinfo; cat /d*/f /d*/*/f 2>/dev/null; true";

/** Targets of binds and of file systems, below directories of the root that others exchange. */
export const targets: Scenario = async (rounds) => {
  await using box = await runtimeSandbox("tinydocker");
  const outside = new Outside(box);
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

/** /proc itself, which masks and read-only paths lie in: the container runs with all of them, or not at all. */
export const masks: Scenario = async (rounds) => {
  await using box = await runtimeSandbox("tinydocker");
  for (const path of ["proc", "fake"]) mkdirSync(join(box.rootfs, path), { recursive: true });
  const hidden = ["/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/fs"].filter((path) => existsSync(path));
  const look = "cat /proc/self/mountinfo /proc.link/self/mountinfo /fake/self/mountinfo 2>/dev/null; true";
  const bundle = box.bundle("b", ["sh", "-c", look], (config: Config) => {
    config.linux.maskedPaths = hidden;
  });
  const counts: Record<string, number> = {};
  await whileSwapping([join(box.rootfs, "proc")], "/fake", async () => {
    for (let done = 0; done < rounds; done += hidden.length + 1) {
      const result = await box.call(["run", "-b", bundle, "c"]);
      counted(counts, result);
      const points = new Set(
        result.stdout.split("\n").map((line) => (line.split(" ")[4] ?? "").replace(/^\/(proc\.link|fake)/, "/proc")),
      );
      if (points.has("/proc"))
        expect([...points].filter((point) => point.startsWith("/proc/")).sort()).toEqual(
          [...hidden, "/proc/sys"].sort(),
        );
    }
  });
  return counts;
};

/** The working directory of `exec`. */
export const workdir: Scenario = async (rounds) => {
  await using box = await runtimeSandbox("tinydocker");
  const outside = new Outside(box);
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
    const outside = new Outside(machine);
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

/** Everything that reads or writes the tree of a container that runs: cp in and out, commit, export, diff. */
export const trees =
  (machine: Machine): Scenario =>
  async (rounds) => {
    const outside = new Outside(machine);
    await detached(machine, "live", "mkdir -p /d/sub; echo inside >/d/sub/f; echo ready; exec sleep 3600", [
      "--network",
      "none",
    ]);
    const pid = ok(await machine.run(["inspect", "-f", "{{.State.Pid}}", "live"]));
    const d = `/proc/${pid}/root/d`;
    while (!existsSync(`${d}/sub/f`)) await Bun.sleep(10);
    const out = join(machine.tmp, "out");
    const counts: Record<string, number> = {};
    writeFileSync(join(machine.tmp, "given"), "inside\n");
    await whileSwapping([d], outside.path, async () => {
      for (let done = 0; done < rounds; done++) {
        const words = [
          ["cp", "live:/d/sub/f", out],
          ["cp", "live:/d/sub", out],
          ["cp", join(machine.tmp, "given"), "live:/d/sub/f"],
          ["export", "-o", out, "live"],
          ["commit", "-q", "-p=false", "live", "made"],
        ][done % 5]!;
        const result = await machine.run(words);
        counted(counts, result);
        if (existsSync(out)) expect(Bun.spawnSync(["grep", "-rqs", "SECRET", out]).exitCode).toBe(1);
        if (words[0] === "commit" && result.code === 0) {
          ok(await machine.run(["save", "-o", out, "made"]));
          expect(Bun.spawnSync(["grep", "-qs", "SECRET", out]).exitCode).toBe(1);
          ok(await machine.run(["rmi", "made"]));
        }
        rmSync(out, { recursive: true, force: true });
      }
    });
    outside.check();
    ok(await machine.run(["rm", "-f", "live"]));
    await machine.run(["image", "prune", "-f"]);
    for (const path of [outside.path, join(machine.tmp, "given")]) rmSync(path, { recursive: true });
    return counts;
  };

/** Removal of a tree, whose directories are exchanged meanwhile. */
export const removal: (directory: string) => Scenario = (directory) => async (rounds) => {
  const outside = new Outside({ directory } as Sandbox);
  const counts: Record<string, number> = { done: 0, ESTALE: 0 };
  for (let done = 0; done < rounds; done += places) {
    const tree = join(directory, "tree");
    for (const name of names) {
      mkdirSync(join(tree, name, "sub"), { recursive: true });
      for (const file of ["f", "sub/f"]) writeFileSync(join(tree, name, file), "");
    }
    await whileSwapping(
      names.map((name) => join(tree, name)),
      outside.path,
      async () => {
        try {
          removeTree(cwd, byteNameOf(tree));
          counts.done!++;
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^(ESTALE|ENOTEMPTY|ENOTDIR)$/);
          counts.ESTALE!++;
        }
      },
    );
    rmSync(tree, { recursive: true, force: true });
    outside.check();
  }
  rmSync(outside.path, { recursive: true });
  return counts;
};
