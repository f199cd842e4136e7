/** What a user says of a container's network. Pure. */

import type { ExtraHost } from "./hosts.ts";
import type { Link } from "./network.ts";
import type { ExposedPort, PortRequest } from "./publish.ts";
import type { DnsOptions } from "./resolv-conf.ts";

/** What network a container has, as it was asked for. */
export interface NetworkOptions {
  /** `bridge`: it is in the networks below. `container`: it shares another one's. */
  mode: "none" | "host" | "container" | "bridge";
  /** By name or id; by id once it is created. */
  container?: string;
  /** The first gives it its way out. */
  networks: NetworkRequest[];
  /** Ports of the host that lead to it. */
  publish: PortRequest[];
  /** Publish every exposed port at one that is free. */
  publishAll: boolean;
  /** Ports that it serves, beside those that its image names. */
  expose: ExposedPort[];
  dns: DnsOptions;
  /** Lines for its /etc/hosts. */
  hosts: ExtraHost[];
}

export interface NetworkRequest {
  /** By its name. */
  network: string;
  /** IPv4 and IPv6 that it must have. */
  ip?: string;
  ip6?: string;
  mac?: string;
  /** What it is called there, beside its name. */
  aliases: string[];
  /** Other containers, under names that only it knows. */
  links?: Link[];
  /** Of several networks the one with the highest gives it its way out; 0 if absent. */
  gwPriority?: number;
  /** More addresses for its device, which nobody keeps for it. */
  linkLocalIps?: string[];
  /** As they were given with --driver-opt. */
  driverOptions?: Record<string, string>;
}

/** The network of every container that asks for none other, and its bridge. */
export const defaultNetwork = "bridge";
/** Names of the networks that are there without being made. */
export const builtinNetworks: readonly string[] = [defaultNetwork, "host", "none"];
export const defaultBridge = "tinydocker0";

/** As Docker's: in the default network nobody is found by a name. */
export const hasNames = (network: string): boolean => network !== defaultNetwork;

/** What a container has that says nothing about networks. */
export const noNetworkOptions: NetworkOptions = {
  mode: "bridge",
  networks: [{ network: defaultNetwork, aliases: [] }],
  publish: [],
  publishAll: false,
  expose: [],
  dns: {},
  hosts: [],
};

/** How Docker calls it in one word. */
export const networkMode = ({ mode, container, networks }: NetworkOptions): string =>
  mode === "container" ? `container:${container}` : mode === "bridge" ? (networks[0]?.network ?? "none") : mode;

/** It finds others under names of its own. */
export const hasLinks = ({ networks }: NetworkOptions): boolean => networks.some(({ links }) => links !== undefined);

/** Names of the networks it is in. */
export const networksOf = (options: NetworkOptions): string[] =>
  options.mode === "bridge" ? options.networks.map(({ network }) => network) : [networkMode(options)];
