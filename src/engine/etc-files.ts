/** What a container finds of its network in /etc: hosts, hostname and resolv.conf, written anew at each start. */

import { readFile, readFileIfAny } from "../linux/file.ts";
import { planHostname, planHosts, planHostsOfHost } from "../plan/hosts.ts";
import type { Connection } from "../plan/network.ts";
import { bare } from "../plan/network.ts";
import { defaultNetwork, type NetworkOptions } from "../plan/network-options.ts";
import { defaults } from "../plan/options.ts";
import { behindStubPath, isStub, parseResolvConf, planResolvConf, type ResolvConf } from "../plan/resolv-conf.ts";

/** The names below /etc, which are also those in a container's directory. */
export const etcNames = ["hosts", "hostname", "resolv.conf"] as const;
export type EtcFiles = Record<(typeof etcNames)[number], string>;

/** @param connection absent where the container is in no networks of its own. */
export function planEtcFiles(
  { network, hostname }: { network: NetworkOptions; hostname?: string },
  connection: Connection | undefined,
  warn: (text: string) => void,
): EtcFiles {
  if (network.mode === "host") {
    const name = hostname ?? readFile("/proc/sys/kernel/hostname").trim();
    return {
      hosts: planHostsOfHost(readFileIfAny("/etc/hosts") ?? "", network.hosts),
      hostname: planHostname(name),
      "resolv.conf": planResolvConf("host", readResolvConf(), network.dns).text,
    };
  }
  const { endpoints = [] } = connection ?? {};
  const asksUs = endpoints.some((endpoint) => endpoint.network !== defaultNetwork);
  const { text, warning } = planResolvConf(asksUs ? "resolver" : "servers", behindStub(readResolvConf()), network.dns);
  // Who has no network asks nobody.
  if (warning && connection) warn(warning);
  const name = hostname ?? defaults.hostname;
  return {
    hosts: planHosts({
      hostname: name,
      addresses: endpoints.flatMap(bare),
      extra: network.hosts,
      gateways: endpoints.flatMap(({ gateways }) => gateways),
      ipv6: true,
    }),
    hostname: planHostname(name),
    "resolv.conf": text,
  };
}

export const readResolvConf = (): ResolvConf => parseResolvConf(readFileIfAny("/etc/resolv.conf") ?? "");

/** A container's own loopback has no stub: the servers that systemd-resolved itself asks. */
const behindStub = (conf: ResolvConf): ResolvConf =>
  isStub(conf) ? parseResolvConf(readFileIfAny(behindStubPath) ?? "") : conf;
