/** Volumes: directories with a name that outlive the containers which use them. */

import { ConflictError, NotFoundError, UsageError } from "../../errors.ts";
import { emptyTrash, moveToTrash, withStoreLock } from "../../image/staging.ts";
import { randomHex } from "../../linux/clone.ts";
import { mkdirAll, readdir, readFileIfAny, statIfAny, writeFileAtomic } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { isVolumeName } from "../../plan/mounts.ts";
import type { VolumeStep } from "../../plan/step.ts";
import { dataOf, recordOf } from "../../plan/volume.ts";
import { performHost } from "../../runtime/host.ts";
import { undoList } from "../../runtime/undo.ts";
import { unmountVolume } from "../../runtime/volume-mount.ts";
import { damaged, formatRecord, kindOf, map, parseRecord, salvage, text, time } from "../../schema.ts";
import { type Container, directoryOf, listContainers } from "./container.ts";
import { recordEvent } from "./events.ts";

export interface Volume {
  name: string;
  /** ISO 8601. */
  created: string;
  labels: Record<string, string>;
  /** Of the driver `local`: type, device and o, as mount(8). */
  options: Record<string, string>;
}

/** volume.json */
const volumeKind = kindOf<Volume>({ name: text, created: time, labels: map(text), options: map(text) });

/** A volume of which perhaps not all is known: what is in it is there all the same. */
export interface AnyVolume extends Volume {
  /** `is damaged: volume.json is empty` */
  damage?: string;
}

/** What Docker labels the volumes with that nobody has named; `prune` goes by it. */
export const anonymousLabel = "com.docker.volume.anonymous";

export const volumePath = (paths: Paths, name: string): string => `${paths.volumes}/${name}`;

/** A volume that is to be. @throws UsageError for options that no volume can have. */
export function newVolume(name: string, labels: Volume["labels"], options: Volume["options"]): Volume {
  const volume = { name, created: new Date().toISOString(), labels, options };
  backingOf(volume);
  return volume;
}

/** Where containers find what is in it. */
export const mountPointOf = (paths: Paths, { name }: Volume): string => dataOf(volumePath(paths, name));

/** What makes it, if it is not there. @param mark of who wants it, so that no two build it in one place. */
export const stepFor = (paths: Paths, volume: Volume, mark: string, anonymous: boolean): VolumeStep => ({
  do: "volume",
  name: volume.name,
  path: volumePath(paths, volume.name),
  staging: `${paths.staging}/${mark}-${volume.name}`,
  record: formatRecord(volumeKind, volume),
  anonymous,
});

const knownOptions = ["type", "device", "o"];

/** What a volume is made of, if not of its own directory: a directory of the host, or memory. */
export type Backing = { type: "bind"; path: string; readOnly: boolean } | { type: "tmpfs"; options: string[] };

/**
 * As mount(8): `type=none,o=bind,device=/path`, or `type=tmpfs,device=tmpfs,o=size=64m`.
 * @throws UsageError for what the driver `local` can't do here.
 */
export function backingOf({ options }: Pick<Volume, "options">): Backing | undefined {
  if (Object.keys(options).length === 0) return undefined;
  const unknown = Object.keys(options).find((name) => !knownOptions.includes(name));
  if (unknown !== undefined) {
    const hint = `the options are ${knownOptions.join(", ")}`;
    throw new UsageError(`volume option ${JSON.stringify(unknown)} is not supported`, hint);
  }
  const { type = "none", device = "", o = "" } = options;
  const words = o.split(",").filter(Boolean);
  if (type === "tmpfs") return { type, options: allowed(words, tmpfsOption, "o=size=64m,mode=1777") };
  const isBind = type === "bind" || words.some((word) => /^r?bind$/.test(word));
  if (!/^(none|bind|)$/.test(type) || !isBind) {
    const hint = "-o type=none -o o=bind -o device=/path, or -o type=tmpfs -o device=tmpfs";
    throw new UsageError(`volumes of type ${JSON.stringify(type)} are not supported`, hint);
  }
  allowed(words, /^(r?bind|ro|rw)$/, "o=bind or o=bind,ro");
  if (!device.startsWith("/"))
    throw new UsageError("volume option device is missing, or no absolute path", "device=/path");
  return { type: "bind", path: device, readOnly: words.includes("ro") };
}

const tmpfsOption =
  /^(ro|rw|nosuid|nodev|noexec|size=\d+[kmgKMG%]?|mode=[0-7]{3,4}|(uid|gid)=\d+|nr_(inodes|blocks)=\d+[kmgKMG]?)$/;

function allowed(words: string[], known: RegExp, hint: string): string[] {
  const other = words.find((word) => !known.test(word));
  if (other !== undefined) throw new UsageError(`volume option o: ${JSON.stringify(other)} is not supported`, hint);
  return words;
}

/** A volume by its name, whole or not. */
export function readAnyVolume(paths: Paths, name: string): AnyVolume | undefined {
  const path = volumePath(paths, name);
  if (!isVolumeName(name) || !statIfAny(path)) return undefined;
  const { value, damage, rest } = parseRecord(volumeKind, readFileIfAny(recordOf(path)), "volume.json");
  return value ?? { ...salvage(volumeKind, rest, unknown), name, damage };
}

const unknown: Volume = { name: "", created: "1970-01-01T00:00:00Z", labels: {}, options: {} };

/** A volume by its name. @throws DamagedError: without its options nobody knows where it is. */
export function readVolume(paths: Paths, name: string): Volume | undefined {
  const volume = readAnyVolume(paths, name);
  if (volume?.damage === undefined) return volume;
  const hint = `tinydocker volume create ${name} writes that anew and leaves what is in it; volume rm ${name} removes it`;
  throw damaged(`volume ${name}`, volume.damage, hint);
}

/** All volumes, by name; also those that are damaged. */
export const listVolumes = (paths: Paths): AnyVolume[] =>
  (readdir(paths.volumes) ?? []).sort().flatMap((name) => readAnyVolume(paths, name) ?? []);

/** Makes a volume. One that is there already stays as it is, and one that is damaged gets what was asked for. @throws ConflictError if it is another than was asked for. */
export function makeVolume(
  paths: Paths,
  {
    name = randomHex(32),
    anonymous,
    ...asked
  }: Pick<Volume, "labels" | "options"> & { name?: string; anonymous: boolean },
): string {
  const labels = { ...asked.labels, ...(anonymous && { [anonymousLabel]: "" }) };
  const volume = newVolume(name, labels, asked.options);
  mkdirAll(paths.root);
  withStoreLock(paths, "shared", () => {
    const there = readAnyVolume(paths, name);
    if (there?.damage !== undefined) {
      writeFileAtomic(recordOf(volumePath(paths, name)), formatRecord(volumeKind, volume));
      return;
    }
    if (there) return refuseOther(there, volume);
    performHost([stepFor(paths, volume, randomHex(6), false)], undoList(), () => true);
    recordEvent(paths, { type: "volume", action: "create", id: name, attributes: { driver: "local" } });
  });
  return name;
}

/** Docker keeps the old one and says nothing. */
function refuseOther(there: Volume, { name, labels, options }: Volume): void {
  for (const [what, old, wanted] of [
    ["options", there.options, options],
    ["labels", there.labels, labels],
  ] as const) {
    if (Object.entries(wanted).some(([key, value]) => old[key] !== value))
      throw new ConflictError(
        `volume ${name} exists with other ${what}`,
        `tinydocker volume inspect ${name} shows them; volume rm ${name} removes it`,
      );
  }
}

/** Which containers use which volumes, in whatever state they are. */
export function usersOfVolumes(paths: Paths): (name: string) => Container[] {
  const containers = listContainers(paths);
  return (name) => containers.filter((container) => uses(paths, container, name));
}

/** A container whose record is damaged uses what its specification has mounted, the last time it was started. */
function uses(paths: Paths, { record, status }: Container, name: string): boolean {
  if (record.options.mounts.some(({ type, source }) => type === "volume" && source === name)) return true;
  if (status !== "damaged") return false;
  const spec = readFileIfAny(`${directoryOf(paths, record.id)}/config.json`) ?? "";
  return spec.includes(JSON.stringify(`${volumePath(paths, name)}/`).slice(0, -1));
}

/** Removes a volume that no container uses. @param force one that is not there is fine. */
export function removeVolume(paths: Paths, name: string, { force }: { force: boolean }): void {
  withStoreLock(paths, "exclusive", () => {
    if (!readAnyVolume(paths, name)) {
      if (force) return;
      throw new NotFoundError(`no such volume: ${name}`, "tinydocker volume ls lists what there is");
    }
    const users = usersOfVolumes(paths)(name).map(({ record }) => record.name);
    if (users.length > 0)
      throw new ConflictError(
        `volume ${name} is in use by ${users.join(", ")}`,
        `remove what uses it first: tinydocker rm ${users.join(" ")}`,
      );
    discard(paths, name);
  });
  emptyTrash(paths);
}

/** Removes the unused volumes that `keep` does not hold back. @param use is told of each before it is gone. */
export function pruneVolumes(paths: Paths, choose: (volume: Volume) => boolean, use: (volume: Volume) => void): void {
  if (!statIfAny(paths.volumes)) return;
  withStoreLock(paths, "exclusive", () => {
    const users = usersOfVolumes(paths);
    for (const volume of listVolumes(paths)) {
      if (users(volume.name).length > 0 || !choose(volume)) continue;
      use(volume);
      discard(paths, volume.name);
    }
  });
  emptyTrash(paths);
}

/**
 * Removes the anonymous volumes of a container that is gone, but for those that another has by --volumes-from. Without the
 * store's lock, which who calls us may hold: nobody else knows these names.
 */
export function removeAnonymous(paths: Paths, names: string[]): void {
  const users = usersOfVolumes(paths);
  for (const name of names) if (readAnyVolume(paths, name) && users(name).length === 0) discard(paths, name);
  emptyTrash(paths);
}

/** From here on it is gone for everybody; the disk follows. */
function discard(paths: Paths, name: string): void {
  mkdirAll(paths.trash);
  // The memory of one whose containers were all killed.
  if (readAnyVolume(paths, name)?.options.type === "tmpfs") unmountVolume(volumePath(paths, name));
  moveToTrash(paths, volumePath(paths, name));
  recordEvent(paths, { type: "volume", action: "destroy", id: name, attributes: { driver: "local" } });
}
