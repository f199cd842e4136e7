/** Committing: what a container changed becomes a layer, and on top of its image's layers a new image. */

import type { LoadProgress } from "../../image/load.ts";
import { makeImage } from "../../image/make.ts";
import { packTree } from "../../image/pack.ts";
import { findImage } from "../../image/store.ts";
import { type ByteName, textOf } from "../../linux/byte-name.ts";
import { readdir } from "../../linux/directory.ts";
import { O_DIRECTORY, O_RDONLY, open, owned } from "../../linux/file.ts";
import { stat } from "../../linux/stat.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { defaultPath } from "../../plan/path.ts";
import { whilePaused } from "../container/pause.ts";
import { endIfInterrupted } from "../image/interrupt.ts";
import { isOfNetwork } from "../network/etc-files.ts";
import { type Container, findContainer } from "../record/container.ts";
import { recordEvent } from "../record/events.ts";
import { insideOf, isCopied, lowersOf, openAllLayers, upperOf } from "../record/rootfs.ts";
import { configOf } from "./commit-config.ts";

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
export async function commit(paths: Paths, reference: string, options: CommitOptions): Promise<Digest> {
  const container = findContainer(paths, reference);
  const id = await commitPaused(paths, reference, container, options);
  const { name, image } = container.record;
  recordEvent(paths, { type: "container", action: "commit", id: container.record.id, attributes: { name, image } });
  return id;
}

async function commitPaused(
  paths: Paths,
  reference: string,
  container: Container,
  options: CommitOptions,
): Promise<Digest> {
  const { status, state } = container;
  const moves = status === "running" || status === "unknown";
  if (!options.pause || !moves) return await commitContainer(paths, container, options);
  if (state.cgroup === undefined) {
    options.warn(`${reference} is not paused while it is committed: this host has no cgroup v2`);
    return await commitContainer(paths, container, options);
  }
  return await whilePaused(paths, container, () => commitContainer(paths, container, options));
}

async function commitContainer(paths: Paths, container: Container, options: CommitOptions): Promise<Digest> {
  const { reference, author, message, changes, onProgress } = options;
  const { record } = container;
  const image = record.imageId === undefined ? undefined : findImage(paths, record.imageId);
  // A container of a directory has no image below it: all that it sees is its layer. So it is with a copy of an image.
  const base = isCopied(paths, record) ? undefined : image;
  const openTree = () =>
    base ? open(upperOf(paths, container), O_RDONLY | O_DIRECTORY) : openAllLayers(paths, container);
  const adapt = insideOf(container);
  return await makeImage(paths, {
    ...(base && { base: base.id }),
    ...(!(base && isUnchanged(paths, container)) && {
      layer: {
        subject: `the layer of ${record.name}`,
        // As large as they look, its files lie on this disk already: a full one says so itself.
        limits: { freeBytes: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY },
        feed(write) {
          using root = owned(openTree());
          const leaveOut = (path: ByteName, why: string) => options.warn(`${textOf(path)} is left out: ${why}`);
          const how = { layer: base !== undefined, omit: isOfNetwork, leaveOut, ...(adapt && { adapt }) };
          packTree(root.fd, how, (bytes) => {
            endIfInterrupted();
            write(bytes);
          });
        },
      },
    }),
    mayBeEmpty: true,
    config: (below) => configOf(record, base ? below : { ...image?.config.config }),
    changes,
    defaults: [defaultPath],
    step: {
      created_by: (configOf(record, { ...image?.config.config }).Cmd ?? []).join(" "),
      comment: message ?? "",
      ...(author !== undefined && { author }),
    },
    ...(reference !== undefined && { reference }),
    onProgress,
  });
}

/** True if the writable layer says nothing: no names in it, and the root is as it was. */
function isUnchanged(paths: Paths, container: Container): boolean {
  const upper = upperOf(paths, container);
  if ((readdir(upper) ?? []).length > 0) return false;
  const [now, before] = [stat(upper), stat(lowersOf(container).at(-1) as string)];
  const { uid, gid } = insideOf(container)?.owner(now) ?? now;
  return now.mode === before.mode && uid === before.uid && gid === before.gid;
}
