/** What is on the disk when, and who can reach what listens: seen from outside while a load and a container go their way. */

import { expect } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, withMachine } from "../support/containers.ts";
import { detached, ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root);

needing(root, tool("strace"))(
  "an image has its name only when all of it is on the disk, and the name comes last (F6)",
  async () => {
    await withMachine(["probe"], async (machine) => {
      const file = join(machine.tmp, "strace");
      const calls = ["strace", "-f", "-qq", "-e", "trace=syncfs,fsync,renameat,renameat2,rename", "-o", file];
      ok(await machine.exec([...calls, binary(), "load", "-q", "-i", imageTar("busybox")], { timeoutMs: 60_000 }));
      const lines = readFileSync(file, "utf8").trim().split("\n");
      const synced = lines.findIndex((line) => /syncfs\(.* = 0$/.test(line));
      const into = (place: string) => lines.findIndex((line) => line.includes(`, "${machine.root}/${place}/`));
      const order = [synced, into("layers"), into("blobs"), into("images"), into("refs")];
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      expect(order).not.toContain(-1);
      ok(await machine.run(["rmi", "busybox"]));
      await machine.run(["image", "prune", "-f"]);
      rmSync(file);
    });
  },
);

test("what listens for commands has a path that only root can open, and none has an abstract name (R34)", async () => {
  await withMachine(["busybox"], async (machine) => {
    await detached(machine, "box", "sleep 600");
    // Every socket of the network namespace, by what it is bound to.
    const { stdout } = await machine.exec(["cat", "/proc/net/unix"]);
    const names = stdout
      .split("\n")
      .slice(1)
      .flatMap((line) => line.trim().split(/\s+/)[7] ?? []);
    expect(names.filter((name) => name.startsWith("@"))).toEqual([]);
    const found = ok(
      await machine.exec(["find", machine.directory, "/run", "-type", "s", "-user", "root", "-printf", "%m %p\n"]),
    );
    const ours = found.split("\n").filter((line) => line.includes(machine.directory));
    expect(ours.length).toBeGreaterThan(0);
    expect(ours.filter((line) => !line.startsWith("600 "))).toEqual([]);
    ok(await machine.run(["rm", "-f", "box"]));
  });
});
