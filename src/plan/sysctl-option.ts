/** `--sysctl`: which settings of the kernel a container may have of its own. Pure. */

import { UsageError } from "../errors.ts";
import { type NetworkOptions, networkMode } from "./network/options.ts";
import type { ProcessOptions } from "./process-options.ts";
import { sysctlName, withSlashes } from "./sysctl.ts";

/** Which namespace a setting belongs to. */
const namespaces: [pattern: RegExp, namespace: "network" | "ipc" | "uts"][] = [
  [/^net\//, "network"],
  [
    /^kernel\/(msgmax|msgmnb|msgmni|msg_next_id|sem|sem_next_id|shmall|shmmax|shmmni|shm_next_id|shm_rmid_forced)$/,
    "ipc",
  ],
  [/^fs\/mqueue\//, "ipc"],
  [/^kernel\/domainname$/, "uts"],
];

/** `--sysctl net.ipv4.ip_forward=1`; a name may be written with slashes too, where a device's name has dots. */
export function parseSysctl(text: string): [name: string, value: string] {
  const equals = text.indexOf("=");
  const [written, value] = [text.slice(0, equals), text.slice(equals + 1)];
  if (equals <= 0)
    throw new UsageError(`--sysctl: ${JSON.stringify(text)} is not NAME=value`, "net.core.somaxconn=1024");
  if (/[\0\n]/.test(value)) throw new UsageError(`--sysctl ${written}: the value has a NUL or a line break in it`);
  return [parseSysctlName(written), value];
}

function parseSysctlName(name: string): string {
  const path = withSlashes(name);
  if (!/^[\w.@:+-]+(\/[\w.@:+-]+)+$/.test(path) || path.split("/").some((part) => /^\.{1,2}$/.test(part)))
    throw new UsageError(`--sysctl: ${JSON.stringify(name)} is not the name of a setting`, "as in net.core.somaxconn");
  return path;
}

/** Refuses what is not the container's own to set. */
export function checkSysctls(process: ProcessOptions, network: NetworkOptions): void {
  for (const name of Object.keys(process.sysctls ?? {})) {
    const shown = sysctlName(name);
    const namespace = namespaces.find(([pattern]) => pattern.test(name))?.[1];
    if (name === "kernel/hostname") throw new UsageError(`--sysctl: ${shown} is what --hostname sets`);
    if (!namespace)
      throw new UsageError(
        `--sysctl: ${shown} is not a setting of a namespace: it would change the whole host`,
        "those of a container are net.*, fs.mqueue.*, kernel.msg*, kernel.sem and kernel.shm*",
      );
    const shared = sharedBy(namespace, process, network);
    if (shared)
      throw new UsageError(
        `--sysctl: ${shown} and ${shared} cannot be combined: the setting is not the container's own`,
      );
  }
}

/** The option by which a container has somebody else's namespace. */
function sharedBy(namespace: "network" | "ipc" | "uts", { ipc, uts }: ProcessOptions, network: NetworkOptions) {
  if (namespace === "network")
    return network.mode === "host" || network.mode === "container" ? `--network ${networkMode(network)}` : undefined;
  if (namespace === "uts") return uts && `--uts ${uts}`;
  return ipc === "host" || ipc?.startsWith("container:") ? `--ipc ${ipc}` : undefined;
}
