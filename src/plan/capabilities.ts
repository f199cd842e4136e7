/** Which capabilities a container has: Docker's by default, and what was asked for. Pure. */

import { UnsupportedError, UsageError } from "../errors.ts";
import { capabilityNames } from "../oci/capabilities.ts";
import type { RunOptions } from "./options.ts";

/** Capabilities of root in a container that got no others (Docker's list). */
export const defaultCapabilities = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** Those that root has inside. @throws UsageError for a name that is none, UnsupportedError for one that we have not got. */
export function planCapabilities(
  { privileged, capAdd, capDrop, userns }: RunOptions,
  host: { capabilities: string[] },
): string[] {
  const all: readonly string[] = capabilityNames;
  // In a user namespace of its own root has them all.
  const own = userns ? all : host.capabilities;
  const add = capAdd.map((text) => capabilityName("--cap-add", text));
  const drop = capDrop.map((text) => capabilityName("--cap-drop", text));
  const base = privileged || add.includes("ALL") ? all : drop.includes("ALL") ? [] : defaultCapabilities;
  const wanted = new Set([...base, ...add.filter((name) => name !== "ALL")]);
  for (const name of drop) if (!add.includes(name)) wanted.delete(name);
  const lacking = add.find((name) => name !== "ALL" && !own.includes(name));
  if (lacking) throw new UnsupportedError(`cannot add ${lacking}: root has not got it itself here`);
  return all.filter((name) => wanted.has(name) && own.includes(name));
}

/** As with podman: what was asked for by name counts for every user, and what root has by default for root. */
export function planAdded({ capAdd }: RunOptions, capabilities: string[]): { unlessRoot?: string[] } {
  if (capAdd.length === 0) return {};
  const add = capAdd.map((text) => capabilityName("--cap-add", text));
  return { unlessRoot: add.includes("ALL") ? capabilities : capabilities.filter((name) => add.includes(name)) };
}

/** `net_admin`, `NET_ADMIN` and `CAP_NET_ADMIN` are one; so is `all`. */
function capabilityName(option: string, text: string): string {
  const name = text.toUpperCase();
  if (name === "ALL" || name === "CAP_ALL") return "ALL";
  const full = name.startsWith("CAP_") ? name : `CAP_${name}`;
  if (!(capabilityNames as readonly string[]).includes(full)) {
    throw new UsageError(`${option}: unknown capability ${JSON.stringify(text)}`, "see capabilities(7) for the names");
  }
  return full;
}
