/** What a container finds of its network in /etc: hosts, hostname and resolv.conf, written anew at each start. */

import type { ByteName } from "../../linux/byte-name.ts";
import { readFile, readFileIfAny } from "../../linux/file.ts";
import { planHostname, planHosts, planHostsOfHost, withDomain, withOwnName } from "../../plan/network/hosts.ts";
import { bare, type Connected, type EtcFile, withBridge } from "../../plan/network/network.ts";
import { hasNames } from "../../plan/network/options.ts";
import {
  behindStubPath,
  isStub,
  parseResolvConf,
  planResolvConf,
  type ResolvConf,
} from "../../plan/network/resolv-conf.ts";
import type { RunOptions } from "../../plan/options.ts";

/** @param connected absent where the container is in no networks of its own. */
export function planEtcFiles(
  options: Pick<RunOptions, "network" | "hostname" | "process">,
  connected: Pick<Connected, "endpoints"> | undefined,
  warn: (text: string) => void,
): EtcFile[] {
  const { network, hostname, process } = options;
  const file = (name: EtcFile["name"], text: string): EtcFile => ({ name, text });
  const name = hostname ?? readHostname();
  const fullName = withDomain(name, process?.domainname);
  if (network.mode === "host") {
    return [
      file("hosts", withOwnName(planHostsOfHost(readFileIfAny("/etc/hosts") ?? "", network.hosts), fullName)),
      file("hostname", planHostname(name)),
      file("resolv.conf", planResolvConf("host", readResolvConf(), network.dns).text),
    ];
  }
  const { endpoints = [] } = connected ?? {};
  const asksUs = endpoints.some((endpoint) => hasNames(endpoint.network));
  const { text, warning } = planResolvConf(asksUs ? "resolver" : "servers", behindStub(readResolvConf()), network.dns);
  // Who has no network asks nobody.
  if (warning && connected) warn(warning);
  const hosts = planHosts({
    hostname: fullName,
    addresses: endpoints.flatMap(bare),
    extra: network.hosts,
    // Upon a parent the gateway is somebody else.
    gateways: withBridge(endpoints).flatMap(({ gateways }) => gateways),
    ipv6: true,
  });
  return [file("hosts", hosts), file("hostname", planHostname(name)), file("resolv.conf", text)];
}

/** A file of another container for one that shares its network: the host name is its own. */
export function underOwnName({ name, text }: EtcFile, { hostname = "", process }: RunOptions): EtcFile {
  if (hostname === "" || name === "resolv.conf") return { name, text };
  return {
    name,
    text: name === "hosts" ? withOwnName(text, withDomain(hostname, process?.domainname)) : planHostname(hostname),
  };
}

/** The host's own name. */
export const readHostname = (): string => readFile("/proc/sys/kernel/hostname").trim();

export const readResolvConf = (): ResolvConf => parseResolvConf(readFileIfAny("/etc/resolv.conf") ?? "");

/** A container's own loopback has no stub: the servers that systemd-resolved itself asks. */
const behindStub = (conf: ResolvConf): ResolvConf =>
  isStub(conf) ? parseResolvConf(readFileIfAny(behindStubPath) ?? "") : conf;

export const etcNames: EtcFile["name"][] = ["hosts", "hostname", "resolv.conf"];

/** True for the files that each start writes: as with Docker, they are no changes of the container's, and never of an image. */
export const isOfNetwork = (path: ByteName): boolean =>
  etcNames.some((name) => path === `etc/${name}` || path === `/etc/${name}`);
