/**
 * Which authorities a host's certificate may be of, and what we show it of ourselves, where it asks: the system's authorities, not
 * those that are built into Bun, and the directories that Docker and podman have for single registries.
 */

import { InvalidError, UsageError } from "../errors.ts";
import { readdir } from "../linux/directory.ts";
import { O_NONBLOCK, O_RDONLY, openIfAny, owned, readAll } from "../linux/file.ts";
import { fstat } from "../linux/stat.ts";
import { hostOfAddress, isInsecure } from "./names.ts";
import type { RegistrySettings } from "./settings.ts";

/** As fetch takes it. */
export interface TlsOptions {
  rejectUnauthorized?: false;
  /** Texts of PEM, each perhaps with many. None leaves Bun's own, which are Mozilla's. */
  ca?: string[];
  cert?: string[];
  key?: string[];
}

/** Where systems keep theirs: Debian, Alpine and Arch; Fedora; openSUSE; others. @see Go's crypto/x509/root_linux.go */
const systemFiles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const known = new WeakMap<RegistrySettings, Map<string, TlsOptions>>();

/**
 * Looked up once for each host.
 * @param address `HOST[:PORT]`, as it stands in a URL
 * @throws InvalidError for a certificate without its key, or a file that is none
 */
export function tlsFor(address: string, settings: RegistrySettings): TlsOptions {
  const found = known.get(settings) ?? new Map<string, TlsOptions>();
  known.set(settings, found);
  const options = found.get(address) ?? lookUp(address, settings);
  found.set(address, options);
  return options;
}

function lookUp(address: string, settings: RegistrySettings): TlsOptions {
  const insecure = isInsecure(address, settings);
  const name = hostOfAddress(address);
  // A URL leaves out the port that https has anyway.
  const names = [...new Set([address, name, ...(/:\d+$/.test(name) ? [] : [`${name}:443`])])];
  const own: Required<Pick<TlsOptions, "ca" | "cert" | "key">> = { ca: [], cert: [], key: [] };
  for (const directory of settings.certificateDirectories)
    for (const name of names) readDirectory(`${directory}/${name}`, own);
  const ca = insecure ? [] : [...systemAuthorities(settings), ...own.ca];
  return {
    ...(insecure && { rejectUnauthorized: false }),
    ...(ca.length > 0 && { ca }),
    ...(own.cert.length > 0 && { cert: own.cert, key: own.key }),
  };
}

function readDirectory(path: string, into: { ca: string[]; cert: string[]; key: string[] }): void {
  const names = (readdir(path) ?? []).sort();
  for (const name of names) {
    if (name.endsWith(".crt")) into.ca.push(readPem(`${path}/${name}`));
    if (!name.endsWith(".cert")) continue;
    const key = `${name.slice(0, -".cert".length)}.key`;
    if (!names.includes(key)) throw new InvalidError(`${path}/${name} has no key: ${key} is not beside it`);
    into.cert.push(readPem(`${path}/${name}`));
    into.key.push(readPem(`${path}/${key}`));
  }
  const lone = names.find((name) => name.endsWith(".key") && !names.includes(`${name.slice(0, -".key".length)}.cert`));
  if (lone !== undefined) throw new InvalidError(`${path}/${lone} is a key without a certificate`);
}

function readPem(path: string): string {
  const text = readTextIfAny(path);
  if (text?.includes("-----BEGIN ")) return text;
  throw new InvalidError(`${path} holds nothing in PEM`);
}

/** @throws UsageError where a variable names what is not there: nobody should be trusted by mistake */
function systemAuthorities({ environment }: RegistrySettings): string[] {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: directories } = environment;
  if (file || directories) {
    const one = file ? [authoritiesOf(file)] : [];
    return [...one, ...(directories ?? "").split(":").flatMap((path) => (path === "" ? [] : allOf(path)))];
  }
  for (const path of systemFiles) {
    const text = readTextIfAny(path);
    if (text !== undefined) return [text];
  }
  return [];
}

function authoritiesOf(path: string): string {
  const text = path.startsWith("/") ? readTextIfAny(path) : undefined;
  if (text === undefined) throw new UsageError(`SSL_CERT_FILE is not the absolute path of a file: ${path}`);
  return text;
}

const allOf = (directory: string): string[] =>
  (readdir(directory) ?? []).flatMap((name) => {
    const text = /\.(pem|crt|0)$/.test(name) ? readTextIfAny(`${directory}/${name}`) : undefined;
    return text === undefined ? [] : [text];
  });

function readTextIfAny(path: string): string | undefined {
  using file = owned(openIfAny(path, O_RDONLY | O_NONBLOCK));
  if (file === undefined || fstat(file.fd).type !== "file") return undefined;
  return new TextDecoder().decode(readAll(file.fd, path, 16 << 20));
}
