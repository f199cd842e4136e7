/** /etc/hosts and /etc/hostname of a container (hosts(5), hostname(5)). Pure. */

import { UsageError } from "../../errors.ts";
import { formatAddress, readAddress } from "./address.ts";

/** `--add-host NAME:ADDRESS`: another line. */
export interface ExtraHost {
  name: string;
  /** An address, or `host-gateway`. */
  address: string;
}

/** Stands for the address by which a container reaches its host. */
export const hostGateway = "host-gateway";

export interface HostsOptions {
  /** With a domain behind a dot, if it has one. */
  hostname: string;
  /** Its own, without prefix; none for a container that has no network. */
  addresses: string[];
  extra: ExtraHost[];
  /** What `host-gateway` stands for: one of each family at most. */
  gateways: string[];
  /** It has ::1. */
  ipv6: boolean;
}

const ownLoopback = "127.0.1.1";
const localhost = ["127.0.0.1\tlocalhost"];
const localhost6 = [
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/** @throws UsageError for `host-gateway` where the container has no way to the host. */
export function planHosts({ hostname, addresses, extra, gateways, ipv6 }: HostsOptions): string {
  // Without an address it still knows its own name, at one of its own loopback (as Debian).
  const own = (addresses.length > 0 ? addresses : [ownLoopback]).map((address) => `${address}\t${namesOf(hostname)}`);
  return lines([...localhost, ...(ipv6 ? localhost6 : []), ...extraLines(extra, gateways), ...own]);
}

/** For a container in the host's network: the host's own file, and what was added. */
export function planHostsOfHost(text: string, extra: ExtraHost[]): string {
  // There the host is reached by the way every process reaches itself.
  const added = lines(extraLines(extra, ["127.0.0.1"]));
  return text === "" || text.endsWith("\n") ? text + added : `${text}\n${added}`;
}

/** Somebody else's file for a container with this name, which knows itself by it: sudo(8) and others ask. */
export function withOwnName(text: string, hostname: string): string {
  const known = text.split("\n").some((line) => line.replace(/#.*/, "").split(/\s+/).slice(1).includes(hostname));
  if (known) return text;
  return `${text === "" || text.endsWith("\n") ? text : `${text}\n`}${ownLoopback}\t${namesOf(hostname)}\n`;
}

/** A host name with the domain that was asked for, unless it has one of its own. */
export const withDomain = (hostname: string, domain: string | undefined): string =>
  domain === undefined || hostname.includes(".") ? hostname : `${hostname}.${domain}`;

export const planHostname = (hostname: string): string => `${hostname}\n`;

/** A name with a domain comes first, then the name alone. */
function namesOf(hostname: string): string {
  const dot = hostname.indexOf(".");
  return dot > 0 ? `${hostname} ${hostname.slice(0, dot)}` : hostname;
}

function extraLines(extra: ExtraHost[], gateways: string[]): string[] {
  return extra.flatMap(({ name, address }) => {
    if (address !== hostGateway) return [`${address}\t${name}`];
    if (gateways.length > 0) return gateways.map((gateway) => `${gateway}\t${name}`);
    throw new UsageError(`--add-host ${name}: a container that has no network with a bridge has no ${hostGateway}`);
  });
}

const lines = (texts: string[]): string => texts.map((text) => `${text}\n`).join("");

/** `--add-host NAME:ADDRESS` or `NAME=ADDRESS`; an IPv6 address may be in brackets. */
export function parseAddHost(text: string): ExtraHost {
  const [, name = text, given = ""] = /^([^:=]*)[:=](.*)$/.exec(text) ?? [];
  const fail = (reason: string): UsageError =>
    new UsageError(
      `--add-host: ${reason} in ${JSON.stringify(text)}`,
      "NAME:ADDRESS, as in db:10.0.0.5 or up:host-gateway",
    );
  if (!/^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?$/i.test(name)) throw fail("no name");
  if (given === "") throw fail("no address");
  if (given === hostGateway) return { name, address: hostGateway };
  const bare = /^\[(.*:.*)\]$/.exec(given)?.[1] ?? given;
  const bytes = readAddress(bare);
  if (!bytes) throw fail(`invalid address ${JSON.stringify(given)}`);
  return { name, address: formatAddress(bytes) };
}
