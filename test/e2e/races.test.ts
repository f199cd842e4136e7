/** A part of a path is exchanged for a symbolic link while it is resolved: a few rounds of what helpers/races.ts does 10,000 of. */

import { expect } from "bun:test";
import { withMachine } from "../support/containers.ts";
import { needing, root, tool } from "../support/needs.ts";
import { masks, rootMasks, subpath, targets, volumeMasks, workdir } from "../support/races/mounts.ts";
import { removal, treeActions, trees } from "../support/races/trees.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const test = needing(root, tool("gcc"));

const some = (counts: Record<string, number>): void => expect(Object.keys(counts)).not.toEqual([]);

test(
  "targets of mounts in a bundle lead nowhere but into its root (R15)",
  async () => some(await targets(60)),
  240_000,
);

test(
  "a container has all of its masks and read-only paths, whoever moves /proc of its root meanwhile (R16)",
  async () => some(await masks(50)),
  240_000,
);

test(
  "masks and read-only paths of the root are inside, and cover nothing outside, files and directories (R15, R16)",
  async () => some(await rootMasks(60)),
  240_000,
);

test("the working directory of exec is inside (R6)", async () => some(await workdir(5)), 240_000);

test("a part of a volume, and what is masked in it, is of that volume, and cp, export and commit stay in their container (R15, R16, R25)", async () => {
  await withMachine(["busybox"], async (machine) => {
    some(await subpath(machine)(4));
    some(await volumeMasks(machine)(40));
    some(await trees(machine, ...treeActions)(4));
  });
}, 240_000);

test(
  "removal of a tree removes nothing outside of it (R15)",
  async () => some(await removal(temporaryDirectory())(60)),
  240_000,
);
