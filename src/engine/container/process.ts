/** What `--pid`, `--ulimit`, `--tz` and the like need to know of this host and of other containers. Loaded for those that ask. */

import { ConflictError, NotFoundError } from "../../errors.ts";
import { close, type Fd, O_RDONLY, open, owned, readFile, readFileIfAny } from "../../linux/file.ts";
import { openProcess } from "../../linux/proc.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Spec } from "../../oci/spec.ts";
import type { Paths } from "../../paths.ts";
import type { RunOptions } from "../../plan/options.ts";
import { planProcess, type SharedPaths } from "../../plan/process.ts";
import { containerOf, type ProcessOptions, type SharedNamespace } from "../../plan/process-options.ts";
import type { HostFacts } from "../../plan/spec.ts";
import { type ContainerRecord, findContainer, readContainer } from "../record/container.ts";

/** The spec with what was asked for. @throws UnsupportedError, or NotFoundError for a time zone, if this host lacks it. */
export function applyProcessOptions(spec: Spec, options: RunOptions, host: HostFacts, shared?: SharedPaths): Spec {
  const { timezone } = options.process ?? {};
  const facts = {
    hardLimits: host.hardLimits,
    maxFiles: Number(readFile("/proc/sys/fs/nr_open")),
    ...(timezone !== undefined && { zone: zoneFile(timezone) }),
  };
  return planProcess(spec, options, facts, shared);
}

/** The file of a time zone, which is shown as the container's /etc/localtime: the image needs no zones of its own. */
function zoneFile(timezone: string): string {
  const path = timezone === "local" ? "/etc/localtime" : `/usr/share/zoneinfo/${timezone}`;
  // tzfile(5)
  if (statIfAny(path)?.type === "file" && readFileIfAny(path)?.startsWith("TZif")) return path;
  const hint = "zones are the files of /usr/share/zoneinfo, of the package tzdata";
  if (timezone === "local") throw new NotFoundError("--tz local: this host has no /etc/localtime", "--tz UTC");
  throw new NotFoundError(`--tz: this host has no time zone ${timezone}`, hint);
}

/** Containers by their ids, as they may be renamed. @throws NotFoundError */
export function resolveShared(paths: Paths, options: ProcessOptions): ProcessOptions {
  const resolve = (mode: SharedNamespace): SharedNamespace => {
    const name = containerOf(mode);
    return name === undefined ? mode : `container:${findContainer(paths, name).record.id}`;
  };
  const { pid, ipc } = options;
  const other = containerOf(ipc);
  if (other !== undefined) refusePrivate(findContainer(paths, other).record);
  return {
    ...options,
    ...(pid && { pid: resolve(pid) }),
    ...(ipc && other !== undefined && { ipc: resolve(ipc as SharedNamespace) }),
  };
}

/** As Docker's: shared memory is shared with those who were told so. */
function refusePrivate({ name, options: { process } }: ContainerRecord): void {
  if (process?.ipc === "shareable" || containerOf(process?.ipc) !== undefined || process?.ipc === "host") return;
  throw new ConflictError(
    `the ipc namespace of container ${name} is its own`,
    `run ${name} with --ipc shareable to share it`,
  );
}

/** The namespaces of others that a start shares, held open: they stay the same ones, whatever becomes of their owners. */
export interface SharedNamespaces extends Disposable {
  paths: SharedPaths;
}

/** @throws ConflictError where a container is not running. */
export function openShared(paths: Paths, { name, options }: ContainerRecord): SharedNamespaces {
  const { pid, ipc } = options.process ?? {};
  const held: Fd[] = [];
  const hold = (option: string, mode: string | undefined, namespace: "pid" | "ipc" | "mnt" | "user") => {
    const id = containerOf(mode);
    if (id === undefined) return undefined;
    const fd = openNamespace(paths, name, option, id, namespace);
    held.push(fd);
    // Whoever starts the container opens it by this name while we wait for it.
    return `/proc/${process.pid}/fd/${fd}`;
  };
  const release = () => held.forEach(close);
  try {
    const found = {
      pid: hold("--pid", pid, "pid"),
      ipc: hold("--ipc", ipc, "ipc"),
      ipcMounts: hold("--ipc", ipc, "mnt"),
      user: hold("--userns", options.userns?.container && `container:${options.userns.container}`, "user"),
    };
    const known = Object.entries(found).filter(([, path]) => path !== undefined);
    return { paths: Object.fromEntries(known) as SharedPaths, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

function openNamespace(paths: Paths, name: string, option: string, id: string, namespace: string): Fd {
  const target = readContainer(paths, id);
  const first = target?.state.status === "running" ? target.state.process : undefined;
  using before = owned(first && openProcess(first));
  if (!target || !first || !before) {
    const other = target?.record.name ?? id.slice(0, 12);
    throw new ConflictError(
      `${name} has a namespace of container ${other} (${option}), which is not running`,
      target && `tinydocker start ${other}`,
    );
  }
  using opened = owned(open(`/proc/${first.pid}/ns/${namespace}`, O_RDONLY));
  // It is still the same process, so that was its namespace.
  using after = owned(openProcess(first));
  if (after === undefined) throw new ConflictError(`container ${target.record.name} has ended`);
  return opened.handOff();
}
