/** The parent of a macvlan or ipvlan network: a device of the host, chosen by `-o parent=`. Pure. */

import { ConflictError, NotFoundError, UsageError } from "../../errors.ts";
import type { Network, Parent } from "./network.ts";

/** What was asked for. */
export interface AskedParent {
  kind: Parent["kind"];
  /** Without one the containers reach each other, and nobody else. */
  device?: string;
  mode: string;
  flag?: string;
}

/** `eth0.50`: a VLAN of a device, by its number. */
export function parseVlan(name: string): { base: string; id: number } | undefined {
  const [, base, digits] = /^(.+)\.([1-9]\d{0,3})$/.exec(name) ?? [];
  const id = Number(digits);
  return base !== undefined && id <= 4094 ? { base, id } : undefined;
}

/** @param id of the network. @param exists whether the host has a device. */
export function planParent(
  asked: AskedParent,
  id: string,
  others: Network[],
  exists: (device: string) => boolean,
): Parent {
  const { kind, device = `dm-${id.slice(0, 12)}`, mode, flag } = asked;
  const parent: Parent = { kind, device, mode, ...(flag !== undefined && { flag }) };
  if (asked.device === undefined) return { ...parent, made: "dummy" };
  if (device === "lo") throw new UsageError("--opt: parent=lo: a loopback device leads nowhere", "parent=eth0");
  const sharing = others.filter((other) => other.parent?.device === device);
  for (const other of sharing) refuseClash(parent, other);
  if (sharing.some((other) => other.parent!.made)) return { ...parent, made: "vlan" };
  if (exists(device)) return parent;
  const vlan = parseVlan(device);
  if (vlan && exists(vlan.base)) return { ...parent, made: "vlan" };
  const missing = vlan ? `neither ${device} nor ${vlan.base}` : `no network device ${device}`;
  throw new NotFoundError(
    `--opt: parent=${device}: this host has ${missing}`,
    "`ip link` lists what it has; eth0.50 is VLAN 50 of eth0",
  );
}

/** What one device can't be at the same time. */
function refuseClash({ kind, device, mode }: Parent, { name, parent }: Network): void {
  const is = `the device ${device} is that of ${parent!.kind} network ${name} (${parent!.mode})`;
  if (kind !== parent!.kind) throw new ConflictError(`${is}: it can't be of ${kind} too`);
  if (mode === "passthru" || parent!.mode === "passthru")
    throw new ConflictError(`${is}: with passthru it is of one network alone`);
  if (kind === "ipvlan" && mode !== parent!.mode)
    throw new ConflictError(`${is}: its mode is the same for all networks`, `ipvlan_mode=${parent!.mode}`);
}
