/**
 * The file in which Docker and podman keep who we are at registries: read as strangers may have written it, and changed without
 * losing a key that is not ours.
 */

import { InvalidError } from "../errors.ts";
import { object } from "../oci/json.ts";
import { readRegularFileIfAny } from "../record-file.ts";
import { credentialsKey, isHub } from "./names.ts";
import type { Credentials } from "./settings.ts";

/** What is in such a file, with all that we do not know. */
export type AuthFile = Record<string, unknown>;

const maxBytes = 4 << 20;

/** @returns undefined where there is none. @throws InvalidError naming it, and nothing of what stands in it */
export function readAuthFile(path: string): AuthFile | undefined {
  const text = readRegularFileIfAny(path, maxBytes);
  if (text === undefined) return undefined;
  // Docker makes such a file, too.
  if (text.trim() === "") return {};
  try {
    return object(JSON.parse(text), path);
  } catch (error) {
    if (error instanceof InvalidError) throw error;
    // JSON.parse would quote what stands there.
    throw new InvalidError(`${path} is not JSON`);
  }
}

const mapOf = (file: AuthFile, key: string): Record<string, unknown> => {
  const map = file[key];
  return typeof map === "object" && map !== null && !Array.isArray(map) ? (map as Record<string, unknown>) : {};
};

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/**
 * The keys that a host's entry may have, the best first: with a path podman's, and those of Docker, which has a URL for Docker Hub.
 * @param path of a repository
 */
export function keysOf(host: string, path?: string): string[] {
  const parts = path === undefined ? [] : path.split("/");
  const below = parts.map((_, index) => `${host}/${parts.slice(0, parts.length - index).join("/")}`);
  const key = credentialsKey(host);
  const hub = isHub(host) ? ["docker.io", "index.docker.io", "https://index.docker.io/v1", "https://docker.io"] : [];
  return [...below, key, ...hub, ...(isHub(host) ? [] : urlsOf(host))];
}

const urlsOf = (host: string): string[] =>
  ["https://", "http://"].flatMap((scheme) => ["", "/", "/v1/", "/v2/"].map((end) => `${scheme}${host}${end}`));

/** @throws InvalidError for an entry that nobody can read, naming file and key */
export function storedCredentials(file: AuthFile, keys: string[], path: string): Credentials | undefined {
  const auths = mapOf(file, "auths");
  for (const key of keys) {
    if (!Object.hasOwn(auths, key)) continue;
    const found = entryOf(mapOf(auths, key), `${path}: auths[${JSON.stringify(key)}]`);
    // Docker leaves an empty one where a program of its keeps the rest.
    if (found) return found;
  }
  return undefined;
}

function entryOf(entry: Record<string, unknown>, where: string): Credentials | undefined {
  const auth = textOf(entry.auth);
  const identityToken = textOf(entry.identitytoken);
  const registryToken = textOf(entry.registrytoken);
  const decoded = auth === undefined ? undefined : Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = decoded?.indexOf(":") ?? 0;
  if (decoded !== undefined && colon < 1) throw new InvalidError(`${where}.auth is not the base64 of NAME:PASSWORD`);
  const username = decoded?.slice(0, colon) ?? textOf(entry.username);
  const password = decoded?.slice(colon + 1) ?? textOf(entry.password);
  const found: Credentials = {
    ...(username !== undefined && { username }),
    ...(password && { password }),
    ...(identityToken !== undefined && { identityToken }),
    ...(registryToken !== undefined && { registryToken }),
  };
  return Object.keys(found).length > 0 ? found : undefined;
}

/** Which program keeps the credentials of a host, as its name goes on after `docker-credential-`. */
export function helperOf(file: AuthFile, keys: string[]): { name: string; key: string } | undefined {
  const helpers = mapOf(file, "credHelpers");
  const key = keys.find((one) => textOf(Object.hasOwn(helpers, one) ? helpers[one] : undefined) !== undefined);
  if (key !== undefined) return { name: helpers[key] as string, key };
  const store = textOf(file.credsStore);
  return store === undefined ? undefined : { name: store, key: keys[0]! };
}

/** The same file with credentials under a key, or without any entry of a host. */
export function withCredentials(file: AuthFile, key: string, credentials: Credentials | "elsewhere"): AuthFile {
  const entry =
    credentials === "elsewhere"
      ? {}
      : {
          auth: Buffer.from(`${credentials.username ?? ""}:${credentials.password ?? ""}`, "utf8").toString("base64"),
          ...(credentials.identityToken !== undefined && { identitytoken: credentials.identityToken }),
        };
  return { ...file, auths: { ...mapOf(file, "auths"), [key]: entry } };
}

export function withoutCredentials(file: AuthFile, keys: string[]): AuthFile {
  const kept = Object.entries(mapOf(file, "auths")).filter(([key]) => !keys.includes(key));
  return { ...file, auths: Object.fromEntries(kept) };
}

export const hasCredentials = (file: AuthFile, keys: string[]): boolean =>
  keys.some((key) => Object.hasOwn(mapOf(file, "auths"), key));
