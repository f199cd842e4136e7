/** The mounts of a container: those asked for, those of other containers, the image's volumes; and which directories they are. */

import { ConflictError, InvalidError, NotFoundError } from "../../errors.ts";
import { findImage } from "../../image/store.ts";
import { randomHex } from "../../linux/clone.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Mount } from "../../oci/spec.ts";
import type { Paths } from "../../paths.ts";
import type { Container } from "../../plan/container.ts";
import { defaultMounts } from "../../plan/default-mounts.ts";
import type { MountRequest } from "../../plan/mounts.ts";
import { parseTarget } from "../../plan/path.ts";
import {
  byMountOption,
  copyUpOption,
  createSourceOption,
  detachedMountOption,
  idmapOption,
  nocopyOption,
  subpathOption,
} from "../../plan/rare/mount-options.ts";
import { type ImageDefaults, lowerdirOf } from "../../plan/spec.ts";
import { anonymousOption, dataOf } from "../../plan/volume.ts";
import { findContainer } from "../record/container.ts";
import {
  anonymousLabel,
  type Backing,
  backingOf,
  newVolume,
  readVolume,
  type Volume,
  volumePath,
} from "../record/volume.ts";
import { stepFor } from "../volume/create.ts";
import type { VolumesFrom } from "./request.ts";

/**
 * All mounts of a container that is to be, those above before those below. Of several on one target the user's wins, then
 * the last --volumes-from, then the image's. A volume without a name gets one here, and is then this container's.
 */
export function completeMounts(
  paths: Paths,
  asked: MountRequest[],
  from: VolumesFrom[],
  { Volumes }: ImageDefaults,
): MountRequest[] {
  const byTarget = new Map<string, MountRequest>();
  const own = asked.map((mount) => (mount.type === "image" ? withImageId(paths, mount) : mount));
  for (const mount of [...declared(Volumes ?? {}), ...from.flatMap((one) => mountsOf(paths, one)), ...own])
    byTarget.set(mount.destination, mount);
  const depth = ({ destination }: Mount) => destination.split("/").length;
  return [...byTarget.values()].map(named).sort((a, b) => depth(a) - depth(b));
}

/** The image stays what it is when its name goes to another one. */
function withImageId(paths: Paths, mount: MountRequest): MountRequest {
  const image = findImage(paths, mount.source!);
  if (!image) throw new NotFoundError(`--mount: no such image: ${mount.source}`, "load it first: tinydocker load");
  return { ...mount, source: image.id };
}

const named = (mount: MountRequest): MountRequest =>
  mount.type === "volume" && !mount.source
    ? { ...mount, source: randomHex(32), options: [...(mount.options ?? []), anonymousOption] }
    : mount;

/** The volumes an image declares: one for each container. */
function declared(volumes: Record<string, unknown>): MountRequest[] {
  const targets = Object.keys(volumes).map((path) => parseTarget("the image's volume", path));
  const reserved = defaultMounts({ privileged: false, hostNetwork: false }).map(({ destination }) => destination);
  const forbidden = targets.find((path) => reserved.includes(path));
  if (forbidden) throw new InvalidError(`the image declares a volume at ${forbidden}, which the container has already`);
  return targets.map((destination) => ({ destination, type: "volume" }));
}

/** What another container has mounted, but for its tmpfs, which is its own. As it is: nothing is filled or made for us. */
function mountsOf(paths: Paths, { container, readOnly }: VolumesFrom): MountRequest[] {
  const { record } = findContainer(paths, container);
  return record.options.mounts
    .filter(({ type }) => type === "volume" || type === "bind")
    .map(({ options = [], ...mount }) => ({
      ...mount,
      options: [
        ...options.filter(
          (option) => option !== createSourceOption && option !== byMountOption && !(readOnly && option === "rw"),
        ),
        ...(readOnly && !options.includes("ro") ? ["ro"] : []),
        ...(mount.type === "volume" && !options.includes(nocopyOption) ? [nocopyOption] : []),
      ],
    }));
}

/**
 * The mounts as the specification knows them, and the volumes that have to be there for them.
 * @param first the container was never started: its volumes are filled if they are empty.
 */
export function planVolumes(
  paths: Paths,
  id: string,
  mounts: MountRequest[],
  first: boolean,
  warn: (text: string) => void = () => {},
): { mounts: Mount[]; steps: Container["volumes"] } {
  const steps: Container["volumes"] = [];
  const planned = mounts.map((asked): Mount => {
    const mount = unmarked(asked);
    if (mount.type === "image") return asOverlay(paths, mount);
    if (mount.type === "bind") warnOfSource(mount, first, warn);
    if (mount.type !== "volume") return mount;
    const name = mount.source!;
    const anonymous = mount.options?.includes(anonymousOption) ?? false;
    const volume = readVolume(paths, name) ?? volumeToBe(name, mount, anonymous);
    refuseOtherOptions(volume, mount);
    const path = volumePath(paths, name);
    if (!steps.some((step) => step.do === "volume" && step.name === name))
      steps.push(stepFor(paths, volume, id.slice(0, 12), anonymous ? { anonymous } : { maker: id }));
    const backing = backingOf(volume);
    const isMounted = backing !== undefined && backing.type !== "bind";
    if (isMounted && !steps.some((step) => step.do === "mount-volume" && step.path === path))
      steps.push({ do: "mount-volume", path, ...backing });
    return asBind(mount, path, backing, first);
  });
  return { mounts: planned, steps };
}

/** What will be made on the host; and with `:me` what it is that nobody in the container may change, and why. */
function warnOfSource({ source = "", options = [] }: MountRequest, first: boolean, warn: (text: string) => void): void {
  const there = statIfAny(source);
  if (!there && options.includes(createSourceOption))
    warn(`${source} does not exist on this host: making an empty directory`);
  const [uid] =
    options
      .find((word) => word.startsWith(`${idmapOption}=`))
      ?.slice(idmapOption.length + 1)
      .split(":") ?? [];
  if (first && there && uid !== undefined && there.uid !== Number(uid))
    warn(
      `${source} belongs to uid ${there.uid}, and with :me only what belongs to you (uid ${uid}) is the container's: it can't write there`,
    );
}

/** By which option it was asked for makes no difference to what is done. */
const unmarked = ({ options, ...mount }: MountRequest): MountRequest => ({
  ...mount,
  ...(options && { options: options.filter((option) => option !== byMountOption) }),
});

/** An image's layers, as a mount of the specification. */
function asOverlay(paths: Paths, mount: MountRequest): Mount {
  const image = findImage(paths, mount.source!);
  if (!image) throw new NotFoundError(`the image that is mounted on ${mount.destination} is gone: ${mount.source}`);
  return { ...mount, type: "overlay", options: [lowerdirOf(image.layers), ...(mount.options ?? [])] };
}

const volumeToBe = (name: string, { volume }: MountRequest, anonymous: boolean): Volume =>
  newVolume(name, { ...volume?.labels, ...(anonymous && { [anonymousLabel]: "" }) }, volume?.options ?? {});

/** A volume that is there stays what it is; who wants another under its name is told. */
function refuseOtherOptions(volume: Volume, { volume: asked }: MountRequest): void {
  const wanted = Object.entries(asked?.options ?? {});
  if (wanted.every(([name, value]) => volume.options[name] === value)) return;
  throw new ConflictError(
    `volume ${volume.name} exists with other options`,
    `tinydocker volume inspect ${volume.name} shows them`,
  );
}

function asBind(
  { destination, options = [] }: MountRequest,
  path: string,
  backing: Backing | undefined,
  first: boolean,
): Mount {
  const words = options.filter((option) => option !== anonymousOption && option !== nocopyOption);
  const isPart = options.some((option) => option.startsWith(`${subpathOption}=`));
  // What is not in our own directory is not ours to fill, and a part of a volume is taken as it is.
  const fill = first && !backing && !isPart && !options.includes(nocopyOption);
  const isBind = backing?.type === "bind";
  return {
    destination,
    type: "bind",
    source: isBind ? backing.path : dataOf(path),
    options: [
      "rbind",
      ...words,
      ...(isBind && backing.readOnly && !words.includes("ro") ? ["ro"] : []),
      ...(backing && !isBind ? [detachedMountOption] : []),
      ...(fill ? [copyUpOption] : []),
    ],
  };
}
