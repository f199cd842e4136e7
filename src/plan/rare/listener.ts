/**
 * Agents that decide about system calls: what SCMP_ACT_NOTIFY comes to, and what an agent is told. Pure.
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config-linux.md#containerprocessstate
 */

import type { Seccomp } from "../../oci/seccomp.ts";
import { ociVersion } from "../../oci/version.ts";

/** What a process says on the sync socket when it has the descriptor, and where the number of that stands. */
export const listenerByte = "s";
export const listenerBytes = 8;
export const listenerNumber = 4;

/** The container that a process is in, as an agent is told of it. */
export interface Place {
  id: string;
  /** Of its config.json. */
  directory: string;
  /** What the container is at that moment, to the specification; "creating" if absent. */
  status?: "created" | "running";
}

/** Who hears of the calls of a process. */
export interface Listener {
  /** A socket of the host's that the agent listens at. */
  path: string;
  /** The agent's own: it is handed on as it is. */
  metadata?: string;
  annotations?: Record<string, string>;
  container: Place;
}

/** @returns undefined where no rule reports: then nobody listens, whatever the profile says. */
export function listenerOf(
  { listenerPath: path, listenerMetadata, syscalls = [] }: Seccomp,
  { id, directory, status }: Place,
  annotations?: Record<string, string>,
): Listener | undefined {
  if (path === undefined || !syscalls.some(({ action }) => action === "SCMP_ACT_NOTIFY")) return undefined;
  return {
    path,
    ...(listenerMetadata !== undefined && { metadata: listenerMetadata }),
    ...(annotations && { annotations }),
    container: { id, directory, ...(status && { status }) },
  };
}

/**
 * The "container process state", as JSON: what an agent gets beside the descriptor.
 * @param pid of the process whose calls are reported. @param first of the container, by the host's number.
 */
export function processState({ metadata, annotations, container }: Listener, pid: number, first: number): string {
  const { id, directory: bundle, status = "creating" } = container;
  return JSON.stringify({
    ociVersion,
    fds: ["seccompFd"],
    pid,
    ...(metadata !== undefined && { metadata }),
    state: { ociVersion, id, status, pid: first, bundle, ...(annotations && { annotations }) },
  });
}

/** The same rules for a process whose calls nobody hears of: it may make what others ask about. */
export const unreported = ({ syscalls = [], ...rest }: Seccomp): Seccomp => ({
  ...rest,
  syscalls: syscalls.map(({ action, ...rule }) => ({
    ...rule,
    action: action === "SCMP_ACT_NOTIFY" ? "SCMP_ACT_ALLOW" : action,
  })),
});
