/** Option values of `--volume`, `--tmpfs` and `--volumes-from`. Strict, and checked before anything is touched. Pure. */

import type { VolumesFrom } from "../../engine/container/request.ts";
import { UsageError } from "../../errors.ts";
import type { MountRequest } from "../../plan/mounts.ts";
import { parseTarget } from "../../plan/path.ts";
import {
  byMountOption,
  chownOption,
  createSourceOption,
  idmapOption,
  nocopyOption,
  relabelOption,
} from "../../plan/rare/mount-options.ts";
import { parseMount } from "./mount.ts";
import { asHostPath, volumeSource } from "./mount-source.ts";
import { parseTmpfs } from "./tmpfs.ts";

/** Who calls, and from where. */
export interface Caller {
  cwd: string;
  uid: number;
  gid: number;
}

/** The user behind sudo(8), if there is one. */
export function callerOf(env: Record<string, string | undefined>): Caller {
  const id = (name: string, own: number) => (own === 0 && /^\d{1,10}$/.test(env[name] ?? "") ? Number(env[name]) : own);
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  // The group of root who became root by sudo is 0 too.
  return { cwd: process.cwd(), uid: id("SUDO_UID", uid), gid: id("SUDO_GID", gid) };
}

/** Other drivers are programs of others, which none of ours talks to. */
export function checkVolumeDriver(option: string, driver: string): void {
  if (driver !== "local")
    throw new UsageError(`${option}: ${JSON.stringify(driver)} is not supported`, "the only driver is local");
}

/** Mounts of all options together: no two on one target. */
export function parseMounts(
  words: { volume: string[]; mount: string[]; tmpfs: string[] },
  caller: Caller,
): MountRequest[] {
  const mounts = [
    ...words.volume.map((text) => parseVolume(text, caller)),
    ...words.mount.map((text) => noted(parseMount(text, caller.cwd))),
    ...words.tmpfs.map(parseTmpfs),
  ];
  const seen = new Set<string>();
  for (const { destination } of mounts) {
    if (seen.has(destination)) throw new UsageError(`two mounts on ${destination}`, "each needs its own target");
    seen.add(destination);
  }
  return mounts;
}

const noted = (mount: MountRequest): MountRequest => ({
  ...mount,
  options: [...(mount.options ?? []), byMountOption],
});

const anyOption = /^(ro|rw|z|Z|U|nosuid|nodev|noexec|consistent|cached|delegated)$/;
const bindOption = /^(me|idmap|r?bind|r?(private|shared|slave))$/;
/** Accepted for Docker's sake: it is for macOS. */
const withoutEffect = /^(consistent|cached|delegated)$/;

/**
 * `--volume HOST:CONTAINER[:OPTION,...]`: a bind mount; its directory is made on the host if it is not there.
 * `NAME:CONTAINER[:OPTION,...]` is a volume, and `CONTAINER` alone one without a name.
 */
export function parseVolume(text: string, caller: Caller): MountRequest {
  const [first = "", second, third = "", more] = text.split(":");
  const [source, target] = second === undefined ? ["", first] : [first, second];
  if (more !== undefined || target === "" || (second !== undefined && source === ""))
    throw new UsageError(`--volume: ${JSON.stringify(text)} is not HOST:CONTAINER[:OPTIONS]`);
  const destination = parseTarget("--volume", target);
  const path = asHostPath(source, caller.cwd);
  const words = third.split(",").filter(Boolean);
  const known = (word: string) => anyOption.test(word) || (path ? bindOption.test(word) : word === nocopyOption);
  const unknown = words.find((word) => !known(word));
  if (unknown !== undefined) {
    const hint = path
      ? "ro, rw, U, me, idmap or a propagation"
      : "ro, rw, U or nocopy; others are for directories of the host";
    throw new UsageError(`--volume: unknown option ${JSON.stringify(unknown)} in ${text}`, hint);
  }
  for (const [one, other] of [
    ["ro", "rw"],
    ["U", "me"],
    ["me", "idmap"],
    ["U", "ro"],
    ["z", "Z"],
  ] as const)
    if (words.includes(one) && words.includes(other))
      throw new UsageError(`--volume: both ${one} and ${other} in ${text}`);
  const options = words.filter((word) => !withoutEffect.test(word)).map((word) => spelledOut(word, caller));
  if (path === undefined) return { destination, type: "volume", ...volumeSource("--volume", source), options };
  if (words.includes("U")) refuseSystemDirectory(path);
  return { destination, type: "bind", source: path, options: [...options, createSourceOption] };
}

const spelledOut = (word: string, { uid, gid }: Caller): string =>
  spelledOutWords[word] ?? (word === "me" ? `${idmapOption}=${uid}:${gid}` : word);

const spelledOutWords: Record<string, string> = {
  U: chownOption,
  z: `${relabelOption}=shared`,
  Z: `${relabelOption}=private`,
};

const systemDirectories = new Set(
  "/ /bin /boot /dev /etc /home /lib /lib64 /opt /proc /root /run /sbin /srv /sys /tmp /usr /var".split(" "),
);

/** A slip of the pen must not give the host away. */
function refuseSystemDirectory(path: string): void {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  const clean = `/${parts.join("/")}`;
  if (systemDirectories.has(clean))
    throw new UsageError(`--volume: option U would give ${clean} of this host to the container's user`);
}

/** `--volumes-from CONTAINER[:ro|rw]`. */
export function parseVolumesFrom(text: string): VolumesFrom {
  const [container = "", mode = "rw", more] = text.split(":");
  if (container === "" || more !== undefined || !/^(ro|rw|z|Z)$/.test(mode))
    throw new UsageError(`--volumes-from: ${JSON.stringify(text)} is not CONTAINER[:ro|rw]`);
  return { container, readOnly: mode === "ro" };
}
