/** What the options of `run` and `create` say of a container's network. Loaded for those that say something. */

import { UsageError } from "../../errors.ts";
import { parseAddHost } from "../../plan/network/hosts.ts";
import {
  defaultNetwork,
  type NetworkOptions,
  type NetworkRequest,
  noNetworkOptions,
} from "../../plan/network/options.ts";
import { parseExpose, parsePublish } from "../../plan/network/publish.ts";
import { parseAlias, parseDns, parseDnsOption, parseDnsSearch } from "../../plan/network/resolv-conf.ts";
import { isNetworkName, parseIp, parseMac, refuseAliases } from "../words/address.ts";
import type { Values } from "../words/command.ts";
import type { networkArgs } from "./network-args.ts";

type NetworkValues = Values<typeof networkArgs>;

/** Every option's value is checked; whether such networks exist is the engine's to find out. */
export function parseNetworkOptions(args: NetworkValues): NetworkOptions {
  const [first = defaultNetwork, ...others] = args.network;
  const alone = /^(none|host|container)(?=$|:)/.exec(first)?.[1] as "none" | "host" | "container" | undefined;
  const options: NetworkOptions = {
    ...noNetworkOptions,
    mode: alone ?? "bridge",
    networks: alone ? [] : completed([first, ...others].map(parseNetwork), args),
    publish: args.publish.flatMap(parsePublish),
    publishAll: args["publish-all"] ?? false,
    expose: args.expose.flatMap((text) => parseExpose(text)),
    dns: {
      servers: args.dns.map(parseDns),
      search: args["dns-search"].map(parseDnsSearch),
      options: args["dns-option"].map(parseDnsOption),
    },
    hosts: args["add-host"].map(parseAddHost),
  };
  if (!alone) return options;
  if (others.length > 0) throw new UsageError(`--network: ${first} can't be combined with other networks`);
  refuseOf(alone, args);
  if (alone !== "container") return options;
  const container = first.slice("container:".length);
  if (container === "") throw new UsageError("--network: container: needs a name or id", "--network container:web");
  return { ...options, container };
}

/** Options that say nothing to a container without networks of its own. */
function refuseOf(mode: "none" | "host" | "container", args: NetworkValues): void {
  const ofNetworks = ["ip", "ip6", "mac-address", "network-alias", "link", "link-local-ip"] as const;
  const ofPorts = ["publish", "publish-all"] as const;
  const ofFiles = ["dns", "dns-search", "dns-option", "add-host"] as const;
  // As Docker, with the host's network and with none ports are only warned of.
  const refused = [...ofNetworks, ...(mode === "container" ? [...ofPorts, ...ofFiles] : [])];
  const given = refused.find((name) => (Array.isArray(args[name]) ? args[name].length > 0 : args[name] !== undefined));
  if (given) throw new UsageError(`--${given} and --network ${mode} cannot be combined`);
}

/** `name`, or in words: `name=mynet,alias=web,ip=10.0.0.5`. */
function parseNetwork(text: string): NetworkRequest {
  if (!text.includes("=")) return { network: networkName(text), aliases: [] };
  const request: Partial<NetworkRequest> & { aliases: string[] } = { aliases: [] };
  for (const word of wordsOf(text)) {
    const [key = "", value = ""] = splitOnce(word);
    const set = networkWords[key];
    if (!set || value === "") {
      const hint = `known: ${Object.keys(networkWords).join(", ")}`;
      throw new UsageError(`--network: ${JSON.stringify(word)} is not supported`, hint);
    }
    set(request, value);
  }
  if (request.network === undefined) throw new UsageError(`--network: ${JSON.stringify(text)} has no name=`);
  return { ...request, network: request.network };
}

/** As in CSV: a word with commas is in quotes, `"driver-opt=...sysctls=a=1,b=2"`. */
const wordsOf = (text: string): string[] =>
  [...`${text},`.matchAll(/(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g)]
    .map(([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain)
    .slice(0, -1);

type Setter = (request: Partial<NetworkRequest> & { aliases: string[] }, value: string) => void;

const networkWords: Record<string, Setter> = {
  name: (request, value) => {
    request.network = networkName(value);
  },
  alias: ({ aliases }, value) => void aliases.push(parseAlias(value, "--network alias")),
  ip: (request, value) => {
    request.ip = parseIp("--network ip", value, 4);
  },
  ip6: (request, value) => {
    request.ip6 = parseIp("--network ip6", value, 6);
  },
  "mac-address": (request, value) => {
    request.mac = parseMac("--network mac-address", value);
  },
  "gw-priority": (request, value) => {
    request.gwPriority = rarer().parseGwPriority("--network gw-priority", value);
  },
  "link-local-ip": (request, value) => {
    const ip = rarer().parseLinkLocalIp("--network link-local-ip", value);
    request.linkLocalIps = [...(request.linkLocalIps ?? []), ip];
  },
  "driver-opt": (request, value) => {
    request.driverOptions = rarer().addDriverOption("--network driver-opt", request.driverOptions ?? {}, value);
  },
};

const rarer = () => require("../words/endpoint.ts") as typeof import("../words/endpoint.ts");
const linking = () => require("../../plan/network/link.ts") as typeof import("../../plan/network/link.ts");

function splitOnce(word: string): string[] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** The one that Docker calls `default` is what a container gets that says nothing. */
function networkName(text: string): string {
  if (text === "default") return defaultNetwork;
  if (/^(none|host)$|^container:/.test(text))
    throw new UsageError(`--network: ${text} can't be combined with other networks or options`, `--network ${text}`);
  if (isNetworkName(text)) return text;
  throw new UsageError(`--network: ${JSON.stringify(text)} is not a valid network name`);
}

/** --ip, --mac-address and --network-alias are about the first network; aliases about every one that is not the default. */
function completed([first, ...others]: NetworkRequest[], args: NetworkValues): NetworkRequest[] {
  const aliases = args["network-alias"].map((text) => parseAlias(text));
  for (const [option, key] of [
    ["ip", "ip"],
    ["ip6", "ip6"],
    ["mac-address", "mac"],
  ] as const)
    if (args[option] !== undefined && first?.[key] !== undefined)
      throw new UsageError(`--${option}: ${args[option]}, and ${first[key]} in --network cannot be combined`);
  const networks = [
    {
      ...first!,
      aliases: [...first!.aliases, ...aliases],
      ...(args.ip !== undefined && { ip: parseIp("--ip", args.ip, 4) }),
      ...(args.ip6 !== undefined && { ip6: parseIp("--ip6", args.ip6, 6) }),
      ...(args["mac-address"] !== undefined && { mac: parseMac("--mac-address", args["mac-address"]) }),
      ...(args.link.length > 0 && { links: linking().checkLinks(args.link.map(linking().parseLink)) }),
      ...(args["link-local-ip"].length > 0 && {
        linkLocalIps: [
          ...(first?.linkLocalIps ?? []),
          ...args["link-local-ip"].map((text) => rarer().parseLinkLocalIp("--link-local-ip", text)),
        ],
      }),
    },
    ...others,
  ];
  for (const { network, aliases: names } of networks) refuseAliases(network, names);
  const twice = networks.find(({ network }, index) => networks.findIndex((one) => one.network === network) !== index);
  if (twice) throw new UsageError(`--network: ${twice.network} is named twice`);
  return networks;
}
