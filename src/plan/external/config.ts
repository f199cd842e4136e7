/** The last words of a bundle, which nobody knows before the container is about to be made: users, namespaces. Pure. */

import type { NamespaceType, Process, Spec } from "../../oci/spec.ts";

/** Who the program runs as. */
export interface ProcessIdentity {
  uid: number;
  gid: number;
  groups: number[];
  home: string;
}

/** @param namespaces paths of those that are not new: by their types. */
export function completeConfig(
  config: Spec,
  identity: ProcessIdentity,
  namespaces: Partial<Record<NamespaceType, string>>,
): Spec {
  const { linux } = config;
  return {
    ...config,
    process: completeProcess(config.process, identity),
    linux: {
      ...linux,
      namespaces: linux.namespaces.map(({ type }) => {
        const path = namespaces[type];
        return path === undefined ? { type } : { type, path };
      }),
    },
  };
}

const defaultUmask = 0o022;

/** A process with its user in numbers, as the specification has it, and nothing that only we know. */
export function completeProcess(process: Process, { uid, gid, groups, home }: ProcessIdentity): Process {
  const { capabilities, env } = process;
  return {
    ...process,
    // Its own group is one of them, so that what forbids a group something forbids it (CVE-2022-36109).
    user: { uid, gid, umask: process.user.umask ?? defaultUmask, additionalGids: groups },
    env: env.some((entry) => entry.startsWith("HOME=")) ? env : [...env, `HOME=${home}`],
    ...(capabilities && { capabilities: capabilitiesOf(capabilities, uid) }),
  };
}

/** Who is not root loses all at execve(2) that is not ambient. */
function capabilitiesOf(
  { unlessRoot = [], ...all }: NonNullable<Process["capabilities"]>,
  uid: number,
): NonNullable<Process["capabilities"]> {
  if (uid === 0 || unlessRoot.length === 0) return all;
  return { ...all, effective: unlessRoot, permitted: unlessRoot, inheritable: unlessRoot, ambient: unlessRoot };
}
