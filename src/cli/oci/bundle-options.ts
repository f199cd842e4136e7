/** The options that `create` and `run` have in common, and what they ask for. */

import { hasCode, UnsupportedError, UsageError } from "../../errors.ts";
import { findCgroup2 } from "../../linux/cgroup.ts";
import { stat } from "../../linux/stat.ts";
import type { Spec } from "../../oci/spec.ts";
import { absolutePath } from "../../paths.ts";
import { type BundleOptions, planBundle } from "../../plan/bundle/bundle.ts";
import { placeOf } from "../../runtime/oci/cgroup-path.ts";
import { readConfig } from "../../runtime/oci/config.ts";
import type { CreateRequest } from "../../runtime/oci/create.ts";
import { type ContainerState, checkId } from "../../runtime/oci/state.ts";
import type { Arguments, Values } from "../words/command.ts";
import { containerId, type RuntimeGlobal } from "./command.ts";
import { preservedOf, preserveFds } from "./descriptors.ts";

export const bundleArgs = {
  bundle: { type: "string", alias: "b", valueHint: "DIR", default: ".", description: "The directory with config.json" },
  config: {
    type: "string",
    alias: "f",
    valueHint: "FILE",
    description: "Read this file in place of the bundle's config.json",
  },
  "console-socket": {
    type: "string",
    valueHint: "SOCKET",
    description: "Send the master of the terminal to this socket",
  },
  "pid-file": { type: "string", valueHint: "FILE", description: "Write the number of the first process to this file" },
  "no-pivot": { type: "boolean", description: "Not supported: a root that is not pivoted to can be left" },
  "no-new-keyring": { type: "boolean", description: "Keep the caller's session keyring" },
  "no-subreaper": { type: "boolean", description: "Taken, and needs nothing: we are none" },
  "preserve-fds": preserveFds,
  id: containerId,
} as const satisfies Arguments;

export type BundleArgs = Values<typeof bundleArgs>;

/** Everything but the stdio of a container that is to be made. @param how what `create` and `run` do differently. */
export function bundleRequest(
  args: BundleArgs,
  { root, cgroups, warn, debug }: RuntimeGlobal,
  how: Pick<BundleOptions, "outlives" | "waits">,
): Omit<CreateRequest, "connect"> & { config: Spec; consoleSocket?: string } {
  const id = checkId(args.id);
  if (args["no-pivot"])
    throw new UnsupportedError("option --no-pivot is not supported: a root that is not pivoted to can be left");
  const here = process.cwd();
  const bundle = withoutDots(absolutePath(args.bundle, here));
  checkBundle(bundle);
  const {
    spec: config,
    unknown,
    warnings,
  } = readConfig(bundle, args.config === undefined ? undefined : absolutePath(args.config, here));
  const preserved = preservedOf(args["preserve-fds"]);
  const cgroup2 = findCgroup2();
  const { cgroup, madeCgroups = [], scope } = placeOf(cgroups, config, id, cgroup2);
  const plan = planBundle(
    config,
    {
      ...how,
      ...(cgroup !== undefined && { cgroup }),
      ...(scope && { scope }),
      ...(cgroups === "disabled" && { withoutCgroup: true }),
      stdio: Array(3).fill(config.process.terminal ? "terminal" : "inherited"),
      preserveFds: preserved.length,
      id,
      directory: bundle,
      ...(args["no-new-keyring"] && { keepsKeyring: true }),
    },
    { ...(cgroup2 && { cgroup2 }) },
  );
  [...warnings, ...plan.warnings].forEach(warn);
  for (const path of unknown) debug(`config.json: ${path} is not known, and ignored`);
  const state: Omit<ContainerState, "process"> = {
    schema: 1,
    id,
    bundle,
    created: new Date().toISOString(),
    owner: "root",
    ...(cgroup !== undefined && { cgroup }),
    ...(madeCgroups.length > 0 && { madeCgroups }),
    ...(scope && { scope: scope.unit }),
    config,
  };
  const path = (name: "pid-file" | "console-socket") => {
    const given = args[name];
    return given === undefined ? undefined : absolutePath(given, here);
  };
  const [pidFile, consoleSocket] = [path("pid-file"), path("console-socket")];
  return {
    root,
    state,
    plan,
    config,
    preserved,
    warn,
    waits: how.waits ?? false,
    ...(pidFile !== undefined && { pidFile }),
    ...(consoleSocket !== undefined && { consoleSocket }),
  };
}

/** runc's words, which engines look for. */
function checkBundle(bundle: string): void {
  try {
    stat(bundle);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw new UsageError(`the bundle ${bundle} is not there: no such file or directory`);
  }
}

/** A path as others are told it: without `.`, `..` and double slashes. */
function withoutDots(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
