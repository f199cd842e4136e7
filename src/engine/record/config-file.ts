/** What stands in the configuration file, key by key. Pure. */

import { InvalidError, UsageError } from "../../errors.ts";
import { type AddressPool, formatPrefix, parseSubnet } from "../../plan/network/subnet.ts";
import { type RegistriesConfig, registryReaders } from "./config-registries.ts";
import { absoluteOf, entriesOf, inKey, listOf, textOf, unknownKey, wrongKind } from "./config-values.ts";

/** By the names of the file; those that Docker's daemon.json has, too, mean the same there. */
export interface Config {
  /** Limits of containers that were given none, as the options take them. */
  limits?: { cpus?: string; memory?: string; pids?: string };
  /** For containers without --log-driver. */
  logDriver?: string;
  /** `name=value`, for containers with that driver. */
  logOptions?: string[];
  /** Where subnets of new networks are taken from. */
  pools?: AddressPool[];
  firewall?: "nft" | "iptables";
  /** Of containers without --userns; absent is the host's. */
  userns?: "auto";
  /** Where vendors put their files of devices. */
  cdiDirectories?: string[];
  /** OCI runtimes by their names, and the one of containers without --runtime. */
  runtimes?: Record<string, { path: string; args: string[] }>;
  defaultRuntime?: string;
  registries?: RegistriesConfig;
}

/** @param path for messages. @throws InvalidError that names the file and the key. */
export function parseConfig(text: string, path: string): Config {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new InvalidError(`${path} is not JSON: ${(error as Error).message}`);
  }
  try {
    return readKeys(content, "");
  } catch (error) {
    if (error instanceof UsageError) throw new InvalidError(`${path}: ${error.message}`, error.hint);
    throw error;
  }
}

function readKeys(content: unknown, at: string): Config {
  const config: Config = {};
  for (const [key, value] of entriesOf(content, at)) {
    if (Object.hasOwn(registryReaders, key)) {
      const before = config.registries ?? {};
      config.registries = { ...before, ...registryReaders[key]!(value, key, before) };
      continue;
    }
    const reader = Object.hasOwn(readers, key) ? readers[key] : undefined;
    if (!reader) throw unknownKey(key, [...Object.keys(readers), ...Object.keys(registryReaders)]);
    Object.assign(config, reader(value, key));
  }
  return config;
}

const readers: Record<string, (value: unknown, key: string) => Config> = {
  limits: (value, key) => ({ limits: readLimits(value, key) }),
  "log-driver": (value, key) => ({ logDriver: textOf(value, key) }),
  "log-opts": (value, key) => ({
    logOptions: entriesOf(value, key).map(([name, option]) => `${name}=${textOf(option, `${key}.${name}`)}`),
  }),
  "default-address-pools": (value, key) => {
    const pools = listOf(value, key).map((pool, index) => readPool(pool, `${key}[${index}]`));
    return pools.length > 0 ? { pools } : {};
  },
  "firewall-backend": (value, key) => ({ firewall: readFirewall(value, key) }),
  userns: (value, key) => {
    if (value === "auto") return { userns: "auto" };
    if (value === "host") return {};
    throw wrongKind(key, "auto or host");
  },
  "cdi-spec-dirs": (value, key) => ({
    cdiDirectories: listOf(value, key).map((path, index) => absoluteOf(path, `${key}[${index}]`)),
  }),
  runtimes: (value, key) => ({
    runtimes: Object.fromEntries(
      entriesOf(value, key).map(([name, runtime]) => [
        readRuntimeName(name, key),
        readRuntime(runtime, `${key}.${name}`),
      ]),
    ),
  }),
  "default-runtime": (value, key) => {
    const name = textOf(value, key);
    return { defaultRuntime: name.includes("/") ? absoluteOf(name, key) : name };
  },
};

const limitNames = ["cpus", "memory", "pids"] as const;

function readLimits(value: unknown, at: string): NonNullable<Config["limits"]> {
  const limits: NonNullable<Config["limits"]> = {};
  for (const [key, limit] of entriesOf(value, at)) {
    const name = limitNames.find((one) => one === key);
    if (!name) throw unknownKey(`${at}.${key}`, limitNames);
    if (typeof limit !== "string" && typeof limit !== "number") throw wrongKind(`${at}.${key}`, "a number or text");
    limits[name] = String(limit);
  }
  return limits;
}

function readPool(value: unknown, at: string): AddressPool {
  const { base, size, ...more } = Object.fromEntries(entriesOf(value, at));
  for (const key of Object.keys(more)) throw unknownKey(`${at}.${key}`, ["base", "size"]);
  const subnet = inKey(`${at}.base`, () => parseSubnet(textOf(base, `${at}.base`)));
  if (subnet.address.length !== 4) throw new UsageError(`${at}.base: ${formatPrefix(subnet)} is not of IPv4`);
  if (typeof size !== "number" || !Number.isInteger(size) || size < subnet.bits || size > 30)
    throw wrongKind(`${at}.size`, `a prefix length from ${subnet.bits}, that of the base, to 30`);
  return { base: formatPrefix(subnet), bits: size };
}

function readRuntimeName(name: string, at: string): string {
  if (name === "tinydocker") throw new UsageError(`${at}.${name}: the name is that of our own runtime`);
  if (!name.includes("/") && name !== "") return name;
  throw wrongKind(`${at}: ${JSON.stringify(name)}`, "a name: those have no slash");
}

/** `runtimeArgs` is Docker's name for `args`. */
function readRuntime(value: unknown, at: string): { path: string; args: string[] } {
  const { path, args, runtimeArgs, ...more } = Object.fromEntries(entriesOf(value, at));
  for (const key of Object.keys(more)) throw unknownKey(`${at}.${key}`, ["path", "args", "runtimeArgs"]);
  if (args !== undefined && runtimeArgs !== undefined)
    throw new UsageError(`${at}.args and ${at}.runtimeArgs are the same, and cannot be combined`);
  const [name, words] = args === undefined ? ["runtimeArgs", runtimeArgs ?? []] : ["args", args];
  return {
    path: absoluteOf(path, `${at}.path`),
    args: listOf(words, `${at}.${name}`).map((word, index) => textOf(word, `${at}.${name}[${index}]`)),
  };
}

function readFirewall(value: unknown, at: string): "nft" | "iptables" {
  const text = textOf(value, at);
  if (text === "nft" || text === "nftables") return "nft";
  if (text === "iptables") return "iptables";
  throw wrongKind(at, "nftables or iptables");
}
