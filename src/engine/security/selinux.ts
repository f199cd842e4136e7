/** SELinux on this host, and the labels of a new container. Loaded where it is on. */

import { readFileIfAny } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { containerOf } from "../../plan/process-options.ts";
import { type Contexts, type Labels, labelsFrom, randomLevel } from "../../plan/rare/selinux.ts";
import { type ContainerRecord, findContainer, listContainers } from "../record/container.ts";

/** What the policy has for containers where SELinux is on; undefined where none is loaded, or it has nothing. */
export function policyContexts(): Contexts | undefined {
  // Before a policy is loaded everything is the kernel's.
  const own = readFileIfAny("/proc/self/attr/current")?.replace(/\0$/, "").trim();
  if (!own || own === "kernel") return undefined;
  const policy = /^SELINUXTYPE=(\S+)/m.exec(readFileIfAny("/etc/selinux/config") ?? "")?.[1];
  const text = policy && readFileIfAny(`/etc/selinux/${policy}/contexts/lxc_contexts`);
  const context = (name: string) => new RegExp(`^${name}\\s*=\\s*"([^"]+)"`, "m").exec(text || "")?.[1];
  const [process, file] = [context("process"), context("file")];
  return process && file ? { process, file } : undefined;
}

/**
 * Labels for a container that is to be: as the one's whose processes or memory it shares, or with categories that no other has.
 * Undefined where it has the host's, is privileged, or was told to have none.
 */
export function newLabels(paths: Paths, { options }: ContainerRecord): Labels | undefined {
  const { security = {}, privileged, process } = options;
  if (privileged || security.labelDisabled || process?.pid === "host" || process?.ipc === "host") return undefined;
  const contexts = policyContexts();
  if (!contexts) return undefined;
  const shared = containerOf(process?.ipc) ?? containerOf(process?.pid);
  if (shared !== undefined) return findContainer(paths, shared).record.selinux;
  return labelsFrom(contexts, security.labels ?? [], unusedLevel(paths));
}

function unusedLevel(paths: Paths): string {
  const levels = listContainers(paths).map(({ record }) => levelOf(record.selinux?.process));
  for (;;) {
    const level = randomLevel((limit) => Math.floor(Math.random() * limit));
    if (!levels.includes(level)) return level;
  }
}

const levelOf = (label = ""): string => label.split(":").slice(3).join(":");
