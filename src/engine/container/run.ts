/** `run`: a container is made and started, here or by a monitor, and in the end there is an exit code. */

import { randomHex } from "../../linux/clone.ts";
import { unlink } from "../../linux/names.ts";
import type { Paths } from "../../paths.ts";
import { kindsOf } from "../../runtime/stdio.ts";
import { connectionHere, prepareNetwork, releasing } from "../network/prepare.ts";
import { type ContainerRecord, unstarted } from "../record/container.ts";
import { makingContainers, requireRoot } from "../record/root.ts";
import { chooseName, inUserNamespace, newRecord, releaseIds, writeCidfile } from "./create.ts";
import { openSharedIfAny, planHealthOf, planStart } from "./plan.ts";
import { prepareRoot, recover } from "./recover.ts";
import type { Reporter, RunEnd, RunImage, RunRequest } from "./request.ts";
import { lockStore, prepareImage, type StoreLock } from "./run-image.ts";
import { runToEnd } from "./start.ts";

/** Runs a container. */
export async function run(paths: Paths, request: RunRequest, reporter: Reporter): Promise<RunEnd> {
  requireRoot(makingContainers);
  const soon = !needsMonitor(request);
  prepareRoot(paths);
  // A name that is asked for may be a dead container's; otherwise its traces can wait until init is at work.
  if (request.name !== undefined || !soon) recover(paths);
  const store = lockStore(paths);
  const image = await prepareImage(paths, request, store, reporter);
  const here = soon && !hasHealthCheck(request, image);
  // A container that is removed when it ends, and has no other monitor, can do without.
  const name = request.name ?? (here && request.settings.remove ? undefined : chooseName(paths));
  const record = inUserNamespace(paths, newRecord(paths, randomHex(32), request, image, name), request, { take: true });
  if (request.cidfile !== undefined) writeCidfile(request.cidfile, record.id);
  try {
    if (here) return runHere(paths, record, request, store, reporter);
    const { runWithMonitor } = await import("./detached.ts");
    return runWithMonitor(paths, record, request, store, reporter);
  } catch (error) {
    if (request.cidfile !== undefined) unlink(request.cidfile);
    releaseIds(paths, record);
    throw error;
  }
}

/** True where somebody has to stay with the container when this command is gone, or may be. */
export const needsMonitor = ({ source, detach, options, settings }: RunRequest): boolean =>
  detach || ("image" in source && options.terminal) || settings.restart.name !== "no" || settings.runtime !== undefined;

/** A monitor performs health checks. */
export const hasHealthCheck = ({ settings }: RunRequest, image: RunImage | { rootfs: string }): boolean =>
  planHealthOf(settings, "rootfs" in image ? {} : image.defaults) !== undefined;

/** This process is the container's monitor, and ends with it. */
function runHere(
  paths: Paths,
  record: ContainerRecord,
  { stdio, callerIsTerminal }: RunRequest,
  store: StoreLock,
  { warn, started }: Reporter,
): RunEnd {
  const network = prepareNetwork(paths, record, undefined, warn);
  const { code, outcome } = releasing(network, () => {
    const how = { fresh: true, monitored: false, stdio: kindsOf(stdio) };
    using shared = openSharedIfAny(paths, record);
    const { plan } = planStart(paths, record, record.id, how, warn, network, shared?.paths);
    return runToEnd(paths, {
      plan,
      record,
      state: unstarted,
      io: { to: "caller", stdio, callerIsTerminal },
      ...(network.reserved && { network: connectionHere(paths, record.id, network.reserved, network) }),
      onRecorded: () => {
        store.release();
        started?.(record.id);
        // A name that is asked for was looked at before; other traces of the dead could wait until now.
        recover(paths);
      },
      releaseStore: store.release,
      warn,
    });
  });
  if (outcome.oomKilled) warn("out of memory: the kernel killed a process that exceeded the limit (--memory)");
  return { code, oomKilled: outcome.oomKilled, usage: outcome.usage };
}
