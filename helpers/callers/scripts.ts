/** The scripts beside this file: which programs they need, and how what they show is compared. */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { has } from "../process.ts";

const unpacked = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tinydocker-callers/usr");

const containerd = ["containerd", "containerd-shim-runc-v2", "ctr"];
/** The scripts, and the programs of each. */
export const callers = {
  docker: ["dockerd", "docker", "containerd", "containerd-shim-runc-v2"],
  containerd,
  cri: containerd,
  podman: ["podman", "conmon"],
  buildah: ["buildah"],
};
export type Caller = keyof typeof callers;

/** What this machine lacks for a script, in words. */
export function missingForCaller(name: Caller): string | undefined {
  const missing = callers[name].find(
    (program) => !has(program) && !["bin", "sbin"].some((at) => existsSync(join(unpacked, at, program))),
  );
  return missing && `${missing} (helpers/setup callers)`;
}

/** The words that run a script with a runtime; without sections, all that the machine can. */
export const callerCommand = (name: Caller, runtime: string, sections: string[], bySystemd = false): string[] => [
  join(import.meta.dir, `${name}.sh`),
  ...(bySystemd ? ["--systemd"] : []),
  runtime,
  ...sections,
];

/** What a script has shown, section by section. */
export const sectionsOf = (text: string): Map<string, string> =>
  new Map(
    text
      .split(/^== /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1).trimEnd()]),
  );
