/** What is kept of volumes: `volumes/<name>/{volume.json, _data}`, and which containers use them. */

import { UsageError } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { isVolumeName } from "../../plan/mounts.ts";
import { dataOf, recordOf } from "../../plan/volume.ts";
import { readableRecord, readRecordFile } from "../../record-file.ts";
import { damaged, kindOf, map, parseRecord, salvage, text, time } from "../../schema.ts";
import { type Container, directoryOf, listContainers } from "./container.ts";

export interface Volume {
  name: string;
  /** ISO 8601. */
  created: string;
  labels: Record<string, string>;
  /** Of the driver `local`: type, device and o, as mount(8). */
  options: Record<string, string>;
}

/** volume.json */
export const volumeKind = kindOf<Volume>({ name: text, created: time, labels: map(text), options: map(text) });

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

const knownOptions = ["type", "device", "o"];

/** What a volume is made of, if not of its own directory: a directory of the host, memory, or what a server has. */
export type Backing =
  | { type: "bind"; path: string; readOnly: boolean }
  | { type: "tmpfs" | "nfs" | "nfs4"; source: string; options: string[] };

/**
 * As mount(8): `type=none,o=bind,device=/path`, `type=tmpfs,device=tmpfs,o=size=64m`, or `type=nfs,device=:/path,o=addr=10.0.0.1`.
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
  if (type === "tmpfs") return { type, source: "tmpfs", options: allowed(words, tmpfsOption, "o=size=64m,mode=1777") };
  if (type === "nfs" || type === "nfs4") return nfsBacking(type, device, words);
  const isBind = type === "bind" || words.some((word) => /^r?bind$/.test(word));
  if (!/^(none|bind|)$/.test(type) || !isBind) {
    const hint = "-o type=none -o o=bind -o device=/path, -o type=tmpfs -o device=tmpfs, or -o type=nfs";
    throw new UsageError(`volumes of type ${JSON.stringify(type)} are not supported`, hint);
  }
  allowed(words, /^(r?bind|ro|rw)$/, "o=bind or o=bind,ro");
  if (!device.startsWith("/"))
    throw new UsageError("volume option device is missing, or not an absolute path", "device=/path");
  return { type: "bind", path: device, readOnly: words.includes("ro") };
}

/** Where the server's address stands is Docker's way: mount.nfs(8), which would find it out, takes no part. */
function nfsBacking(type: "nfs" | "nfs4", device: string, words: string[]): Backing {
  const [, host = "", path = ""] = /^((?:\[[0-9a-fA-F:]+\]|[^:/]*)):(\/.*)$/.exec(device) ?? [];
  if (path === "")
    throw new UsageError(
      `volume option device=${device} is not a path on a server`,
      "-o device=:/path -o o=addr=10.0.0.1",
    );
  const hasAddress = words.some((word) => word.startsWith("addr="));
  if (!hasAddress && host === "")
    throw new UsageError("volume option o has no addr: nobody knows the server", "-o o=addr=10.0.0.1,rw");
  const odd = words.find((word) => !/^[a-z0-9_]+(=[^,\s]+)?$/i.test(word));
  if (odd !== undefined)
    throw new UsageError(`volume option o: ${JSON.stringify(odd)} is not supported`, "o=addr=10.0.0.1,rw");
  const address = hasAddress ? [] : [`addr=${host.replace(/^\[|\]$/g, "")}`];
  return { type, source: device, options: [...words, ...address] };
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
  const { value, damage, rest } = parseRecord(volumeKind, readRecordFile(recordOf(path)), "volume.json");
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

/** Which containers use which volumes, in whatever state they are. */
export function usersOfVolumes(paths: Paths): (name: string) => Container[] {
  const containers = listContainers(paths);
  return (name) => containers.filter((container) => uses(paths, container, name));
}

/** A container whose record is damaged uses what its specification has mounted, the last time it was started. */
function uses(paths: Paths, { record, status }: Container, name: string): boolean {
  if (record.options.mounts.some(({ type, source }) => type === "volume" && source === name)) return true;
  if (status !== "damaged") return false;
  const spec = readableRecord(`${directoryOf(paths, record.id)}/config.json`) ?? "";
  return spec.includes(JSON.stringify(`${volumePath(paths, name)}/`).slice(0, -1));
}
