/** A tmpfs that begins as the directory that it covers: with its mode, and with what is in it (`tmpcopyup`). */

import { hasCode } from "../../errors.ts";
import { openInRootIfAny } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { type Fd, O_DIRECTORY, O_RDONLY, open, owned } from "../../linux/file.ts";
import { fsmount, mountSetattr } from "../../linux/mount.ts";
import { mountAttributes } from "../../linux/mount-attributes.ts";
import { fstat } from "../../linux/stat.ts";
import { copyTree } from "../../linux/tree/copy.ts";
import type { BindStep } from "../../plan/host-step.ts";

/** @param image the root alone: the directory of it that is covered. @returns a mount that is attached nowhere. */
export function makeTmpfs({ source, target, options, propagation }: BindStep, image: Fd): Fd {
  const wanted = options.filter((option) => option !== "tmpcopyup");
  const { rest } = mountAttributes(wanted);
  using covered = owned(openCovered(image, target));
  const mode = covered && !rest.some((option) => option.startsWith("mode=")) ? [modeOption(covered.fd)] : [];
  using made = owned(fsmount("tmpfs", source, [...rest, ...mode]));
  if (covered && options.includes("tmpcopyup")) {
    using root = owned(open(`/proc/self/fd/${made.fd}`, O_RDONLY | O_DIRECTORY));
    copyTree(covered.fd, root.fd, byteNameOf(target));
  }
  const attributes = wanted.filter((option) => !rest.includes(option));
  mountSetattr(made.fd, [...attributes, propagation], { recursive: false }, `tmpfs on ${target}`);
  return made.handOff();
}

const modeOption = (directory: Fd): string => `mode=${(fstat(directory).mode & 0o7777).toString(8)}`;

function openCovered(image: Fd, target: string): Fd | undefined {
  try {
    return openInRootIfAny(image, byteNameOf(target), O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (!hasCode(error, "ENOTDIR", "ELOOP")) throw error;
    return undefined;
  }
}
