/** From a container's record to the plan of its next start: everything it will do, before any of it is done. */

import type { Spec } from "../../oci/spec.ts";
import type { Paths } from "../../paths.ts";
import { type Container, planContainer } from "../../plan/container.ts";
import type { HealthOptions, HealthPlan } from "../../plan/health.ts";
import type { Directory } from "../../plan/host-step.ts";
import type { StdioKind } from "../../plan/init-step.ts";
import type { RunOptions } from "../../plan/options.ts";
import type { SharedPaths } from "../../plan/process.ts";
import { containerOf } from "../../plan/process-options.ts";
import { type HostFacts, type ImageDefaults, lacksCommand, planSpec, type Rootfs } from "../../plan/spec.ts";
import type { Plan } from "../../plan/step.ts";
import type { StartNetwork } from "../network/prepare.ts";
import { type ContainerRecord, directoryOf } from "../record/container.ts";
import { readHost } from "./host.ts";
import type { SharedNamespaces } from "./process.ts";

export interface Start {
  /** The container is created by this very start: its name and directories are taken and made. */
  fresh: boolean;
  /** It has a monitor, and outlives that one's death. */
  monitored: boolean;
  /** It was never started, whenever it was created. */
  first?: boolean;
  /** What the program gets as 0, 1 and 2. */
  stdio: StdioKind[];
}

/** Its health check, if it has one. What plans it is loaded for those who may. */
export function planHealthOf({ health }: { health?: HealthOptions }, defaults: ImageDefaults): HealthPlan | undefined {
  if (!health && !defaults.Healthcheck) return undefined;
  const { planHealth } = require("../../plan/health.ts") as typeof import("../../plan/health.ts");
  return planHealth(health ?? {}, defaults);
}

/** Whether it was said how to check its health, but nobody says with what. */
const lacksCheck = (health: HealthOptions, defaults: ImageDefaults): boolean =>
  Object.keys(health).some((name) => name !== "test") && !planHealthOf({ health }, defaults);

/** @param start names the cgroup of this start. @param network none where it is not started yet. */
export function planStart(
  paths: Paths,
  record: ContainerRecord,
  start: string,
  { fresh, monitored, first = false, stdio }: Start,
  warn: (text: string) => void,
  network: Pick<StartNetwork, "connection" | "namespace" | "etc" | "env"> = {},
  shared?: SharedPaths,
): { plan: Plan; spec: Spec } {
  const { id, name, defaults, settings } = record;
  const host = readHost({ devices: record.options.privileged });
  const directory = directoryOf(paths, id);
  const rootfs = rootfsOf(record, directory, paths.rootfs);
  const { userns } = record.options;
  const volumes = planMountsOf(paths, record, fresh || first, warn);
  const options = { ...record.options, mounts: volumes.mounts };
  // Said when it is made, not at each start.
  if (fresh && lacksCommand(options, defaults)) warn("no command given and none in the image: running /bin/sh");
  if (fresh && settings.health && lacksCheck(settings.health, defaults))
    warn("no health check given (--health-cmd) and none in the image: the other --health options change nothing");
  // As Docker's: what a link says the image may say otherwise.
  const image = network.env ? { ...defaults, Env: [...network.env, ...(defaults.Env ?? [])] } : defaults;
  const plain = planSpec(start, options, image, rootfs, host, network.namespace);
  const own = options.process ? withProcess(plain, options, host, shared) : plain;
  const full = options.resources || options.devices ? loadResources().completeSpec(own, options, start) : own;
  const { spec: complete, guards } =
    options.security || host.appArmor || record.selinux
      ? confining().confine(full, record, { ...host, volumes: paths.volumes }, warn)
      : { spec: full, guards: {} };
  const spec = userns ? usernsModule().withUserNamespace(complete, userns, shared?.user) : complete;
  const container: Container = {
    id,
    name,
    // A name that is the beginning of the id needs no file.
    ...(!id.startsWith(name) && { namePath: `${paths.names}/${name}` }),
    running: `${paths.running}/${id}`,
    directory,
    directories: overlayDirectories(rootfs, record),
    volumes: volumes.steps,
    keep: !settings.remove,
    fresh,
    outlives: monitored,
    ...(options.resources && loadResources().planRare(id, options.resources, spec)),
    asked: askedLimits(options),
    ...(options.devices && { askedDevices: loadResources().asksForFilter(options.devices, spec) }),
    reap: settings.init,
    stdio,
    ...(network.connection && { connection: network.connection }),
    ...(network.etc && { etc: network.etc }),
    ...guards,
    ...(!fresh && { mounted: `${directory}/merged` }),
    ...(options.secrets && { secrets: secretsModule().planSecrets(paths, directory, options.secrets) }),
    ...(userns && ids().planIds(paths, userns)),
  };
  const plan = planContainer(spec, container, host);
  const { runtime } = settings;
  return { plan: runtime ? external().planExternal(plan, spec, runtime, directory, host) : plan, spec };
}

/** Loaded where another runtime is to make it. */
const external = () => require("../../plan/external/bundle.ts") as typeof import("../../plan/external/bundle.ts");

/** The namespaces of other containers that a start shares; undefined for most. */
export function openSharedIfAny(paths: Paths, record: ContainerRecord): SharedNamespaces | undefined {
  const { process, userns } = record.options;
  if (!userns?.container && !containerOf(process?.pid) && !containerOf(process?.ipc)) return undefined;
  const { openShared } = require("./process.ts") as typeof import("./process.ts");
  return openShared(paths, record);
}

/** Most containers say nothing of it. */
function withProcess(spec: Spec, options: RunOptions, host: HostFacts, shared?: SharedPaths): Spec {
  const { applyProcessOptions } = require("./process.ts") as typeof import("./process.ts");
  return applyProcessOptions(spec, options, host, shared);
}

/** What a container has written that goes when it ends is never to be read after a crash. */
function rootfsOf({ rootfs, lower, settings }: ContainerRecord, directory: string, mountPoint: string): Rootfs {
  if (rootfs !== undefined) return { kind: "directory", path: rootfs };
  const [upper, work] = [`${directory}/upper`, `${directory}/work`];
  return { kind: "overlay", lower, upper, work, path: mountPoint, ...(settings.remove && { volatile: true }) };
}

/** The upper directory's mode is the mode of the container's "/": that of the image's. */
function overlayDirectories(rootfs: Rootfs, { rootMode: mode, options: { userns } }: ContainerRecord): Directory[] {
  if (rootfs.kind !== "overlay") return [];
  return [
    { path: rootfs.upper, mode, ...(userns && { owner: usernsModule().rootOf(userns) }) },
    { path: rootfs.work, mode: 0o700 },
  ];
}

const ids = () => require("../ids/resolve.ts") as typeof import("../ids/resolve.ts");

/** Loaded for those that have one of their own. */
const usernsModule = () => require("../../plan/userns/spec.ts") as typeof import("../../plan/userns/spec.ts");

function planMountsOf(paths: Paths, record: ContainerRecord, first: boolean, warn: (text: string) => void) {
  const { id, options: asked } = record;
  const { userns } = asked;
  const options = userns ? { ...asked, mounts: usernsModule().withOwners(asked.mounts, userns) } : asked;
  if (options.secrets) return secretsModule().planWithSecrets(paths, id, options, first, warn);
  if (options.mounts.length === 0) return { mounts: [], steps: [] };
  // Loaded here: most containers have none.
  const { planVolumes } = require("./mounts.ts") as typeof import("./mounts.ts");
  return planVolumes(paths, id, options.mounts, first, warn);
}

/** Loaded for those that ask for some of it, and where the kernel has some for all. */
const confining = () => require("../security/confine.ts") as typeof import("../security/confine.ts");

const secretsModule = () => require("./secrets.ts") as typeof import("./secrets.ts");

/** Loaded for those who ask for more than everybody has. */
const loadResources = () => require("./resources.ts") as typeof import("./resources.ts");

export type AskedLimits = Pick<RunOptions, "cpus" | "memoryBytes" | "pidsLimit" | "resources">;

/** The controllers of limits that the user named; a limit of 0 needs none. */
export function askedLimits({ cpus, memoryBytes, pidsLimit, resources }: AskedLimits): Container["asked"] {
  const asked: Container["asked"] = resources ? loadResources().controllersOf(resources) : new Set();
  if (cpus) asked.add("cpu");
  if (memoryBytes) asked.add("memory");
  if (pidsLimit) asked.add("pids");
  return asked;
}

/** What a program gets that a monitor looks after. */
export function monitoredStdio(
  { options, settings }: ContainerRecord,
  { stderrApart = false }: { stderrApart?: boolean },
): StdioKind[] {
  if (options.terminal) return ["terminal", "terminal", stderrApart ? "pipe" : "terminal"];
  return [settings.interactive ? "pipe" : "null", "pipe", "pipe"];
}
