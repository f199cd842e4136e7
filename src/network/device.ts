/** What the devices of hosts and containers have in common: their addresses, their IPv6, and when they are ready. */

import { Failure } from "../errors.ts";
import type { Fd } from "../linux/file.ts";
import { findLink, type Link, type Port, setLink, setPort } from "../linux/netlink/link.ts";
import { addAddress, isLocal } from "../linux/netlink/route.ts";
import type { Request } from "../linux/netlink/socket.ts";
import { sleepMicroseconds } from "../linux/poll.ts";
import { writeSysctl } from "../linux/sysctl.ts";
import { addressOfVeth, formatAddress, readAddress } from "../plan/network/address.ts";
import { lastAddress, type Prefix } from "../plan/network/subnet.ts";

/** Gives a device an address, with that of broadcasts. */
export function addAddressTo(index: number, device: string, prefix: Prefix): Request {
  // Pairs of hosts have none.
  const hasBroadcast = prefix.address.length === 4 && prefix.bits < 31;
  return addAddress({ index, device, ...prefix, ...(hasBroadcast && { broadcast: lastAddress(prefix) }) });
}

/**
 * IPv6 of a device before it is up: none at all, so that it has no address that nobody thinks of; or without listening to
 * routers, who are other containers, and without first asking whether somebody has its addresses, which takes a second.
 */
export function setIpv6(device: string, wanted: boolean): void {
  const settings = wanted ? { disable_ipv6: "0", accept_ra: "0", accept_dad: "0" } : { disable_ipv6: "1" };
  // A kernel without IPv6 says so when it is given an address.
  for (const [name, value] of Object.entries(settings)) writeSysctl(`net/ipv6/conf/${device}/${name}`, value);
}

/** Written on a veth, so that it is known to whoever has to make it a port of a new bridge: `tinydocker: [ADDRESS ]hairpin`. */
const aliasStart = "tinydocker: ";

/** Sets up a veth as the port that it is to be. @param address that its name does not tell. */
export function setUpPort(link: string | number, port: Partial<Port>, address?: string): Request[] {
  const words = [...(address === undefined ? [] : [address]), ...(port.hairpin ? ["hairpin"] : [])];
  return [setPort(link, port), ...(words.length > 0 ? [setLink(link, { alias: aliasStart + words.join(" ") })] : [])];
}

const wordsOf = ({ alias }: Link): string[] =>
  alias.startsWith(aliasStart) ? alias.slice(aliasStart.length).split(" ") : [];

/** How a veth was a port of its bridge, which is gone. */
export const hadHairpin = (link: Link): boolean => wordsOf(link).includes("hairpin");

/** The address of a container's veth, if it is one of ours. */
export const addressOf = (link: Link): Uint8Array | undefined =>
  addressOfVeth(link.name) ?? (/^veth6/.test(link.name) ? readAddress(wordsOf(link)[0] ?? "") : undefined);

/**
 * A device does not carry packets in the moment that it is set up: the kernel says so a little later (100 µs, by a worker of
 * its own), and what is sent before is lost, as are the seconds until it is sent again.
 */
export const waitUntilUp = (socket: Fd, link: string | number): void =>
  wait(() => {
    const found = findLink(socket, link);
    if (found?.operstate === "up") return undefined;
    return `network device ${found?.name ?? link} does not come up: it is ${found?.operstate ?? "gone"}`;
  });

/** An IPv6 address of a device that is up answers a little later: of 100 containers, up to 10 lost their first packets. */
export const waitUntilLocal = (socket: Fd, address: Uint8Array): void =>
  wait(() => (isLocal(socket, address) ? undefined : `the address ${formatAddress(address)} does not come up`));

const longestWaitUs = 2_000_000;

/** Looks again and again until there is nothing missing. @throws Failure with what was, in the end. */
function wait(missing: () => string | undefined): void {
  for (let waitedUs = 0, stepUs = 20; ; stepUs = Math.min(stepUs * 2, 5000)) {
    const what = missing();
    if (what === undefined) return;
    if (waitedUs >= longestWaitUs) throw new Failure(what);
    sleepMicroseconds(stepUs);
    waitedUs += stepUs;
  }
}
