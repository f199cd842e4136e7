/** `images --tree`: each image below the one that it is built on, as far as the layers tell. */

import { imageUser } from "../../engine/image/users.ts";
import { UsageError } from "../../errors.ts";
import { formatPlatform } from "../../image/platform.ts";
import type { Image } from "../../image/store.ts";
import type { Paths } from "../../paths.ts";
import { humanSize, plain, printLine } from "../words/print.ts";

/** Options that shape the table, which this is none of. */
export function refuseWithTree(given: {
  quiet: boolean | undefined;
  format: string | undefined;
  digests: boolean;
  full: boolean;
}): void {
  const { quiet, format, digests, full } = given;
  const other = quiet ? "--quiet" : format !== undefined ? "--format" : digests ? "--digests" : full && "--no-trunc";
  if (other) throw new UsageError(`${other} is not supported with --tree`);
}

interface Line {
  name: string;
  id: string;
  platform: string;
  size: string;
  added: string;
  extra: string;
}

/** @param chosen those that are listed. */
export function printTree(paths: Paths, chosen: readonly Image[]): void {
  const parents = new Map(chosen.map((image) => [image, parentOf(image, chosen)]));
  const users = imageUser(paths);
  const heading = { name: "IMAGE", id: "ID", platform: "PLATFORM", size: "DISK USAGE", added: "ADDED", extra: "EXTRA" };
  const lines: Line[] = [heading];
  const add = (image: Image, indent: string, branch: string, below: string) => {
    lines.push(lineOf(image, parents.get(image), indent + branch, users(image.id) !== undefined));
    const children = chosen.filter((other) => parents.get(other) === image);
    for (const [index, child] of children.entries()) {
      const isLast = index === children.length - 1;
      add(child, indent + below, isLast ? "└─ " : "├─ ", isLast ? "   " : "│  ");
    }
  };
  for (const image of chosen) if (!parents.get(image)) add(image, "", "", "");
  const width = (key: keyof Line) => Math.max(...lines.map((line) => line[key].length));
  for (const line of lines)
    printLine(
      (Object.keys(heading) as (keyof Line)[])
        .map((key) => line[key].padEnd(width(key)))
        .join("   ")
        .trimEnd(),
    );
  printLine("\nU: used by a container");
}

/** The image with the most layers of all that this one has and more. */
function parentOf({ layers }: Image, images: readonly Image[]): Image | undefined {
  const below = images.filter(
    (other) =>
      other.layers.length > 0 &&
      other.layers.length < layers.length &&
      other.layers.every((layer, index) => layer === layers[index]),
  );
  return below.sort((a, b) => b.layers.length - a.layers.length)[0];
}

function lineOf(image: Image, parent: Image | undefined, prefix: string, isUsed: boolean): Line {
  const { references, id, config, sizeBytes, damage } = image;
  return {
    name: prefix + plain(references.length > 0 ? references.join(", ") : "<untagged>"),
    id: id.slice("sha256:".length, "sha256:".length + 12),
    platform: damage === undefined ? plain(formatPlatform(config)) : "damaged",
    size: humanSize(sizeBytes),
    added: humanSize(sizeBytes - (parent?.sizeBytes ?? 0)),
    extra: isUsed ? "U" : "",
  };
}
