/** Whose files of credentials count, and where they are: behind sudo those of the user who called it, and root's. */

import { UsageError } from "../errors.ts";
import { readFileIfAny } from "../linux/file.ts";

type Environment = Record<string, string | undefined>;

/** Whose home it is. */
export interface Person {
  home: string;
  /** Undefined for who runs us. */
  uid?: number;
  gid?: number;
}

export interface AuthPlace {
  path: string;
  person: Person;
}

/** Who called sudo, if somebody did; only root believes it. */
export function callerOf(environment: Environment, isRoot = process.geteuid?.() === 0): Person | undefined {
  const [uid, gid] = [idOf(environment.SUDO_UID), idOf(environment.SUDO_GID)];
  if (!isRoot || uid === undefined || gid === undefined || uid === 0) return undefined;
  const line = (readFileIfAny("/etc/passwd") ?? "").split("\n").find((one) => one.split(":")[2] === String(uid));
  const home = line?.split(":")[5];
  return home?.startsWith("/") ? { home, uid, gid } : undefined;
}

const idOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;

/** All that are read, the first first. REGISTRY_AUTH_FILE and DOCKER_CONFIG leave the others out. */
export function authPlaces(environment: Environment): AuthPlace[] {
  const own: Person = { home: environment.HOME || "/root" };
  const { REGISTRY_AUTH_FILE: file, DOCKER_CONFIG: directory } = environment;
  if (file) return [{ path: absolute("REGISTRY_AUTH_FILE", file), person: own }];
  if (directory) return [{ path: `${absolute("DOCKER_CONFIG", directory)}/config.json`, person: own }];
  const caller = callerOf(environment);
  const people = [...(caller ? [caller] : []), ...(caller?.home === own.home ? [] : [own])];
  const runtime = caller ? `/run/user/${caller.uid}` : environment.XDG_RUNTIME_DIR;
  const containers = environment.XDG_CONFIG_HOME && !caller ? [`${environment.XDG_CONFIG_HOME}/containers`] : [];
  return [
    ...people.map((person) => ({ path: `${person.home}/.docker/config.json`, person })),
    // podman's.
    ...(runtime ? [{ path: `${runtime}/containers/auth.json`, person: people[0]! }] : []),
    ...(process.geteuid?.() === 0 ? [{ path: "/run/containers/0/auth.json", person: own }] : []),
    ...containers.map((path) => ({ path: `${path}/auth.json`, person: own })),
    ...people.map((person) => ({ path: `${person.home}/.config/containers/auth.json`, person })),
  ];
}

function absolute(name: string, path: string): string {
  if (path.startsWith("/")) return path.replace(/\/+$/, "") || "/";
  throw new UsageError(`${name} is not an absolute path: ${path}`);
}
