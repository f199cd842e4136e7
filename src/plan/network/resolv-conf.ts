/** /etc/resolv.conf (resolv.conf(5)): the host's, read, and the one of a container, written. Pure. */

import { UsageError } from "../../errors.ts";
import { formatAddress, isLoopback, readAddress } from "./address.ts";

export interface ResolvConf {
  /** Addresses; a link-local one may name its device: `fe80::1%eth0`. */
  nameservers: string[];
  search: string[];
  options: string[];
}

/** What `--dns`, `--dns-search` and `--dns-option` say; of each that is absent the host's is taken. */
export interface DnsOptions {
  servers?: string[];
  search?: string[];
  options?: string[];
}

/** Where a container asks for names in networks that have some. */
export const resolverAddress = "127.0.0.11";

/** Of systemd-resolved: what it listens on, and where it writes the servers that it asks itself. */
export const stubAddress = "127.0.0.53";
export const behindStubPath = "/run/systemd/resolve/resolv.conf";

/** Asked when the host has no server that a container could reach; Docker asks the same. */
const publicServers = ["8.8.8.8", "8.8.4.4"];

/** Lines that mean nothing to the C library mean nothing here. */
export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = { nameservers: [], search: [], options: [] };
  for (const line of text.split("\n")) {
    const [keyword = "", ...words] = line.split(/[#;]/, 1)[0]!.trim().split(/\s+/);
    if (keyword === "nameserver" && isServer(words[0] ?? "")) conf.nameservers.push(words[0]!);
    // The last of these lines counts.
    if (keyword === "search" || keyword === "domain") conf.search = words;
    if (keyword === "options") conf.options.push(...words);
  }
  return conf;
}

/** An address, also with a device. */
const isServer = (text: string): boolean =>
  readAddress(text.includes("%") ? text.replace(/(?<=^fe80:.*)%[\w.-]+$/i, "") : text) !== undefined;

/** True if it names systemd-resolved's stub alone: then that which is written behind it says more. */
export const isStub = ({ nameservers }: ResolvConf): boolean =>
  nameservers.length > 0 && nameservers.every((server) => server === stubAddress);

/** Three are all that the C library asks. */
const maxServers = 3;

/** Whom the resolver of a container asks, from the host's network: there a stub is as good as any, and knows more. */
export function planUpstreams(host: ResolvConf, { servers }: DnsOptions): string[] {
  const chosen = servers?.length ? servers : host.nameservers;
  return chosen.length > 0 ? chosen : publicServers;
}

/** How a container is connected. */
export type NameSource =
  /** By networks that have names: it asks the resolver. */
  | "resolver"
  /** By the default network, or not at all: it asks servers itself. */
  | "servers"
  /** It is in the host's network. */
  | "host";

/** The text for a container, and what there is to warn of. @param host where it is but a stub, what is behind that. */
export function planResolvConf(
  source: NameSource,
  host: ResolvConf,
  asked: DnsOptions,
): { text: string; warning?: string } {
  const search = asked.search?.length ? asked.search.filter((domain) => domain !== ".") : host.search;
  const options = asked.options?.length ? asked.options : host.options;
  if (source === "resolver") {
    // A name without a dot may be a container's: it is asked for as it is, before any search domain is added.
    const ndots = options.some((option) => option.startsWith("ndots:")) ? [] : ["ndots:0"];
    return { text: format({ nameservers: [resolverAddress], search, options: [...options, ...ndots] }) };
  }
  if (asked.servers?.length) return { text: format({ nameservers: asked.servers, search, options }) };
  if (source === "host") return { text: format({ ...host, search, options }) };
  const reachable = host.nameservers.filter((server) => !server.includes("%") && !isLoopback(readAddress(server)!));
  if (reachable.length > 0) return { text: format({ nameservers: reachable, search, options }) };
  return {
    text: format({ nameservers: publicServers, search, options }),
    warning: `this host's /etc/resolv.conf has no server that a container could reach: it will ask ${publicServers.join(" and ")}`,
  };
}

function format({ nameservers, search, options }: ResolvConf): string {
  const lines = nameservers.slice(0, maxServers).map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  return lines.map((line) => `${line}\n`).join("");
}

/** True if names without a dot are to be tried with a search domain first: the user said so. */
export function asksSearchFirst({ options = [] }: DnsOptions): boolean {
  return options.some((option) => /^ndots:0*[1-9]/.test(option));
}

/** `--dns ADDRESS`. */
export function parseDns(text: string): string {
  const bytes = readAddress(text);
  if (!bytes)
    throw new UsageError(
      `--dns: ${JSON.stringify(text)} is not a valid address`,
      "an IPv4 or IPv6 address of a server",
    );
  return formatAddress(bytes);
}

/** `--dns-search DOMAIN`; `.` is for none at all. */
export function parseDnsSearch(text: string): string {
  if (text === "." || (text.length <= 253 && text.replace(/\.$/, "").split(".").every(isLabel))) return text;
  throw new UsageError(
    `--dns-search: ${JSON.stringify(text)} is not a valid domain`,
    "a name as in example.com, or . for none",
  );
}

const isLabel = (text: string): boolean => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(text);

/** `--dns-option NAME[:VALUE]`, as in `ndots:2` or `use-vc`. */
export function parseDnsOption(text: string): string {
  if (/^[a-z0-9-]{1,32}(:\d{1,5})?$/.test(text)) return text;
  throw new UsageError(
    `--dns-option: ${JSON.stringify(text)} is not a valid option of resolv.conf`,
    "as in ndots:2 or use-vc",
  );
}

/** `--network-alias NAME`: another name by which containers of its networks find it. */
export function parseAlias(text: string, option = "--network-alias"): string {
  if (text.length <= 253 && text.split(".").every(isLabel)) return text;
  throw new UsageError(
    `${option}: ${JSON.stringify(text)} is not a valid name`,
    "letters, digits, - and _, and dots between them; at most 63 characters from dot to dot",
  );
}
