/** A state root of 16 MB that is full (F7): what needs room fails and says so, what is there stays, and what makes room works. */

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { imageTar, Machine, said } from "../support/containers.ts";
import { ok, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** A machine whose state root is a small file system of its own, with an image in it. */
async function withSmallStore(use: (machine: Machine, full: () => Promise<void>) => Promise<void>): Promise<void> {
  await using machine = await new Machine().open();
  const mount = `mkdir -p "${machine.root}" && mount -t tmpfs -o size=16m,mode=700 none "${machine.root}"`;
  ok(await machine.exec(["sh", "-c", mount]));
  await machine.loadFile(imageTar("busybox"), "busybox");
  await machine.makeLasting();
  const before = await files(machine);
  // Twice: dd leaves what is less than its block.
  const fill = `cd "${machine.root}"; for size in 64k 1; do dd if=/dev/zero bs=$size >>fill 2>/dev/null; done; true`;
  await use(machine, async () => void ok(await machine.exec(["sh", "-c", fill])));
  ok(await machine.exec(["rm", "-f", `${machine.root}/fill`]));
  ok(await machine.run(["ps"]));
  expect(await files(machine)).toEqual(before);
  const after = machine.snapshot();
  expect([after.processes, after.cgroups]).toEqual([[], []]);
}

/** All there is in the state root, but the content of the log of events. */
const files = async (machine: Machine): Promise<string[]> =>
  ok(await machine.exec(["find", machine.root, "!", "-name", "events.log*"]))
    .split("\n")
    .sort();

test("what needs room is refused by the name of what is full, and leaves nothing behind (F7)", async () => {
  await withSmallStore(async (machine, full) => {
    ok(await machine.run(["create", "--name", "kept", "busybox", "cat", "/etc/passwd"]));
    ok(await machine.run(["run", "--name", "big", "busybox", "sh", "-c", "head -c 3000000 /dev/urandom >/big"]));
    ok(await machine.run(["volume", "create", "old"]));
    await full();
    const before = await files(machine);
    for (const words of [
      ["run", "--rm", "busybox", "true"],
      ["run", "--name", "new", "busybox", "true"],
      ["run", "-d", "--name", "new", "busybox", "sleep", "60"],
      ["run", "--rm", "-v", "fresh:/bin", "busybox", "true"],
      ["run", "--rm", "-v", "/bin", "busybox", "true"],
      ["create", "--name", "new", "busybox", "true"],
      ["load", "-i", imageTar("probe"), "-t", "new"],
      ["import", imageTar("probe"), "new"],
      ["commit", "big", "new"],
      ["tag", "busybox", "new"],
      ["volume", "create", "fresh"],
      ["rename", "kept", "new"],
      ["update", "--restart", "always", "kept"],
    ]) {
      const result = await machine.run(words);
      expect([words, result.code !== 0, said(result)]).toEqual([words, true, expect.stringMatching(/ENOSPC|is full/)]);
      expect([words, said(result)]).toEqual([words, expect.not.stringContaining("internal error")]);
      const names = said(result).includes(machine.root) || said(result).includes("the disk is full");
      expect([words, names]).toEqual([words, true]);
      expect([words, await files(machine)]).toEqual([words, before]);
    }
    // What only looks works.
    expect(ok(await machine.run(["ps", "-a", "--format", "{{.Names}}"]))).toBe("big\nkept");
    for (const words of [
      ["images"],
      ["inspect", "kept"],
      ["volume", "ls"],
      ["diff", "big"],
      ["system", "df"],
      ["events", "--until", "0s"],
    ])
      expect([words, (await machine.run(words)).code]).toEqual([words, 0]);
    // What makes room works too.
    ok(await machine.run(["rm", "big"]));
    ok(await machine.run(["volume", "rm", "old"]));
    ok(await machine.exec(["rm", "-f", `${machine.root}/fill`]));
    expect(ok(await machine.run(["start", "-a", "kept"]))).toContain("root:");
    ok(await machine.run(["rm", "kept"]));
  });
});

test("a container whose writable layer is full lives on; logs, exec, stop, its exit code and rm work", async () => {
  await withSmallStore(async (machine, full) => {
    const script = `trap 'exit 7' TERM; trap 'head -c 100 /dev/zero >/more 2>/dev/null && echo fits || echo full' USR1
      echo ready; while :; do sleep 0.05; done`;
    ok(await machine.run(["run", "-d", "--name", "box", "busybox", "sh", "-c", script]));
    await until(async () => ok(await machine.run(["logs", "box"])) === "ready", "it is ready");
    await full();
    expect(ok(await machine.run(["exec", "box", "sh", "-c", "echo x >/x || echo refused"]))).toContain("refused");
    ok(await machine.run(["kill", "-s", "USR1", "box"]));
    expect(ok(await machine.run(["ps", "--format", "{{.Names}} {{.State}}"]))).toBe("box running");
    expect(ok(await machine.run(["logs", "box"]))).toStartWith("ready");
    ok(await machine.run(["pause", "box"]));
    ok(await machine.run(["unpause", "box"]));
    expect(ok(await machine.run(["stop", "box"]))).toBe("box");
    expect(ok(await machine.run(["ps", "-a", "--format", "{{.Status}}"]))).toContain("Exited (7)");
    expect(ok(await machine.run(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "box"]))).toBe("exited 7");
    ok(await machine.run(["rm", "box"]));
    expect(ok(await machine.run(["ps", "-a", "-q"]))).toBe("");
  });
});

test("one that runs in the foreground, and one with --rm, end as always on a full disk", async () => {
  await withSmallStore(async (machine, full) => {
    const { child } = await machine.start([
      "run",
      "--name",
      "fore",
      "busybox",
      "sh",
      "-c",
      "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done",
    ]);
    ok(await machine.run(["run", "-d", "--rm", "--name", "once", "-v", "/data", "busybox", "sleep", "1000"]));
    await full();
    ok(await machine.run(["stop", "fore"]));
    expect(await child.exited).toBe(7);
    expect(ok(await machine.run(["ps", "-a", "--format", "{{.Names}} {{.Status}}"]))).toMatch(
      /once Up.*\nfore Exited \(7\)/,
    );
    ok(await machine.run(["rm", "-f", "once", "fore"]));
    expect(ok(await machine.run(["volume", "ls", "-q"]))).toBe("");
  });
});

test("a file system that has no size is never full: a state root, a host directory and a container's memory", async () => {
  await using machine = await new Machine().open();
  await machine.loadFile(imageTar("busybox"), "busybox");
  const memory = `${machine.tmp}/memory`;
  ok(await machine.exec(["sh", "-c", `mkdir ${memory} && mount -t ramfs none ${memory}`]));
  const inMemory = ["--root", `${memory}/root`];
  expect(ok(await machine.run([...inMemory, "run", "--rm", imageTar("busybox"), "echo", "hello"]))).toBe("hello");
  const options = ["--shm-size", "0", "--tmpfs", "/none:size=0", "-v", `${memory}:/host`];
  ok(await machine.run(["run", "-d", "--name", "web", ...options, "busybox", "sleep", "60"]));
  for (const path of ["/dev/shm/hosts", "/none/hosts", "/host/hosts"]) {
    ok(await machine.run(["cp", "/etc/hosts", `web:${path}`]));
    expect((await machine.run(["exec", "web", "cat", path])).stdout).toBe(readFileSync("/etc/hosts", "utf8"));
  }
  ok(await machine.run(["cp", "web:/etc", `${memory}/etc`]));
  expect(ok(await machine.exec(["ls", `${memory}/etc`]))).toContain("hosts");
  ok(await machine.run(["rm", "-f", "web"]));
});
