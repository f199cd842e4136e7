/** Paths of tar entries: relative to the root whatever they look like, and never out of it by their text. */

import { InvalidError } from "../errors.ts";
import { type ByteName, byteName, textOf } from "../linux/byte-name.ts";

/** PATH_MAX without the NUL: no call takes more. */
export const maxPath = 4095;
const maxName = 255;

/** A path relative to the root, without empty, "." and ".." parts; "" is the root itself. @throws InvalidError for one that leads out of it */
export function normalise(path: ByteName): ByteName {
  if (path.length > maxPath) throw new InvalidError(`${textOf(path.slice(0, 60))}...: longer than ${maxPath} bytes`);
  const parts: ByteName[] = [];
  for (const part of path.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) throw new InvalidError(`${textOf(path)} leads out of the root with ".."`);
    } else if (part.length > maxName)
      throw new InvalidError(`${textOf(part.slice(0, 60))}...: a name longer than ${maxName} bytes`);
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return joinNames(parts);
}

/** The directory and the last name; the directory of a name at the top is "". */
export function split(path: ByteName): [directory: ByteName, name: ByteName] {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? [byteName``, path] : [path.slice(0, slash), path.slice(slash + 1)];
}

/** The path of names, without a slash before or after. */
export const joinNames = (names: ByteName[]): ByteName =>
  names.length === 0 ? byteName`` : names.reduce((path, name) => byteName`${path}/${name}`);
