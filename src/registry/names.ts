/** Which host a name is of, and where that is asked. Pure. */

import { UnsupportedError, UsageError } from "../errors.ts";
import { isInRanges } from "./ranges.ts";
import type { HostSettings, RegistrySettings } from "./settings.ts";

/** A repository by host and path: `docker.io` and `library/busybox`. */
export interface RepositoryName {
  host: string;
  path: string;
}

/** @param name with its host, as `fullName` of image/reference.ts gives it; tag and digest do not belong here. */
export function splitName(name: string): RepositoryName {
  const slash = name.indexOf("/");
  if (slash <= 0) throw new UsageError(`${JSON.stringify(name)} has no host`);
  return { host: name.slice(0, slash), path: name.slice(slash + 1) };
}

/** Docker Hub is asked at another host than its name says. */
const hub = { name: "docker.io", address: "registry-1.docker.io", credentials: "https://index.docker.io/v1/" };

export const isHub = (host: string): boolean => plainly(host) === hub.name;

/** By which key `config.json` has the credentials of a host. */
export const credentialsKey = (host: string): string => (isHub(host) ? hub.credentials : host);

/** One place that is asked. */
export interface Endpoint {
  /** `HOST[:PORT]` of what is asked, as it stands in a URL. */
  address: string;
  /** By which certificates and credentials are found, and which messages name. */
  host: string;
  path: string;
  /** May be asked by plain http, where it does not speak TLS. */
  plain: "never" | "fallback" | "only";
  isMirror: boolean;
}

/**
 * Where a repository is asked, in this order: its mirrors, then its own host.
 * @throws UnsupportedError for a blocked registry
 */
export function endpointsOf({ host, path }: RepositoryName, settings: RegistrySettings): Endpoint[] {
  const own = settingsOf(host, settings);
  if (own.blocked)
    throw new UnsupportedError(`the registry ${host} is blocked`, "the configuration file says so: docs/registries.md");
  const mirrors = (own.mirrors ?? []).map((mirror) => mirrorEndpoint(mirror, path, settings));
  return [...mirrors.filter((mirror) => mirror !== undefined), hostEndpoint({ host, path }, settings)];
}

/** The one place that is written to. */
export function hostEndpoint({ host, path }: RepositoryName, settings: RegistrySettings): Endpoint {
  const address = isHub(host) ? hub.address : host;
  if (!URL.canParse(`https://${address}`))
    throw new UsageError(`${JSON.stringify(host)} is not the host of a registry`);
  return { address, host, path, plain: mayBePlain(address, settings) ? "fallback" : "never", isMirror: false };
}

/** A blocked one is passed by. */
function mirrorEndpoint(mirror: string, path: string, settings: RegistrySettings): Endpoint | undefined {
  const [, scheme, address = "", prefix = ""] = /^(?:(https?):\/\/)?([^/]+)(?:\/(.*?)\/*)?$/.exec(mirror)!;
  if (settingsOf(address, settings).blocked) return undefined;
  const endpoint = hostEndpoint({ host: address, path: prefix === "" ? path : `${prefix}/${path}` }, settings);
  const plain = scheme === "http" ? "only" : scheme === "https" ? "never" : endpoint.plain;
  return { ...endpoint, plain, isMirror: true };
}

/** By the host, however it is spelt: one that is blocked is blocked under all its names. */
function settingsOf(host: string, { registries }: RegistrySettings): HostSettings {
  const entries = Object.entries(registries).filter(([name]) => plainly(name) === plainly(host));
  return Object.assign({}, ...entries.map(([, settings]) => settings));
}

/** In lower case, and without the port that https has anyway. */
const plainly = (host: string): string => host.toLowerCase().replace(/:443$/, "");

/** What a host is called by users. @param address as it stands in a URL, which leaves out the port that https has */
export const hostOfAddress = (address: string): string => (plainly(address) === hub.address ? hub.name : address);

/** True where no certificate is checked. @param address `HOST[:PORT]`, as it stands in a URL */
export const isInsecure = (address: string, settings: RegistrySettings): boolean =>
  !settings.verifyTls ||
  settingsOf(hostOfAddress(address), settings).insecure === true ||
  isInRanges(address.replace(/:\d+$/, ""), settings.insecureRanges);

/** True where a password may go without TLS. */
export const mayBePlain = (address: string, settings: RegistrySettings): boolean =>
  isLoopback(address) || isInsecure(address, settings);

/** True for `localhost`, `127.0.0.1` and `[::1]`, with or without a port: nobody else hears what is said there. */
export function isLoopback(address: string): boolean {
  const host = address.replace(/:\d+$/, "").toLowerCase();
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
