/**
 * A container that another OCI runtime makes, as run.ts sees it:
 *
 *     we                                 runtime                     the container's first process
 *      | prepares root, binds, network
 *      |------ create ------------------->|---------- clone --------->|
 *      |                                  ends                        | waits
 *      | (its parent now, as subreaper)                               |
 *      | connects the network, limits
 *      |------ start -------------------->|---------- go ------------>| the program runs
 *      | ...                                                          ends
 *      |------ delete ------------------->|
 */

import type { Child } from "../../linux/clone.ts";
import { type Fd, owned, writeFileAtomic, writeSetting } from "../../linux/file.ts";
import { mkdirAll } from "../../linux/names.ts";
import { inNetworkNamespace } from "../../linux/namespace.ts";
import { statIfAny } from "../../linux/stat.ts";
import { removePath } from "../../linux/tree/tree.ts";
import type { NamespaceType } from "../../oci/spec.ts";
import { completeConfig } from "../../plan/external/config.ts";
import { formatBundle } from "../../plan/external/json.ts";
import { type ExternalPlan, type RuntimeCall, rootfsOf } from "../../plan/rare/external.ts";
import type { Progress } from "../follow.ts";
import type { Prepared } from "../init.ts";
import type { Spawn } from "../run.ts";
import type { ConnectedStdio } from "../stdio.ts";
import type { UndoList } from "../undo.ts";
import { callRuntime, pathOf, RuntimeError } from "./call.ts";
import { makeNetwork, mountBundle } from "./mounts.ts";
import { makeProcess } from "./process.ts";
import { sendSignal } from "./signal.ts";

/** @param external what the plan says of it. */
export const spawnExternal =
  (external: ExternalPlan): Spawn =>
  ({ clone: { cgroup } }, prepared, connected, undo) => {
    const { runtime, lateSysctls } = external;
    const network = ownNetwork(external, undo);
    const child = create(external, prepared, { connected, network, cgroup }, undo);
    const start = (on: Progress) => {
      if (network !== undefined) {
        on.network?.(network);
        inNetworkNamespace(network, () => {
          for (const { name, value } of lateSysctls) writeSetting(`/proc/sys/${name}`, value);
        });
      }
      on.release?.();
      on.going?.();
      try {
        callRuntime(runtime, ["start", runtime.id]);
      } catch (error) {
        throw error instanceof RuntimeError ? error.asStart() : error;
      }
    };
    const send = (signal: number) => {
      try {
        sendSignal(runtime, child.pidfd, signal);
      } catch (error) {
        // Nobody hears us, and the container goes on.
        if (!(error instanceof RuntimeError)) throw error;
      }
    };
    return { child: { ...child, send }, start };
  };

/** What of its network is new; undefined where that is the host's or another container's. */
function ownNetwork({ config }: ExternalPlan, undo: UndoList): Fd | undefined {
  const network = config.linux.namespaces.find(({ type }) => type === "network");
  if (!network || network.path !== undefined) return undefined;
  const made = owned(makeNetwork());
  undo.add(() => made[Symbol.dispose]());
  return made.fd;
}

function create(
  { runtime, bundle, config }: ExternalPlan,
  { root, binds, identity, joined = {} }: Prepared,
  { connected, network, cgroup }: { connected: ConnectedStdio; network: Fd | undefined; cgroup: string | undefined },
  undo: UndoList,
): Child {
  // What a machine that went down has left.
  for (const path of [runtime.root, bundle]) removePath(path);
  mkdirAll(runtime.root);
  mkdirAll(rootfsOf(bundle));
  mkdirAll(`${bundle}/mounts`);
  undo.add(() => removePath(bundle));
  const namespaces = Object.entries({ ...joined, ...(network !== undefined && { network }) }).flatMap(([type, fd]) =>
    fd === undefined ? [] : [[type, pathOf(fd)]],
  );
  const paths = Object.fromEntries(namespaces) as Partial<Record<NamespaceType, string>>;
  writeFileAtomic(`${bundle}/config.json`, formatBundle(completeConfig(config, identity, paths)));
  using mounts = owned(mountBundle(bundle, root, binds));
  undo.add(() => deleteContainer(runtime));
  return makeProcess(runtime, {
    words: ["create", "--bundle", bundle],
    bundle,
    pidFile: `${bundle}/pid`,
    terminal: config.process.terminal ?? false,
    connected,
    mounts: mounts.fd,
    cgroup,
  });
}

/** The runtime takes back what it has made. One that knows nothing of the container has nothing to take back. */
export function deleteContainer(call: RuntimeCall): void {
  if (statIfAny(call.root) === undefined) return;
  callRuntime(call, ["delete", "--force", call.id]);
  removePath(call.root);
}
