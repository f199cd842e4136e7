/** SELinux: which labels a container has, and where they go in its spec. Loaded where it is on. Pure. */

import type { Mount, Spec } from "../../oci/spec.ts";
import { relabelOption, secretOption } from "./mount-options.ts";

/** Contexts, as `user:role:type:level`. */
export interface Labels {
  /** Of its processes. */
  process: string;
  /** Of its files. */
  mount: string;
}

/** The policy's own, for containers. */
export interface Contexts {
  process: string;
  file: string;
}

/** What `label=` takes with a value. Those but the last are parts of a context, in their order. */
export const labelWords = ["user", "role", "type", "level", "filetype"] as const;
export type LabelWord = (typeof labelWords)[number];

const parts = ["user", "role", "type", "level"] as const;

/**
 * The labels of one container. @param words what `label=` says, as `type:svirt_t`; of what is said twice the last counts.
 * @param level that no other container has; where the policy's contexts have none, it is none.
 */
export function labelsFrom({ process, file }: Contexts, words: readonly string[], level: string): Labels {
  const said: Partial<Record<LabelWord, string>> = Object.fromEntries(words.map(splitWord));
  const hasLevels = process.split(":").length > 3;
  const levels = hasLevels ? { level: said.level ?? level } : {};
  const { user } = said;
  const { level: _, ...parts } = said;
  return {
    process: withParts(process, { ...parts, ...levels }),
    mount: withParts(file, { ...levels, ...(user && { user }), ...(said.filetype && { type: said.filetype }) }),
  };
}

/** At the first colon: a level has some of its own. */
export function splitWord(text: string): [name: string, value: string] {
  const colon = text.indexOf(":");
  return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
}

function withParts(context: string, changes: Partial<Record<(typeof parts)[number], string>>): string {
  const [user = "", role = "", type = "", ...level] = context.split(":");
  const own = { user, role, type, level: level.join(":") };
  return parts
    .map((part) => changes[part] ?? own[part])
    .filter(Boolean)
    .join(":");
}

/** A context for files of all containers: the categories keep those of one apart. */
export const sharedLabel = (label: string): string => withParts(label, { level: label.split(":")[3] ?? "" });

/** Two categories of 1024, one below the other, as the level of a container. @param below a random number below another */
export function randomLevel(below: (limit: number) => number): string {
  const first = below(categories);
  const second = below(categories - 1);
  const [low, high] = second < first ? [second, first] : [first, second + 1];
  return `s0:c${low},c${high}`;
}

const categories = 1024;

/**
 * File systems of a container's own, which have no labels but those that they are mounted with. That of message queues is made
 * with the namespace, and takes none any more.
 */
const labelled = new Set(["overlay", "tmpfs", "devpts"]);

/**
 * A spec whose processes and files have these labels.
 * @param nested what is inside may label its files itself. @param volumes directory of those that tinydocker has made
 */
export function withLabels(spec: Spec, { process, mount }: Labels, nested: boolean, volumes: string): Spec {
  const all = spec.mounts.map((one) => (one.source?.startsWith(`${volumes}/`) ? labelVolume(one) : one));
  const labelledMounts = all.map((one) => (nested && one.destination !== "/" ? one : labelMount(one, mount)));
  const mounts = nested ? [...labelledMounts, selinuxfs] : labelledMounts;
  return {
    ...spec,
    process: { ...spec.process, selinuxLabel: process },
    mounts,
    linux: { ...spec.linux, mountLabel: mount },
  };
}

function labelMount(mount: Mount, label: string): Mount {
  const { type = "", destination, options = [] } = mount;
  if (!labelled.has(type) || (type === "overlay" && destination !== "/")) return mount;
  // That of secrets is made by the host's side.
  const isMade = options.some((option) => option.startsWith(`${secretOption}=`));
  return { ...mount, options: [...options, isMade ? `${relabelOption}=private` : `context=${label}`] };
}

/** A volume is for all containers, unless somebody says otherwise. */
function labelVolume(mount: Mount): Mount {
  const { options = [] } = mount;
  if (options.some((option) => option.startsWith(`${relabelOption}=`))) return mount;
  return { ...mount, options: [...options, `${relabelOption}=volume`] };
}

/** Where a process sees that SELinux is on, and asks it. */
const selinuxfs: Mount = {
  destination: "/sys/fs/selinux",
  type: "bind",
  source: "/sys/fs/selinux",
  options: ["rbind", "rw", "nosuid", "noexec"],
};

/** What a source with all that is in it is to be; `unlessTop`: nothing is done where the source itself is that. */
export interface Relabel {
  of: string;
  unlessTop?: true;
}

/** How the source of a bind mount is to be labelled: as the container's own (`Z`), or as that of all (`z`, and volumes). */
export function planLabel(options: readonly string[], label: string): { label?: Relabel } {
  const how = options.find((option) => option.startsWith(`${relabelOption}=`))?.slice(relabelOption.length + 1);
  if (how === undefined) return {};
  if (how === "private") return { label: { of: label } };
  return { label: { of: sharedLabel(label), ...(how === "volume" && { unlessTop: true as const }) } };
}
