/** What a container finds of its network in /etc: hosts, hostname and resolv.conf, written anew at each start. */

import { close, O_TRUNC, O_WRONLY, open, readFile, readFileIfAny, writeAll } from "../linux/file.ts";
import type { Paths } from "../paths.ts";
import { planHostname, planHosts, planHostsOfHost } from "../plan/hosts.ts";
import type { Connection, Endpoint } from "../plan/network.ts";
import { bare } from "../plan/network.ts";
import { defaultNetwork, type NetworkOptions } from "../plan/network-options.ts";
import { defaults } from "../plan/options.ts";
import { behindStubPath, isStub, parseResolvConf, planResolvConf, type ResolvConf } from "../plan/resolv-conf.ts";
import { type ContainerRecord, directoryOf } from "./record.ts";

/** The names below /etc, which are also those in a container's directory. */
export const etcNames = ["hosts", "hostname", "resolv.conf"] as const;
export type EtcFiles = Record<(typeof etcNames)[number], string>;

/** @param connection absent where the container is in no networks of its own. */
export function planEtcFiles(
  { network, hostname }: { network: NetworkOptions; hostname?: string },
  connection: Pick<Connection, "endpoints"> | undefined,
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

/** For a container that runs, in place: what is mounted into it are these very files. */
export function rewriteEtcFiles(paths: Paths, { id, rootfs, options }: ContainerRecord, endpoints: Endpoint[]): void {
  if (rootfs !== undefined) return;
  const texts = planEtcFiles(options, { endpoints }, () => {});
  for (const name of etcNames) {
    const path = `${directoryOf(paths, id)}/${name}`;
    const file = open(path, O_WRONLY | O_TRUNC);
    writeAll(file, new TextEncoder().encode(texts[name]), path);
    close(file);
  }
}

export const readResolvConf = (): ResolvConf => parseResolvConf(readFileIfAny("/etc/resolv.conf") ?? "");

/** A container's own loopback has no stub: the servers that systemd-resolved itself asks. */
const behindStub = (conf: ResolvConf): ResolvConf =>
  isStub(conf) ? parseResolvConf(readFileIfAny(behindStubPath) ?? "") : conf;
