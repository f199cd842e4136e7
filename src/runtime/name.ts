/**
 * The name of a container: a file that can be made only once, `names/<name>`, with the id of who is called so. One that leads to
 * no container, after a power cut or out of a restored backup, is in nobody's way: who wants the name takes it.
 */

import { ConflictError, hasCode } from "../errors.ts";
import { readdir } from "../linux/directory.ts";
import { writeNewFile } from "../linux/file.ts";
import { link, unlink } from "../linux/names.ts";
import { statIfAny } from "../linux/stat.ts";
import { idIn, type Owners } from "./name-file.ts";

const maxTries = 10;

/** Makes a name ours, or names who has it. @param other the file of a name that we have: the new one is a second link to it. */
export function takeName(name: string, path: string, id: string, owners: Owners, other?: string): void {
  for (let tries = 1; ; tries++) {
    try {
      if (other !== undefined && idIn(other) === id) link(other, path);
      else writeNewFile(path, id);
      return;
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
    const { ownerOf } = require("./name-owner.ts") as typeof import("./name-owner.ts");
    const owner = ownerOf(name, path, owners);
    // Taken by ourselves, and killed then.
    if (other !== undefined && id === owner) return;
    if (owner !== undefined || tries === maxTries)
      throw new ConflictError(
        `the name ${JSON.stringify(name)} is taken by ${owner === undefined ? "others" : `container ${owner.slice(0, 12)}`}`,
        `remove that container (tinydocker rm ${name}) or choose another name`,
      );
  }
}

/** Frees the name of a container. What is no id is of one that was killed while it took the name, or damaged. */
export function freeName(path: string, id: string): void {
  const owner = idIn(path);
  const only = owner === id && statIfAny(path)?.nlink === 1;
  if (owner === undefined || owner === id) unlink(path);
  if (only) return;
  // It was renamed since; or a `rename` that was killed half way has left it two names.
  const names = path.slice(0, path.lastIndexOf("/"));
  for (const name of readdir(names) ?? []) if (idIn(`${names}/${name}`) === id) unlink(`${names}/${name}`);
}
