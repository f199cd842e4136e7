/** `run`: a container is made and started, here or by a monitor, and in the end there is an exit code. */

import { UnsupportedError } from "../errors.ts";
import { randomHex } from "../linux/clone.ts";
import { close, unlink } from "../linux/file.ts";
import type { Paths } from "../paths.ts";
import { abandon, type Birth } from "../runtime/birth.ts";
import { chooseName, lockStore, newRecord, prepareImage, writeCidfile } from "./create.ts";
import { sudoLine } from "./host.ts";
import { planHealthOf, planStart } from "./plan.ts";
import { type ContainerRecord, unstarted } from "./record.ts";
import { prepareRoot, recover } from "./recover.ts";
import type { Reporter, RunEnd, RunImage, RunRequest } from "./request.ts";
import { runToEnd } from "./start.ts";
import { connectionHere, prepareNetwork, previewNetwork, releasing } from "./start-network.ts";

/** Runs a container. @param birth an init that waits for it, if there is one. */
export async function run(
  paths: Paths,
  request: RunRequest,
  birth: Birth | undefined,
  reporter: Reporter,
): Promise<RunEnd> {
  if (process.geteuid?.() !== 0) throw needsRoot();
  let here = birth && !needsMonitor(request) ? birth : undefined;
  if (birth && !here) abandon(birth);
  prepareRoot(paths);
  // A name that is asked for may be a dead container's; otherwise its traces can wait until init is at work.
  if (request.name !== undefined || !here) recover(paths);
  const store = lockStore(paths);
  const giveUp = () => {
    if (birth) abandon(birth);
    close(store);
  };
  const image = await prepareImage(paths, request, giveUp, reporter);
  if (here && hasHealthCheck(request, image)) {
    abandon(here);
    here = undefined;
  }
  // What is forgotten when it ends, and nobody else looks after, can do without.
  const name = request.name ?? (here && request.settings.remove ? undefined : chooseName(paths));
  const record = newRecord(paths, here?.id ?? randomHex(32), request, image, name);
  if (request.cidfile !== undefined) writeCidfile(request.cidfile, record.id);
  try {
    if (here) return runHere(paths, record, here, request, store, reporter);
    const { runWithMonitor } = await import("./detached.ts");
    return runWithMonitor(paths, record, request, store, reporter);
  } catch (error) {
    if (request.cidfile !== undefined) unlink(request.cidfile);
    throw error;
  }
}

/** True where somebody has to stay with the container when this command is gone, or may be. */
const needsMonitor = ({ source, detach, options, settings }: RunRequest): boolean =>
  detach || ("image" in source && options.terminal) || settings.restart.name !== "no";

/** A monitor performs health checks. */
const hasHealthCheck = ({ settings }: RunRequest, image: RunImage | { rootfs: string }): boolean =>
  planHealthOf(settings, "rootfs" in image ? {} : image.defaults) !== undefined;

/** This process looks after the container, and ends with it. */
function runHere(
  paths: Paths,
  record: ContainerRecord,
  birth: Birth,
  { stdio, callerIsTerminal }: RunRequest,
  store: number,
  { warn }: Reporter,
): RunEnd {
  const network = prepareNetwork(paths, record, undefined, warn);
  const { code, outcome } = releasing(network, () => {
    const { plan } = planStart(paths, record, birth, { fresh: true, monitored: false }, warn, network);
    return runToEnd(paths, birth, {
      plan,
      record,
      state: unstarted,
      io: { to: "caller", stdio, callerIsTerminal },
      ...(network.reserved && { network: connectionHere(paths, record.id, network.reserved, network) }),
      onRecorded: () => {
        close(store);
        // A name that is asked for was looked at before; other traces of the dead could wait until now.
        recover(paths);
      },
      warn,
    });
  });
  if (outcome.oomKilled) warn("out of memory: the kernel killed a process that wanted more than the limit (--memory)");
  return { code, oomKilled: outcome.oomKilled, usage: outcome.usage };
}

export const needsRoot = () => new UnsupportedError("making a container needs root", sudoLine());

/** The plan of a run that is only to be explained. */
export const planRun = (
  paths: Paths,
  request: RunRequest,
  image: RunImage | { rootfs: string },
  birth: Pick<Birth, "id" | "network">,
  warn: Reporter["warn"],
) => {
  const record = newRecord(paths, birth.id, request, image);
  const monitored = needsMonitor(request) || hasHealthCheck(request, image);
  return planStart(paths, record, birth, { fresh: true, monitored }, warn, previewNetwork(paths, record, warn)).plan;
};
