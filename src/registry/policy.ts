/**
 * Which images are taken in at all: a policy in the form of containers' policy.json, which is refused whole where anything in it is
 * not understood. Pure. @see containers-policy.json(5)
 */

import { InvalidError } from "../errors.ts";
import { list, object, parseJson, text } from "../oci/json.ts";

export interface Policy {
  /** The file, for messages. */
  path: string;
  default: Requirement[];
  /** By scope: `registry.example/team/app:1`, `registry.example/team`, `registry.example`, `*.example`, ``. */
  scopes: Record<string, Requirement[]>;
}

/** All requirements of a scope have to be met. */
export type Requirement =
  | { type: "insecureAcceptAnything" | "reject" }
  /** Which is refused: by GPG, or by services. @see what names it */
  | { type: "unsupported"; what: string }
  | { type: "sigstoreSigned"; keys: Key[]; identity: Identity };

/** A public key in PEM, or the file that has it. */
export type Key = { path: string } | { pem: string };

/** Which name a signature has to be for. */
export type Identity =
  | { type: "matchExact" | "matchRepoDigestOrExact" | "matchRepository" }
  | { type: "exactReference"; reference: string }
  | { type: "exactRepository"; repository: string }
  | { type: "remapIdentity"; prefix: string; signedPrefix: string };

/** @throws InvalidError that names the file and what in it */
export function parsePolicy(content: string | Uint8Array, path: string): Policy {
  const { default: general, transports, ...more } = object(parseJson(content, path), path);
  refuseOthers(more, path);
  if (general === undefined) throw new InvalidError(`${path} has no "default"`);
  const docker = transports === undefined ? undefined : object(transports, `${path}: transports`).docker;
  const scopes = docker === undefined ? {} : object(docker, `${path}: transports.docker`);
  return {
    path,
    default: requirements(general, `${path}: default`),
    scopes: Object.fromEntries(
      Object.entries(scopes).map(([scope, value]) => [scope, requirements(value, `${path}: ${JSON.stringify(scope)}`)]),
    ),
  };
}

function requirements(value: unknown, where: string): Requirement[] {
  const found = list(requirement)(value, where);
  if (found.length === 0) throw new InvalidError(`${where} has no requirement, which neither accepts nor rejects`);
  return found;
}

function requirement(value: unknown, where: string): Requirement {
  const { type, ...more } = object(value, where);
  if (type === "insecureAcceptAnything" || type === "reject") {
    refuseOthers(more, where);
    return { type };
  }
  if (type === "signedBy" || type === "signedBaseLayer") return { type: "unsupported", what: type };
  if (type !== "sigstoreSigned") throw new InvalidError(`${where}: the type ${shown(type)} is not known`);
  const { keyPath, keyPaths, keyData, keyDatas, signedIdentity, ...rest } = more;
  const other = Object.keys(rest).find((key) => /^(fulcio|pki|rekorPublicKey(Path|Data)s?)$/.test(key));
  if (other !== undefined) return { type: "unsupported", what: `sigstoreSigned with ${other}` };
  refuseOthers(rest, where);
  const given = [keyPath, keyPaths, keyData, keyDatas].filter((one) => one !== undefined);
  if (given.length !== 1) throw new InvalidError(`${where} needs one of keyPath, keyPaths, keyData and keyDatas`);
  const paths = keyPath !== undefined ? [keyPath] : keyPaths;
  const datas = keyData !== undefined ? [keyData] : keyDatas;
  const keys: Key[] =
    paths !== undefined
      ? list(absolute)(paths, `${where}: keyPath`).map((path) => ({ path }))
      : list(text)(datas, `${where}: keyData`).map((data) => ({ pem: Buffer.from(data, "base64").toString("utf8") }));
  if (keys.length === 0) throw new InvalidError(`${where} has no key`);
  return {
    type,
    keys,
    identity: identity(signedIdentity ?? { type: "matchRepoDigestOrExact" }, `${where}: signedIdentity`),
  };
}

function identity(value: unknown, where: string): Identity {
  const { type, dockerReference, dockerRepository, prefix, signedPrefix, ...more } = object(value, where);
  refuseOthers(more, where);
  const need = (one: unknown, key: string) => text(one, `${where}: ${key}`);
  if (type === "matchExact" || type === "matchRepoDigestOrExact" || type === "matchRepository") return { type };
  if (type === "exactReference") return { type, reference: need(dockerReference, "dockerReference") };
  if (type === "exactRepository") return { type, repository: need(dockerRepository, "dockerRepository") };
  if (type === "remapIdentity")
    return { type, prefix: need(prefix, "prefix"), signedPrefix: need(signedPrefix, "signedPrefix") };
  throw new InvalidError(`${where}: the type ${shown(type)} is not known`);
}

function absolute(value: unknown, where: string): string {
  const path = text(value, where);
  if (path.startsWith("/")) return path;
  throw new InvalidError(`${where} is not an absolute path`);
}

function refuseOthers(more: Record<string, unknown>, where: string): void {
  const [key] = Object.keys(more);
  if (key !== undefined) throw new InvalidError(`${where}: the key ${shown(key)} is not known`);
}

const shown = (value: unknown): string => String(JSON.stringify(value)).slice(0, 60);

/** An image as it was asked for. */
export interface Asked {
  /** With its host: `docker.io/library/alpine`. */
  repository: string;
  tag?: string | undefined;
  digest?: string | undefined;
}

/** The requirements of the narrowest scope that an image is in, and that scope. */
export function requirementsFor(policy: Policy, asked: Asked): { scope: string; requirements: Requirement[] } {
  const scope = scopesOf(asked).find((one) => Object.hasOwn(policy.scopes, one));
  return scope === undefined
    ? { scope: "default", requirements: policy.default }
    : { scope: scope === "" ? "all registries" : scope, requirements: policy.scopes[scope]! };
}

/** The narrowest first; a host's port belongs to it. */
export function scopesOf(asked: Asked): string[] {
  const { repository } = asked;
  const parts = repository.split("/");
  const above = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  const names = parts[0]!.replace(/:\d+$/, "").split(".");
  const wild = names.slice(1).map((_, index) => `*.${names.slice(index + 1).join(".")}`);
  return [referenceOf(asked), ...above, ...wild, ""];
}

/** `docker.io/library/alpine:3.20`; by digest where that was asked for. */
export const referenceOf = ({ repository, tag, digest }: Asked): string =>
  digest !== undefined ? `${repository}@${digest}` : `${repository}:${tag ?? "latest"}`;

/** True if a signature for a name (`docker-reference`) is one for the image that was asked for. */
export function isIdentity(rule: Identity, signed: string, asked: Asked): boolean {
  const repository = signed.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  const isNamed = signed !== repository;
  switch (rule.type) {
    case "matchExact":
      return isNamed && signed === referenceOf(asked);
    case "matchRepoDigestOrExact":
      return asked.digest !== undefined ? repository === asked.repository : isNamed && signed === referenceOf(asked);
    case "matchRepository":
      return repository === asked.repository;
    case "exactReference":
      return isNamed && signed === rule.reference;
    case "exactRepository":
      return repository === rule.repository;
    case "remapIdentity":
      return isIdentity({ type: "matchRepoDigestOrExact" }, signed, { ...asked, repository: remapped(rule, asked) });
  }
}

function remapped(rule: { prefix: string; signedPrefix: string }, { repository }: Asked): string {
  const isBelow = repository === rule.prefix || repository.startsWith(`${rule.prefix}/`);
  return isBelow ? rule.signedPrefix + repository.slice(rule.prefix.length) : repository;
}
