/** `run`: an image and options become a spec, the spec a plan, the plan a container, and in the end an exit code. */

import { ConflictError, explain, InvalidError, NotFoundError, UnsupportedError } from "../errors.ts";
import type { LoadProgress } from "../image/load.ts";
import { severalImages } from "../image/source.ts";
import { findImage, type Image } from "../image/store.ts";
import { close, flock, O_CREAT, O_RDWR, open, stat, statIfAny, unlink, writeNewFile } from "../linux/file.ts";
import type { Mount } from "../oci/spec.ts";
import type { Paths } from "../paths.ts";
import { type Container, planContainer } from "../plan/container.ts";
import { copyUpOption, createSourceOption, defaultMounts, parseTarget } from "../plan/mounts.ts";
import { type ImageDefaults, lacksCommand, planSpec, type Rootfs, type RunOptions } from "../plan/spec.ts";
import type { Directory, Plan } from "../plan/step.ts";
import { abandon, type Birth } from "../runtime/birth.ts";
import { type Outcome, runContainer } from "../runtime/run.ts";
import type { Stdio } from "../runtime/stdio.ts";
import { type ContainerState, prepareRoot, recover, writeState } from "./container.ts";
import { readHost, sudoLine } from "./host.ts";
import { type Found, resolveImage } from "./image.ts";

/** What `run` was asked for. */
export interface RunRequest {
  /** An image by any of its names, or a directory to use in place as the root. */
  source: { image: string } | { rootfs: string };
  /** The id of the image, when it was loaded for this very run. */
  loaded?: string;
  options: RunOptions;
  name?: string;
  /** Forget the container when it ends. */
  remove: boolean;
  /** A small init as process 1. */
  init: boolean;
  /** Where to write the id. */
  cidfile?: string;
  stdio: Stdio;
  /** stdin is a terminal. */
  callerIsTerminal: boolean;
}

/** How a run speaks to the user. */
export interface Reporter {
  warn(text: string): void;
  /** Called when a file has to be loaded first. */
  loading(file: string): { update(progress: LoadProgress): void; done(): void };
}

/** Runs a container in the foreground. @returns the exit code: the program's, or 128 + n for signal n. */
export async function run(
  paths: Paths,
  request: RunRequest,
  birth: Birth | undefined,
  reporter: Reporter,
): Promise<number> {
  if (!birth) throw needsRoot();
  prepareRoot(paths);
  // A name that is asked for may be a dead container's; otherwise its traces can wait until init is at work.
  if (request.name !== undefined) recover(paths);
  const store = lockStore(paths);
  const image = await prepareImage(paths, request, birth, store, reporter);
  const { plan, state } = planRun(paths, request, image, birth, reporter.warn);
  if (request.cidfile !== undefined) writeCidfile(request.cidfile, state.id);
  try {
    const { exit, oomKilled } = runContainer(plan, birth, request.stdio, request.callerIsTerminal, {
      starting: (pid) => {
        if (request.name === undefined) recover(paths);
        plan.warnings.forEach(reporter.warn);
        writeState(paths, { ...state, pid });
        // Recorded as a user of its image: from here on nobody removes it.
        close(store);
      },
      ended: (outcome) => {
        if (!request.remove) recordEnd(paths, state, outcome, reporter);
      },
    });
    if (oomKilled)
      reporter.warn("out of memory: the kernel killed a process that wanted more than the limit (--memory)");
    return codeOf(exit);
  } catch (error) {
    if (request.cidfile !== undefined) unlink(request.cidfile);
    throw error;
  }
}

/** A full disk must not hide how the program ended. */
function recordEnd(paths: Paths, state: ContainerState, { exit, oomKilled }: Outcome, reporter: Reporter): void {
  const finished = new Date().toISOString();
  try {
    writeState(paths, { ...state, status: "exited", exitCode: codeOf(exit), finished, oomKilled });
  } catch (error) {
    reporter.warn(`the end of the container is not recorded: ${explain(error).text}`);
  }
}

/** Holds the store's lock, shared, so that an image found in it stays until the container is known as its user. */
function lockStore(paths: Paths): number {
  const lock = open(paths.lock, O_RDWR | O_CREAT, 0o600);
  flock(lock, { shared: true, wait: true });
  return lock;
}

const codeOf = (exit: { code?: number | undefined; signal?: number | undefined }): number =>
  exit.code ?? 128 + exit.signal!;

const needsRoot = () => new UnsupportedError("making a container needs root", sudoLine());

/** An image as a run needs it. */
export interface RunImage {
  /** As the user named it. */
  name: string;
  id?: string;
  defaults: ImageDefaults;
  /** Layers of a stored image from the bottom to the top; a directory is one layer. */
  lower: string[];
  /** Permission bits of its root directory. */
  rootMode: number;
}

/** Finds the image. An archive that the store does not have yet is loaded, and then this command starts again. */
async function prepareImage(
  paths: Paths,
  { source, loaded }: RunRequest,
  birth: Birth,
  store: number,
  reporter: Reporter,
): Promise<RunImage | { rootfs: string }> {
  if ("rootfs" in source) return source;
  const found: Found = loaded === undefined ? resolveImage(paths, source.image, process.cwd()) : stored(paths, loaded);
  if (found.kind === "directory") return directoryAsRunImage(source.image, found.path);
  if (found.kind === "image") return asRunImage(source.image, found.image);
  // Nothing waits while an image is loaded: a load may take long, and be interrupted.
  abandon(birth);
  close(store);
  const { load, startAgain } = await import("./load.ts");
  const progress = reporter.loading(found.path);
  const images = await load(paths, found.path, {}, progress.update).finally(progress.done);
  const [first] = images;
  if (!first || images.length > 1)
    throw severalImages(
      source.image,
      images.flatMap(({ references }) => references),
    );
  return startAgain(first.id);
}

function stored(paths: Paths, id: string): Found {
  const image = findImage(paths, id);
  if (!image) throw new NotFoundError(`the image that was just loaded is gone: ${id}`);
  return { kind: "image", image };
}

/** A stored image as a run needs it. */
export function asRunImage(name: string, image: Image): RunImage {
  const top = image.layers.at(-1);
  if (top === undefined) throw new InvalidError(`${name} has no layers: there is nothing to run in it`);
  return { name, id: image.id, defaults: image.config.config, lower: image.layers, rootMode: stat(top).mode };
}

/** A root directory as one layer, which is never written to. */
export const directoryAsRunImage = (name: string, path: string): RunImage => ({
  name,
  defaults: {},
  lower: [path],
  rootMode: stat(path).mode,
});

/** Everything a run will do, before any of it is done. */
export function planRun(
  paths: Paths,
  request: RunRequest,
  image: RunImage | { rootfs: string },
  { id, network }: Pick<Birth, "id" | "network">,
  warn: Reporter["warn"],
): { plan: Plan; state: ContainerState } {
  const host = readHost({ devices: request.options.privileged });
  const directory = `${paths.containers}/${id}`;
  const defaults: ImageDefaults = "rootfs" in image ? {} : image.defaults;
  const rootfs = rootfsOf(image, directory, paths.rootfs);
  const volumes = planVolumes(defaults, request.options.mounts, directory);
  const options = { ...request.options, mounts: [...volumes.mounts, ...request.options.mounts] };
  for (const { source, options: words } of options.mounts) {
    if (!words?.includes(createSourceOption) || statIfAny(source!)) continue;
    warn(`${source} does not exist on this host: making an empty directory`);
  }
  if (lacksCommand(options, defaults)) warn("no command given and none in the image: running /bin/sh");
  const spec = planSpec(id, options, defaults, rootfs, host);
  const name = request.name ?? id.slice(0, 12);
  const container: Container = {
    id,
    name,
    ...(request.name !== undefined && { namePath: `${paths.names}/${name}` }),
    running: `${paths.running}/${id}`,
    directory,
    directories: [...("rootfs" in image ? [] : overlayDirectories(rootfs, image.rootMode)), ...volumes.directories],
    keep: !request.remove,
    asked: askedLimits(options),
    reap: request.init,
    network,
  };
  const state: ContainerState = {
    id,
    name,
    image: "rootfs" in image ? image.rootfs : image.name,
    ...("id" in image && image.id !== undefined && { imageId: image.id }),
    command: spec.process.args,
    created: new Date().toISOString(),
    status: "running",
  };
  return { plan: planContainer(spec, container, host), state };
}

function rootfsOf(image: RunImage | { rootfs: string }, directory: string, mountPoint: string): Rootfs {
  if ("rootfs" in image) return { kind: "directory", path: image.rootfs };
  return {
    kind: "overlay",
    lower: image.lower,
    upper: `${directory}/upper`,
    work: `${directory}/work`,
    path: mountPoint,
  };
}

/** The upper directory's mode is the mode of the container's "/": that of the image's. */
function overlayDirectories(rootfs: Rootfs, mode: number): Directory[] {
  if (rootfs.kind !== "overlay") return [];
  return [
    { path: rootfs.upper, mode },
    { path: rootfs.work, mode: 0o700 },
  ];
}

/** The volumes an image declares: a directory of the container each, filled with what the image has there. */
function planVolumes(
  image: ImageDefaults,
  own: Mount[],
  directory: string,
): { mounts: Mount[]; directories: Directory[] } {
  const taken = new Set(own.map(({ destination }) => destination));
  const declared = Object.keys(image.Volumes ?? {}).map((path) => parseTarget("the image's volume", path));
  const targets = [...new Set(declared)].filter((path) => !taken.has(path));
  const reserved = defaultMounts({ privileged: false, hostNetwork: false }).map(({ destination }) => destination);
  const forbidden = targets.find((path) => reserved.includes(path));
  if (forbidden) throw new InvalidError(`the image declares a volume at ${forbidden}, which the container has already`);
  if (targets.length === 0) return { mounts: [], directories: [] };
  const paths = targets.map((_, index) => `${directory}/volumes/${index}`);
  return {
    directories: [`${directory}/volumes`, ...paths].map((path) => ({ path, mode: 0o755 })),
    mounts: targets.map((destination, index) => ({
      destination,
      type: "bind",
      source: paths[index]!,
      options: ["rbind", copyUpOption],
    })),
  };
}

/** The controllers of limits that the user named; a limit of 0 needs none. */
function askedLimits({ cpus, memoryBytes, pidsLimit }: RunOptions): Container["asked"] {
  const asked: Container["asked"] = new Set();
  if (cpus) asked.add("cpu");
  if (memoryBytes) asked.add("memory");
  if (pidsLimit) asked.add("pids");
  return asked;
}

function writeCidfile(path: string, id: string): void {
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
