/** Prunes where one thing cannot be removed: that is its own trouble, and the others go. */

import { expect } from "bun:test";
import { imageTar, Machine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

test("a container, a network and a volume that cannot be removed are told of, and the others are pruned", async () => {
  // One that is thrown away: a prune takes the default network down.
  await using machine = await new Machine().open();
  await machine.loadFile(imageTar("busybox"), "busybox");
  const create = async (name: string) => ok(await machine.run(["create", "--name", name, "busybox"]));
  const stuck = await create("stuck");
  const held = [`containers/${stuck}`, "networks/held", "volumes/held"].map((name) => `${machine.root}/${name}`);
  for (const [command, how, all] of [
    ["container", "-f", "tidy"],
    ["network", "-f", "tidy"],
    ["volume", "-af", "tidy"],
    ["system", "-f", ""],
  ] as const) {
    const tidy = await create("tidy");
    for (const kind of ["network", "volume"])
      for (const name of ["held", "tidy"]) await machine.run([kind, "create", name]);
    // What is mounted somewhere cannot be moved away.
    for (const path of held) expect((await machine.exec(["mount", "--bind", path, path])).code).toBe(0);
    const { code, stdout, stderr } = await machine.run([command, "prune", how]);
    expect([command, code, stderr]).toEqual([command, 1, expect.stringContaining("EBUSY")]);
    expect(stdout).toContain(command === "network" || command === "volume" ? all : tidy);
    expect(stdout).not.toContain(stuck);
    expect(stdout).not.toContain("held");
    for (const path of held) await machine.exec(["umount", path]);
    await machine.run(["rm", "tidy"]);
  }
  expect(ok(await machine.run(["system", "prune", "-f"]))).toContain(stuck);
  ok(await machine.run(["volume", "rm", "held"]));
  ok(await machine.run(["volume", "rm", "-f", "tidy"]));
});
