/** The probe image: one static program that answers tests' questions about its container (probe.c lists them). */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../helpers/process.ts";
import type { Entry } from "../recipe.ts";

/** What apt-get must have installed. */
export const packages = ["gcc", "libc6-dev"];

export function rootfs(): Entry[] {
  return [
    { path: "bin/probe", type: "file", data: compile("probe.c", "attempts.c"), mode: 0o755 },
    ...["dev", "proc", "sys", "work"].map((path): Entry => ({ path, type: "directory" })),
    { path: "tmp", type: "directory", mode: 0o1777 },
    { path: "etc/passwd", type: "file", data: "root:x:0:0::/:/bin/probe\nprobe:x:1000:1000::/work:/bin/probe\n" },
    { path: "etc/group", type: "file", data: "root:x:0:\nprobe:x:1000:\nextra:x:2000:probe\n" },
  ];
}

function compile(...sources: string[]): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "probe-"));
  try {
    const program = join(directory, "probe");
    run("gcc", [
      "-static",
      "-Os",
      "-s",
      "-Wall",
      "-Wextra",
      "-Wl,--build-id=none",
      "-o",
      program,
      ...sources.map((name) => join(import.meta.dir, name)),
    ]);
    return readFileSync(program);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
