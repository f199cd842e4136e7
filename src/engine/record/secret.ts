/** What is kept of secrets: `secrets/<name>/{secret.json, data}`, for root alone. */

import { ConflictError, NotFoundError } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import type { Paths } from "../../paths.ts";
import { readRecordFile } from "../../record-file.ts";
import { damaged, kindOf, map, parseRecord, salvage, text, time } from "../../schema.ts";

export interface Secret {
  /** 25 hexadecimal digits. */
  id: string;
  name: string;
  /** ISO 8601. */
  created: string;
  updated: string;
  labels: Record<string, string>;
}

/** secret.json */
export const secretKind = kindOf<Secret>({ id: text, name: text, created: time, updated: time, labels: map(text) });

/** A secret of which perhaps not all is known. */
export interface AnySecret extends Secret {
  damage?: string;
}

/** Podman's names; nothing that is a path. */
export const isSecretName = (name: string): boolean => /^[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,251}[a-zA-Z0-9])?$/.test(name);

export const secretPath = (paths: Paths, name: string): string => `${paths.secrets}/${name}`;
export const secretRecord = (paths: Paths, name: string): string => `${secretPath(paths, name)}/secret.json`;
/** Its value. */
export const secretData = (paths: Paths, name: string): string => `${secretPath(paths, name)}/data`;

const never = "1970-01-01T00:00:00Z";
const unknown: Secret = { id: "", name: "", created: never, updated: never, labels: {} };

/** By the whole name. */
export function readAnySecret(paths: Paths, name: string): AnySecret | undefined {
  const content = isSecretName(name) ? readRecordFile(secretRecord(paths, name)) : undefined;
  if (content === undefined) return undefined;
  const { value, damage, rest } = parseRecord(secretKind, content, "secret.json");
  return value ? { ...value, name } : { ...salvage(secretKind, rest, unknown), name, damage };
}

/** All of them, by name. */
export const listSecrets = (paths: Paths): AnySecret[] =>
  (readdir(paths.secrets) ?? []).sort().flatMap((name) => readAnySecret(paths, name) ?? []);

/** By its name, or its id or the beginning of it. */
export function findAnySecret(paths: Paths, reference: string): AnySecret | undefined {
  const named = readAnySecret(paths, reference);
  if (named || !/^[0-9a-f]{1,25}$/.test(reference)) return named;
  const matches = listSecrets(paths).filter(({ id }) => id.startsWith(reference));
  if (matches.length > 1) throw new ConflictError(`${reference} is the beginning of ${matches.length} secret ids`);
  return matches[0];
}

/** @throws NotFoundError, DamagedError */
export function findSecret(paths: Paths, reference: string): Secret {
  const secret = findAnySecret(paths, reference);
  if (!secret) throw new NotFoundError(`no such secret: ${reference}`, "tinydocker secret ls lists what there is");
  if (secret.damage !== undefined)
    throw damaged(
      `secret ${reference}`,
      secret.damage,
      `tinydocker secret create --replace ${secret.name} writes it anew`,
    );
  return secret;
}
