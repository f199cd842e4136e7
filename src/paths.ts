/** Where tinydocker keeps images, containers and run state, and has its configuration. Names only, nothing is touched. */

import { UsageError } from "./errors.ts";

/** The default state root; `--root DIR` or TINYDOCKER_ROOT choose another. */
export const defaultRoot = "/var/lib/tinydocker";

const defaultConfig = "/etc/tinydocker/config.json";

/** The configuration file; `--config FILE` or TINYDOCKER_CONFIG choose another, which has to be there. */
export function configFile(): { path: string; chosen: boolean } {
  const chosen = process.env.TINYDOCKER_CONFIG;
  if (!chosen) return { path: defaultConfig, chosen: false };
  return { path: chosen.startsWith("/") ? chosen : absolutePath(chosen, process.cwd()), chosen: true };
}

/** For this process and those that it starts. */
export function chooseConfig(path: string): void {
  process.env.TINYDOCKER_CONFIG = path;
}

/** Every path below one state root: each object is a directory or a JSON file of its own. */
export interface Paths {
  root: string;
  /** flock(2)ed while something is added to or collected from the store. */
  lock: string;
  /** Things being built: `staging/<random>/`, each flocked by its builder; what nobody locks is dead. */
  staging: string;
  /** Things being deleted: renamed here first, so that deleting is atomic for everybody else. */
  trash: string;
  blobs: string;
  /** Downloads that go on, or were cut off and can be resumed: a file per blob, flocked by whoever downloads or uses it. */
  partial: string;
  /** `<url-encoded name>/{tags,manifests,blobs}/`: what registries have beside images; made by who puts something there. */
  repositories: string;
  layers: string;
  /** Short symbolic links to layers, because mount(2) takes one page of options. */
  links: string;
  /** One record per image, named by its id: its layers, and that all of it is in the store. */
  images: string;
  refs: string;
  /** What a tar file on disk was loaded as: a record per real path, with device, inode, size and times. */
  sources: string;
  /** `<name>/{volume.json, _data/}`: what outlives containers. */
  volumes: string;
  /** `<name>/{secret.json, data}`: what nobody is to see but who is given it. */
  secrets: string;
  /** `<name>/{network.json, leases/<address>, names/<container>}`: networks, who has which address, and who is called how. */
  networks: string;
  containers: string;
  /** Where each container's mount namespace mounts its root: one empty directory serves all. */
  rootfs: string;
  /** `<hex of the id>/`: images that are mounted for the host to see. */
  mounts: string;
  /** One file for each container's name, with its id. */
  names: string;
  /** One file for each running container, locked by its monitor. */
  running: string;
  /** One file for each range of ids of a user namespace, with the containers that have it. */
  ids: string;
}

export function pathsOf(root: string): Paths {
  return {
    root,
    lock: `${root}/lock`,
    staging: `${root}/staging`,
    trash: `${root}/trash`,
    blobs: `${root}/blobs/sha256`,
    partial: `${root}/partial`,
    repositories: `${root}/repositories`,
    layers: `${root}/layers`,
    links: `${root}/l`,
    images: `${root}/images`,
    refs: `${root}/refs`,
    sources: `${root}/sources`,
    volumes: `${root}/volumes`,
    secrets: `${root}/secrets`,
    networks: `${root}/networks`,
    containers: `${root}/containers`,
    rootfs: `${root}/rootfs`,
    mounts: `${root}/mounts`,
    names: `${root}/names`,
    running: `${root}/running`,
    ids: `${root}/ids`,
  };
}

/** True for text that may have been something else before it was decoded: U+FFFD stands for what is not UTF-8. */
export const isDoubtful = (text: string): boolean => text.includes("\ufffd");

/** Empty, and nobody can make anything in it: where the binary goes when the working directory was deleted (helpers/unlinked.ts). */
export const nowhere = "/proc/tty/ldisc";

/** A path as seen from a directory: an absolute one stays what it is. */
export function absolutePath(path: string, cwd: string): string {
  if (path.startsWith("/")) return path;
  if (cwd === nowhere) throw new UsageError(`${path} leads nowhere: the working directory was deleted`, "cd elsewhere");
  if (isDoubtful(cwd))
    throw new UsageError(`the name of the working directory is not UTF-8: ${cwd}`, "give absolute paths");
  return `${cwd}/${path}`;
}
