/** A new container: its record from what was asked for and what the image says, its name and its directories. */

import { ConflictError, UsageError } from "../../errors.ts";
import { randomHex } from "../../linux/clone.ts";
import { writeNewFile } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { type NetworkOptions, noNetworkOptions } from "../../plan/network/options.ts";
import { defaultLimits, type RunOptions, rootfsDefaults } from "../../plan/options.ts";
import type { SecretRequest } from "../../plan/secrets.ts";
import type { ImageDefaults } from "../../plan/spec.ts";
import { performHost } from "../../runtime/host.ts";
import { undoing, undoList } from "../../runtime/undo.ts";
import {
  type ContainerRecord,
  emitContainerEvent,
  type Settings,
  unstarted,
  writeRecord,
  writeState,
} from "../record/container.ts";
import { selinuxIsOn } from "../security/enabled.ts";
import { removeMadeVolumes } from "./delete.ts";
import { planHealthOf, planStart } from "./plan.ts";
import type { CreateRequest, Reporter, RunImage } from "./request.ts";
import type { StoreLock } from "./run-image.ts";

const maxTries = 10;

/** A name for a container that was given none; one that nobody has. */
export function chooseName(paths: Paths): string {
  const { randomName } = require("../record/names.ts") as typeof import("../record/names.ts");
  for (let tries = 1; ; tries++) {
    const name = randomName((below) => Math.floor(Math.random() * below)) + (tries > maxTries ? randomHex(2) : "");
    if (!statIfAny(`${paths.names}/${name}`)) return name;
  }
}

/** The record of a container that is to be. Nothing is touched. @param name what is called by its id needs none. */
export function newRecord(
  paths: Paths,
  id: string,
  request: CreateRequest,
  image: RunImage | { rootfs: string },
  name = request.name ?? id.slice(0, 12),
): ContainerRecord {
  const record = recordOf(paths, id, name, request, image);
  if (!selinuxIsOn()) return record;
  const { newLabels } = require("../security/selinux.ts") as typeof import("../security/selinux.ts");
  const selinux = newLabels(paths, record);
  return selinux ? { ...record, selinux } : record;
}

const recordOf = (
  paths: Paths,
  id: string,
  name: string,
  request: CreateRequest,
  image: RunImage | { rootfs: string },
): ContainerRecord => ({
  id,
  name,
  created: new Date().toISOString(),
  ...("rootfs" in image
    ? { image: image.rootfs, rootfs: image.rootfs, lower: [], rootMode: 0o755, defaults: {} }
    : {
        image: image.name,
        ...(image.id !== undefined && { imageId: image.id }),
        lower: image.lower,
        rootMode: image.rootMode,
        defaults: image.defaults,
      }),
  options: {
    ...request.options,
    ...("rootfs" in image
      ? { hostname: request.options.hostname ?? rootfsDefaults.hostname, assumed: rootfsDefaults.limits }
      : { hostname: request.options.hostname ?? defaultHostname(paths, request.options, id), assumed: defaultLimits }),
    mounts: mountsOf(paths, request, "rootfs" in image ? {} : image.defaults),
    network: networkOf(paths, request.options.network),
    ...processOf(paths, request.options),
    ...(request.options.secrets && { secrets: secretsOf(paths, request.options.secrets) }),
  },
  settings: checkedSettings(request, "rootfs" in image ? {} : image.defaults),
});

/** The same container in the user namespace that it is to have; most have the host's. @param take its ids are its own from now on. */
export function inUserNamespace(
  paths: Paths,
  record: ContainerRecord,
  { userns, options: { network, process } }: CreateRequest,
  how: { take: boolean },
): ContainerRecord {
  const shares = network.mode === "container" || process?.pid || process?.ipc;
  return userns || shares ? ids().withUserNamespace(paths, record, userns, how) : record;
}

/** Gives back what was taken for a container that is not there. */
export function releaseIds(paths: Paths, record: ContainerRecord): void {
  if (record.options.userns) ids().releaseUnused(paths, record);
}

const ids = () => require("../ids/resolve.ts") as typeof import("../ids/resolve.ts");

/** What is to be done about a health check that there is not would never be done. */
function checkedSettings(request: CreateRequest, defaults: ImageDefaults): Settings {
  const { settings } = request;
  if (settings.runtime) refusals().refuseUnder(settings.runtime.name, request);
  const { onFailure = "none" } = settings.health ?? {};
  if (onFailure !== "none" && !planHealthOf(settings, defaults))
    throw new UsageError("--health-on-failure needs a health check, and the image has none", "--health-cmd COMMAND");
  return settings;
}

/** Loaded for those that another runtime makes. */
const refusals = () => require("../../plan/external/refusals.ts") as typeof import("../../plan/external/refusals.ts");

/** The short id; the host's name with its uts namespace; in somebody else's network the name by which its peers know that one. */
function defaultHostname(paths: Paths, { network: { mode, container }, process }: RunOptions, id: string): string {
  if (mode === "container" && process?.uts !== "host") {
    const { findContainer } = require("../record/container.ts") as typeof import("../record/container.ts");
    return findContainer(paths, container!).record.options.hostname ?? id.slice(0, 12);
  }
  if (mode !== "host" && process?.uts !== "host") return id.slice(0, 12);
  const { readHostname } = require("../network/etc-files.ts") as typeof import("../network/etc-files.ts");
  return readHostname();
}

/** Most containers have no mounts of their own, and need nothing for it. */
function mountsOf(paths: Paths, { options: { mounts }, volumesFrom = [] }: CreateRequest, defaults: ImageDefaults) {
  if (mounts.length === 0 && volumesFrom.length === 0 && !defaults.Volumes) return mounts;
  const { completeMounts } = require("./mounts.ts") as typeof import("./mounts.ts");
  return completeMounts(paths, mounts, volumesFrom, defaults);
}

/** Loaded for those who have some. */
function secretsOf(paths: Paths, secrets: SecretRequest[]): SecretRequest[] {
  const { resolveSecrets } = require("./secrets.ts") as typeof import("./secrets.ts");
  return resolveSecrets(paths, secrets);
}

/** Networks and containers by the names that they have; most containers are in the default network. */
function networkOf(paths: Paths, network: NetworkOptions): NetworkOptions {
  if (network === noNetworkOptions || network.mode === "none" || network.mode === "host") return network;
  const { resolveNetworks } = require("../network/create.ts") as typeof import("../network/create.ts");
  return resolveNetworks(paths, network);
}

/** Most containers share no namespaces. */
function processOf(paths: Paths, { process }: RunOptions): Pick<RunOptions, "process"> {
  if (!process) return {};
  const { resolveShared } = require("./process.ts") as typeof import("./process.ts");
  return { process: resolveShared(paths, process) };
}

/**
 * Makes a container that is not started. Its image stays while it is there: the store's lock is held.
 * The volumes that it has made go with it until its program runs, or `keepVolumes`.
 * @param asked where it gives no name, and somebody has taken the one that was chosen since, it gets another.
 * @returns the record as it was written.
 */
export function createContainer(
  paths: Paths,
  record: ContainerRecord,
  asked: Pick<CreateRequest, "name">,
  store: StoreLock,
  warn: Reporter["warn"],
): ContainerRecord {
  try {
    makeContainer(paths, record, store, warn);
    return record;
  } catch (error) {
    const isTaken = error instanceof ConflictError && statIfAny(`${paths.names}/${record.name}`) !== undefined;
    if (asked.name !== undefined || !isTaken) throw error;
    return createContainer(paths, { ...record, name: chooseName(paths) }, asked, store, warn);
  }
}

function makeContainer(paths: Paths, record: ContainerRecord, store: StoreLock, warn: Reporter["warn"]): void {
  const { plan } = planStart(paths, record, record.id, { fresh: true, monitored: false, stdio: [] }, warn);
  // The lock file only guards the making; the rest stays.
  const [lockFile, ...making] = plan.prepare;
  const guard = undoList();
  const undo = undoList();
  undoing(guard, () => {
    try {
      performHost([lockFile!], guard);
      const madeVolume = (name: string) => volumeEvents().emitVolumeCreated(paths, name);
      performHost([...making, ...plan.record], undo, { madeVolume });
      writeState(paths, record.id, unstarted);
      writeRecord(paths, record);
      emitContainerEvent(paths, record, "create");
    } catch (error) {
      undo.run(error);
      removeMadeVolumes(paths, record, store.release);
      throw error;
    }
  });
}

/** Loaded for those who make some. */
const volumeEvents = () => require("../volume/events.ts") as typeof import("../volume/events.ts");

/** What a container that was only made has made with it is there to stay, as it is itself. */
export function keepVolumes(paths: Paths, record: ContainerRecord): void {
  if (record.options.mounts.some(({ type }) => type === "volume")) volumeEvents().keepVolumes(paths, record);
}

export function writeCidfile(path: string, id: string): void {
  try {
    writeNewFile(path, id, 0o644);
  } catch (error) {
    if (!statIfAny(path)) throw error;
    throw new ConflictError(
      `--cidfile ${path} exists already`,
      "its container may still be there; remove the file if not",
    );
  }
}
