/** What a container shows of the host, as detached mounts: its bind mounts and volumes, or a directory as its root. */

import { SyscallError } from "../../errors.ts";
import { openInRootIfAny } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { cwd, type Fd, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, open, owned } from "../../linux/file.ts";
import { mountSetattr, openTree } from "../../linux/mount.ts";
import { mkdirAll } from "../../linux/names.ts";
import { fstat, statIfAny } from "../../linux/stat.ts";
import { chownAt } from "../../linux/tree/metadata.ts";
import type { BindStep } from "../../plan/host-step.ts";
import type { Ids } from "../userns/ids.ts";
import { giveTo, showAs, showMapped } from "../userns/owner.ts";
import { prepareTarget } from "./target.ts";
import type { Identity } from "./user.ts";
import { fillVolume } from "./volume.ts";

/** A directory of the host as the root, with all that is mounted in it; and alone, as kernels before 6.15 can't clone it later. */
export function makeBindRoot(path: string): { root: Fd; image: Fd } {
  using directory = owned(open(path, O_PATH | O_DIRECTORY));
  using root = owned(openTree(directory.fd, { recursive: true }));
  using image = owned(openTree(directory.fd, { recursive: false }));
  // Mounts the host makes in it later still reach it.
  mountSetattr(root.fd, ["rslave"], { recursive: true }, path);
  return { root: root.handOff(), image: image.handOff() };
}

/** Loaded for those that have one. */
const userns = () => require("../userns/binds.ts") as typeof import("../userns/binds.ts");

/**
 * A directory or file of the host, attached nowhere. @param image what a volume is filled from. @param onMade hears of
 * directories that were made on the host, parents first. @param ids of its user namespace.
 */
export function makeBind(step: BindStep, image: Fd, user: Identity, onMade: (paths: string[]) => void, ids?: Ids): Fd {
  const { source, target, options, recursive, propagation } = step;
  const subject = `${source} on ${target}`;
  const prepare = (isDirectory: boolean) => {
    if (step.covered) return;
    const make = () => prepareTarget(image, step, isDirectory);
    if (ids) userns().asRoot(ids, make);
    else make();
  };
  if (step.namespace !== undefined) return makeBindOf(step.namespace, step, subject);
  if (step.secrets) {
    const { makeSecretMount } = require("./secrets.ts") as typeof import("./secrets.ts");
    return ids ? userns().asRoot(ids, () => makeSecretMount(step, ids)) : makeSecretMount(step);
  }
  if (step.layers) {
    const { makeImageMount } = require("./image-mount.ts") as typeof import("./image-mount.ts");
    return makeImageMount(step.layers, step, prepare, ids);
  }
  if (step.tmpfs) return (require("./tmpfs.ts") as typeof import("./tmpfs.ts")).makeTmpfs(step, image);
  if (step.createSource && !statIfAny(source)) {
    prepare(true);
    createSource(step, onMade);
  }
  using from = owned(openSource(step));
  prepare(fstat(from.fd).type === "directory");
  if (/shared|slave/.test(propagation) && !step.anyPropagation) {
    const { checkPropagation } = require("./propagation.ts") as typeof import("./propagation.ts");
    checkPropagation(from.fd, source, propagation);
  }
  if (step.copyUp) fillVolume(image, target, source, ids && userns().insideOf(ids));
  if (step.label !== undefined) {
    const { relabel } = require("./relabel.ts") as typeof import("./relabel.ts");
    relabel(from.fd, step.label.of, source, step.label.unlessTop ?? false);
  }
  if (step.chown) giveTo(from.fd, ids ? userns().ownerOnDisk(step, user, ids) : user, source);
  using copy = owned(openTree(from.fd, { recursive }));
  if (step.idmap) {
    const shown = ids ? userns().identityOnHost(ids, user) : user;
    showAs(copy.fd, step.idmap, shown, { recursive, source });
  } else if (step.mappings) showMapped(copy.fd, step.mappings, source);
  else if (ids) userns().showOwners(copy.fd, step, ids, user);
  const below = recursive && options.includes("ro") && !step.writableBelow;
  if (options.length > 0) mountSetattr(copy.fd, options, { recursive: below }, subject);
  const deep = options.filter((option) => recursiveAttribute.test(option)).map((option) => option.slice(1));
  if (deep.length > 0) mountSetattr(copy.fd, deep, { recursive: true }, subject);
  mountSetattr(copy.fd, [propagation], { recursive: propagation.startsWith("r") }, subject);
  return copy.handOff();
}

/** Of all that is mounted below, too: `rro`, but not `relatime` or `rw`. */
const recursiveAttribute =
  /^r(r[ow]|(no)?(suid|dev|exec|atime|diratime|symfollow|relatime|strictatime)|relatime|strictatime)$/;

/** What another container has mounted at a path. Only its own mount namespace can copy it. */
function makeBindOf(namespace: string, { source, options, propagation }: BindStep, subject: string): Fd {
  const { inMountNamespace } = require("../../linux/namespace.ts") as typeof import("../../linux/namespace.ts");
  using other = owned(open(namespace, O_RDONLY));
  using copy = owned(
    inMountNamespace(other.fd, () => {
      using from = owned(open(source, O_PATH | O_DIRECTORY | O_NOFOLLOW));
      return openTree(from.fd, { recursive: false });
    }),
  );
  mountSetattr(copy.fd, [...options, propagation], { recursive: false }, subject);
  return copy.handOff();
}

/** The directory on the host belongs to whom its files will. */
function createSource({ source, idmap, owners }: BindStep, onMade: (paths: string[]) => void): void {
  onMade(mkdirAll(source, 0o755));
  const owner = idmap ?? (typeof owners === "object" ? owners : undefined);
  if (owner) chownAt(cwd, byteNameOf(source), owner.uid, owner.gid);
}

/** The source, or a part of it that no symbolic link leads out of. */
function openSource({ source, subpath }: BindStep): Fd {
  using from = owned(open(source, O_PATH));
  if (subpath === undefined) return from.handOff();
  const part = openInRootIfAny(from.fd, byteNameOf(subpath), O_PATH);
  if (part !== undefined) return part;
  throw new SyscallError("open", subpath, "ENOENT", "there is no such path in the volume");
}
