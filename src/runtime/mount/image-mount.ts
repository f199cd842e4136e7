/** Another image, or a part of it, read-only and attached nowhere. */

import { SyscallError } from "../../errors.ts";
import { openInRootIfAny } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { type Fd, O_DIRECTORY, O_PATH, open, owned } from "../../linux/file.ts";
import { mountSetattr, moveMount, openTree } from "../../linux/mount.ts";
import { inOwnMounts } from "../../linux/namespace.ts";
import { fstat } from "../../linux/stat.ts";
import type { BindStep } from "../../plan/host-step.ts";
import type { Ids } from "../userns/ids.ts";
import { makeOverlay } from "./rootfs.ts";

/** @param layers the topmost first. @param prepare makes the place where it will be mounted. @param ids of its user namespace. */
export function makeImageMount(
  layers: string[],
  step: BindStep,
  prepare: (isDirectory: boolean) => void,
  ids?: Ids,
): Fd {
  const { target, options, propagation, subpath } = step;
  using whole = owned(openLayers(layers, ids));
  using mount = owned(subpath === undefined ? undefined : openPart(whole.fd, layers[0]!, subpath));
  const made = mount ?? whole;
  prepare(fstat(made.fd).type === "directory");
  mountSetattr(made.fd, ["ro", ...options, propagation], { recursive: false }, `an image on ${target}`);
  return made.handOff();
}

/** overlayfs takes no single layer without one to write to. */
function openLayers(layers: string[], ids: Ids | undefined): Fd {
  if (ids) {
    const { makeMappedOverlay, mappedMount } = require("../userns/layers.ts") as typeof import("../userns/layers.ts");
    return layers.length > 1 ? makeMappedOverlay({ lower: layers }, ids, makeOverlay) : mappedMount(layers[0]!, ids);
  }
  if (layers.length > 1) return makeOverlay({ lower: layers });
  using directory = owned(open(layers[0]!, O_PATH | O_DIRECTORY));
  return openTree(directory.fd, { recursive: false });
}

/** Kernels before 6.15 clone nothing of what is attached nowhere. @param over any directory, of which only we see what lies over it. */
const openPart = (whole: Fd, over: string, subpath: string): Fd =>
  inOwnMounts(() => {
    using below = owned(open(over, O_PATH | O_DIRECTORY));
    moveMount(whole, below.fd, "an image");
    using root = owned(open(over, O_PATH | O_DIRECTORY));
    using part = owned(openInRootIfAny(root.fd, byteNameOf(subpath), O_PATH));
    if (!part) throw new SyscallError("open", subpath, "ENOENT", "there is no such path in the image");
    return openTree(part.fd, { recursive: false });
  });
