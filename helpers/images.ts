/** Builds the images of images/: `npm run images` leaves images/busybox.tar and images/probe.tar, with the same bytes each time. */

import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import * as busybox from "../images/busybox/rootfs.ts";
import * as probe from "../images/probe/rootfs.ts";
import { type Entry, tarOf } from "../images/recipe.ts";
import { run } from "./process.ts";

interface Recipe {
  packages: string[];
  rootfs(): Entry[];
}
const recipes: Record<string, Recipe> = { busybox, probe };
const images = join(import.meta.dir, "../images");

/** Builds one image, by default into images/NAME.tar; installs the Debian packages its recipe takes files from. */
export async function buildImage(name: string, outfile = join(images, `${name}.tar`)): Promise<string> {
  const recipe = recipes[name];
  if (recipe === undefined) throw new Error(`no image ${name}: one of ${Object.keys(recipes).join(", ")}`);
  run(join(import.meta.dir, "setup"), ["packages", ...recipe.packages]);
  const tar = await tarOf(recipe.rootfs());
  mkdirSync(dirname(outfile), { recursive: true });
  writeFileSync(`${outfile}.new`, tar);
  renameSync(`${outfile}.new`, outfile);
  const digest = new Bun.CryptoHasher("sha256").update(tar).digest("hex");
  console.log(`${outfile}: ${(tar.length / 1e6).toFixed(1)} MB, sha256:${digest}`);
  return outfile;
}

/** Builds an image unless images/NAME.tar is there already. */
export async function ensureImage(name: string): Promise<string> {
  const outfile = join(images, `${name}.tar`);
  return existsSync(outfile) ? outfile : buildImage(name, outfile);
}

if (import.meta.main) {
  const { positionals } = parseArgs({ allowPositionals: true });
  for (const name of positionals.length > 0 ? positionals : Object.keys(recipes)) await buildImage(name);
}
