/** An OCI bundle for crun and runc, equivalent to a `run` of the same root file system. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../process.ts";

/**
 * What `runc spec` makes, with our root file system and a command.
 * @param directory gets `rootfs`, which bundles share, and a bundle called `name`. @param tar the root file system.
 */
export function ociBundle(directory: string, tar: string, name: string, args: string[]): string {
  const rootfs = join(directory, "rootfs");
  if (!existsSync(rootfs)) {
    mkdirSync(rootfs, { recursive: true });
    run("tar", ["-xf", tar, "-C", rootfs]);
  }
  const bundle = join(directory, name);
  mkdirSync(bundle);
  run("runc", ["spec", "--bundle", bundle]);
  const path = join(bundle, "config.json");
  const spec = JSON.parse(readFileSync(path, "utf8"));
  spec.process.terminal = false;
  spec.process.args = args;
  spec.root = { path: rootfs, readonly: false };
  writeFileSync(path, JSON.stringify(spec));
  return bundle;
}
