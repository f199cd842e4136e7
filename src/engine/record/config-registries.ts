/** What the configuration file says of registries, key by key. Pure. */

import { hasHost, isHost } from "../../image/reference.ts";
import { isRange } from "../../registry/ranges.ts";
import type { HostSettings } from "../../registry/settings.ts";
import { absoluteOf, entriesOf, listOf, textOf, unknownKey, wrongKind } from "./config-values.ts";

export interface RegistriesConfig {
  /** By host. */
  hosts?: Record<string, HostSettings>;
  /** Ranges of addresses, whose registries are as those that are insecure. */
  insecureRanges?: string[];
  /** Where names without a host are looked for; each is a host. Absent is Docker Hub. */
  unqualifiedSearch?: string[];
  /** Full names for names without a host. */
  aliases?: Record<string, string>;
  /** A file in the form of containers' policy.json. */
  signaturePolicy?: string;
}

type Reader = (value: unknown, key: string, before: RegistriesConfig) => RegistriesConfig;

/** By the names of the file; `insecure-registries` and `registry-mirrors` are those of Docker's daemon.json. */
export const registryReaders: Record<string, Reader> = {
  registries: (value, key, before) => ({
    hosts: merge(
      before.hosts,
      entriesOf(value, key).map(([host, settings]) => [hostOf(host, key), readHost(settings, `${key}.${host}`)]),
    ),
  }),
  "insecure-registries": (value, key, before) => {
    const names = listOf(value, key).map((name, index) => textOf(name, `${key}[${index}]`));
    const [ranges, hosts] = [names.filter((name) => name.includes("/")), names.filter((name) => !name.includes("/"))];
    const wrong = ranges.find((range) => !isRange(range));
    if (wrong !== undefined) throw wrongKind(`${key}: ${JSON.stringify(wrong)}`, "a host, or a range of addresses");
    return {
      ...(ranges.length > 0 && { insecureRanges: ranges }),
      hosts: merge(
        before.hosts,
        hosts.map((host) => [hostOf(host, key), { insecure: true }]),
      ),
    };
  },
  "registry-mirrors": (value, key, before) => ({
    hosts: merge(before.hosts, [["docker.io", { mirrors: readMirrors(value, key) }]]),
  }),
  "unqualified-search": (value, key) => ({
    unqualifiedSearch: listOf(value, key).map((host, index) => hostOf(textOf(host, `${key}[${index}]`), key)),
  }),
  "signature-policy": (value, key) => ({ signaturePolicy: absoluteOf(value, key) }),
  aliases: (value, key) => ({
    aliases: Object.fromEntries(
      entriesOf(value, key).map(([name, target]) => [
        aliasOf(name, key),
        targetOf(textOf(target, `${key}.${name}`), `${key}.${name}`),
      ]),
    ),
  }),
};

/** What several keys say of one host holds together. */
function merge(
  before: Record<string, HostSettings> = {},
  more: [string, HostSettings][],
): Record<string, HostSettings> {
  const hosts = { ...before };
  for (const [host, settings] of more) hosts[host] = { ...hosts[host], ...settings };
  return hosts;
}

const namePattern = /^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/;

const hostKeys = ["insecure", "blocked", "mirrors"];

function readHost(value: unknown, at: string): HostSettings {
  const settings: HostSettings = {};
  for (const [key, setting] of entriesOf(value, at)) {
    if (!hostKeys.includes(key)) throw unknownKey(`${at}.${key}`, hostKeys);
    if (key === "mirrors") settings.mirrors = readMirrors(setting, `${at}.${key}`);
    else if (typeof setting !== "boolean") throw wrongKind(`${at}.${key}`, "true or false");
    else settings[key as "insecure" | "blocked"] = setting;
  }
  return settings;
}

function readMirrors(value: unknown, at: string): string[] {
  return listOf(value, at).map((mirror, index) => {
    const text = textOf(mirror, `${at}[${index}]`).replace(/\/+$/, "");
    const [, , host = "", prefix] = /^(https?:\/\/)?([^/]*)(?:\/(.*))?$/.exec(text) ?? [];
    const isPath = prefix === undefined || namePattern.test(prefix);
    if (isHost(host) && isPath) return text;
    throw wrongKind(`${at}[${index}]`, "a host or a URL, perhaps with a path: mirror.example:5000/docker");
  });
}

function hostOf(host: string, at: string): string {
  if (isHost(host)) return host;
  throw wrongKind(`${at}: ${JSON.stringify(host)}`, "a host as in names of images: registry.example:5000");
}

function aliasOf(name: string, at: string): string {
  if (namePattern.test(name) && !hasHost(name)) return name;
  throw wrongKind(`${at}: ${JSON.stringify(name)}`, "a name without a host and a tag");
}

function targetOf(target: string, at: string): string {
  const slash = target.indexOf("/");
  if (slash !== -1 && isHost(target.slice(0, slash)) && namePattern.test(target.slice(slash + 1))) return target;
  throw wrongKind(at, "a name with its host, and without a tag: registry.example/base/alpine");
}
