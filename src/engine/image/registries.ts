/** Registries as this host's administrator, its user and a command's options have it (docs/registries.md). */

import { NotFoundError, UsageError } from "../../errors.ts";
import { hasHost } from "../../image/reference.ts";
import { readRegularFileIfAny } from "../../record-file.ts";
import { findCredentials } from "../../registry/credentials.ts";
import { type Policy, parsePolicy } from "../../registry/policy.ts";
import { defaultPatience, type RegistrySettings } from "../../registry/settings.ts";
import { readConfig } from "../record/config.ts";

export interface RegistryOptions {
  /** --tls-verify. */
  verifyTls?: boolean | undefined;
  /** Hears what is waited for. */
  notice?: (text: string) => void;
}

/** @throws InvalidError for a configuration file that is wrong */
export function registrySettings({ verifyTls = true, notice }: RegistryOptions = {}): RegistrySettings {
  const { hosts = {}, insecureRanges = [], signaturePolicy } = readConfig().registries ?? {};
  return {
    registries: hosts,
    insecureRanges,
    verifyTls,
    credentials: (host, path) => findCredentials(host, path, process.env),
    certificateDirectories: ["/etc/tinydocker/certs.d", "/etc/docker/certs.d", "/etc/containers/certs.d"],
    environment: process.env,
    patience: defaultPatience,
    ...(signaturePolicy !== undefined && { policy: readPolicy(signaturePolicy) }),
    ...(notice && { notice }),
  };
}

/** @throws NotFoundError: a policy that got lost is none that accepts everything */
function readPolicy(path: string): Policy {
  const text = readRegularFileIfAny(path);
  if (text === undefined) throw new NotFoundError(`there is no signature policy ${path}`, "signature-policy names it");
  return parsePolicy(text, path);
}

/**
 * What a name without a host stands for: its alias, or a name of the one registry that such names are looked for in. Names that
 * have a host, and all where the configuration file says nothing, stay as they are: without a host they are of Docker Hub.
 * @param text as users write it, perhaps with a tag or digest
 * @throws UsageError where it could be of several registries: nobody guesses whose program is run
 */
export function resolveShortName(text: string): string {
  const [, name = "", rest = ""] = /^([^:@]*(?:\/[^:@]*)*)([:@].*)?$/s.exec(text) ?? [];
  const { aliases = {}, unqualifiedSearch = ["docker.io"] } = readConfig().registries ?? {};
  if (name === "" || hasHost(text)) return text;
  if (Object.hasOwn(aliases, name)) return `${aliases[name]}${rest}`;
  const [only, ...others] = unqualifiedSearch;
  if (only === undefined)
    throw new UsageError(`${text} has no host, and the configuration file names none to look at`, `HOST/${text}`);
  if (others.length === 0) return only === "docker.io" ? text : `${only}/${text}`;
  const candidates = unqualifiedSearch.map((host) => `${host}/${text}`);
  throw new UsageError(
    `${text} could be of ${unqualifiedSearch.length} registries`,
    `one of ${candidates.join(", ")}, or an alias in the configuration file`,
  );
}
