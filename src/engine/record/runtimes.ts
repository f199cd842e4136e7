/** OCI runtimes by their names: ours, those of config.json, those that are installed, and any by its path. */

import { NotFoundError, UsageError } from "../../errors.ts";
import { statIfAny } from "../../linux/stat.ts";
import { absolutePath } from "../../paths.ts";
import { defaultPath } from "../../plan/path.ts";
import type { ExternalRuntime } from "../../plan/rare/external.ts";
import { readConfig } from "./config.ts";

/** What makes containers of which nobody says anything else. */
export const ownRuntime = "tinydocker";

/** Names that Docker knows, and the programs that they stand for. */
const installed: Record<string, string> = { runc: "runc", crun: "crun", "io.containerd.runc.v2": "runc" };

/** The runtime of a new container. @param name what `--runtime` says, if anything. @returns undefined for our own. */
export function resolveRuntime(name: string | undefined): ExternalRuntime | undefined {
  const { defaultRuntime, runtimes = {} } = readConfig();
  const wanted = name || defaultRuntime || ownRuntime;
  const from = name ? "--runtime" : "default-runtime of config.json";
  if (wanted === ownRuntime) return undefined;
  if (wanted.includes("/")) {
    const path = absolutePath(wanted, process.cwd());
    return { name: path, path: checked(from, path), args: [] };
  }
  const own = Object.hasOwn(runtimes, wanted) ? runtimes[wanted] : undefined;
  if (own) return { name: wanted, ...own, path: checked(`${from} ${wanted}`, own.path) };
  const path = findInstalled(wanted);
  if (path !== undefined) return { name: wanted, path, args: [] };
  const known = knownRuntimes().map(([one]) => one);
  throw new NotFoundError(`${from}: there is no runtime ${JSON.stringify(wanted)}`, `there are: ${known.join(", ")}`);
}

/** All that can be had by a name, and where they are. */
export function knownRuntimes(): [name: string, runtime: { path: string; args?: string[] }][] {
  const { runtimes = {} } = readConfig();
  const found = Object.keys(installed).flatMap((name): [string, { path: string }][] => {
    const path = findInstalled(name);
    return path === undefined || Object.hasOwn(runtimes, name) ? [] : [[name, { path }]];
  });
  const own = Object.entries(runtimes).map(([name, { path, args }]): [string, { path: string; args?: string[] }] => [
    name,
    { path, ...(args.length > 0 && { args }) },
  ]);
  return [[ownRuntime, { path: process.execPath }], ...own, ...found];
}

/** In the fixed search path: where the caller's leads is none of the host's business. */
function findInstalled(name: string): string | undefined {
  const program = Object.hasOwn(installed, name) ? installed[name] : undefined;
  if (program === undefined) return undefined;
  const directories = defaultPath.slice("PATH=".length).split(":");
  return directories.map((directory) => `${directory}/${program}`).find(isExecutable);
}

function isExecutable(path: string): boolean {
  const found = statIfAny(path);
  return found?.type === "file" && (found.mode & 0o111) !== 0;
}

function checked(from: string, path: string): string {
  if (statIfAny(path) === undefined) throw new NotFoundError(`${from}: there is no program ${path}`);
  if (!isExecutable(path)) throw new UsageError(`${from}: ${path} is not a program that can be executed`);
  return path;
}
