/** What the group `cpu` compares: binaries of tinydocker, crun and runc, each with a container that runs /bin/true and one to enter. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { run, text } from "../process.ts";
import { ociBundle } from "./bundle.ts";
import type { Command } from "./measure.ts";
import { withoutUnified } from "./namespace.ts";

export interface Contender {
  name: string;
  /** It is a tinydocker: goals are for it. */
  ours: boolean;
  /** A container that runs /bin/true, and is gone afterwards. */
  run: Command;
  /** /bin/true in the container that stays; only where there is one. */
  exec?: Command;
  /** `create`, `start` and `delete` of one that runs /bin/true, and `state` of the one that stays; of OCI runtimes. */
  life?: Command;
  state?: Command;
  /** Starts the container that stays. */
  keep(): void;
  close(): void;
}

export interface Runtimes {
  runtimes: Contender[];
  /** Lets the mount namespace go that they run in: after each one's `close`. */
  release(): void;
}

const quiet = { stdio: ["ignore", "ignore", "inherit"] as ("ignore" | "inherit")[] };

/** A binary of tinydocker with a state root of its own, as records of another version may not be readable. */
export function tinydocker(path: string, directory: string, tar: string): Contender {
  const binary = sameInPageCache(path, directory);
  const words = (...more: string[]) => ["--root", join(directory, "root"), ...more];
  const alone = ["--network", "none"];
  run(binary, words("load", "-q", "-i", tar), quiet);
  // "tinydocker 0.1.0 (0123456789ab, x64)", after where it lies: two builds of one commit may be compared.
  const [, version = "", commit = ""] = /^tinydocker (\S+) \((\S+),/.exec(text(binary, ["--version"])) ?? [];
  return {
    name: `${basename(dirname(path))}/${basename(path)} ${version} (${commit})`,
    ours: true,
    run: { argv: [binary, ...words("run", "--rm", ...alone, "busybox", "true")] },
    exec: { argv: [binary, ...words("exec", "kept", "true")] },
    // Its warnings are printed here once; each measured run repeats them unseen.
    keep: () => run(binary, words("run", "-d", "--name", "kept", ...alone, "busybox", "sleep", "1000"), quiet),
    close: () => {
      const ids = text(binary, words("ps", "-aq")).split("\n").filter(Boolean);
      if (ids.length > 0) spawnSync(binary, words("rm", "-f", ...ids), { stdio: "ignore" });
    },
  };
}

/**
 * A copy that was just written. How a file came into the page cache decides how large its folios are: what was written lies in
 * large ones, what was read by page faults since the machine started in small ones, and mapping these costs a binary of 113 MB
 * about 130 page faults and a tenth of its CPU time more. Two binaries can only be compared in the same state.
 */
export function sameInPageCache(binary: string, directory: string): string {
  const copy = join(directory, "tinydocker");
  mkdirSync(directory, { recursive: true });
  writeFileSync(copy, readFileSync(binary), { mode: 0o755 });
  run("sync", [copy]);
  return copy;
}

/**
 * crun and runc, and crun without cgroups where cgroup v1 is mounted: there it makes a cgroup in each hierarchy, which costs
 * more than the one of cgroup v2 that tinydocker makes, and the truth lies between the two lines.
 * @param binaries of tinydocker, which are OCI runtimes too, and come first.
 */
export async function ociRuntimes(directory: string, tar: string, binaries: string[] = []): Promise<Runtimes> {
  const namespace = await withoutUnified();
  const bundles = {
    once: ociBundle(directory, tar, "once", ["true"]),
    kept: ociBundle(directory, tar, "kept", ["sleep", "1000"]),
  };
  const path = (program: string) => text("which", [program]);
  const crun = ociRuntime("crun", [path("crun")], bundles, namespace?.pid);
  const runc = ociRuntime("runc", [path("runc")], bundles, namespace?.pid);
  const runtimes = binaries.map((binary, index) => {
    const argv = [
      sameInPageCache(binary, join(directory, `oci-${index}`)),
      "runtime",
      "--root",
      join(directory, `run-${index}`),
    ];
    return { ...ociRuntime(`${basename(dirname(binary))}/${basename(binary)}`, argv, bundles, undefined), ours: true };
  });
  const release = () => namespace?.kill("SIGKILL");
  if (!namespace) return { runtimes: [...runtimes, crun, runc], release };
  const uncontrolled = [path("crun"), "--cgroup-manager=disabled"];
  const bare = ociRuntime("crun without cgroups", uncontrolled, bundles, namespace.pid);
  for (const word of ["exec", "state"] as const) delete bare[word];
  return { runtimes: [...runtimes, crun, { ...bare, keep: () => {} }, runc], release };
}

/** @param argv of the runtime, with its global options. @param namespace its mount namespace, by a process in it */
function ociRuntime(
  name: string,
  argv: string[],
  bundles: { once: string; kept: string },
  namespace: number | undefined,
): Contender {
  const prefix = `bench-${process.pid}-${name.replaceAll(/[ /]/g, "-")}-`;
  const enter = (words: string[]) =>
    namespace ? ["nsenter", "--mount", "--target", String(namespace), "--wd=/", ...words] : words;
  const silently = (...more: string[]) => {
    const [program, ...args] = enter([...argv, ...more]);
    spawnSync(program!, args, { stdio: "ignore" });
  };
  const commands = (...each: string[][]): Command => ({
    argv: each.flatMap((words, index) => [...(index > 0 ? ["+++"] : []), ...words]),
    mountNamespaceOf: namespace,
  });
  const command = (...more: string[]) => [...argv, ...more];
  const [once, kept] = [`${prefix}{}`, `${prefix}kept`];
  return {
    name,
    ours: false,
    run: commands(command("run", "--bundle", bundles.once, once)),
    exec: commands(command("exec", kept, "true")),
    // What is deleted has ended.
    life: commands(
      command("create", "--bundle", bundles.once, once),
      command("start", once),
      ["wait"],
      command("delete", once),
    ),
    state: commands(command("state", kept)),
    keep: () => silently("run", "--detach", "--bundle", bundles.kept, kept),
    close: () => {
      for (const id of text(argv[0]!, [...argv.slice(1), "list", "-q"]).split("\n"))
        if (id.startsWith(prefix)) silently("delete", "--force", id);
    },
  };
}
