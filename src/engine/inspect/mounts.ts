/** The mounts of a container in Docker's words: what was asked for by which option, and what became of it. Pure. */

import type { MountRequest } from "../../plan/mounts.ts";
import {
  byMountOption,
  chownOption,
  createSourceOption,
  idmapOption,
  nocopyOption,
  relabelOption,
  subpathOption,
  writableBelowOption,
} from "../../plan/rare/mount-options.ts";
import { anonymousOption, dataOf } from "../../plan/volume.ts";

const isBy = ({ options = [] }: MountRequest): boolean => options.includes(byMountOption);
const isAnonymous = ({ options = [] }: MountRequest): boolean => options.includes(anonymousOption);
const isReadOnly = ({ options = [] }: MountRequest): boolean => options.includes("ro");
const isPropagation = (word: string): boolean => /^r?(private|shared|slave)$/.test(word);

/** Of `--volume`: `/on/host:/in/container:ro`. What the image declares, and what has no name, is not among them. */
export const bindTexts = (mounts: MountRequest[]): string[] =>
  mounts
    .filter((mount) => (mount.type === "bind" || mount.type === "volume") && !isBy(mount) && !isAnonymous(mount))
    .map(({ source, destination, options = [] }) => {
      const words = options.flatMap(asSaid);
      return `${source}:${destination}${words.length > 0 ? `:${words.join(",")}` : ""}`;
    });

/** An option as the user has said it. */
function asSaid(option: string): string[] {
  if (option === chownOption) return ["U"];
  if (option.startsWith(`${relabelOption}=`)) return [option.endsWith("shared") ? "z" : "Z"];
  if (option.startsWith(`${idmapOption}=`)) return ["me"];
  return option.startsWith("x-") ? [] : [option];
}

/** Of `--tmpfs`: the options by the place. */
export const tmpfsEntries = (mounts: MountRequest[]): [string, string][] =>
  mounts
    .filter((mount) => mount.type === "tmpfs" && !isBy(mount))
    .map(({ destination, options = [] }) => [destination, options.join(",")]);

/** Of `--mount`: what was asked for, as the Engine API takes it. */
export const mountSpecs = (mounts: MountRequest[]): Record<string, unknown>[] =>
  mounts.filter(isBy).map((mount) => ({
    Type: mount.type ?? "bind",
    ...(mount.type !== "tmpfs" && !isAnonymous(mount) && { Source: mount.source }),
    Target: mount.destination,
    ...(isReadOnly(mount) && mount.type !== "image" && { ReadOnly: true }),
    ...(Object.hasOwn(optionsOf, mount.type ?? "") && withoutNothing(optionsOf[mount.type!]!(mount))),
  }));

type Options = Record<string, Record<string, unknown>>;

const optionsOf: Record<string, (mount: MountRequest) => Options> = {
  bind: ({ options = [] }) => ({
    BindOptions: {
      Propagation: options.find(isPropagation),
      NonRecursive: options.includes("bind") || undefined,
      CreateMountpoint: options.includes(createSourceOption) || undefined,
      ReadOnlyNonRecursive: options.includes(writableBelowOption) || undefined,
    },
  }),
  volume: ({ options = [], volume }) => ({
    VolumeOptions: {
      NoCopy: options.includes(nocopyOption) || undefined,
      Labels: mapIfAny(volume?.labels),
      Subpath: textOf(subpathOption, options),
      DriverConfig: mapIfAny(volume?.options) && { Name: "local", Options: mapIfAny(volume?.options) },
    },
  }),
  image: ({ options = [] }) => ({ ImageOptions: { Subpath: textOf(subpathOption, options) } }),
  tmpfs: ({ options = [] }) => {
    const [size, mode] = [textOf("size", options), textOf("mode", options)];
    return {
      TmpfsOptions: {
        SizeBytes: size === undefined ? undefined : Number(size),
        Mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
      },
    };
  },
};

const textOf = (key: string, options: string[]): string | undefined =>
  options.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);

const mapIfAny = (entries: Record<string, string> = {}): Map<string, string> | undefined =>
  Object.keys(entries).length > 0 ? new Map(Object.entries(entries)) : undefined;

/** Go's `omitempty`, of the fields and of what has none left. */
const withoutNothing = (options: Options) =>
  Object.fromEntries(
    Object.entries(options)
      .map(([name, fields]) => [name, Object.entries(fields).filter(([, value]) => value !== undefined)] as const)
      .filter(([, fields]) => fields.length > 0)
      .map(([name, fields]) => [name, Object.fromEntries(fields)]),
  );

/** What is mounted where: all but what `--tmpfs` has made. @param directory of the container. */
export const mountPoints = (mounts: MountRequest[], directory: string) =>
  mounts.filter((mount) => mount.type !== "tmpfs" || isBy(mount)).map((mount) => mountPoint(mount, directory));

function mountPoint(mount: MountRequest, directory: string) {
  const { type = "bind", source = "", destination, options = [] } = mount;
  const isVolume = type === "volume";
  const volume = directory.replace(/\/containers\/[^/]*$/, `/volumes/${source}`);
  return {
    Type: type,
    // Text that JSON leaves out where there is none, and a template of Docker's finds empty.
    Name: isVolume ? source : undefined,
    Source: isVolume ? dataOf(volume) : type === "tmpfs" ? "" : source,
    Destination: destination,
    Driver: isVolume ? "local" : undefined,
    Mode: isReadOnly(mount) && !isBy(mount) ? "ro" : "",
    RW: !isReadOnly(mount),
    Propagation: type === "bind" ? (options.find(isPropagation) ?? "rprivate") : "",
  };
}
