/** Podman to compare with, where there is one: with directories of its own, and our image in them. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "../process.ts";
import type { Command } from "./measure.ts";
import { withoutUnified } from "./namespace.ts";

export interface Podman {
  version: string;
  command(...words: string[]): Command;
  /** As words of a shell, which need no `mountNamespaceOf`. */
  words(...words: string[]): string[];
  close(): void;
}

/** @param directory for what it keeps. @param tar the root file system of the image `busybox`. */
export async function podmanWith(directory: string, tar: string): Promise<Podman | undefined> {
  const path = Bun.which("podman");
  if (path === null) return undefined;
  const settings = join(directory, "containers.conf");
  // Where root lacks CAP_SYS_RESOURCE its own defaults can't be set.
  writeFileSync(settings, "[containers]\ndefault_ulimits = []\n");
  const own = ["--root", join(directory, "podman"), "--runroot", join(directory, "podman-run")];
  const how = ["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "file"];
  const argv = ["/usr/bin/env", `CONTAINERS_CONF=${settings}`, path, ...own, ...how];
  const namespace = await withoutUnified();
  const enter = namespace ? ["nsenter", "--mount", "--target", String(namespace.pid), "--wd=/"] : [];
  const words = (...more: string[]) => [...enter, ...argv, ...more];
  const [program, ...args] = words("import", "--quiet", tar, "busybox");
  text(program!, args);
  return {
    version: text(path, ["--version"]).replace("version ", ""),
    command: (...more) => ({ argv: [...argv, ...more], mountNamespaceOf: namespace?.pid }),
    words,
    close: () => {
      const [remove, ...rest] = words("rm", "--all", "--force", "--time", "0");
      text(remove!, rest);
      namespace?.kill("SIGKILL");
    },
  };
}
