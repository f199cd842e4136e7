/** Network devices that are made on others, or on nothing: VLANs, macvlan, ipvlan, dummy (rtnetlink(7)). */

import type { Fd } from "../file.ts";
import { attribute, concat, nested, text, u8, u32 } from "./attribute.ts";
import { named } from "./link.ts";
import { NLM_F, type Request } from "./socket.ts";

const RTM_NEWLINK = 16;
const IFLA_ADDRESS = 1;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;

/** Numbers of the kernel (if_link.h). */
const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const;
const ipvlanFlags = { bridge: 0, private: 1, vepa: 2 } as const;
export type MacvlanMode = keyof typeof macvlanModes;
export type IpvlanMode = keyof typeof ipvlanModes;
export type IpvlanFlag = keyof typeof ipvlanFlags;

/** What is particular to a kind of device. */
export type VirtualKind =
  | { kind: "dummy" }
  | { kind: "vlan"; id: number }
  | { kind: "macvlan"; mode: MacvlanMode }
  | { kind: "ipvlan"; mode: IpvlanMode; flag?: IpvlanFlag | undefined };

export interface VirtualLink {
  name: string;
  /** Index of the device that it is made on. */
  parent?: number | undefined;
  /** Where it is put; here if not given. */
  namespace?: Fd | undefined;
  mac?: Uint8Array | undefined;
  mtu?: number | undefined;
}

/** Makes a device, which is down. EOPNOTSUPP where the kernel has none of its kind. */
export const newVirtualLink = ({ name, parent, namespace, mac, mtu }: VirtualLink, what: VirtualKind): Request => ({
  type: RTM_NEWLINK,
  flags: NLM_F.CREATE | NLM_F.EXCL,
  body: concat([
    ...named(name),
    ...(parent === undefined ? [] : [attribute(IFLA_LINK, u32(parent))]),
    ...(namespace === undefined ? [] : [attribute(IFLA_NET_NS_FD, u32(namespace))]),
    ...(mac === undefined ? [] : [attribute(IFLA_ADDRESS, mac)]),
    ...(mtu === undefined ? [] : [attribute(IFLA_MTU, u32(mtu))]),
    nested(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, text(what.kind)), ...dataOf(what)),
  ]),
  what: ["create", `${what.kind} device ${name}`],
});

function dataOf(what: VirtualKind): Uint8Array[] {
  const data = (...attributes: Uint8Array[]) => [nested(IFLA_INFO_DATA, ...attributes)];
  switch (what.kind) {
    case "dummy":
      return [];
    case "vlan":
      return data(attribute(IFLA_VLAN_ID, u16(what.id)));
    case "macvlan":
      return data(attribute(IFLA_MACVLAN_MODE, u32(macvlanModes[what.mode])));
    case "ipvlan":
      return data(
        attribute(IFLA_IPVLAN_MODE, u16(ipvlanModes[what.mode])),
        ...(what.flag === undefined ? [] : [attribute(IFLA_IPVLAN_FLAGS, u16(ipvlanFlags[what.flag]))]),
      );
  }
}

const u16 = (value: number): Uint8Array => concat([u8(value & 255), u8(value >> 8)]);
