/** What a network and a published port are in the sets of our table, and back. */

import { be16, concat } from "../../linux/netlink/attribute.ts";
import type { Element } from "../../linux/netlink/nft-set.ts";
import { formatAddress, parseAddress } from "../../plan/network/address.ts";
import type { Network, Protocol, Publication } from "../../plan/network/network.ts";
import { addressAfter, lastAddress, parsePrefix, subnetOf } from "../../plan/network/subnet.ts";
import { isForAll, type Published, protocolNumbers } from "./driver.ts";
import { deviceName, type SetName } from "./nft-skeleton.ts";

/** An element, and the set it is in. */
export type Placed = Element & { set: SetName };

/** What a network adds. */
export function planNetwork(network: Network): Placed[] {
  const name = deviceName(network.bridge);
  const is = (set: SetName, condition: boolean, key = name): Placed[] => (condition ? [{ set, key }] : []);
  return [
    { set: "bridges", key: name, comment: network.id },
    ...is("open", network.icc, concat([name, name])),
    ...is("internal", network.internal),
    ...is("shared", !network.isolate),
    ...(network.internal || network.rarer?.masquerade === false
      ? []
      : network.subnets.flatMap(({ subnet }) => planSubnet(subnet))),
  ];
}

/** A range is its first address, and the end behind its last, unless there is no more address. */
function planSubnet(subnet: string): Placed[] {
  const prefix = subnetOf(parsePrefix(subnet));
  const set = prefix.address.length === 4 ? "subnets4" : "subnets6";
  const behind = addressAfter(lastAddress(prefix), 1);
  const isLast = behind.every((byte) => byte === 0);
  return [{ set, key: prefix.address }, ...(isLast ? [] : [{ set, key: behind, end: true } as const])];
}

const word = (bytes: Uint8Array): Uint8Array => {
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  return padded;
};

/** A published port; its comment says whose it is. */
export function planPublication(publication: Publication, container: string): Placed {
  const hostIp = parseAddress(publication.hostIp);
  const version = hostIp.length === 4 ? "4" : "6";
  const port = [word(Uint8Array.of(protocolNumbers[publication.protocol])), word(be16(publication.hostPort))];
  const all = isForAll(publication);
  return {
    set: `${all ? "ports" : "hostports"}${version}`,
    key: concat(all ? port : [hostIp, ...port]),
    data: concat([parseAddress(publication.ip), word(be16(publication.port))]),
    comment: container,
  };
}

export const portSets = ["ports4", "ports6", "hostports4", "hostports6"] as const satisfies SetName[];

/** The published port that an element stands for. */
export function parsePublication(set: (typeof portSets)[number], { key, data, comment }: Element): Published {
  const addressBytes = set.endsWith("4") ? 4 : 16;
  const keyAddress = set.startsWith("host") ? addressBytes : 0;
  const port = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  const target = data ?? new Uint8Array(addressBytes + 4);
  const protocol = (Object.keys(protocolNumbers) as Protocol[]).find(
    (name) => protocolNumbers[name] === key[keyAddress],
  );
  return {
    protocol: protocol ?? "tcp",
    hostIp: keyAddress > 0 ? formatAddress(key.subarray(0, keyAddress)) : addressBytes === 4 ? "0.0.0.0" : "::",
    hostPort: port(key, keyAddress + 4),
    ip: formatAddress(target.subarray(0, addressBytes)),
    port: port(target, addressBytes),
    owner: comment ?? "",
  };
}
