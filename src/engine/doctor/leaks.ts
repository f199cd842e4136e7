/**
 * What should not be there: left behind by processes that were killed, by a power cut, or by somebody's hand in the state root.
 * What belongs to another state root, or to nobody that we know, is left alone; and so is what somebody is just making.
 */

import { collectGarbage } from "../../image/garbage.ts";
import { emptyTrash } from "../../image/staging.ts";
import { findCgroup2, removeEmptyCgroup } from "../../linux/cgroup.ts";
import { realTime } from "../../linux/clock.ts";
import { readdir } from "../../linux/directory.ts";
import { O_RDONLY, openIfAny, owned, readFileIfAny } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { umount2 } from "../../linux/mount.ts";
import { unlink } from "../../linux/names.ts";
import { readMountinfo } from "../../linux/proc/mountinfo.ts";
import { fstat, stat, statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { commonCgroup } from "../../plan/cgroup.ts";
import { removeContainerCgroup } from "../../runtime/container-cgroup.ts";
import { recover } from "../container/recover.ts";
import {
  type Container,
  directoryOf,
  isAlive,
  isRecorded,
  isUp,
  listContainers,
  readContainer,
} from "../record/container.ts";
import { isLockFile } from "../record/monitor-lock.ts";
import { usersOfVolumes } from "../record/volume.ts";
import { type Finding, fine, lacking, repairable } from "./finding.ts";

/** One finding for each thing that is left; where there is none of a kind, one that says so. */
export function findLeaks(paths: Paths): Finding[] {
  const all: [check: string, found: Finding[]][] = [
    ["monitors", deadMonitors(paths)],
    ["names", strayNames(paths)],
    ["cgroups", strayCgroups(paths)],
    ["mounts", strayMounts(paths)],
    ["staging", deadStaging(paths)],
    ["trash", trash(paths)],
  ];
  return all.flatMap(([check, found]) => (found.length > 0 ? found : [fine(check, "nothing is left behind")]));
}

const short = (id: string): string => id.slice(0, 12);

/** Files of `running` that nobody holds. */
function deadMonitors(paths: Paths): Finding[] {
  return (readdir(paths.running) ?? []).flatMap((name): Finding[] => {
    if (!isFree(`${paths.running}/${name}`)) return [];
    if (!isLockFile(name))
      return [repairable("monitors", `a change of container ${short(name)} was interrupted`, () => recover(paths))];
    const container = readContainer(paths, name);
    if (container && isAlive(container.state))
      return [
        lacking(
          "monitors",
          `container ${container.record.name} runs without its monitor`,
          `tinydocker restart ${container.record.name}`,
        ),
      ];
    return [
      repairable("monitors", `the monitor of container ${short(name)} was killed, and left something`, () =>
        recover(paths),
      ),
    ];
  });
}

/** True for a file or directory that nobody has locked. */
function isFree(path: string): boolean {
  using opened = owned(openIfAny(path, O_RDONLY));
  return opened !== undefined && flock(opened.fd, { wait: false }) && fstat(opened.fd).nlink > 0;
}

/** Names of containers that are not there. Whoever makes one has its lock file first. */
function strayNames(paths: Paths): Finding[] {
  return (readdir(paths.names) ?? []).flatMap((name): Finding[] => {
    const path = `${paths.names}/${name}`;
    const id = readFileIfAny(path);
    if (id === undefined) return [];
    const isStray = () =>
      !statIfAny(`${paths.running}/${id}`) &&
      (id === "" || !statIfAny(directoryOf(paths, id))) &&
      readFileIfAny(path) === id;
    // Of one that has written nothing yet nobody knows whose it is; it has done so in a moment.
    if (!isStray() || (id === "" && isYoung(path))) return [];
    return [
      repairable("names", `the name ${name} is of no container`, () => {
        if (isStray()) unlink(path);
      }),
    ];
  });
}

const youngS = 60;
/** Younger than everything that somebody is just making. */
const isYoung = (path: string): boolean =>
  realTime().seconds - Number((statIfAny(path)?.mtimeNs ?? 0n) / 1_000_000_000n) < youngS;

/** Cgroups of containers of ours that have ended; and empty ones of whoever, which no process can be started in any more. */
function strayCgroups(paths: Paths): Finding[] {
  const common = `${findCgroup2()?.mountPoint}${commonCgroup}`;
  const running = new Set(listContainers(paths, "running").map(({ state }) => state.cgroup));
  const ended = new Map(
    listContainers(paths)
      .filter((container) => !isUp(container) && container.state.cgroup !== undefined)
      .map((container): [string, Container] => [container.state.cgroup!, container]),
  );
  const below = (readdir(common, "directories") ?? []).map((name) => `${common}/${name}`);
  return [...new Set([...below, ...ended.keys()])].flatMap((cgroup): Finding[] => {
    if (!statIfAny(cgroup) || running.has(cgroup)) return [];
    const isEmpty = readFileIfAny(`${cgroup}/cgroup.events`)?.includes("populated 0") ?? false;
    const container = ended.get(cgroup);
    if (container && !statIfAny(`${paths.running}/${container.record.id}`))
      return [
        repairable(
          "cgroups",
          `container ${container.record.name} has ended, and its cgroup ${isEmpty ? "is" : "has processes"} still there`,
          () => removeContainerCgroup(cgroup),
        ),
      ];
    if (container || !isEmpty || isYoung(cgroup)) return [];
    return [repairable("cgroups", `the cgroup ${cgroup} is of nobody`, () => removeEmptyCgroup(cgroup))];
  });
}

/** Mounts below the state root of what is not there, or is used by nobody. */
function strayMounts(paths: Paths): Finding[] {
  const users = usersOfVolumes(paths);
  const isStray = (point: string): boolean => {
    const [kind, name, part] = point.slice(paths.root.length + 1).split("/") as [string, string?, string?];
    if (kind === "rootfs") return true;
    if (kind === "containers" && part === "merged") return !isRecorded(paths, name!);
    if (kind === "volumes" && part === "_data") return !users(name!).some(isUp);
    return false;
  };
  return readMountinfo()
    .map(({ point }) => point)
    .filter((point) => point.startsWith(`${paths.root}/`) && isStray(point))
    .map((point) => repairable("mounts", `${point} is mounted for nobody`, () => umount2(point)));
}

/** What loads, imports and the like have left that were killed. */
function deadStaging(paths: Paths): Finding[] {
  return (readdir(paths.staging) ?? [])
    .filter((name) => isFree(`${paths.staging}/${name}`) && stat(`${paths.staging}/${name}`).type === "directory")
    .map((name) =>
      repairable("staging", `staging/${name} was being made by somebody who was killed`, () => collectGarbage(paths)),
    );
}

function trash(paths: Paths): Finding[] {
  const count = (readdir(paths.trash) ?? []).filter((name) => !isYoung(`${paths.trash}/${name}`)).length;
  return count === 0 ? [] : [repairable("trash", `${count} removed trees still take room`, () => emptyTrash(paths))];
}
