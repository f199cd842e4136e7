/** Races for trees that are read, written and removed: cp out and in, export, commit of a container that runs; removal. */

import { expect } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { byteNameOf } from "../../../src/linux/byte-name.ts";
import { cwd } from "../../../src/linux/file.ts";
import { removeTree } from "../../../src/linux/tree/tree.ts";
import type { Machine } from "../containers.ts";
import { detached, ok, until } from "../life.ts";
import { counted, names, Outside, places, plant, type Scenario, whileSwapping } from "./swap.ts";

const holds = (...where: string[]): boolean => Bun.spawnSync(["grep", "-rqs", "SECRET", ...where]).exitCode === 0;

/** What is done to the tree of a container again and again, each time through all its places. */
interface Action {
  words(out: string, given: string): string[];
  /** Where else it may have written of the secret, below the state root. */
  wrote?: string;
  /** It makes directories of what links were, which ends the race: the tree is planted anew for each. */
  changes?: true;
}
const actions = {
  "cp out": { words: (out) => ["cp", "live:/w", out] },
  "cp of one file out": { words: (out) => ["cp", `live:/w/${names.at(-1)}/sub/f`, out] },
  "cp in": { words: (_, given) => ["cp", `${given}/.`, "live:/w"], changes: true },
  export: { words: (out) => ["export", "-o", out, "live"] },
  commit: { words: () => ["commit", "-q", "-p=false", "live", "made"], wrote: "layers" },
} satisfies Record<string, Action>;
export type TreeAction = keyof typeof actions;
export const treeActions = Object.keys(actions) as TreeAction[];

/** Each of these commands so many times, on the tree of a container that runs. */
export const trees =
  (machine: Machine, ...which: TreeAction[]): Scenario =>
  async (rounds) => {
    const outside = new Outside(machine.directory);
    await detached(machine, "live", "echo ready; exec sleep 86400", ["--network", "none"]);
    const pid = ok(await machine.run(["inspect", "-f", "{{.State.Pid}}", "live"]));
    await until(() => existsSync(`/proc/${pid}/root/bin/sh`), "the container has its root");
    const [w, out, given] = [`/proc/${pid}/root/w`, join(machine.tmp, "out"), join(machine.tmp, "given")];
    const counts: Record<string, number> = {};
    plant(given);
    const paths = names.map((place) => join(w, place));
    const perform = async (name: TreeAction): Promise<void> => {
      const action: Action = actions[name];
      counted(counts, await machine.run(action.words(out, given)));
      outside.check();
      expect(holds(action.wrote ? join(machine.root, action.wrote) : out)).toBe(false);
      if (name === "commit") await machine.run(["rmi", "made"]);
      rmSync(out, { recursive: true, force: true });
    };
    for (const name of which) {
      const each = name === "cp of one file out" ? 1 : places;
      const all = Math.ceil(rounds / each);
      const times = (actions[name] as Action).changes ? all : 1;
      for (let time = 0; time < times; time++) {
        plant(w);
        await whileSwapping(paths, outside.path, async () => {
          for (let done = 0; done < all / times; done++) await perform(name);
        });
      }
    }
    ok(await machine.run(["rm", "-f", "live"]));
    await machine.run(["image", "prune", "-f"]);
    for (const path of [outside.path, given]) rmSync(path, { recursive: true });
    return counts;
  };

/** Removal of a tree, whose directories are exchanged meanwhile. */
export const removal: (directory: string) => Scenario = (directory) => async (rounds) => {
  const outside = new Outside(directory);
  const counts: Record<string, number> = { done: 0, ESTALE: 0 };
  const tree = join(directory, "tree");
  for (let done = 0; done < rounds; done += places) {
    plant(tree);
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
