/** Committing: what a container changed becomes a layer, and on top of its image's layers a new image. */

import type { RawRunConfig } from "../image/change.ts";
import type { LoadProgress } from "../image/load.ts";
import { makeImage } from "../image/make.ts";
import { packTree } from "../image/pack.ts";
import { findImage } from "../image/store.ts";
import { close, O_DIRECTORY, O_RDONLY, open, readdir, stat } from "../linux/file.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import type { Spec } from "../oci/spec.ts";
import type { Paths } from "../paths.ts";
import { whileFrozen } from "./freeze.ts";
import { endIfInterrupted } from "./interrupt.ts";
import { type ContainerFiles, findContainer, layersOf, openLayers, openRunningRoot } from "./rootfs.ts";

export interface CommitOptions {
  reference?: string;
  author?: string;
  message?: string;
  changes: string[];
  /** Hold the container still meanwhile. */
  pause: boolean;
  onProgress(progress: LoadProgress): void;
  warn(text: string): void;
}

/** @returns the id of the new image. */
export async function commit(paths: Paths, container: string, options: CommitOptions): Promise<Digest> {
  const files = findContainer(paths, container);
  const work = () => commitFiles(paths, files, options);
  if (!options.pause || !isRunning(files)) return await work();
  const unable = (why: string) => options.warn(`${container} is not paused while it is committed: ${why}`);
  return await whileFrozen(files.id, unable, work);
}

function isRunning({ id, state }: ContainerFiles): boolean {
  const root = state.pid === undefined ? undefined : openRunningRoot(id, state.pid);
  if (root !== undefined) close(root);
  return root !== undefined;
}

async function commitFiles(paths: Paths, files: ContainerFiles, options: CommitOptions): Promise<Digest> {
  const { reference, author, message, changes, onProgress } = options;
  const { imageId } = files.state;
  // A container of a directory has no image below it: all that it sees is its layer.
  const image = imageId === undefined ? undefined : findImage(paths, imageId);
  const args = files.spec.process.args;
  return await makeImage(paths, {
    ...(image && isDigest(image.id) && { base: image.id }),
    ...(!(image && isUnchanged(files)) && {
      layer: {
        subject: `the layer of ${files.state.name}`,
        feed(write) {
          const root = image ? open(files.upper as string, O_RDONLY | O_DIRECTORY) : openLayers(paths, layersOf(files));
          try {
            packTree(root, { layer: image !== undefined }, (bytes) => {
              endIfInterrupted();
              write(bytes);
            });
          } finally {
            close(root);
          }
        },
      },
    }),
    config: (base) => configOf(files.spec, base),
    changes,
    step: { created_by: args.join(" "), comment: message ?? "", ...(author !== undefined && { author }) },
    ...(reference !== undefined && { reference }),
    onProgress,
  });
}

/** True if the writable layer says nothing: no names in it, and the root is as it was. */
function isUnchanged({ upper, lower }: ContainerFiles): boolean {
  if (upper === undefined || (readdir(upper) ?? []).length > 0) return false;
  const [now, before] = [stat(upper), stat(lower.at(-1) as string)];
  return now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
}

/** How the container was run is how the image is run, as Docker has it: the options of `run` over those of its image. */
export function configOf({ process, hostname }: Spec, base: RawRunConfig): RawRunConfig {
  const entrypoint = (base.Entrypoint as string[] | null | undefined) ?? [];
  const inherited = entrypoint.every((word, index) => process.args[index] === word);
  const user = process.user.username ?? "";
  const own = [`HOSTNAME=${hostname}`, "TERM=xterm"]; // of this container, not of its image
  const env = (base.Env as string[] | null | undefined) ?? [];
  return {
    ...base,
    Env: process.env.filter((variable) => !own.includes(variable) || env.includes(variable)),
    Cmd: process.args.slice(inherited ? entrypoint.length : 1),
    ...(!inherited && { Entrypoint: process.args.slice(0, 1) }),
    ...((process.cwd !== "/" || Boolean(base.WorkingDir)) && { WorkingDir: process.cwd }),
    ...((user !== "0" || Boolean(base.User)) && { User: user }),
  };
}
