/** The file system of a container, as it lies on the disk and as its programs see it. */

import { ConflictError, hasCode, InvalidError, UnsupportedError } from "../errors.ts";
import { openAt } from "../linux/at.ts";
import {
  close,
  flock,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  open,
  openIfAny,
  readAll,
  readFileIfAny,
  statIfAny,
} from "../linux/file.ts";
import { chdir, fchdir, mount, setPropagation } from "../linux/mount.ts";
import { unshare } from "../linux/namespace.ts";
import type { Spec } from "../oci/spec.ts";
import type { Paths } from "../paths.ts";
import { cgroupPath } from "../plan/clone.ts";
import { planMounts } from "../plan/mounts.ts";
import type { InitStep } from "../plan/step.ts";
import { bindFromHost, mountOverlay } from "../runtime/rootfs.ts";
import { type ContainerState, listContainers, resolveContainer } from "./container.ts";

/** A container and where its files are. */
export interface ContainerFiles {
  id: string;
  state: ContainerState;
  spec: Spec;
  /** Layers of its image, bottom first; a directory that is used in place is the only one. */
  lower: string[];
  /** What the container changed; absent for a directory used in place. */
  upper?: string;
}

/** @throws NotFoundError, and InvalidError for a container without its OCI spec. */
export function findContainer(paths: Paths, reference: string): ContainerFiles {
  const id = resolveContainer(paths, reference);
  const state = listContainers(paths).find((one) => one.id === id);
  const text = readFileIfAny(`${paths.containers}/${id}/config.json`);
  if (!state || text === undefined) throw new InvalidError(`container ${reference} has not started yet, or is damaged`);
  const spec = JSON.parse(text) as Spec;
  const overlay = stepsOf(spec, "overlay")[0];
  if (!overlay) return { id, state, spec, lower: [spec.root.path] };
  return { id, state, spec, lower: overlay.lower.toReversed(), upper: overlay.upper };
}

/** What init does of one kind when the container starts. */
const stepsOf = <Kind extends InitStep["do"]>(spec: Spec, kind: Kind) =>
  planMounts(spec).filter((step): step is Extract<InitStep, { do: Kind }> => step.do === kind);

/**
 * The container's root as its programs see it, volumes and all, for reading and writing: by way of its first process where it
 * runs; where it does not, by mounting what init would mount, in a mount namespace of our own that nobody sees and that ends
 * with us. @returns an open directory.
 */
export function openRoot(paths: Paths, files: ContainerFiles): number {
  const { id, state, spec, lower } = files;
  const running = state.pid === undefined ? undefined : openRunningRoot(id, state.pid);
  if (running !== undefined) return running;
  lockStopped(paths, files);
  const overlay = stepsOf(spec, "overlay")[0];
  if (!overlay) return open(lower[0] as string, O_RDONLY | O_DIRECTORY);
  const root = mountPrivately(paths, () => mountOverlay({ ...overlay, target: paths.rootfs }));
  for (const bind of stepsOf(spec, "bind"))
    if (statIfAny(bind.source)) bindFromHost({ ...bind, createSource: false, copyUp: false }, root);
  return root;
}

/** The view of layers, bottom first, read-only and without anything mounted in it. @returns an open directory. */
export function openLayers(paths: Paths, layers: readonly string[]): number {
  const [only] = layers;
  if (only !== undefined && layers.length === 1) return open(only, O_RDONLY | O_DIRECTORY);
  return mountPrivately(paths, () => {
    // By paths relative to the state root: mount(2) takes one page of options.
    chdir(paths.root);
    const relative = (path: string) => (path.startsWith(`${paths.root}/`) ? path.slice(paths.root.length + 1) : path);
    const lowerdir = layers.map((path) => relative(path).replace(/[\\:,]/g, "\\$&")).reverse();
    mount("overlay", paths.rootfs, "overlay", `lowerdir=${lowerdir.join(":")}`);
  });
}

/** All layers of a container. Read-only, this is right while it runs, too. */
export const layersOf = ({ lower, upper }: ContainerFiles): string[] => [...lower, ...(upper ? [upper] : [])];

/** Mounts on the empty directory that all roots are mounted on, where only this process sees it. */
function mountPrivately(paths: Paths, attach: () => void): number {
  unshare("NEWNS");
  setPropagation("/", "rprivate");
  const here = open(".", O_PATH | O_DIRECTORY);
  try {
    attach();
  } finally {
    fchdir(here); // what the user names is relative to where the user is
    close(here);
  }
  return open(paths.rootfs, O_RDONLY | O_DIRECTORY);
}

/**
 * The root of a running container's first process. All is read through one descriptor of its /proc directory, which stays that
 * process's: another one that gets its number later is not mistaken for it.
 * @returns undefined if this is not, or no longer, the container's process.
 */
export function openRunningRoot(id: string, pid: number): number | undefined {
  const proc = openIfAny(`/proc/${pid}`, O_PATH | O_DIRECTORY);
  if (proc === undefined) return undefined;
  try {
    const cgroup = readAt(proc, "cgroup");
    const mounts = readAt(proc, "mountinfo");
    // The id is 64 hexadecimal digits. Without cgroup v2 the writable layer tells whose process it is.
    const inCgroup = new RegExp(`^0::.*${cgroupPath(id)}(/|$)`, "m").test(cgroup);
    const onLayer = new RegExp(` / / .* - overlay .*[=/]${id}/upper(,|$)`, "m").test(mounts);
    return inCgroup || onLayer ? openAt(proc, "root", O_RDONLY | O_DIRECTORY) : undefined;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ESRCH", "EINVAL")) return undefined; // it ended meanwhile
    throw error;
  } finally {
    close(proc);
  }
}

function readAt(directory: number, name: string): string {
  const fd = openAt(directory, name, O_RDONLY);
  try {
    return new TextDecoder().decode(readAll(fd, name));
  } finally {
    close(fd);
  }
}

/** The kernel lets two mounts share one writable layer, and then its content is anybody's guess. Held until this process ends. */
function lockStopped(paths: Paths, { id, state }: ContainerFiles): void {
  const running = openIfAny(`${paths.running}/${id}`, O_RDONLY);
  const busy = running !== undefined && !flock(running, { shared: true, wait: false });
  if (running !== undefined) close(running);
  if (busy) throw new ConflictError(`container ${state.name} is starting or ending`, "try again");
  const directory = open(`${paths.containers}/${id}`, O_RDONLY | O_DIRECTORY);
  if (!flock(directory, { wait: false })) throw new ConflictError(`container ${state.name} is in use`, "try again");
}

/** @throws UnsupportedError for a container that has no layer of its own. */
export function upperOf({ state, upper }: ContainerFiles): string {
  if (upper !== undefined) return upper;
  throw new UnsupportedError(
    `container ${state.name} works in a directory in place: what it changed is not kept apart`,
  );
}
